"""An SFTP server's answers, of any length and with any counts, are read within bounds."""

import io
import struct
from collections.abc import Iterator
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from hypervisors.wire.ssh import BrokeOff, Files, sftp
from tests.limits.twin import most, twin


@twin("SFTP_NAMES")
def test_a_folder_whose_names_never_end() -> None:
    taken = count()

    class Client:
        def listdir_iter(self, path: str, read_aheads: int) -> Iterator[SimpleNamespace]:
            for number in taken:
                yield SimpleNamespace(filename=f"{path}{number}", st_mtime=None)

    channel = SimpleNamespace(closed=False, get_transport=lambda: SimpleNamespace(close=lambda: None))
    files = Files(Client(), channel, 60.0)  # type: ignore[arg-type]
    with pytest.raises(OSError, match="it lists more than 50000 names"):
        files.listed(".")
    assert next(taken) == most("SFTP_NAMES") + 1


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


class _Answers:
    """What an SFTP server sends, whatever it is asked."""

    closed = False

    def __init__(self, *answers: bytes) -> None:
        self._left = io.BytesIO(b"".join(struct.pack(">I", len(each)) + each for each in (_VERSION, *answers)))
        self.recv = self._left.read

    def get_name(self) -> str:
        return "sftp"

    def send(self, data: bytes) -> int:
        return len(data)

    def get_transport(self) -> SimpleNamespace:
        return SimpleNamespace(close=lambda: None, farewell="", ended_by=None)


_VERSION, _HANDLE = b"\x02" + struct.pack(">I", 3), b"\x66" + struct.pack(">II", 1, 1) + b"h"
_EVERY = (1 << 32) - 1


def _names(number: int, count: int, *names: bytes, kept: bytes = bytes(4)) -> bytes:
    listed = b"".join(_string(name) + _string(b"") + kept for name in names)
    return b"\x68" + struct.pack(">II", number, count) + listed


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (_names(2, _EVERY), "it announces more than it sends"),
        (_names(2, 1, b"x", kept=struct.pack(">II", 1 << 31, _EVERY)), "it announces more than it sends"),
        (_names(2, 1, bytes(1 << 19)), "it announces an answer of 524"),
    ],
    ids=["names", "what a name has", "a long name"],
)
@twin("SSH_PACKET")
def test_a_listing_that_announces_more_than_it_sends(answer: bytes, words: str) -> None:
    """Each of 2^32 is made without a byte that comes, so no time-out of a connection would end it."""
    channel: Any = _Answers(_HANDLE, answer)
    with pytest.raises(BrokeOff, match=words):
        Files(sftp.Client(channel), channel, 60.0).listed(".")


@pytest.mark.parametrize("letter", [b"x", "é".encode()], ids=["of one byte", "of two"])
@twin("SFTP_LISTING")
def test_a_folder_of_long_names(letter: bytes) -> None:
    each = (most("SSH_PACKET") >> 1) // len(letter) * letter
    channel: Any = _Answers(_HANDLE, *(_names(2 + at, 1, each) for at in range(200)))
    with pytest.raises(OSError, match="it lists names of more than 16 MiB"):
        Files(sftp.Client(channel), channel, 60.0).listed(".")
