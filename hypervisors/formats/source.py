"""An opened image file: bytes at an offset, and refusals that name the file."""

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
    """`size` in bytes, as the file was when it was opened."""

    path: Path
    file: BinaryIO
    size: int

    def peek(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`; fewer at the end of the file."""
        self.file.seek(offset)
        return self.file.read(length)

    def read(self, offset: int, length: int) -> bytes:
        """Exactly `length` bytes from `offset`. Raises BadImage where the file ends before."""
        self.require(offset + length)
        return self.peek(offset, length)

    def require(self, end: int) -> None:
        """Raises BadImage where the file is shorter than `end` bytes."""
        if end > self.size:
            raise self.cut_short(end)

    def cut_short(self, needed: int) -> BadImage:
        return BadImage(f"{self.path} is cut short: it refers to byte {needed} and has {self.size}", hint=FETCH_AGAIN)

    def damaged(self, what: str) -> BadImage:
        return BadImage(f"{self.path} is damaged: {what}", hint=FETCH_AGAIN)

    def refused(self, what: str, *, hint: str) -> BadImage:
        return BadImage(f"{self.path} {what}", hint=hint)


def numbers(data: bytes, typecode: str, order: str) -> "array[int]":
    """A table of unsigned integers: typecode 'I' is 4 bytes, 'Q' 8; order 'big' or 'little'."""
    table = array(typecode, data)
    if order != byteorder:
        table.byteswap()
    return table
