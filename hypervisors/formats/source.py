"""An opened image file, or a member of an archive in place: bytes at an offset, and refusals that name the file."""

import os
from array import array
from dataclasses import dataclass
from pathlib import Path
from sys import byteorder
from typing import BinaryIO

from hypervisors.errors import BadImage

SECTOR = 512

FETCH_AGAIN = "fetch it again and compare its checksum with the publisher's"


@dataclass(frozen=True)
class Source:
    """`size` bytes from `start` of a file; all of it, as it was when it was opened, or its member of that name."""

    path: Path
    file: BinaryIO
    size: int
    start: int = 0
    member: str = ""

    @property
    def name(self) -> str:
        """The name for messages."""
        return f"{self.member} in {self.path}" if self.member else str(self.path)

    def peek(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`; fewer at the end, none behind it."""
        if offset >= self.size:  # a header may name a place that no file can have
            return b""
        self.file.seek(self.start + offset)
        return self.file.read(max(0, min(length, self.size - offset)))

    def read(self, offset: int, length: int) -> bytes:
        """Exactly `length` bytes from `offset`. Raises BadImage if the file ends before."""
        self.require(offset + length)
        return self.peek(offset, length)

    def part(self, start: int, size: int, member: str) -> "Source":
        """A member inside this file."""
        return Source(self.path, self.file, size, self.start + start, member)

    def require(self, end: int) -> None:
        """Raises BadImage if there are fewer than `end` bytes."""
        if end > self.size:
            raise self.cut_short(end)

    def refuse_resized(self) -> None:
        """Raises BadImage if the file, of which this is all, has no longer the size that it had when it was opened."""
        now = os.fstat(self.file.fileno()).st_size
        if now != self.size:
            raise self.damaged(f"it changed while it was read ({self.size} bytes, then {now})")

    def cut_short(self, needed: int) -> BadImage:
        return BadImage(f"{self.name} is cut short: it refers to byte {needed} and has {self.size}", hint=FETCH_AGAIN)

    def damaged(self, what: str) -> BadImage:
        return BadImage(f"{self.name} is damaged: {what}", hint=FETCH_AGAIN)

    def refused(self, what: str, *, hint: str) -> BadImage:
        return BadImage(f"{self.name} {what}", hint=hint)


def numbers(data: bytes, typecode: str, order: str) -> "array[int]":
    """A table of unsigned integers: typecode 'I' is 4 bytes, 'Q' 8; order 'big' or 'little'."""
    table = array(typecode, data)
    if order != byteorder:
        table.byteswap()
    return table
