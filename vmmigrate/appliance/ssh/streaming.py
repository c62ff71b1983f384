"""Input and output of root's commands that do not fit into memory: piped, or through a file on sudo's terminal."""

import shlex
from collections.abc import Sequence
from typing import BinaryIO, Protocol, cast


def after_mark(mark: str, argv: Sequence[str]) -> str:
    """The command, once a line of its input is the mark: a sudo that asks for no password leaves the one that was sent
    unread.
    """
    at_mark = f'test "$l" = {mark}'
    return f"read -r l; {at_mark} || read -r l; {at_mark} || exit 99; {shlex.join(argv)}"


def from_file(argv: Sequence[str], path: str) -> str:
    return f"exec <{path}; {shlex.join(argv)}"


def into_file(argv: Sequence[str], path: str) -> str:
    return f"{shlex.join(argv)} >{path}"


class Sink(Protocol):
    def write(self, data: bytes, /) -> object: ...


class Beyond:
    """A sink that passes on what comes after the line with `nonce`: a noisy account prints something before it."""

    def __init__(self, sink: Sink, nonce: bytes) -> None:
        self._sink, self._nonce = sink, nonce
        self._held: bytearray | None = bytearray()

    def write(self, data: bytes) -> int:
        if self._held is None:
            self._sink.write(data)
            return len(data)
        self._held += data
        _, found, rest = bytes(self._held).partition(self._nonce)
        _, ended, rest = rest.partition(b"\n")
        if found and ended:
            self._held = None
            self._sink.write(rest)
        return len(data)


def beyond(sink: BinaryIO, nonce: str) -> BinaryIO:
    return cast(BinaryIO, Beyond(sink, nonce.encode()))
