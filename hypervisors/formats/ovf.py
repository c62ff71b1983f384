"""OVF: the virtual machine that a descriptor describes, and its files [DSP0243 1.1 and 2.1, VMware's additions]."""

import hashlib
import re
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from hypervisors import limits
from hypervisors.description import Extent, OvfDescription, OvfDisk
from hypervisors.formats.elements import attribute, child, children, descendants, local, text
from hypervisors.formats.encodings import declared_text, encoding_of
from hypervisors.formats.firmware import read_firmware
from hypervisors.formats.product import read_product, read_properties
from hypervisors.formats.references import DiskFile, File, read_disks, read_files
from hypervisors.formats.source import Source
from hypervisors.formats.virtual_hardware import Hardware, default_configuration, read_hardware

_LARGEST = limits.OVF.most
_HEAD = 1 << 16
_ENVELOPE = re.compile(r"<([^\s<>/:\"'=!?]+:)?Envelope[\s>]")  # with any prefix that XML allows
_ENCRYPTED = ("EncryptionSection", "EncryptedData")
_ONE_SYSTEM = "export only the gateway's virtual machine, or unpack the package and give its disk image"
_AS_PUBLISHED = "fetch it again; if it is the same, unpack the package and give its disk image"
_LATER = "export it again as OVF 1.0 or later (from oVirt as an OVA), or give its disk image"


@dataclass(frozen=True)
class Descriptor:
    """`files`: all referenced files, including the disk's."""

    description: OvfDescription
    disk: DiskFile
    files: tuple[File, ...]


def is_descriptor(source: Source) -> bool:
    head = source.peek(0, _HEAD)
    try:
        words = head.decode(encoding_of(head), "replace")
    except ValueError:
        words = head.decode("ascii", "replace")
    words = words.lstrip(" \t\r\n")
    return words.startswith("<") and _ENVELOPE.search(words) is not None


def read(source: Source) -> Descriptor:
    """Raises BadImage if it cannot be read, or is not one machine with one disk."""
    if source.size > _LARGEST:
        raise source.refused(f"is a descriptor of {source.size >> 20} MiB", hint="is it an OVF? those have some KiB")
    data = source.read(0, source.size)
    try:
        return _descriptor(source, _parsed(source, data), hashlib.sha256(data).hexdigest())
    except ValueError as error:
        raise source.refused(f"is damaged: {error}", hint=_AS_PUBLISHED) from error


def _parsed(source: Source, data: bytes) -> Element:
    try:
        root = fromstring(declared_text(data), forbid_dtd=True)
    except DefusedXmlException as error:
        raise source.refused(
            f"has its own document type or entities ({type(error).__name__}), which no OVF needs",
            hint="a publisher's file does not look like this: fetch it again from its publisher",
        ) from error
    except (ParseError, ValueError, LookupError) as error:
        raise source.damaged(f"its XML cannot be read ({error})") from error
    if local(root.tag) != "Envelope":
        raise source.refused(f"is XML, but not an OVF: its root is {local(root.tag)!r}", hint="give the .ovf or .ova")
    return root


def _descriptor(source: Source, envelope: Element, sha256: str) -> Descriptor:
    if descendants(envelope, *_ENCRYPTED):
        raise source.refused("has encrypted parts", hint="export it again without encryption")
    system = _only_system(source, envelope)
    configuration = default_configuration(envelope)
    section = child(system, "VirtualHardwareSection")
    if section is None:
        raise ValueError("its virtual machine has no hardware section")
    hardware = read_hardware(section, configuration)
    files = read_files(envelope)
    disk, empty = read_disks(source, envelope, hardware.disks, files)
    place = Extent(source.path, source.start, source.size, sha256)
    description = _description(envelope, system, configuration, hardware, (disk.disk, *empty), place)
    return Descriptor(description, disk, files)


def _only_system(source: Source, envelope: Element) -> Element:
    if children(envelope, "Content") or children(envelope, "Section"):
        raise source.refused("has the form of OVF 0.9, which is not supported", hint=_LATER)
    systems = descendants(envelope, "VirtualSystem")
    if len(systems) > 1 or descendants(envelope, "VirtualSystemCollection"):
        raise source.refused(f"describes a collection of virtual machines ({len(systems)})", hint=_ONE_SYSTEM)
    if not systems:
        raise ValueError("it describes no virtual machine")
    return systems[0]


def _description(
    envelope: Element,
    system: Element,
    configuration: str,
    hardware: Hardware,
    disks: tuple[OvfDisk, ...],
    place: Extent,
) -> OvfDescription:
    product, version, vendor = read_product(system)
    guest = child(system, "OperatingSystemSection")
    return OvfDescription(
        name=text(system, "Name") or attribute(system, "id"),
        product=product,
        version=version,
        vendor=vendor,
        vcpus=hardware.vcpus,
        memory=hardware.memory,
        disk=disks[0],
        networks=_networks(envelope),
        nics=hardware.nics,
        firmware=read_firmware(system, configuration),
        guest_os=text(guest, "Description"),
        guest_os_id="" if guest is None else attribute(guest, "osType"),
        properties=read_properties(system, configuration),
        licence=bool(descendants(envelope, "EulaSection")),
        descriptor=place,
        empty_disks=disks[1:],
    )


def _networks(envelope: Element) -> tuple[str, ...]:
    section = child(envelope, "NetworkSection")
    return () if section is None else tuple(attribute(each, "name") for each in children(section, "Network"))
