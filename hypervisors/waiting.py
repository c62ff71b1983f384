"""Wait for something, saying what for, how long at most, and what clears it: the one place that sleeps."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from hypervisors.errors import TimedOut, Unreachable
from hypervisors.types import Progress, ProgressListener, no_progress

T = TypeVar("T")

_PATIENCE = 30.0  # seconds: a connection whose other end was switched off meanwhile says nothing


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


def _goes_on() -> None:
    """Nothing stops it."""


def _unheard(wait: Wait) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class Pace:
    """What waits and transfers share: the clock, what stops them, and who hears how far they are.

    `cancelled` raises where the operator asked to stop; it is asked before each report.
    """

    clock: Clock = Clock()
    cancelled: Callable[[], None] = _goes_on
    hears_wait: Callable[[Wait], None] = _unheard
    hears_progress: ProgressListener = no_progress

    def waits(self, wait: Wait) -> None:
        self.cancelled()
        self.hears_wait(wait)

    def moves(self, progress: Progress) -> None:
        """A ProgressListener."""
        self.cancelled()
        self.hears_progress(progress)

    def undisturbed(self) -> "Pace":
        """The same, which nothing stops."""
        return replace(self, cancelled=_goes_on)


REAL_TIME = Pace()  # by this machine's clock; nobody hears of it and nothing stops it


def let_settle(seconds: float, pace: Pace = REAL_TIME) -> None:
    """Wait, where nothing can be looked at until what others began has come to its end."""
    if seconds > 0:
        pace.cancelled()
        pace.clock.sleep(seconds)


class NotYet(Exception):
    """Raised by a probe: not there yet, and this is what was seen."""


def once_reachable(look: Callable[[], T]) -> Callable[[], T]:
    """A probe of something that does not answer yet: unreachable is tolerated, a refusal is final."""

    def probe() -> T:
        try:
            return look()
        except Unreachable as error:
            raise NotYet(str(error)) from error

    return probe


def patient(look: Callable[[float], T], *, first: float, timeout: float, clock: Clock) -> Callable[[], T]:
    """A look that is given `first` seconds; after one that took them all, half of what is left of `timeout`, up to 30.

    A busy machine accepts a connection at once and greets late: to hang up and call again only adds to its work.
    """
    ends, given = clock.now() + timeout, first

    def attempt() -> T:
        nonlocal given
        began = clock.now()
        try:
            return look(given)
        finally:
            if clock.now() - began >= given:
                given = max(first, min((ends - clock.now()) / 2, _PATIENCE))

    return attempt


def wait_for(
    what: str,
    probe: Callable[[], T],
    *,
    timeout: float,
    clears: str,
    pace: Pace = REAL_TIME,
    pause: float = 0.2,
    max_pause: float = 1.0,
) -> T:
    """Call `probe` until it returns instead of raising NotYet; return its value.

    The pause grows by half each time, up to `max_pause` seconds: impatient probes slow a booting guest
    down. `pace` hears of every fruitless probe and may stop the wait. Raises TimedOut after `timeout`
    seconds with `clears` as the hint; any other exception of `probe` ends the wait.
    """
    clock = pace.clock
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
        pace.waits(Wait(what, waited, timeout, seen))
        clock.sleep(min(pause, max(timeout - waited, 0.01)))
        pause = min(pause * 1.5, max_pause)
