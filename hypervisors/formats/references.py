"""The files of an OVF, which of them is the disk, and the empty disks; what cannot be read in place is refused."""

import re
from dataclasses import dataclass
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from hypervisors import limits
from hypervisors.description import OvfDisk
from hypervisors.formats.elements import attribute, child, children
from hypervisors.formats.names import plain_name
from hypervisors.formats.source import Source
from hypervisors.formats.units import bytes_in
from hypervisors.formats.virtual_hardware import Attachment, amount, few

_LARGEST_DISK = limits.DISK.most
_FORMATS = (("vmdk", "vmdk"), ("qcow", "qcow2"))  # a word in the URI that names the format, and our name for it
_OVIRT_FORMATS = {"RAW": "raw", "COW": "qcow2"}
_ONE_DISK = "a gateway has one, and empty ones beside it: unpack the package and give the disk image that boots"
_PLAIN_FILES = "export it again with plain files, as `ovftool` does by default"


@dataclass(frozen=True)
class File:
    """`size` in bytes, 0 if it is not given. `packed`: how it differs from a plain file, '' if it is one.

    `written`: the name as it stands there. It is an address, so '%20' is a space; some programs mean '%20'.
    """

    id: str
    name: str
    size: int
    packed: str = ""
    written: str = ""


@dataclass(frozen=True)
class DiskFile:
    """`format`: 'vmdk', 'qcow2', 'raw', or '' where the descriptor does not say.

    `unit`: bytes in one unit of the capacity, which is rounded up to it.
    """

    disk: OvfDisk
    file: File
    format: str
    unit: int


def read_files(envelope: Element) -> tuple[File, ...]:
    """With any name: only the disk is needed. Raises ValueError."""
    references = child(envelope, "References")
    return tuple(_file(each) for each in ([] if references is None else children(references, "File")))


def _file(reference: Element) -> File:
    written = attribute(reference, "href").removeprefix("./")
    size = amount(attribute(reference, "size"))
    return File(attribute(reference, "id"), unquote(written), size, _packed(reference), written)


def _packed(reference: Element) -> str:
    compression = attribute(reference, "compression")
    if compression.lower() not in ("", "identity"):
        return f"a compressed file ({compression!r})"
    return "a file in pieces" if attribute(reference, "chunkSize").strip("0") else ""


def read_disks(
    source: Source, envelope: Element, attached: tuple[Attachment, ...], files: tuple[File, ...]
) -> tuple[DiskFile, tuple[OvfDisk, ...]]:
    """The disk that has a file, and the empty ones beside it. Raises BadImage, ValueError."""
    entries = [(each, None if each.size else _entry(envelope, each)) for each in attached]
    with_file = [(each, disk) for each, disk in entries if disk is not None and attribute(disk, "fileRef")]
    if not entries:
        raise source.refused("describes a machine without a disk", hint="give the appliance's disk image")
    if not with_file:
        raise source.refused("describes a machine whose disks are all empty", hint="give the appliance's disk image")
    if len(with_file) > 1:
        raise source.refused(f"describes a machine with {len(with_file)} disks that have files", hint=_ONE_DISK)
    empty = (each for each in entries if each not in with_file)
    return _disk(source, *with_file[0], files), tuple(_described(source, each, disk, "") for each, disk in empty)


def _disk(source: Source, attached: Attachment, disk: Element, files: tuple[File, ...]) -> DiskFile:
    wanted = attribute(disk, "fileRef")
    file = next((file for file in files if file.id == wanted), None)
    if file is None:
        raise ValueError(f"its disk {attached.reference!r} has no file {wanted!r} among its references")
    plain_name(source, file.name, "its references")
    if file.packed:
        raise source.refused(f"has its disk in {file.packed}: {file.name}", hint=_PLAIN_FILES)
    described = _described(source, attached, disk, file.name)
    return DiskFile(described, file, _format(disk), _unit(disk))


def _described(source: Source, attached: Attachment, disk: Element | None, name: str) -> OvfDisk:
    if disk is not None and attribute(disk, "parentRef"):
        raise source.refused("has a disk that is only a delta of another", hint="export the machine without snapshots")
    capacity = attached.size if disk is None else _capacity(source, disk) * _unit(disk)
    if not 0 < capacity <= _LARGEST_DISK:
        raise ValueError(f"its disk is said to have {capacity} bytes")
    return OvfDisk(name, capacity, attached.bus, attached.controller)


def _unit(disk: Element) -> int:
    return bytes_in(attribute(disk, "capacityAllocationUnits"))


def _entry(envelope: Element, attached: Attachment) -> Element:
    section = child(envelope, "DiskSection")
    named, wanted = "fileRef" if attached.by_file else "diskId", attached.reference
    entries = () if section is None else few(section, "disk")
    found = [disk for disk in entries if attribute(disk, named) == wanted]
    if len(found) != 1:
        of_file = "of the file " if attached.by_file else ""
        raise ValueError(f"its disk section has {len(found)} disks {of_file}{wanted!r}")
    return found[0]


def _capacity(source: Source, disk: Element) -> int:
    capacity = attribute(disk, "capacity")
    if re.fullmatch(r"\$\{.*\}", capacity):
        raise source.refused(
            f"takes its disk's size from a property: {capacity!r}", hint="give the disk image that is inside"
        )
    return amount(capacity)


def _format(disk: Element) -> str:
    """As oVirt says it, whose URI names VMware's format for a raw disk; else by the URI; '' where neither says it."""
    uri, volume = attribute(disk, "format"), attribute(disk, "volume-format")
    if volume in _OVIRT_FORMATS:
        return _OVIRT_FORMATS[volume]
    return next((name for word, name in _FORMATS if word in uri.lower()), "")
