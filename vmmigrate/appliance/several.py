"""Several commands in one line of sh, of which each can be run as another user by itself."""

import re
import shlex
from collections.abc import Iterator, Sequence
from itertools import zip_longest

Command = tuple[str, ...]
_NOT_FOUND = re.compile(r"^sudo: \S+: command not found$", re.MULTILINE)
NO_SUCH_PROGRAM = 127


class Line(tuple[str, ...]):
    """An argv: `sh -c`, the line, and its name if it has one. `pieces`: text of sh, and the commands between.

    `mark`: each command runs whatever became of the one before, and this and its status are printed behind it.
    """

    pieces: tuple[str | Sequence[str], ...]
    mark: str

    def __new__(cls, *pieces: str | Sequence[str], name: str = "", mark: str = "") -> "Line":
        made = super().__new__(cls, ("sh", "-c", "".join(map(_spelt, pieces)), *((name,) if name else ())))
        made.pieces, made.mark = pieces, mark
        return made

    def behind(self, before: Sequence[str]) -> "Line":
        """The same, each command behind those words: `sudo` where its rules name single commands and not sh."""
        pieces = (each if isinstance(each, str) else _behind(each, before) for each in self.pieces)
        return Line(*pieces, name="".join(self[3:]), mark=self.mark)

    @property
    def commands(self) -> tuple[Command, ...]:
        return tuple(command for each in self.pieces if not isinstance(each, str) for command in commands_of(each))


def commands_of(argv: Sequence[str]) -> Iterator[Command]:
    """What is run as somebody else, one by one."""
    yield from argv.commands if isinstance(argv, Line) else (tuple(argv),)


def ends_of(argv: Sequence[str], status: int, said: str) -> Iterator[str]:
    """How each of `commands_of` ended, in words, by the status of the whole and what it printed."""
    if not (isinstance(argv, Line) and argv.mark):
        yield from _ends_of_all(argv, status)
        return
    statuses = re.findall(rf"{argv.mark} ([0-9]{{1,3}})\n", said)
    asked = [each for each in argv.pieces if not isinstance(each, str)]
    for question, its in zip_longest(asked, statuses[: len(asked)]):
        yield from _ends_of_all(question, int(its)) if its else ["did not end well"] * _number(question)


def _ends_of_all(argv: Sequence[str], status: int) -> list[str]:
    """Of several commands of which the first that fails is the last, only the status of that one is known."""
    several = status and _number(argv) > 1
    return [f"ended with {status}, or did not run" if several else f"ended with {status}"] * _number(argv)


def _number(argv: Sequence[str]) -> int:
    return len(tuple(commands_of(argv)))


def in_short(argv: Sequence[str]) -> str:
    """A program of ours by its name: nobody can run its many lines again. Of a line, each of its commands."""
    if isinstance(argv, Line):
        return "; ".join(map(in_short, argv.commands))
    return argv[3] if argv[:2] == ("sh", "-c") and len(argv) > 3 else shlex.join(argv)


def _spelt(piece: str | Sequence[str]) -> str:
    return piece if isinstance(piece, str) else shlex.join(piece)


def _behind(command: Sequence[str], before: Sequence[str]) -> Sequence[str]:
    return command.behind(before) if isinstance(command, Line) else (*before, *command)


def status_as_of_sh(status: int, error: str) -> int:
    """sudo ends with 1 where there is no such program, as one that ran may do; sh says 127."""
    return NO_SUCH_PROGRAM if status == 1 and _NOT_FOUND.search(error) else status
