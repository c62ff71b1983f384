"""SSH's greeting and packets within a size: a server says how long the next packet is, and all of it is awaited."""

import paramiko
from paramiko.packet import Packetizer

from hypervisors.limits import SSH_GREETING, SSH_PACKET

_LARGEST = SSH_PACKET.most
_LONGEST = SSH_GREETING.most


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
