"""A command played at a terminal: questions answered as they come, and all that stood on the screen."""

import os
import pty
import select
import struct
import termios
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fcntl import ioctl
from typing import IO

from tests.journey.story import Story

CTRL_C, CTRL_D = "\x03", "\x04"
_PATIENCE = 60.0  # seconds
_ROWS, _COLUMNS = 50, 200

Answer = tuple[str, str]  # the end of a question as it stands on the screen, and what is typed


@dataclass(frozen=True)
class Played:
    """`screen`: with what was typed, as far as the terminal showed it."""

    status: int
    screen: str


def play(story: Story, answers: Sequence[Answer], *argv: str, environ: dict[str, str] | None = None) -> Played:
    """`vmmigrate ARGV` at a terminal of its own. Raises AssertionError where another question comes."""
    terminal, other_end = pty.openpty()
    ioctl(other_end, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0))
    ended = story.child.begin(
        {
            "argv": argv,
            "stop": None,
            "lab": str(story.lab.folder),
            "folder": str(story.folder),
            "hypervisor": story.hypervisor,
            "environ": {**os.environ, "TERM": "dumb", **(environ or {})},
            "terminal": os.ttyname(other_end),
        }
    )
    screen = _Screen(terminal, list(answers))
    try:
        _until_ended(screen, ended)
        screen.read()
    finally:
        os.close(terminal)
        os.close(other_end)  # a command that still waits there is hung up, and ends
        status = story.child.end()
    assert screen.answers == [], f"never asked: {screen.answers[0][0]!r}; on the screen:\n{screen.text}"
    return Played(status, screen.text.replace("\r\n", "\n"))


@dataclass
class _Screen:
    """What came by now, and what is still to be typed."""

    terminal: int
    answers: list[Answer]
    text: str = ""
    _answered: int = 0
    _key: str = ""  # the one that was pressed last, where it was no answer

    def read(self) -> None:
        """What is there, without waiting; and the next answer where its question has come."""
        while select.select([self.terminal], [], [], 0)[0]:
            self.text += os.read(self.terminal, 1 << 16).decode()
            self._answer()

    def _answer(self) -> None:
        if self.answers and self.text[self._answered :].endswith(self.answers[0][0]):
            _, typed = self.answers.pop(0)
            self._answered = len(self.text)
            self._key = typed if typed in (CTRL_C, CTRL_D) else ""
            os.write(self.terminal, (self._key or typed + "\n").encode())

    def press_again(self) -> None:
        """As anybody does: a signal between Python's prompt and its read is seen at the next key only."""
        os.write(self.terminal, self._key.encode())


def _until_ended(screen: _Screen, ended: IO[str]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        ready = select.select([screen.terminal, ended], [], [], 1.0)[0]
        if screen.terminal in ready:
            screen.read()
        elif ended in ready:
            return
        else:
            screen.press_again()
        assert time.monotonic() < deadline, f"it waits for ever; on the screen:\n{screen.text}"
