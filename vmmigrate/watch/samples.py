"""What services answered over time: the gaps in it, and where another machine began to answer. Pure."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from vmmigrate.watch.asking import Service


@dataclass(frozen=True)
class Sample:
    """One question and what came of it. Monotonic seconds. `sign`: "" where nobody answered, and `why` says so."""

    service: Service
    asked: float
    answered: float
    sign: str
    why: str = ""

    @property
    def good(self) -> bool:
        return bool(self.sign)


@dataclass(frozen=True)
class Gap:
    """From the last answer before it to the first one after it: at most so long, and at least one interval less.

    `began` is None where no answer came before, `ended` where none came after. `why`: of the first failed question.
    """

    began: float | None
    ended: float | None
    why: str

    @property
    def seconds(self) -> float | None:
        return None if self.began is None or self.ended is None else self.ended - self.began


@dataclass(frozen=True)
class Change:
    """Another greeting or certificate than before."""

    at: float
    before: str
    after: str


@dataclass(frozen=True)
class Seen:
    """One service as a whole. `first`, `last`: when it answered first and last; None: never."""

    service: Service
    asked: int
    answered: int
    first: float | None
    last: float | None
    gaps: tuple[Gap, ...]
    changes: tuple[Change, ...]
    sign: str

    @property
    def answers(self) -> bool:
        """As far as the last questions show."""
        return bool(self.answered) and not (self.gaps and self.gaps[-1].ended is None)

    @property
    def longest(self) -> Gap | None:
        """Of those that have both ends."""
        whole = [gap for gap in self.gaps if gap.seconds is not None]
        return max(whole, key=lambda gap: gap.seconds or 0.0, default=None)


SILENCE = 3  # intervals without an answer that are a gap, also where each question was answered in the end


def seen(service: Service, samples: Iterable[Sample]) -> Seen:
    """Of these samples those of this service, in whatever order they came."""
    own = [each for each in samples if each.service == service]
    good = sorted((each for each in own if each.good), key=lambda each: each.answered)
    bad = sorted((each for each in own if not each.good), key=lambda each: each.asked)
    return Seen(
        service,
        len(own),
        len(good),
        good[0].answered if good else None,
        good[-1].answered if good else None,
        tuple(_gaps(good, bad, service.every * SILENCE)),
        tuple(_changes(good)),
        good[-1].sign if good else "",
    )


def _gaps(good: Sequence[Sample], bad: Sequence[Sample], silence: float) -> Iterator[Gap]:
    """Where a question failed between two answers, or where they are far apart.

    A connection that begins while a link is down is repeated by TCP and answered seconds later: nothing failed, and
    nobody answered meanwhile.
    """
    left = deque(bad)
    ends = [None, *(each.answered for each in good), None]
    for before, after in pairwise(ends):
        failed = _taken(left, after)
        if failed:
            yield Gap(before, after, failed[0].why)
        elif before is not None and after is not None and after - before > silence:
            yield Gap(before, after, "its answers came late")


def _taken(left: deque[Sample], until: float | None) -> list[Sample]:
    """Those that were asked before `until`, out of the queue."""
    taken = []
    while left and (until is None or left[0].asked < until):
        taken.append(left.popleft())
    return taken


def _changes(good: Sequence[Sample]) -> Iterator[Change]:
    for before, after in pairwise(good):
        if before.sign != after.sign:
            yield Change(after.answered, before.sign, after.sign)
