"""A small SSH server whose every answer a test gives: for what the stand-in's well-behaved one never does."""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

import paramiko
from paramiko.common import cMSG_CHANNEL_SUCCESS

Answer = Callable[[str, paramiko.Channel], None]
_CANARY = re.compile(r"echo (vmmigrate-\w+) \$SHELL(?:; |$)")


@dataclass
class OddSshd:
    """`answer` gets each command line and its channel. `seen`: what was tried and run.

    A line's canary (`echo NONCE $SHELL; …`) is answered as by `login_shell`, before `answer` gets the rest;
    with `login_shell` "" there is no shell, and `answer` gets all of it. `swallows`: seconds in which no forwarding
    is answered. `asks`: its questions, in place of taking a password; `echoes`: the answers would show.
    `silent`: no request to run something is ever answered. `at_once`: `answer` comes before that request's.
    """

    answer: Answer
    banner: str = ""
    password: str = "right"
    public_key: str = ""
    login_shell: str = "/bin/bash"
    key: paramiko.PKey = field(default_factory=lambda: paramiko.ECDSAKey.generate())
    seen: list[str] = field(default_factory=list)
    port: int = 0
    swallows: float = 0.0
    asks: tuple[str, ...] = ()
    echoes: bool = False
    silent: bool = False
    at_once: bool = False
    over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator["OddSshd"]:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.port = listening.getsockname()[1]
            thread = threading.Thread(target=self._accept, args=(listening,), daemon=True)
            thread.start()
            try:
                yield self
            finally:
                self.over.set()
                listening.shutdown(socket.SHUT_RDWR)
        thread.join(60)

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
        self._asked = 0
        self._due: list[Callable[[], None]] = []  # answers that come once their requests are granted
        self._send, transport._send_user_message = transport._send_user_message, self._send_and_answer

    def get_allowed_auths(self, username: str) -> str:
        return "keyboard-interactive" if self._sshd.asks else "password,publickey"

    def check_auth_interactive(self, username: str, submethods: str) -> paramiko.InteractiveQuery:
        return self._question()

    def check_auth_interactive_response(self, responses: list[str]) -> int | paramiko.InteractiveQuery:
        self._sshd.seen.append(f"answer {len(responses)}")
        self._asked += 1
        if responses != [self._sshd.password]:
            return paramiko.AUTH_FAILED
        return self._question() if self._asked < len(self._sshd.asks) else paramiko.AUTH_SUCCESSFUL

    def _question(self) -> paramiko.InteractiveQuery:
        return paramiko.InteractiveQuery("", "", (self._sshd.asks[self._asked], self._sshd.echoes))

    def get_banner(self) -> tuple[str, str]:
        return self._sshd.banner, "en"

    def check_auth_password(self, username: str, password: str) -> int:
        self._sshd.seen.append(f"password {username}")
        if self._sshd.asks:
            return paramiko.AUTH_FAILED
        return paramiko.AUTH_SUCCESSFUL if password == self._sshd.password else paramiko.AUTH_FAILED

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self._sshd.seen.append(f"key {username}")
        return paramiko.AUTH_SUCCESSFUL if key.get_base64() == self._sshd.public_key else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED

    def check_channel_direct_tcpip_request(self, chanid: int, origin: tuple[str, int], target: tuple[str, int]) -> int:
        self._sshd.over.wait(self._sshd.swallows)
        return paramiko.OPEN_FAILED_CONNECT_FAILED

    def check_channel_pty_request(self, *_request: object) -> bool:
        return True

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        canary = _CANARY.match(command.decode()) if self._sshd.login_shell else None
        line = command.decode()[canary.end() if canary else 0 :]
        self._sshd.seen.append(line)
        if self._sshd.silent:
            self._sshd.over.wait(60)
        answer = partial(self._answer, line, channel, canary[1] if canary else "")
        if self._sshd.at_once:
            answer()
        else:
            self._due.append(answer)
        return True

    def _send_and_answer(self, message: paramiko.Message) -> None:
        """An answer that overtakes its request's would look as if that had been refused."""
        self._send(message)
        if self._due and message.asbytes().startswith(cMSG_CHANNEL_SUCCESS):
            threading.Thread(target=self._due.pop(0), daemon=True).start()

    def _answer(self, command: str, channel: paramiko.Channel, nonce: str) -> None:
        with suppress(OSError, EOFError):  # the client hung up, as some tests want
            if nonce:
                channel.sendall(f"{nonce} {self._sshd.login_shell}\n".encode())
            self._sshd.answer(command, channel)


def ended(channel: paramiko.Channel, status: int, out: bytes = b"", error: bytes = b"") -> None:
    """Print, tell the status, close."""
    channel.sendall(out)
    channel.sendall_stderr(error)
    channel.send_exit_status(status)
    channel.shutdown_write()
    channel.close()
