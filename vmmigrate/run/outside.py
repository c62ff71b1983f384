"""The outage as this workstation sees it: the gateway's services, asked by a thread while a run may stop them."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from hypervisors import Dial, dial_straight
from vmmigrate.events import SeenOutside, Silence
from vmmigrate.watch.asking import Service
from vmmigrate.watch.prober import Prober
from vmmigrate.watch.samples import Gap, Sample, Seen, Tally

_FIRST = 3.0  # seconds for the first answer, so that a gap has a beginning
_SETTLES = 5.0  # seconds for an answer at the end, so that a gap has an end
_ALONE = "it answers this workstation alone"


@dataclass
class Outside:
    """Begins with the first live step and is read at the end. It is not the journal's outage, and stands beside it.

    `alone`: whether the side that is plugged in is open to this workstation only: its answers do not count then.
    """

    host: str
    services: Sequence[Service]
    wall: Callable[[], float]
    dial: Dial = dial_straight
    alone: bool = False
    _tallies: tuple[Tally, ...] = field(default=(), init=False)
    _heard: threading.Event = field(default_factory=threading.Event, init=False)
    _prober: Prober | None = field(default=None, init=False)

    def begin(self) -> None:
        """Once; what follows goes on with it."""
        if self._prober is None:
            self._tallies = tuple(map(Tally, self.services))
            self._heard.clear()
            self._prober = Prober(self.host, self.services, self._hear, self.dial)
            self._prober.start()
            self._heard.wait(_FIRST)

    def end(self) -> tuple[SeenOutside, ...]:
        """What each service that ever answered was seen to do; nothing where nobody watched."""
        if self._prober is None:
            return ()
        self._settle(self._prober)
        self._prober.stop(at_once=True)
        now, wall, self._prober = self._prober.clock.now(), self.wall(), None
        found = (tally.seen() for tally in self._tallies)
        return tuple(_reported(each, wall - now) for each in found if each.answered)

    def _hear(self, sample: Sample) -> None:
        shut_out = sample.good and self.alone
        for tally in self._tallies:
            tally.add(replace(sample, sign="", why=_ALONE) if shut_out else sample)
        self._heard.set()

    def _settle(self, prober: Prober) -> None:
        """Where a service was asked for and does not answer any more, it may in a moment."""
        until = prober.clock.now() + _SETTLES
        while prober.clock.now() < until and self._silent():
            self._heard.clear()
            self._heard.wait(max(each.every for each in self.services))

    def _silent(self) -> bool:
        found = [tally.seen() for tally in self._tallies if tally.service.expected]
        return any(each.answered and not each.answers for each in found)


def _reported(each: Seen, offset: float) -> SeenOutside:
    gaps = tuple(_silence(gap, offset) for gap in each.gaps)
    return SeenOutside(str(each.service), each.asked, each.answered, gaps)


def _silence(gap: Gap, offset: float) -> Silence:
    """`offset`: what makes a time of the wall clock out of a monotonic one."""
    seconds = None if gap.seconds is None else round(gap.seconds, 3)
    return Silence(_iso(gap.began, offset), _iso(gap.ended, offset), seconds, gap.why)


def _iso(at: float | None, offset: float) -> str | None:
    return None if at is None else datetime.fromtimestamp(at + offset, UTC).isoformat(timespec="milliseconds")


def in_words(each: SeenOutside) -> str:
    """A gap with an open end has no length, and is said by its beginning or its end alone."""
    longest = each.longest
    if longest is not None:
        whole = sum(gap.seconds is not None for gap in each.gaps)
        among = f", the longest of {whole} gaps" if whole > 1 else ""
        return f"{each.service} did not answer for {longest.seconds:.1f} s{among}"
    if not each.gaps:
        return f"{each.service} answered all the time"
    open_end = each.gaps[-1].ended is None
    return f"{each.service} {'does not answer at the end' if open_end else 'did not answer at the beginning'}"
