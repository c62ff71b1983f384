"""Play many schedules in several processes, and add up what they gave."""

import os
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Thread
from typing import IO

from tests.faults.play import Measured, Played, measured, play_all, played, warm_up

_TOGETHER = 2000  # schedules that share one undisturbed run, of which each is a copy


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


def play_many(seeds: range, jobs: int, hears: Callable[[Sum], None] = lambda total: None) -> Sum:
    """In `jobs` processes, each with every so many-th seed. This process is used up by it.

    `hears`: how far it is, at each schedule. Ctrl-C, or the end of a worker, ends it with what was played by then.
    """
    warm_up()
    size, total = measured(), Sum()
    workers = [_worker(list(seeds[number::jobs]), size) for number in range(jobs)]
    heard: SimpleQueue[Played | None] = SimpleQueue()
    for _, stream in workers:
        Thread(target=_read, args=(stream, heard), daemon=True).start()
    with suppress(KeyboardInterrupt):
        for _ in workers:
            for each in iter(heard.get, None):
                total.add(each)
                hears(total)
        for process, _ in workers:
            os.waitpid(process, 0)  # what it used is counted as its parent's then
    return total


def _worker(seeds: list[int], size: Measured) -> tuple[int, IO[bytes]]:
    reads, writes = os.pipe()
    if not (process := os.fork()):
        os.close(reads)
        with suppress(KeyboardInterrupt), os.fdopen(writes, "wb") as stream:
            for first in range(0, len(seeds), _TOGETHER):
                play_all(seeds[first : first + _TOGETHER], size, lambda told: _pass_on(stream, told))
        os._exit(0)
    os.close(writes)
    return process, os.fdopen(reads, "rb")


def _pass_on(stream: IO[bytes], told: bytes) -> None:
    """At once: nothing may be in the stream where a copy is made."""
    stream.write(told + b"\n")
    stream.flush()


def _read(stream: IO[bytes], heard: "SimpleQueue[Played | None]") -> None:
    with stream:
        for line in stream:
            heard.put(played(line))
    heard.put(None)
