"""A process that updates a host of packages: its shell is that host's root, by nsenter, in place of SSH."""

import functools
import hashlib
import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from fixtures.packagehost.host import ENVIRON, entered
from fixtures.packagehost.machine import HostedMachine
from hypervisors import Hypervisor, Pace, connect
from tests.journey import child
from vmmigrate import parts
from vmmigrate.appliance.port import FileMeta, NewFile, Result, Shell
from vmmigrate.appliance.ssh import installing
from vmmigrate.appliance.stat import QUESTION, meta_of
from vmmigrate.commands import process as terminal
from vmmigrate.doors import Doors, Side
from vmmigrate.errors import CommandFailed

_KNOWN = "HOST_OF_PACKAGES"  # the environment's name for the host's note
_BOOT = ("cat", "/proc/sys/kernel/random/boot_id")


class RootShell:
    """port.Shell in the root of a host of packages."""

    def __init__(self, host: str, note: dict[str, Any]) -> None:
        self.host = host
        self._note = note

    def _enter(self, argv: Sequence[str], user: str | None) -> list[str]:
        if tuple(argv) == _BOOT:  # the machine's own kernel is not rebooted: the host has a word for it
            argv = ("sh", "-c", "cat /boot_id 2>/dev/null || echo 0")
        return entered(self._note["pid"], self._note["root"], argv, user or "root")

    def run(self, argv: Sequence[str], *, user: str | None = None, check: bool = True, timeout: float = 60.0) -> Result:
        done = subprocess.run(
            self._enter(argv, user), capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, env=ENVIRON
        )
        if check and done.returncode:
            raise CommandFailed(f"on {self.host}: {argv} failed: {done.stderr}", hint="look there")
        return Result(done.returncode, done.stdout, done.stderr)

    def read_file(self, path: str) -> bytes:
        return self.run(("cat", path), user="root").stdout.encode()

    def file_meta(self, path: str) -> FileMeta | None:
        return meta_of(self.host, path, self.run((*QUESTION, path), user="root", check=False))

    def install(self, *files: NewFile, folders: Sequence[str] = ()) -> None:
        mark = hashlib.sha256(repr(files).encode()).hexdigest()
        line = installing.script(files, folders, mark)
        self._given(("sh", "-c", line), installing.stream(files, mark))

    def take(self, argv: Sequence[str], sink: BinaryIO, *, timeout: float = 60.0) -> None:
        sink.write(subprocess.run(self._enter(argv, "root"), check=True, stdout=subprocess.PIPE, env=ENVIRON).stdout)

    def give(self, argv: Sequence[str], source: BinaryIO, *, timeout: float = 60.0) -> str:
        return self._given(argv, source.read())

    def _given(self, argv: Sequence[str], data: bytes) -> str:
        done = subprocess.run(self._enter(argv, "root"), input=data, capture_output=True, check=False, env=ENVIRON)
        if done.returncode:
            raise CommandFailed(f"on {self.host}: {argv[0]} failed: {done.stderr.decode()}", hint="look there")
        return done.stdout.decode()

    def own_address(self) -> str:
        return "127.0.0.1"

    def seen_address(self) -> str:
        return "127.0.0.1"

    def close(self) -> None:
        """There is nothing to close."""


class _Side(Side):
    def shell(
        self, host: str, host_key: str | None = None, elsewhere: Any = None, also: Any = (), proof: Any = None
    ) -> Shell:
        note = json.loads(Path(os.environ[_KNOWN]).read_text())
        return RootShell(host, note)


class HostDoors(Doors):
    """Doors to such a host: no password is asked for."""

    def __init__(self, settings: Any, secrets: Any) -> None:
        super().__init__(settings, secrets)
        self.old = _Side("old", settings.old, secrets, self._jumps)

    def wanted(self) -> Any:
        return iter(())


_Side.wanted = HostDoors.wanted  # type: ignore[method-assign, assignment]


def _machine(url: str, access: Any) -> Hypervisor:
    """The hypervisor in which the host is a machine: the stand-in Hyper-V host, or one in memory."""
    if url.startswith("hyperv"):
        return connect(url, access)
    return HostedMachine(Path(os.environ[_KNOWN]).parent / "hypervisor")


def command(request: dict[str, Any]) -> int:
    """`vmmigrate ARGV` on the host that the environment names."""
    terminal.Parts = functools.partial(parts.Parts, open_doors=HostDoors)  # type: ignore[attr-defined, assignment]
    terminal.CONNECT.set(_machine)
    terminal.Pace = functools.partial(Pace, child.impatient())  # type: ignore[attr-defined, assignment]
    child.stop(request["stop"])
    return child.vmmigrate(request["argv"])


if __name__ == "__main__":
    child.serve(command)
