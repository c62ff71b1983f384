"""VMDK in one file (monolithicSparse, streamOptimized): is it complete, and how large is its disk.

VMware's "Virtual Disk Format 5.0" calls a cluster a grain and a table of them a grain table.
"""

import re
import struct
from dataclasses import dataclass

from hypervisors import limits
from hypervisors.formats import extents
from hypervisors.formats.source import SECTOR, Source, numbers

MAGIC = b"KDMV"

_COMPRESSED = 1 << 16
_DIRECTORY_AT_END = 0xFFFFFFFFFFFFFFFF  # streamOptimized: the header that counts is a footer
_FOOTER_FROM_END = 1024
_IN_ONE_FILE = ("monolithicSparse", "streamOptimized")
_NO_PARENT = "ffffffff"
_MOST_ENTRIES = limits.VMDK_TABLE.most
_LARGEST_DIRECTORY = limits.VMDK_DIRECTORY.most
_LARGEST_DESCRIPTOR = limits.VMDK_DESCRIPTOR.most
# QEMU searches for a parent here, whatever place and length the header gives (vmdk_parent_open in block/vmdk.c)
_SEARCHED_AT, _SEARCHED = SECTOR, 20 * SECTOR

_ONE_FILE = "make one file of it: qemu-img convert -O qcow2 THIS-IMAGE whole.qcow2, in the folder of its other files"


@dataclass(frozen=True)
class Header:
    """The fields that matter here. Sizes in sectors of 512 bytes, as the format counts."""

    flags: int
    capacity: int
    grain: int
    descriptor_at: int
    descriptor_size: int
    entries_per_table: int
    directory_at: int


def virtual_size(source: Source) -> int:
    """The disk's size in bytes. Raises BadImage for an image that is cut short or not self-contained."""
    header = _checked(source, 0)
    _refuse_other_kinds(source, header)
    if header.directory_at == _DIRECTORY_AT_END:
        header = _checked(source, max(source.size - _FOOTER_FROM_END, 0))
    _refuse_truncated(source, header)
    return header.capacity * SECTOR


def _checked(source: Source, offset: int) -> Header:
    """The header there. Both headers are checked, because programs differ in which one they read."""
    header = _header(source, offset)
    if not header.capacity or not header.grain or not header.entries_per_table:
        raise source.damaged("a VMDK header without capacity or grain size")
    if header.entries_per_table > _MOST_ENTRIES:
        raise source.damaged(f"a VMDK header with grain tables of {header.entries_per_table} entries")
    _refuse_parents(source, header)
    return header


def _header(source: Source, offset: int) -> Header:
    fields = struct.unpack("<4s4xIQQQQIQQ", source.read(offset, 64))
    magic, flags, capacity, grain, descriptor_at, descriptor_size, per_table, _, directory_at = fields
    if magic != MAGIC:
        raise source.damaged("no VMDK header at its place; the end of the file is missing")
    return Header(flags, capacity, grain, descriptor_at, descriptor_size, per_table, directory_at)


def _refuse_other_kinds(source: Source, header: Header) -> None:
    if header.descriptor_size * SECTOR > _LARGEST_DESCRIPTOR:
        raise source.damaged(f"a VMDK header with a descriptor of {header.descriptor_size} sectors")
    descriptor = source.read(header.descriptor_at * SECTOR, header.descriptor_size * SECTOR)
    kind = _value(_text(descriptor), "createType")
    if not kind:
        raise extents.refusal_of_extent(source)
    if kind not in _IN_ONE_FILE:
        raise source.refused(f"is part of a VMDK of type {kind}", hint=_ONE_FILE)


def _refuse_parents(source: Source, header: Header) -> None:
    """Search for a parent's name wherever QEMU would find one: it opens that file, whatever it is."""
    for place in {header.descriptor_at * SECTOR, _SEARCHED_AT}:
        descriptor = source.peek(place, _SEARCHED)
        if b"parentFileNameHint" in descriptor or _value(_text(descriptor), "parentCID") not in ("", _NO_PARENT):
            raise source.refused("is only a delta: a VMDK with a parent disk", hint=_ONE_FILE)


def _text(descriptor: bytes) -> str:
    return descriptor.split(b"\0", 1)[0].decode("utf-8", "replace")


def _value(descriptor: str, key: str) -> str:
    found = re.search(rf'^[ \t]*{key}\s*=\s*"?([^"\r\n]*)"?', descriptor, re.MULTILINE | re.IGNORECASE)
    return found.group(1).strip() if found else ""


def _refuse_truncated(source: Source, header: Header) -> None:
    """Every grain that a table names must be inside the file: QEMU would read zeros instead."""
    tables = -(-header.capacity // (header.grain * header.entries_per_table))
    if tables * 4 > _LARGEST_DIRECTORY:
        raise source.damaged(f"a VMDK header with {tables} grain tables")
    directory = numbers(source.read(header.directory_at * SECTOR, tables * 4), "I", "little")
    named = [table_at for table_at in directory if table_at]
    if len(named) * header.entries_per_table * 4 > source.size:  # each of a whole image is its own
        raise source.damaged("its VMDK header names more tables than the file has room for")
    furthest = 0
    for table_at in named:
        table = source.read(table_at * SECTOR, header.entries_per_table * 4)
        furthest = max(furthest, max(numbers(table, "I", "little")))
    if furthest > 1:  # 1: a grain of zeros, which takes no space
        source.require(_grain_end(source, header, furthest * SECTOR))


def _grain_end(source: Source, header: Header, offset: int) -> int:
    if header.flags & _COMPRESSED:
        compressed = struct.unpack("<8xI", source.read(offset, 12))[0]
        return offset + 12 + int(compressed)
    return offset + min(header.grain, header.capacity) * SECTOR
