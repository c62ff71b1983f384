"""What services answered over time: the gaps in it, and where another machine began to answer. Pure."""

import math
from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

from vmmigrate.limits import WATCHED
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
    """One service as a whole. `first`, `last`: when it answered first and last; None: never.

    `more_gaps`, `more_changes`: how many are not listed. A longest gap is always listed.
    """

    service: Service
    asked: int
    answered: int
    first: float | None
    last: float | None
    gaps: tuple[Gap, ...]
    changes: tuple[Change, ...]
    sign: str
    more_gaps: int = 0
    more_changes: int = 0

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
LISTED = WATCHED.most
_AT_ONCE = 1000  # samples that are kept until they are added up
_LATE = 60.0  # seconds: no question takes so long, so what was asked before is known by then


def seen(service: Service, samples: Iterable[Sample]) -> Seen:
    """Of these samples those of this service, in whatever order they came."""
    tally = Tally(service)
    for each in samples:
        tally.add(each)
    return tally.seen()


@dataclass
class Tally:
    """The samples of one service, added up as they come: memory does not grow with the time."""

    service: Service
    _kept: list[Sample] = field(default_factory=list)  # too new to be added up: one that was asked before may come yet
    _failed: str | None = None  # why the first question failed that was asked after the last answer
    _seen: Seen = field(init=False)

    def __post_init__(self) -> None:
        self._seen = Seen(self.service, 0, 0, None, None, (), (), "")

    def add(self, sample: Sample) -> None:
        """One of another service is left out."""
        if sample.service == self.service:
            self._kept.append(sample)
            if len(self._kept) >= _AT_ONCE:
                self._add_up(max(each.answered for each in self._kept) - _LATE)

    def seen(self) -> Seen:
        """As it is now; what comes later is added to it."""
        now = copy(self)
        now._kept = list(self._kept)
        now._add_up(math.inf)
        if now._failed is None:
            return now._seen
        return _with(now._seen, gaps=[Gap(now._seen.last, None, now._failed)])

    def _add_up(self, until: float) -> None:
        """What was answered, or asked in vain, before that."""
        good = sorted((each for each in self._kept if each.good and each.answered < until), key=lambda s: s.answered)
        bad = sorted((each for each in self._kept if not each.good and each.asked < until), key=lambda s: s.asked)
        known = {id(each) for each in (*good, *bad)}
        self._kept = [each for each in self._kept if id(each) not in known]
        at, gaps, changes = 0, list[Gap](), list[Change]()
        last, sign = self._seen.last, self._seen.sign
        for answer in good:
            while at < len(bad) and bad[at].asked < answer.answered:
                self._failed = bad[at].why if self._failed is None else self._failed
                at += 1
            gaps += _gap(last, answer.answered, self._failed, self.service.every * SILENCE)
            if last is not None and sign != answer.sign:
                changes.append(Change(answer.answered, sign, answer.sign))
            last, sign, self._failed = answer.answered, answer.sign, None
        if at < len(bad) and self._failed is None:
            self._failed = bad[at].why
        first = self._seen.first if self._seen.first is not None or not good else good[0].answered
        counts = {"asked": self._seen.asked + len(known), "answered": self._seen.answered + len(good)}
        self._seen = _with(self._seen, gaps, changes, first=first, last=last, sign=sign, **counts)


def _gap(before: float | None, after: float, failed: str | None, silence: float) -> list[Gap]:
    """Where a question failed between two answers, or where they are far apart.

    A connection that begins while a link is down is repeated by TCP and answered seconds later: nothing failed, and
    nobody answered meanwhile.
    """
    if failed is not None:
        return [Gap(before, after, failed)]
    late = before is not None and after - before > silence
    return [Gap(before, after, "its answers came late")] if late else []


def _with(seen: Seen, gaps: Iterable[Gap] = (), changes: Iterable[Change] = (), **fields: Any) -> Seen:
    """So many gaps are listed, the longest of them always."""
    all_gaps, all_changes = (*seen.gaps, *gaps), (*seen.changes, *changes)
    longest = max(all_gaps, key=lambda gap: gap.seconds or 0.0, default=None)
    over = max(0, len(all_gaps) - LISTED)
    listed = (*(gap for gap in all_gaps[:over] if gap is longest), *all_gaps[over:])
    return replace(
        seen,
        gaps=listed,
        changes=all_changes[-LISTED:],
        more_gaps=seen.more_gaps + len(all_gaps) - len(listed),
        more_changes=seen.more_changes + max(0, len(all_changes) - LISTED),
        **fields,
    )
