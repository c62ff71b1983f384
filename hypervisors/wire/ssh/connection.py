"""One logged-in SSH session: commands and tunnels. What paramiko raises leaves here as BrokeOff."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import paramiko

from hypervisors.secrets import Secret
from hypervisors.wire.ssh.answers import Unanswerable
from hypervisors.wire.ssh.breaking import broke_off
from hypervisors.wire.ssh.conversation import Questions, converse
from hypervisors.wire.ssh.execution import Output, execute
from hypervisors.wire.ssh.pouring import pour_in, pour_out
from hypervisors.wire.ssh.sftp import Files, opened


class Connection:
    """`accepted`: the password that the server took, None if a key was enough."""

    def __init__(self, transport: paramiko.Transport, accepted: Secret | None) -> None:
        self.transport = transport
        self.accepted = accepted

    @property
    def is_active(self) -> bool:
        """As far as this end knows: a peer that vanished without a word still counts."""
        return self.transport.is_active()

    @property
    def own_address(self) -> str:
        """This end's address, by our own socket; "" where a jump host makes the connection. Raises BrokeOff."""
        with self._door():
            sock = self.transport.sock
            if not isinstance(sock, socket.socket) or sock.family == socket.AF_UNIX:
                return ""
            return str(sock.getsockname()[0])

    def execute(self, line: str, given: bytes, timeout: float) -> Output:
        """Run a command line with `given` as its standard input. Raises Unfinished, TooMuch, BrokeOff."""
        with self._door():
            return execute(self.transport, line, given, timeout)

    def converse(self, line: str, questions: Questions, timeout: float) -> tuple[str, int | None]:
        """Run it on a terminal: what it printed, and its status if one came.

        Raises as `execute` does, and what `questions.answer` raises.
        """
        with self._door():
            return converse(self.transport, line, questions, timeout)

    def pour_in(self, line: str, first: bytes, source: BinaryIO, quiet: float) -> Output:
        """Run a command line whose input is `first`, then all of `source`. Raises as `execute`.

        `quiet`: seconds in which nothing moves.
        """
        with self._door():
            return pour_in(self.transport, line, first, source, quiet)

    def pour_out(self, line: str, first: bytes, sink: BinaryIO, quiet: float) -> Output:
        """Run a command line; what it prints goes into `sink`, however much that is. Raises as `pour_in`."""
        with self._door():
            return pour_out(self.transport, line, first, sink, quiet)

    def files(self, quiet: float) -> Files:
        """SFTP in this session. `quiet`: seconds in which nothing moves. Raises BrokeOff."""
        with self._door():
            return opened(self.transport, quiet)

    def close(self) -> None:
        self.transport.close()

    @contextmanager
    def _door(self) -> Iterator[None]:
        try:
            yield
        except (TimeoutError, Unanswerable):
            raise
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise broke_off(self.transport, error) from error
