"""A guest whose honest answers are damaged: some at a time, each by itself, also where many are asked at once."""

from random import Random
from typing import Any

from tests.fuzz.mutate import mutated
from vmmigrate.appliance.port import Result

SHARE = 0.2  # of the answers are damaged


def odd(honest: Any, random: Random) -> Any:
    """The same scripted shell, whose single answers and files are damaged from now on."""
    answer, read = honest._answer, honest.read_file

    def damaged(line: str, argv: tuple[str, ...]) -> Result:
        said = answer(line, argv)
        if random.random() > SHARE:
            return said
        status = random.choice((said.status, said.status, said.status, 0, 1, 255))
        return Result(status, _text(said.stdout, random), _text(said.stderr, random))

    def damaged_file(path: str) -> bytes:
        data = read(path)
        return mutated(data, random) if random.random() < SHARE else data

    honest._answer, honest.read_file = damaged, damaged_file
    return honest


def _text(said: str, random: Random) -> str:
    """As what comes over SSH is decoded."""
    return mutated(said.encode(errors="surrogateescape"), random).decode(errors="replace")
