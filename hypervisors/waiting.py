"""Wait for something, saying what for, how long at most, and what clears it: the one place that sleeps."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from hypervisors.errors import TimedOut

T = TypeVar("T")


@dataclass(frozen=True)
class Clock:
    """Monotonic seconds and a sleep; tests pass their own."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Wait:
    """One wait as a listener sees it. Seconds throughout."""

    what: str
    waited: float
    timeout: float
    seen: str  # the last thing seen that was not yet the awaited one; "" at first


class NotYet(Exception):
    """Raised by a probe: not there yet, and this is what was seen."""


def wait_for(
    what: str,
    probe: Callable[[], T],
    *,
    timeout: float,
    clears: str,
    clock: Clock | None = None,
    pause: float = 0.2,
    max_pause: float = 1.0,
    tick: Callable[[Wait], None] = lambda wait: None,
) -> T:
    """Call `probe` until it returns instead of raising NotYet; return its value.

    The pause grows by half each time, up to `max_pause` seconds: impatient probes slow a booting guest
    down. `tick` hears of every fruitless probe and may raise to cancel. Raises TimedOut after `timeout`
    seconds with `clears` as the hint; any other exception of `probe` ends the wait.
    """
    clock = clock or Clock()
    start = clock.now()
    while True:
        try:
            return probe()
        except NotYet as not_yet:
            seen = str(not_yet)
        waited = clock.now() - start
        if waited >= timeout:
            last = f" (last seen: {seen})" if seen else ""
            raise TimedOut(f"waited {waited:.0f} s for {what}{last}", hint=clears)
        tick(Wait(what, waited, timeout, seen))
        clock.sleep(min(pause, max(timeout - waited, 0.01)))
        pause = min(pause * 1.5, max_pause)
