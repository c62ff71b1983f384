"""One measured figure, and how a pair of acts is timed in turn so that a noisy machine is noisy to both."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """`ratio`: our speed over the peer's; 1 = as fast, more is better."""

    name: str
    value: float
    unit: str
    peer: str
    ratio: float


def in_turn(ours: Callable[[], object], peer: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Median seconds of each, after a round that is not counted."""
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds + 1):
        for act, taken in zip((ours, peer), times, strict=True):
            started = time.perf_counter()
            act()
            if turn:
                taken.append(time.perf_counter() - started)
    return statistics.median(times[0]), statistics.median(times[1])
