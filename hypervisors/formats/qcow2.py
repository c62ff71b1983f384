"""qcow2: is it complete, is it self-contained, and how large is its disk (QEMU's docs/interop/qcow2.txt)."""

import struct
from array import array
from dataclasses import dataclass

from hypervisors import limits
from hypervisors.formats.source import SECTOR, Source, numbers

MAGIC = b"QFI\xfb"

_CORRUPT, _DATA_FILE, _EXTENDED_L2 = 1 << 1, 1 << 2, 1 << 4
_KNOWN_INCOMPATIBLE = 0b11111  # dirty, corrupt, external data file, compression type, extended L2
_OFFSET = 0x00FFFFFFFFFFFE00
_COMPRESSED = 1 << 62
_LARGEST_TABLE = limits.QCOW2_TABLES.most
_READS_AS_ZEROS = 1

_DECRYPT = (
    "decrypt it first: qemu-img convert --object secret,id=k,file=PASSPHRASE-FILE --image-opts"
    " driver=qcow2,encrypt.key-secret=k,file.filename=THIS-IMAGE -O qcow2 new.qcow2"
)
_FLATTEN = "make one file of it: qemu-img convert -O qcow2 THIS-IMAGE whole.qcow2, in the folder of its other file"


@dataclass(frozen=True)
class Header:
    """The fields that matter here. Sizes and offsets in bytes."""

    version: int
    backing_offset: int
    cluster_bits: int
    virtual_size: int
    encryption: int
    l1_entries: int
    l1_offset: int
    incompatible: int

    @property
    def cluster(self) -> int:
        return 1 << self.cluster_bits

    @property
    def l2_words(self) -> int:
        """The number of 8-byte words in an L2 entry: two with extended L2."""
        return 2 if self.incompatible & _EXTENDED_L2 else 1


def virtual_size(source: Source) -> int:
    """The disk's size in bytes. Raises BadImage for an image that is cut short or not self-contained."""
    header = _header(source)
    _refuse_dependants(source, header)
    _refuse_unreadable(source, header)
    _refuse_truncated(source, header)
    return header.virtual_size


def _header(source: Source) -> Header:
    fields = struct.unpack(">4xIQIIQIIQ", source.read(0, 48))
    version, backing_offset, _, cluster_bits, size, encryption, l1_entries, l1_offset = fields
    incompatible = struct.unpack(">Q", source.read(72, 8))[0] if version >= 3 else 0
    if version not in (2, 3):
        raise source.refused(
            f"is a qcow image of version {version}, which is not supported",
            hint="convert it: qemu-img convert -O qcow2 THIS-IMAGE new.qcow2",
        )
    if not 9 <= cluster_bits <= 21:
        raise source.damaged(f"a qcow2 header with clusters of 2^{cluster_bits} bytes")
    if not size:
        raise source.damaged("its qcow2 header says a disk of 0 bytes")
    return Header(version, backing_offset, cluster_bits, size, encryption, l1_entries, l1_offset, incompatible)


def _refuse_dependants(source: Source, header: Header) -> None:
    if header.backing_offset:
        raise source.refused("is only an overlay: a qcow2 with a backing file", hint=_FLATTEN)
    if header.incompatible & _DATA_FILE:
        raise source.refused("keeps its data in another file (qcow2 with an external data file)", hint=_FLATTEN)


def _refuse_unreadable(source: Source, header: Header) -> None:
    if header.encryption:
        raise source.refused("is an encrypted qcow2", hint=_DECRYPT)
    if header.incompatible & _CORRUPT:
        raise source.damaged("its qcow2 header is marked corrupt")
    if header.incompatible & ~_KNOWN_INCOMPATIBLE:
        raise source.refused(
            f"uses qcow2 features that are not supported (0x{header.incompatible:x})",
            hint="convert it with the QEMU that made it: qemu-img convert -O qcow2 -o compat=1.1",
        )


def _refuse_truncated(source: Source, header: Header) -> None:
    """Every cluster that a table names must be inside the file: QEMU would read zeros instead."""
    needed = -(-header.virtual_size // (header.cluster * (header.cluster // 8 // header.l2_words)))
    if header.l1_entries < needed:
        raise source.damaged(f"a qcow2 header with {header.l1_entries} tables, where its disk needs {needed}")
    if header.l1_entries * 8 > _LARGEST_TABLE:
        raise source.damaged(f"a qcow2 header with {header.l1_entries} tables")
    l1 = numbers(source.read(header.l1_offset, header.l1_entries * 8), "Q", "big")
    if sum(bool(entry & _OFFSET) for entry in l1) * header.cluster > source.size:  # each of a whole image is its own
        raise source.damaged("its qcow2 header names more tables than the file has room for")
    l2_entries = header.cluster // 8 // header.l2_words
    for index, entry in enumerate(l1):
        if entry & _OFFSET:
            words = numbers(source.read(entry & _OFFSET, header.cluster), "Q", "big")
            source.require(_furthest(words, header, index * l2_entries * header.cluster))


def _furthest(words: "array[int]", header: Header, guest: int) -> int:
    """The end of the last data that this L2 table names; `guest`: the guest address of its first byte."""
    furthest = 0
    for at in range(0, len(words), header.l2_words):
        entry = words[at]
        if entry & _COMPRESSED:
            furthest = max(furthest, _compressed_end(entry, header))
        elif entry & _OFFSET and not entry & _READS_AS_ZEROS:
            written = header.cluster if header.l2_words == 1 else _written(words[at + 1], header)
            # the last cluster may be written only up to the end of the disk
            used = min(written, -(-(header.virtual_size - guest) // SECTOR) * SECTOR)
            furthest = max(furthest, (entry & _OFFSET) + used)
        guest += header.cluster
    return furthest


def _written(bitmap: int, header: Header) -> int:
    """Of a cluster with extended L2: up to its last subcluster of 32 that is allocated, which the low half says."""
    return (bitmap & 0xFFFFFFFF).bit_length() * (header.cluster // 32)


def _compressed_end(entry: int, header: Header) -> int:
    """The minimum end of compressed data: it is given in sectors, and the last may be partial."""
    offset_bits = 62 - (header.cluster_bits - 8)
    offset = entry & ((1 << offset_bits) - 1)
    further_sectors = (entry & (_COMPRESSED - 1)) >> offset_bits
    return offset - offset % SECTOR + further_sectors * SECTOR + 1
