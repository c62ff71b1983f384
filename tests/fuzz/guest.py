"""A guest whose answers are bytes: the honest ones are recorded, and any others are played back."""

import base64
from collections.abc import Callable, Iterable
from typing import Any

from tests.fuzz.parser import SECTION, text
from tests.unit.appliance.scripted_shell import ScriptedShell
from vmmigrate.appliance.port import FileMeta, Result, Shell
from vmmigrate.errors import CommandFailed

_STATUS = b"!"  # `!N` and a line's end before an answer: with that status


def recorded(honest: Any, read: Callable[[Shell], object]) -> bytes:
    """Each answer and file that an honest reading asks for, in order."""
    said: dict[str, bytes] = {}
    answer, file = honest._answer, honest.read_file

    def answered(line: str, argv: tuple[str, ...]) -> Result:
        seen = answer(line, argv)
        data = base64.b64decode(seen.stdout) if argv[0] == "base64" and not seen.status else seen.stdout.encode()
        said.setdefault(line, (b"!%d\n" % seen.status if seen.status else b"") + data)
        return seen

    def read_file(path: str) -> bytes:
        data = file(path)
        said.setdefault(f"cat {path}", data)
        return data

    honest._answer, honest.read_file = answered, read_file
    read(honest)
    return SECTION.join(said.values())


class Replayed(ScriptedShell):
    """The first thing that is asked for gets the first section, and so on; what comes later an empty one."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._sections = data.split(SECTION)
        self._given: dict[str, bytes] = {}

    def _section(self, asked: str) -> bytes:
        if asked not in self._given:
            at = len(self._given)
            self._given[asked] = self._sections[at] if at < len(self._sections) else b""
        return self._given[asked]

    def _answer(self, line: str, argv: tuple[str, ...]) -> Result:
        data, status = self._section(line), 0
        if data.startswith(_STATUS):
            first, _, data = data[1:].partition(b"\n")
            status = int(first) if first.isdigit() and len(first) < 4 else 1
        if argv[0] == "base64":
            data = base64.b64encode(data)
        return Result(status, text(data), text(data) if status else "")

    def read_file(self, path: str) -> bytes:
        data = self._section(f"cat {path}")
        if data.startswith(_STATUS):
            raise CommandFailed(f"cat {path}: no such file", hint="a damaged answer")
        return data

    def file_meta(self, path: str) -> FileMeta | None:
        return FileMeta("0644", "root", "root")


def of_guest(
    honest: Callable[[], Any], read: Callable[[Shell], object]
) -> tuple[Callable[[bytes], object], Callable[[], Iterable[bytes]]]:
    """Reader and seeds of a parser whose input is a guest's answers."""
    return lambda data: read(Replayed(data)), lambda: (recorded(honest(), read),)
