"""A reader of what others write: what it is given, what it may raise, and honest inputs to begin from."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hypervisors import Problem

SECTION = b"\n=====\n"  # between what is read one after the other: answers, files
LARGEST = 1 << 16  # bytes of an input


@dataclass(frozen=True)
class Parser:
    """`read` takes any bytes. `also`: what its only caller translates, beside the product's own errors."""

    name: str
    read: Callable[[bytes], object]
    honest: Callable[[], Iterable[bytes]]
    also: tuple[type[Exception], ...] = ()

    def try_out(self, data: bytes) -> bool:
        """Whether it was read; False for a refusal in words. Any other exception passes."""
        try:
            self.read(data)
        except (Problem, *self.also):
            return False
        return True

    def try_out_quietly(self, data: bytes) -> None:
        """For a fuzzer, which takes a result for its own."""
        self.try_out(data)

    @cached_property
    def seeds(self) -> tuple[bytes, ...]:
        """Honest inputs, and what lies in the folder that FUZZ_SEEDS names under this parser's name."""
        return tuple(seed for seed in (*self.honest(), *_beside(self.name)) if len(seed) <= LARGEST)


def sections(data: bytes, number: int) -> list[bytes]:
    """So many, the last ones empty where there are fewer."""
    found = data.split(SECTION, number - 1)
    return [*found, *[b""] * (number - len(found))]


def text(data: bytes) -> str:
    """As what comes over SSH is decoded."""
    return data.decode(errors="replace")


def _beside(name: str) -> Iterator[bytes]:
    folder = os.environ.get("FUZZ_SEEDS")
    for path in sorted((Path(folder) / name).glob("*")) if folder else ():
        yield path.read_bytes()
