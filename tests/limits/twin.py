"""Which limits a test shows, and what a reader took: bytes of a file or stream, calls of functions."""

import cProfile
import io
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from vmmigrate import limits

T = TypeVar("T", bound=Callable[..., Any])
SHOWN: dict[str, list[str]] = {}  # the name of a limit → tests


def twin(*names: str) -> Callable[[T], T]:
    """This test feeds the reader of these limits what exceeds them."""

    def mark(test: T) -> T:
        for name in names:
            SHOWN.setdefault(name, []).append(f"{test.__module__}::{test.__name__}")
        return test

    return mark


def most(name: str) -> int:
    return limits.LIMITS[name].most


def steps(act: Callable[..., object], *arguments: Any) -> int:
    """Calls of functions, of C's too. What `act` raises is its end."""
    counting = cProfile.Profile()
    with suppress(Exception):
        counting.runcall(act, *arguments)
    return sum(entry.callcount for entry in counting.getstats())


class Counted(io.FileIO):
    """A file that counts what is read of it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        piece = super().read(-1 if size is None else size)
        self.taken += len(piece)
        return piece


class Endless(io.RawIOBase):
    """A stream that repeats `piece` for ever, and counts."""

    def __init__(self, piece: bytes, begin: bytes = b"") -> None:
        self._piece, self._ahead = piece, begin
        self.taken = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /, **_: object) -> bytes:
        assert size >= 0, "all of a stream without end was asked for"
        while len(self._ahead) < size:
            self._ahead += self._piece * (1 + (size - len(self._ahead)) // len(self._piece))
        piece, self._ahead = self._ahead[:size], self._ahead[size:]
        self.taken += len(piece)
        return piece


def sparse(path: Path, size: int, *pieces: tuple[int, bytes]) -> Path:
    """A file of that size, of zeros but for the pieces."""
    with path.open("wb") as file:
        file.truncate(size)
        for at, data in pieces:
            file.seek(at)
            file.write(data)
    return path
