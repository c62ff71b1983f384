"""SSH's greeting, packets and channels within a size: paramiko awaits a packet of any length, and keeps what comes."""

from collections.abc import Callable
from threading import Lock
from typing import Any

import paramiko
from paramiko.common import (
    MSG_CHANNEL_CLOSE,
    MSG_CHANNEL_FAILURE,
    MSG_CHANNEL_OPEN_SUCCESS,
    MSG_CHANNEL_WINDOW_ADJUST,
)
from paramiko.packet import Packetizer

from hypervisors.limits import SSH_GREETING, SSH_PACKET, SSH_WINDOW

_LARGEST = SSH_PACKET.most
_LONGEST = SSH_GREETING.most
_WINDOW = SSH_WINDOW.most
_SPARE = 100  # fields that are left out at a message's end, as some servers do
_OF_A_CHANNEL = range(MSG_CHANNEL_WINDOW_ADJUST, MSG_CHANNEL_FAILURE + 1)  # they begin with its number

Handler = Callable[[paramiko.Channel, paramiko.Message], Any]


class Ending(paramiko.Message):
    """Raises SSHException where a count says more than follows: paramiko would make 2^32 empty things of 4 bytes."""

    _beyond = 0

    def get_bytes(self, n: int) -> bytes:
        piece = self.packet.read(n)
        self._beyond += len(piece) < n
        if self._beyond > _SPARE:
            raise paramiko.SSHException("it announces more than it sends")
        return piece.ljust(n if n <= _LARGEST else 0, b"\0")  # as paramiko does, up to a size of its own


class Packets(Packetizer):
    """Raises SSHException for what is larger, before it is read. Sends nothing to a channel after its close."""

    _greeted = 0

    def __init__(self, socket: Any) -> None:
        super().__init__(socket)
        self._order = Lock()
        self._closed: set[int] = set()  # channels, by the server's numbers

    def send_message(self, data: paramiko.Message) -> None:
        """Or leave it: a thread had it ready when another one answered the server's close.

        paramiko makes a message under the channel's lock and sends it without. OpenSSH ends the whole session for one
        that comes too late ("ieof packet referred to nonexistent channel"), as after a command that ends at once.
        Its number there may be the next channel's by then: but the thread that is late is the one that opens the next.
        """
        kind, channel = data.asbytes()[0], int.from_bytes(data.asbytes()[1:5])
        with self._order:
            if kind in _OF_A_CHANNEL and channel in self._closed:
                return
            if kind == MSG_CHANNEL_CLOSE:
                self._closed.add(channel)
            super().send_message(data)

    def read_message(self) -> tuple[int, paramiko.Message]:
        kind, message = super().read_message()
        if kind == MSG_CHANNEL_OPEN_SUCCESS:
            self._closed.discard(_number_there(message))
        ending = Ending(message.asbytes())
        ending.seqno = message.seqno
        return kind, ending

    def read_all(self, n: int, check_rekey: bool = False) -> bytes:
        if n > _LARGEST:
            raise paramiko.SSHException(f"it announces a packet of {n} bytes")
        return bytes(super().read_all(n, check_rekey))

    def _read_timeout(self, timeout: float) -> bytes:
        """A piece of the lines before the first packet, for paramiko's own loop, which ends with a line."""
        piece = bytes(super()._read_timeout(timeout))  # type: ignore[misc]
        self._greeted += len(piece)
        if self._greeted > _LONGEST:
            raise paramiko.SSHException(f"its greeting has more than {_LONGEST >> 10} KiB")
        return piece


def _number_there(opened: paramiko.Message) -> int:
    """The server's number of a channel that it opens, which may be that of one that was closed."""
    opened.get_int()  # ours
    number = opened.get_int()
    opened.rewind()
    return number


def within_its_window(handlers: dict[int, Handler]) -> dict[int, Handler]:
    """Paramiko's handlers of a channel's messages, by their numbers, for a transport. Raise SSHException.

    A window is what a peer may send before it is read, and paramiko relies on its keeping to that.
    """
    return {number: _bounded(handle) for number, handle in handlers.items()}


def _bounded(handle: Handler) -> Handler:
    def take(channel: paramiko.Channel, message: paramiko.Message) -> None:
        handle(channel, message)
        if len(channel.in_buffer) + len(channel.in_stderr_buffer) > _WINDOW:
            raise paramiko.SSHException(f"it sends more than the {_WINDOW >> 20} MiB that it may before they are read")

    return take
