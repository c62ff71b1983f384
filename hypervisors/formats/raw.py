"""A raw disk: recognised by the boot signature of its MBR or GPT, complete if it contains all its partitions."""

import struct

from hypervisors.formats.source import SECTOR, Source

_SIGNATURE = b"\x55\xaa"
_GPT = b"EFI PART"
_GPT_BLOCKS = (512, 4096)
_PROTECTIVE = 0xEE  # a GPT's placeholder, whose length means nothing


def is_disk(source: Source) -> bool:
    return source.peek(510, 2) == _SIGNATURE or _gpt_block(source) is not None


def virtual_size(source: Source) -> int:
    """The disk's size in bytes. Raises BadImage if a partition is beyond the end of the file."""
    for start, length in _partitions(source):
        source.require((start + length) * SECTOR)
    block = _gpt_block(source)
    if block:
        backup_header = struct.unpack("<32xQ", source.read(block, 40))[0]
        source.require((backup_header + 1) * block)
    return -(-source.size // SECTOR) * SECTOR


def _gpt_block(source: Source) -> int | None:
    return next((block for block in _GPT_BLOCKS if source.peek(block, 8) == _GPT), None)


def _partitions(source: Source) -> list[tuple[int, int]]:
    """Start and length in sectors; none if the table's bytes are something else (a boot loader's code)."""
    if source.peek(510, 2) != _SIGNATURE:
        return []
    table = struct.iter_unpack("<B3xB3xII", source.read(446, 64))
    entries = [(status, kind, start, length) for status, kind, start, length in table]
    if any(status not in (0x00, 0x80) for status, *_ in entries):
        return []
    return [(start, length) for _, kind, start, length in entries if kind not in (0, _PROTECTIVE)]
