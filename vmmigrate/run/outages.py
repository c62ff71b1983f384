"""When nobody took mail, by a run's records: each interval, also of switches that failed and of ways back."""

from collections.abc import Iterable, Iterator, Sequence

from vmmigrate.events import Outage
from vmmigrate.itinerary import Itinerary
from vmmigrate.run.clocks import Clocks
from vmmigrate.run.fold import UNTOUCHED
from vmmigrate.run.record import Kind, Record

_MATTERS = frozenset({Kind.LEARNT, Kind.DONE, Kind.UNDO, Kind.UNDONE})  # no other kind opens or closes a side


def outages(itinerary: Itinerary, records: Iterable[Record]) -> tuple[Outage, ...]:
    """Each begins as the old side is closed, or as a way back closes or unplugs the new one; it ends as either is open.

    Who opens the old side by hand ends one that no record ends: it goes on here until the run's next way back.
    """
    return tuple(_outage(began, ended) for began, ended in _intervals(itinerary, records))


def total(intervals: Iterable[Outage]) -> float | None:
    """Seconds of all that have ended. None: there was none."""
    ended = [each.seconds for each in intervals if each.seconds is not None]
    return round(sum(ended), 3) if ended else None


def lasting(itinerary: Itinerary, records: Sequence[Record], clocks: Clocks) -> float:
    """Seconds since the outage began that has not ended; 0.0 where there is none."""
    open_ = [began for began, ended in _intervals(itinerary, records) if ended is None]
    if not open_:
        return 0.0
    began = open_[0]
    same_boot = began.up is not None and bool(began.boot) and began.boot == clocks.boot()
    return clocks.up() - (began.up or 0.0) if same_boot else max(0.0, clocks.wall() - began.time)


def elapsed(began: Record, ended: Record) -> tuple[float, bool]:
    """Seconds between two records, and whether they are only about so many.

    Within one boot of one machine by the clock that nobody sets and that runs on while the machine sleeps; else by
    the wall clock, also where the machine does not say which boot it is.
    """
    if began.up is not None and ended.up is not None and began.boot and began.boot == ended.boot:
        return round(ended.up - began.up, 3), False
    return round(max(0.0, ended.time - began.time), 3), True


def _outage(began: Record, ended: Record | None) -> Outage:
    if ended is None:
        return Outage(began.at, None, None, about=False)
    seconds, about = elapsed(began, ended)
    return Outage(began.at, ended.at, seconds, about)


def _intervals(itinerary: Itinerary, records: Iterable[Record]) -> Iterator[tuple[Record, Record | None]]:
    closing = next(step.name for step in itinerary.steps if itinerary.outage_from in step.learns)
    began, opened = None, False
    for record in records:
        if record.kind not in _MATTERS:
            continue
        opened = _opened(itinerary, record, before=opened)
        if began is None:
            began = record if _begins(itinerary, record, opened=opened) else None
        elif (record.kind, record.data.get("step")) in ((Kind.DONE, itinerary.commit), (Kind.UNDONE, closing)):
            if not record.data.get(UNTOUCHED):
                yield began, record
            began = None
    if began is not None:
        yield began, None


def _opened(itinerary: Itinerary, record: Record, *, before: bool) -> bool:
    """Whether the new side may be open after this record."""
    if record.kind is Kind.LEARNT and record.data["group"] in itinerary.commit_marks:
        return True
    return before and (record.kind, record.data.get("step")) != (Kind.UNDONE, itinerary.commit)


def _begins(itinerary: Itinerary, record: Record, *, opened: bool) -> bool:
    if record.kind is Kind.LEARNT:
        return bool(record.data["group"] == itinerary.outage_from.__name__)
    return opened and record.kind is Kind.UNDO and record.data["step"] in (itinerary.commit, *itinerary.unplugs)
