"""The stand-alone commands in this process: their words, files of passwords, and a wire that can be cut."""

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from stand_in import Guest
from typer.testing import CliRunner, Result

from hypervisors import dial_straight
from vmmigrate.appliance.port import Account
from vmmigrate.cli import app

Cli = Callable[..., Result]


@contextmanager
def command_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cli]:
    """No terminal; what the commands set for their process is put back."""
    monkeypatch.chdir(folder)
    monkeypatch.delenv("VMMIGRATE_CONSOLE_PASSWORD", raising=False)
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handlers, umask = [signal.getsignal(number) for number in numbers], os.umask(0o022)
    yield lambda *words: CliRunner().invoke(app, [str(word) for word in words])
    os.umask(umask)
    for number, handler in zip(numbers, handlers, strict=True):
        signal.signal(number, handler)


def secret_file(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text + "\n")
    path.chmod(mode)
    return path


def believed(guest: Guest, folder: Path, account: Account | None = None) -> list[str]:
    """The flags that make a visit to this guest succeed."""
    account = account or guest.admin
    password = secret_file(folder / f"{guest.address}.password", account.password.reveal())
    return ["--user", account.user, "--password-file", str(password), "--fingerprint", str(guest.trust.fingerprint)]


def told(result: Result) -> tuple[int, str]:
    """Exit code and standard error."""
    return result.exit_code, result.stderr


class Wire:
    """Passes one port on to a guest's console; after `most` bytes from the client it is cut, or `stalls`."""

    def __init__(self, guest: Guest, most: int, *, stalls: bool = False) -> None:
        self._guest, self._left, self._stalls = guest, most, stalls
        self.full = threading.Event()  # `most` bytes came through
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = [self._listener]
        self.url = f"https://127.0.0.1:{self._listener.getsockname()[1]}/ciphermail"

    def __enter__(self) -> "Wire":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                server = dial_straight(self._guest.address, 8443, 5)
                self._open += [client, server]
                threading.Thread(target=self._up, args=(client, server), daemon=True).start()
                threading.Thread(target=self._down, args=(server, client), daemon=True).start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while piece := client.recv(1 << 16):
                self._left -= len(piece)
                if self._left < 0:
                    self.full.set()
                    if self._stalls:
                        return
                    break
                server.sendall(piece)
            for each in (client, server):
                each.shutdown(socket.SHUT_RDWR)

    def _down(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while piece := server.recv(1 << 16):
                client.sendall(piece)
