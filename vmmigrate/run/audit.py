"""What a run changed in either virtual machine, when, and what it had noted of it before: by its journal alone."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from hypervisors import in_one_line
from vmmigrate.itinerary import Itinerary
from vmmigrate.run.record import Kind, Record
from vmmigrate.step import Change

_SHOWN = 300  # characters of what was noted
_BEGINS = {Kind.BEGIN: "done", Kind.UNDO: "undone"}
_ENDS = {Kind.DONE: "done", Kind.UNDONE: "undone", Kind.FAILED: "failed"}


@dataclass(frozen=True)
class Act:
    """One act on one machine ('old', 'new', 'both'). `before`: what was noted of it in this act.

    `ended`: 'done', 'undone', 'failed', "" where no record says. `at`, `until` (""): ISO 8601, in UTC.
    """

    at: str
    vm: str
    step: str
    what: str
    undoing: bool
    before: str = ""
    until: str = ""
    ended: str = ""


@dataclass(frozen=True)
class Audit:
    """`head`: SHA-256 of the last record, in whose chain all others are."""

    acts: tuple[Act, ...]
    records: int
    head: str


@dataclass
class _Open:
    acts: list[Act]
    noted: list[str] = field(default_factory=list)

    def closed(self, record: Record, how: str) -> Iterator[Act]:
        before = in_one_line("; ".join(self.noted))[:_SHOWN] if self.noted else ""
        for act in self.acts:
            yield replace(act, before=before, until=record.at if how else "", ended=how)


def audit(records: Sequence[Record], itinerary: Itinerary) -> Audit:
    """Of records that were read, and so are a whole chain."""
    changes = {step.name: step.changes for step in itinerary.steps}
    return Audit(tuple(_acts(records, changes)), len(records), records[-1].hash)


def _acts(records: Sequence[Record], changes: dict[str, tuple[Change, ...]]) -> Iterator[Act]:
    under_way = _Open([])
    for record in records:
        step = str(record.data.get("step", ""))
        if record.kind in _BEGINS:
            yield from under_way.closed(record, "")
            under_way = _Open(_begun(record, step, changes.get(step, ())))
        elif record.kind is Kind.LEARNT:
            under_way.noted.append(f"{record.data['group']} {json.dumps(record.data['value'], ensure_ascii=False)}")
        elif record.kind in _ENDS:
            yield from under_way.closed(record, _ENDS[record.kind])
            under_way = _Open([])
        elif record.kind is Kind.FINISHED:
            yield Act(record.at, "both", "", "finished", undoing=False, until=record.at, ended="done")
    yield from under_way.closed(records[-1], "")


def _begun(record: Record, step: str, changes: tuple[Change, ...]) -> list[Act]:
    return [Act(record.at, each.vm, step, each.what, record.kind is Kind.UNDO) for each in changes]
