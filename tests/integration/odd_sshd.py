"""A small SSH server whose every answer a test gives: for what the stand-in's well-behaved one never does."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import paramiko

Answer = Callable[[str, paramiko.Channel], None]


@dataclass
class OddSshd:
    """`answer` gets each command line and its channel. `seen`: what was tried and run."""

    answer: Answer
    banner: str = ""
    password: str = "right"
    public_key: str = ""
    key: paramiko.PKey = field(default_factory=lambda: paramiko.ECDSAKey.generate())
    seen: list[str] = field(default_factory=list)
    port: int = 0

    @contextmanager
    def running(self) -> Iterator["OddSshd"]:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.port = listening.getsockname()[1]
            thread = threading.Thread(target=self._accept, args=(listening,), daemon=True)
            thread.start()
            yield self
            listening.shutdown(socket.SHUT_RDWR)
        thread.join(5)

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _peer = listening.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transport.add_server_key(self.key)
            try:
                transport.start_server(server=_Server(self, transport))
            except (paramiko.SSHException, EOFError, OSError):
                transport.close()


class _Server(paramiko.ServerInterface):
    def __init__(self, sshd: OddSshd, transport: paramiko.Transport) -> None:
        self._sshd, self._transport = sshd, transport

    def get_allowed_auths(self, username: str) -> str:
        return "password,publickey"

    def get_banner(self) -> tuple[str, str]:
        return self._sshd.banner, "en"

    def check_auth_password(self, username: str, password: str) -> int:
        self._sshd.seen.append(f"password {username}")
        return paramiko.AUTH_SUCCESSFUL if password == self._sshd.password else paramiko.AUTH_FAILED

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self._sshd.seen.append(f"key {username}")
        return paramiko.AUTH_SUCCESSFUL if key.get_base64() == self._sshd.public_key else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self._sshd.seen.append(command.decode())
        threading.Timer(0.01, self._answer, (command.decode(), channel)).start()
        return True

    def _answer(self, command: str, channel: paramiko.Channel) -> None:
        with suppress(OSError, EOFError):  # the client hung up, as some tests want
            self._sshd.answer(command, channel)


def ended(channel: paramiko.Channel, status: int, out: bytes = b"", error: bytes = b"") -> None:
    """Print, tell the status, close."""
    channel.sendall(out)
    channel.sendall_stderr(error)
    channel.send_exit_status(status)
    channel.shutdown_write()
    channel.close()
