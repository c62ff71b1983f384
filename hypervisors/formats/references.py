"""The files of an OVF, and which of them is the disk; a compressed, split, encrypted or external disk is refused."""

import re
from dataclasses import dataclass
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from hypervisors.formats.elements import attribute, child, children
from hypervisors.formats.names import plain_name
from hypervisors.formats.source import Source
from hypervisors.formats.units import bytes_in
from hypervisors.formats.virtual_hardware import Attachment, amount
from hypervisors.types import OvfDisk

_LARGEST_DISK = 64 << 40  # vSphere's own limit is 62 TiB
_FORMATS = (("vmdk", "vmdk"), ("qcow", "qcow2"))  # a word in the URI that names the format, and our name for it
_PLAIN_FILES = "export it again with plain files, as `ovftool` does by default"
_CONVERT = "unpack the package and convert the disk: qemu-img convert -O qcow2 DISK new.qcow2"


@dataclass(frozen=True)
class File:
    """`size` in bytes, 0 if it is not given."""

    id: str
    name: str
    size: int


@dataclass(frozen=True)
class DiskFile:
    """`format`: 'vmdk' or 'qcow2'; `unit`: bytes in one unit of the capacity, which is rounded up to it."""

    disk: OvfDisk
    file: File
    format: str
    unit: int


def read_files(source: Source, envelope: Element) -> tuple[File, ...]:
    """Raises BadImage, ValueError."""
    references = child(envelope, "References")
    return tuple(_file(source, each) for each in ([] if references is None else children(references, "File")))


def _file(source: Source, reference: Element) -> File:
    name = plain_name(source, unquote(attribute(reference, "href")), "its references")
    compression = attribute(reference, "compression")
    if compression not in ("", "identity"):
        raise source.refused(f"has a compressed file: {name} ({compression!r})", hint=_PLAIN_FILES)
    if attribute(reference, "chunkSize"):
        raise source.refused(f"has a file in pieces: {name}", hint=_PLAIN_FILES)
    return File(attribute(reference, "id"), name, amount(attribute(reference, "size")))


def read_disk(source: Source, envelope: Element, attached: Attachment, files: tuple[File, ...]) -> DiskFile:
    """The disk that is attached, with its file. Raises BadImage, ValueError."""
    disk = _entry(envelope, attached.disk)
    if attribute(disk, "parentRef"):
        raise source.refused("has a disk that is only a delta of another", hint="export the machine without snapshots")
    file = next((file for file in files if file.id == attribute(disk, "fileRef")), None)
    if file is None:
        raise ValueError(f"its disk {attached.disk!r} has no file among its references")
    unit = bytes_in(attribute(disk, "capacityAllocationUnits"))
    capacity = _capacity(source, disk) * unit
    if not 0 < capacity <= _LARGEST_DISK:
        raise ValueError(f"its disk is said to have {capacity} bytes")
    described = OvfDisk(file.name, capacity, attached.bus, attached.controller)
    return DiskFile(described, file, _format(source, attribute(disk, "format")), unit)


def _entry(envelope: Element, identity: str) -> Element:
    section = child(envelope, "DiskSection")
    found = [] if section is None else [disk for disk in section if attribute(disk, "diskId") == identity]
    if len(found) != 1:
        raise ValueError(f"its disk section has {len(found)} disks {identity!r}")
    return found[0]


def _capacity(source: Source, disk: Element) -> int:
    capacity = attribute(disk, "capacity")
    if re.fullmatch(r"\$\{.*\}", capacity):
        raise source.refused(
            f"takes its disk's size from a property: {capacity!r}", hint="give the disk image that is inside"
        )
    return amount(capacity)


def _format(source: Source, uri: str) -> str:
    for word, name in _FORMATS:
        if word in uri.lower():
            return name
    raise source.refused(f"has a disk of the format {uri!r}, which is not supported", hint=_CONVERT)
