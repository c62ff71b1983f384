"""A real libvirtd with libvirt's test driver, without any right here: ended, started again, stopped, cut off."""

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

NOBODY = 65534
_CONFIGURATION = 'unix_sock_dir = "{folder}"\nauth_unix_rw = "none"\nlog_outputs = "4:stderr"\n'


def url_at(socket_path: Path, driver: str = "test+unix:///default") -> str:
    return f"{driver}?socket={socket_path}"


@dataclass
class Daemon:
    """Its domains are those of `test:///default`: one that runs, called `test`."""

    folder: Path
    listening: str = ""  # lines of its configuration by which it listens to the network
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def socket(self) -> Path:
        return self.folder / "libvirt-sock"

    def start(self) -> None:
        self.socket.unlink(missing_ok=True)
        (self.folder / "libvirtd.conf").write_text(_CONFIGURATION.format(folder=self.folder) + self.listening)
        self.process = subprocess.Popen(
            [
                *_without_rights(),
                "libvirtd",
                "-f",
                "libvirtd.conf",
                "-p",
                str(self.folder / "pid"),
                *(["--listen"] if self.listening else []),
            ],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / "log").open("ab"),
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(self.folder), **_folders(self.folder)},
        )
        until = time.monotonic() + 30
        while not self._listens():
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < until, "libvirtd makes no socket"
            time.sleep(0.02)

    def _listens(self) -> bool:
        """Its socket is there a moment before it takes connections."""
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(self.socket)) == 0

    def kill(self) -> None:
        process, self.process = self.process, None
        if process:
            process.kill()
            process.wait()

    def stop(self) -> None:
        """As it is when it hangs: its socket takes connections, and nothing answers."""
        assert self.process
        self.process.send_signal(signal.SIGSTOP)


def _without_rights() -> list[str]:
    """root's libvirtd would be the machine's own."""
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.geteuid() == 0 else []


def _folders(folder: Path) -> dict[str, str]:
    names = ("XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")
    return {name: str(folder / name.lower()) for name in names}


def pool_folder(folder: Path) -> Path:
    """A folder in `folder` for the daemon's volumes: where the tests run as root, the daemon is another user."""
    place = folder / "pool"
    place.mkdir()
    folder.chmod(0o755)
    if os.geteuid() == 0:
        os.chown(place, NOBODY, NOBODY)
    return place


@contextmanager
def daemon(folder: Path, listening: str = "") -> Iterator[Daemon]:
    pytest.importorskip("libvirt", reason="needs libvirt-python")
    if not shutil.which("libvirtd", path="/usr/sbin:/usr/bin:/sbin:/bin"):
        pytest.skip("there is no libvirtd here")
    for place in (folder, *map(Path, _folders(folder).values())):
        place.mkdir(exist_ok=True)
        if os.geteuid() == 0:
            os.chown(place, NOBODY, NOBODY)
    made = Daemon(folder, listening)
    made.start()
    try:
        yield made
    finally:
        made.kill()


@dataclass
class Cutting:
    """A socket in front of a daemon's."""

    front: Path
    behind: Path
    connections: int = 0
    _until_lost: int = 0  # answers, with the one that is lost; 0: none is
    _open: list[socket.socket] = field(default_factory=list)

    def listen(self) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.front))
        listener.listen()
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        return listener

    def cut(self) -> None:
        """All connections, as they are now."""
        ended, self._open = self._open, []
        for each in ended:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def lose(self, number: int) -> None:
        """The daemon's nth answer from now on does not come, and all connections are cut."""
        self._until_lost = number

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                self.connections += 1
                server = socket.socket(socket.AF_UNIX)
                server.connect(str(self.behind))
                self._open += [client, server]
                self._pass(client, server, answers=False)
                self._pass(server, client, answers=True)

    def _pass(self, source: socket.socket, target: socket.socket, *, answers: bool) -> None:
        def run() -> None:
            with suppress(OSError):
                while data := source.recv(1 << 16):
                    if answers and self._is_lost():
                        self.cut()
                    else:
                        target.sendall(data)
            with suppress(OSError):
                target.shutdown(socket.SHUT_RDWR)

        threading.Thread(target=run, daemon=True).start()

    def _is_lost(self) -> bool:
        if not self._until_lost:
            return False
        self._until_lost -= 1
        return not self._until_lost


@contextmanager
def cutting(daemon: Daemon) -> Iterator[Cutting]:
    between = Cutting(daemon.folder / "between", daemon.socket)
    listener = between.listen()
    try:
        yield between
    finally:
        listener.close()
        between.cut()
