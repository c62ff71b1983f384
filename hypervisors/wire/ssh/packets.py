"""SSH's greeting, packets and channels within a size: paramiko awaits a packet of any length, and keeps what comes."""

from collections.abc import Callable
from typing import Any

import paramiko
from paramiko.packet import Packetizer

from hypervisors.limits import SSH_GREETING, SSH_PACKET, SSH_WINDOW

_LARGEST = SSH_PACKET.most
_LONGEST = SSH_GREETING.most
_WINDOW = SSH_WINDOW.most

Handler = Callable[[paramiko.Channel, paramiko.Message], Any]


class Packets(Packetizer):
    """Raises SSHException for what is larger, before it is read."""

    _greeted = 0

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
