"""Play many schedules in several processes, and add up what they gave."""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import IO

from tests.faults.play import Measured, Played, measured, play_all, warm_up


@dataclass
class Sum:
    """All schedules together. `outcomes`: by move, how the run stood at the end."""

    schedules: int = 0
    effects: int = 0
    kills: int = 0
    broken: list[Played] = field(default_factory=list)
    outcomes: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, played: Played) -> None:
        self.schedules += 1
        self.effects += played.effects
        self.kills += played.kills
        if played.broken:
            self.broken.append(played)
        for move in set(played.moves):
            self.outcomes.setdefault(move, Counter())[played.end] += 1


def play_many(seeds: range, jobs: int, hears: Callable[[Played], None] = lambda played: None) -> Sum:
    """In `jobs` processes, each with every so many-th seed. This process is used up by it."""
    warm_up()
    size, total = measured(), Sum()
    streams = [_worker(list(seeds[number::jobs]), size) for number in range(jobs)]
    for stream in streams:
        for played in _read(stream):
            total.add(played)
            hears(played)
    return total


def _worker(seeds: list[int], size: Measured) -> IO[bytes]:
    reads, writes = os.pipe()
    if not os.fork():
        os.close(reads)
        with os.fdopen(writes, "wb") as stream:
            for played in play_all(seeds, size):
                stream.write(json.dumps(asdict(played)).encode() + b"\n")
        os._exit(0)
    os.close(writes)
    return os.fdopen(reads, "rb")


def _read(stream: IO[bytes]) -> Iterator[Played]:
    with stream:
        for line in stream:
            told = json.loads(line)
            told["broken"] = [tuple(each) for each in told["broken"]]
            yield Played(**told)
    os.wait()
