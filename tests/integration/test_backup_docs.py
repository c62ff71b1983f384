"""docs/backup.md shows what the commands print: each of its transcripts is played again and compared."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from console_cli import Cli, command_line, secret_file
from stand_in import Guest, fresh_guest, old_guest

PAGE = Path(__file__).parents[2] / "docs" / "backup.md"
OLD, NEW = "mail.example.com", "new.example.com"
# What differs from run to run: digests, moments, durations, sizes in bytes.
VARYING = (
    (r"\b[0-9a-f]{64}\b", "<sha256>"),
    (r"\d{8}-\d{6}|\d{4}-\d\d-\d\d", "<when>"),
    (r" +\d+\.\d s$", " <seconds>"),
    (r"\d+(\.\d+)? (KiB|B|bytes)", "<size>"),
)


class Reader:
    """Types the page's commands: its hosts are the stand-ins, its files lie in a folder of their own."""

    def __init__(self, cli: Cli, folder: Path, old: Guest, new: Guest) -> None:
        self._cli, self._folder, self._guests = cli, folder, {OLD: old, NEW: new}

    def output(self, command: str) -> list[str]:
        words = shlex.split(command)
        if words[0] != "vmmigrate":
            done = subprocess.run(words, cwd=self._folder, capture_output=True, text=True, check=True)
            return done.stdout.splitlines()
        for host, guest in self._guests.items():
            if host in words:
                words = [guest.address if word == host else word for word in words]
                words = [
                    str(guest.trust.fingerprint) if last == "--fingerprint" else word for last, word in pairs(words)
                ]
        result = self._cli(*words[1:])
        return self._named_as_there(result.stdout + result.stderr).splitlines()

    def _named_as_there(self, text: str) -> str:
        for host, guest in self._guests.items():
            text = text.replace(guest.address, host)
        return text


def pairs(words: list[str]) -> list[tuple[str, str]]:
    return list(zip(["", *words], words, strict=False))


def transcripts(page: str) -> Iterator[tuple[str, list[str]]]:
    """Each command of the page and what it shows under it."""
    for block in re.findall(r"```\n(\$ .*?)```", page, re.DOTALL):
        for each in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *shown = each.splitlines()
            yield command, shown


def steady(line: str) -> str:
    for pattern, name in VARYING:
        line = re.sub(pattern, name, line)
    return " ".join(line.split())


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    with old_guest(tmp_path) as old, fresh_guest(tmp_path) as new, command_line(tmp_path, monkeypatch) as cli:
        secret_file(tmp_path / "mail.password", old.admin.password.reveal())
        secret_file(tmp_path / "new.password", new.admin.password.reveal())
        yield Reader(cli, tmp_path, old, new)


def test_every_line_shown_is_printed(reader: Reader) -> None:
    played = 0
    for command, shown in transcripts(PAGE.read_text()):
        assert [steady(line) for line in reader.output(command)] == [steady(line) for line in shown], command
        played += 1
    assert played == 9
