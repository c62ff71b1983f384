"""Read what an untrusted archive unpacks to, within limits: an archive bomb is refused before memory is full."""

import io
from typing import BinaryIO

from vmmigrate.limits import ARCHIVE, ARCHIVE_HEADER, ARCHIVE_HEADERS, ARCHIVE_MEMBERS, ARCHIVE_RATIO

GIB = 1 << 30
MOST = ARCHIVE.most
RATIO = ARCHIVE_RATIO.most
MEMBERS = ARCHIVE_MEMBERS.most
_HEADER = ARCHIVE_HEADER.most
_HEADERS = ARCHIVE_HEADERS.most
_PIECE = 1 << 18


class TooMuch(Exception):
    """A limit is exceeded; the message says which."""


def unpacked_limit(packed: int) -> int:
    """How many bytes an archive of `packed` bytes may unpack to."""
    return min(MOST, max(GIB, RATIO * packed))


def check_unpacked(unpacked: int, packed: int) -> None:
    """Raises TooMuch."""
    if unpacked > unpacked_limit(packed):
        raise TooMuch(
            f"it unpacks to more than {unpacked_limit(packed) / GIB:.1f} GiB, the limit for its {packed} bytes"
        )


class Forward:
    """A file for tarfile: `read` is for headers and counted; `seek` skips data, forward only."""

    def __init__(self, stream: BinaryIO, packed: int) -> None:
        self._stream, self._packed = stream, packed
        self._position = 0
        self._member = self._all = 0
        self.last = b""  # the last result of `read`

    def next_member(self) -> None:
        """A new member begins: its headers have their own budget."""
        self._member = 0

    def read(self, count: int) -> bytes:
        if self._member + count > _HEADER or self._all + count > _HEADERS:
            raise TooMuch(f"a member's headers are longer than {_HEADER >> 10} KiB, or all of them than 64 MiB")
        self.last = piece = self._take(count)
        self._member += len(piece)
        self._all += len(piece)
        return piece

    def tell(self) -> int:
        return self._position

    def seek(self, position: int) -> int:
        """Stops at the end, unlike a file: a read there is empty in either case."""
        if position < self._position:
            raise io.UnsupportedOperation("backwards")
        while self._position < position and self._take(min(_PIECE, position - self._position)):
            pass
        return self._position

    def drain(self) -> int:
        """Read to the end, where the checksum is; returns the whole length."""
        while self._take(_PIECE):
            pass
        return self._position

    def _take(self, count: int) -> bytes:
        piece = self._stream.read(count)
        self._position += len(piece)
        check_unpacked(self._position, self._packed)
        return piece
