"""Watch a gateway from outside until its time is over or somebody stops it: what answers, what stopped answering."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from hypervisors import Cancelled, let_settle
from vmmigrate.errors import NeedsAttention
from vmmigrate.parts import Parts
from vmmigrate.watch.asking import USUAL, Service, at
from vmmigrate.watch.prober import Prober
from vmmigrate.watch.samples import Sample, Seen, Tally

_PAUSE = 0.2  # seconds


@dataclass(frozen=True)
class Turn:
    """A service that answers now, or again, or no more; or another machine answers in its place. `at`: wall clock.

    `after`: the seconds without an answer, where it answers again.
    """

    at: float
    service: Service
    sign: str
    why: str
    after: float | None = None


@dataclass(frozen=True)
class Watched:
    """What a whole watch saw. `seconds`: how long. Services that nobody named and that never answered are left out."""

    host: str
    seconds: float
    services: tuple[Seen, ...]

    @property
    def silent(self) -> tuple[Seen, ...]:
        """Those that do not answer at its end."""
        return tuple(each for each in self.services if not each.answers)


class Turns:
    """From samples, as they come, to what a person wants to hear at once."""

    def __init__(self, wall: Callable[[], float], now: Callable[[], float], hear: Callable[[Turn], None]) -> None:
        self._wall, self._now, self._hear = wall, now, hear
        self._last: dict[Service, Sample] = {}
        self._good: dict[Service, Sample] = {}

    def __call__(self, sample: Sample) -> None:
        last, good = self._last.get(sample.service), self._good.get(sample.service)
        if last and last.asked > sample.asked:
            return  # it failed slowly, and is known by now from a later one
        self._last[sample.service] = sample
        if sample.good:
            self._good[sample.service] = sample
        if _is_news(sample, last, good):
            silent = sample.answered - good.answered if sample.good and good and last and not last.good else None
            at = self._wall() - (self._now() - (sample.answered if sample.good else sample.asked))
            self._hear(Turn(at, sample.service, sample.sign, sample.why, silent))


def _is_news(sample: Sample, last: Sample | None, good: Sample | None) -> bool:
    if last is None or last.good != sample.good:
        return sample.good or sample.service.expected or good is not None
    return sample.sign != last.sign


def watch(
    host: str,
    services: Sequence[Service],
    parts: Parts,
    hear: Callable[[Turn], None],
    *,
    seconds: float | None = None,
) -> Watched:
    """Until `seconds` have passed, or the pace is cancelled: that is its usual end. `hear` gets each turn at once."""
    clock, tallies = parts.pace.clock, tuple(map(Tally, services or USUAL))
    turns = Turns(parts.wall, clock.now, hear)
    began = clock.now()

    def both(sample: Sample) -> None:
        for tally in tallies:
            tally.add(sample)
        turns(sample)

    prober = Prober(host, services or USUAL, both, clock=clock)
    prober.start()
    try:
        _wait(parts, None if seconds is None else began + seconds)
    finally:
        prober.stop()
    found = tuple(tally.seen() for tally in tallies)
    named = tuple(each for each in found if each.answered or each.service.expected)
    return Watched(host, clock.now() - began, named)


def refuse_silent(watched: Watched) -> None:
    """Raises NeedsAttention where a service does not answer at the end."""
    if watched.silent:
        names = ", ".join(at(watched.host, each.service) for each in watched.silent)
        raise NeedsAttention(
            f"no answer from {names}",
            hint="is the name or address right, does the gateway run, and is the port open to this workstation?",
        )


def _wait(parts: Parts, until: float | None) -> None:
    """Until then, or Ctrl-C."""
    clock = parts.pace.clock
    with suppress(KeyboardInterrupt, Cancelled):
        while until is None or clock.now() < until:
            let_settle(_PAUSE if until is None else min(_PAUSE, max(0.0, until - clock.now())), parts.pace)
