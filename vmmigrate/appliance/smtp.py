"""An SMTP client over a socket that is connected already, whose answers end: in size and in time."""

import smtplib
import socket
from time import monotonic
from typing import Any

from hypervisors.wire import named_in_tls
from vmmigrate.limits import SMTP

MOST = SMTP.most


class Smtp(smtplib.SMTP):
    """Greeted by the server at the other end of `plain`. `greeting`: its words.

    Raises smtplib.SMTPException (SMTPConnectError with what a server says that takes no mail) or OSError, also where it
    says too much, or not enough within `timeout` seconds.
    """

    greeting = b""

    def __init__(self, host: str, port: int, plain: socket.socket, timeout: float) -> None:
        self._plain = plain
        self._ends = _Ends(monotonic() + timeout)
        super().__init__(named_in_tls(host), port, timeout=timeout, local_hostname="localhost")

    def connect(self, *where: Any, **more: Any) -> tuple[int, bytes]:
        """Called by smtplib's constructor."""
        code, self.greeting = super().connect(*where, **more)
        return code, self.greeting

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self._plain

    def getreply(self) -> tuple[int, bytes]:
        """The code and the words of one answer."""
        if self.file is None and self.sock is not None:
            self.file = _Bounded(self.sock, self._ends)
        try:
            return super().getreply()
        except _Endless as error:
            self.close()
            raise smtplib.SMTPException(str(error)) from error


class _Endless(Exception):
    """No OSError: smtplib would say of it that the connection was closed."""


class _Ends:
    """What is left of both, for a connection as a whole: also after STARTTLS."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._left = MOST

    def count(self, line: bytes) -> bytes:
        self._left -= len(line)
        if self._left < 0:
            raise _Endless(f"its answers have more than {MOST} bytes")
        return line

    def seconds(self) -> float:
        left = self._deadline - monotonic()
        if left <= 0:
            raise _Endless("its answer did not end in time")
        return left


class _Bounded:
    """The lines of a socket, as smtplib reads them."""

    def __init__(self, plain: socket.socket, ends: _Ends) -> None:
        self._plain, self._ends = plain, ends
        self._file = plain.makefile("rb", buffering=0)

    def readline(self, most: int) -> bytes:
        """Byte by byte: each waits no longer than what is left."""
        line = bytearray()
        while len(line) < most and not line.endswith(b"\n"):
            self._plain.settimeout(self._ends.seconds())
            if not (byte := self._file.read(1)):
                break
            line += byte
        return self._ends.count(bytes(line))

    def close(self) -> None:
        """smtplib closes both."""
        self._file.close()
