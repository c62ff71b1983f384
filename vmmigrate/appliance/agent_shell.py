"""A shell of a guest through its hypervisor's agent: as root, and without any network in between."""

import secrets
import shlex
from collections.abc import Callable, Sequence
from typing import BinaryIO

from hypervisors import Ran
from vmmigrate.appliance.changing import Hears, heard
from vmmigrate.appliance.port import FileMeta, NewFile, Result
from vmmigrate.appliance.ssh import installing
from vmmigrate.appliance.ssh.session import in_words, text_of
from vmmigrate.appliance.stat import QUESTION, meta_of
from vmmigrate.errors import ApplianceError, CommandFailed
from vmmigrate.limits.seconds import GUEST_COMMAND

Execute = Callable[[Sequence[str], bytes, float], Ran]  # a command, its standard input, seconds


class AgentShell:
    """port.Shell over `execute`, whose commands may run twice where an answer was lost.

    `host`: the machine's name. `hears`: each command that may change the guest, once it has ended.
    """

    def __init__(self, host: str, execute: Execute, hears: Hears) -> None:
        self.host, self._execute, self._hears = host, execute, hears

    def run(
        self, argv: Sequence[str], *, user: str | None = None, check: bool = True, timeout: float = GUEST_COMMAND.most
    ) -> Result:
        words = argv if user in (None, "root") else ("runuser", "-u", user, "--", *argv)
        ran = self._ran(words, b"", timeout, check=check)
        return Result(ran.status, text_of(ran.out), text_of(ran.error))

    def read_file(self, path: str) -> bytes:
        return self._ran(("cat", path), b"", 60.0).out

    def file_meta(self, path: str) -> FileMeta | None:
        return meta_of(self.host, path, self.run((*QUESTION, path), check=False))

    def install(self, *files: NewFile, folders: Sequence[str] = ()) -> None:
        mark = f"vmmigrate-{secrets.token_hex(8)}"
        line, named = installing.script(files, folders, mark), ("install", *(file.path for file in files))
        with heard(named, self._hears) as ended:
            ran = self._execute(("sh", "-c", line), installing.stream(files, mark), 60.0)
            ended.status = ran.status
        if ran.status != 0:
            raise self._failed(named, ran)

    def take(self, argv: Sequence[str], sink: BinaryIO, *, timeout: float = GUEST_COMMAND.most) -> None:
        sink.write(self._ran(argv, b"", timeout).out)

    def give(self, argv: Sequence[str], source: BinaryIO, *, timeout: float = GUEST_COMMAND.most) -> str:
        return text_of(self._ran(argv, source.read(), timeout).out)

    def own_address(self) -> str:
        """'': it comes from nowhere."""
        return ""

    def seen_address(self) -> str:
        raise ApplianceError(f"{self.host} is reached through its agent", hint="report this as a fault of vmmigrate")

    def close(self) -> None:
        """Nothing is held between calls."""

    def _ran(self, argv: Sequence[str], given: bytes, timeout: float, *, check: bool = True) -> Ran:
        with heard(argv, self._hears) as ended:
            ran = self._execute(argv, given, timeout)
            ended.status, ended.said = ran.status, text_of(ran.out)
        if check and ran.status != 0:
            raise self._failed(argv, ran)
        return ran

    def _failed(self, argv: Sequence[str], ran: Ran) -> CommandFailed:
        said = in_words(text_of(ran.error) or text_of(ran.out))
        return CommandFailed(
            f"in {self.host}, by its agent: `{shlex.join(argv)}` ended with status {ran.status}: {said}",
            hint="run it by hand on its screen, as root, to see more",
        )
