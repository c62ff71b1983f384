"""Input and output of root's commands that do not fit into memory: piped, or through a file on sudo's terminal."""

import shlex
from collections.abc import Sequence
from typing import BinaryIO, Protocol, cast

from hypervisors.wire.ssh import TooMuch
from vmmigrate.limits import LIMITS


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
    """A sink that passes on what comes after the line with `nonce`: a noisy account prints something before it.

    `write` raises TooMuch where it prints on and on.
    """

    def __init__(self, sink: Sink, nonce: bytes) -> None:
        self._sink, self._nonce = sink, nonce
        self._held = bytearray()
        self._found = self._through = False

    def write(self, data: bytes) -> int:
        if self._through:
            self._sink.write(data)
            return len(data)
        searched = max(0, len(self._held) - len(self._nonce))  # not all of it again for each piece
        self._held += data
        if not self._found and (at := self._held.find(self._nonce, searched)) >= 0:
            self._found = True
            del self._held[: at + len(self._nonce)]
            searched = 0
        if self._found and (end := self._held.find(b"\n", searched)) >= 0:
            self._through = True
            self._sink.write(bytes(self._held[end + 1 :]))
            self._held.clear()
        if len(self._held) > LIMITS["SSH_OUTPUT"].most:
            raise TooMuch(bytes(self._held))
        return len(data)


def beyond(sink: BinaryIO, nonce: str) -> BinaryIO:
    return cast(BinaryIO, Beyond(sink, nonce.encode()))
