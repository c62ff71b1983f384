"""A shell of a guest through its hypervisor's agent: as root, and without any network in between."""

import secrets
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

from hypervisors import Ran, in_one_line
from vmmigrate.appliance.changing import changes_of
from vmmigrate.appliance.port import FileMeta, NewFile, Result
from vmmigrate.appliance.ssh import installing
from vmmigrate.appliance.stat import QUESTION, meta_of
from vmmigrate.errors import ApplianceError, CommandFailed
from vmmigrate.limits.seconds import GUEST_COMMAND

Execute = Callable[[Sequence[str], bytes, float], Ran]  # a command, its standard input, seconds
_SHOWN = 400  # characters of a failed command's words


class AgentShell:
    """port.Shell over `execute`, whose commands may run twice where an answer was lost.

    `host`: the machine's name. `hears`: each command that may change the guest, once it has ended.
    """

    def __init__(self, host: str, execute: Execute, hears: Callable[[str, str], None]) -> None:
        self.host, self._execute, self._hears = host, execute, hears

    def run(
        self, argv: Sequence[str], *, user: str | None = None, check: bool = True, timeout: float = GUEST_COMMAND.most
    ) -> Result:
        words = argv if user in (None, "root") else ("runuser", "-u", user, "--", *argv)
        ran = self._ran(words, b"", timeout, check=check)
        return Result(ran.status, _text(ran.out), _text(ran.error))

    def read_file(self, path: str) -> bytes:
        return self._ran(("cat", path), b"", 60.0).out

    def file_meta(self, path: str) -> FileMeta | None:
        return meta_of(self.host, path, self.run((*QUESTION, path), check=False))

    def install(self, *files: NewFile, folders: Sequence[str] = ()) -> None:
        mark = f"vmmigrate-{secrets.token_hex(8)}"
        line, named = installing.script(files, folders, mark), ("install", *(file.path for file in files))
        with self._heard(named) as ended:
            ran = self._execute(("sh", "-c", line), installing.stream(files, mark), 60.0)
            ended.append(ran.status)
        if ran.status != 0:
            raise self._failed(named, ran)

    def take(self, argv: Sequence[str], sink: BinaryIO, *, timeout: float = GUEST_COMMAND.most) -> None:
        sink.write(self._ran(argv, b"", timeout).out)

    def give(self, argv: Sequence[str], source: BinaryIO, *, timeout: float = GUEST_COMMAND.most) -> str:
        return _text(self._ran(argv, source.read(), timeout).out)

    def own_address(self) -> str:
        """None: it comes from nowhere."""
        return ""

    def seen_address(self) -> str:
        raise ApplianceError(f"{self.host} is reached through its agent", hint="report this as a fault of vmmigrate")

    def close(self) -> None:
        """Nothing is held between calls."""

    def _ran(self, argv: Sequence[str], given: bytes, timeout: float, *, check: bool = True) -> Ran:
        with self._heard(argv) as ended:
            ran = self._execute(argv, given, timeout)
            ended.append(ran.status)
        if check and ran.status != 0:
            raise self._failed(argv, ran)
        return ran

    def _failed(self, argv: Sequence[str], ran: Ran) -> CommandFailed:
        said = in_one_line(_text(ran.error) or _text(ran.out))[:_SHOWN]
        return CommandFailed(
            f"in {self.host}, by its agent: `{shlex.join(argv)}` ended with status {ran.status}: {said}",
            hint="run it by hand on its screen, as root, to see more",
        )

    @contextmanager
    def _heard(self, argv: Sequence[str]) -> Iterator[list[int]]:
        ended: list[int] = []
        try:
            yield ended
        finally:
            for what in changes_of(argv):
                self._hears(what, f"ended with {ended[0]}" if ended else "did not end well")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
