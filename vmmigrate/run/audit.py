"""What a run changed in either virtual machine, when, and how it was before and after: by its journal alone."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from hypervisors import in_one_line
from vmmigrate.itinerary import Itinerary
from vmmigrate.run.record import CHANGED, Kind, Record
from vmmigrate.step import Change

_SHOWN = 300  # characters of what was noted
_BEGINS = (Kind.BEGIN, Kind.UNDO)
_ENDS = {Kind.DONE: "done", Kind.UNDONE: "undone", Kind.FAILED: "failed"}
_BROKEN_OFF = (Kind.DIRECTION, Kind.PAUSED, Kind.END, Kind.FINISHED)  # whatever step was under way


@dataclass(frozen=True)
class Made:
    """One change of one machine, as it was recorded when it was made. `before`: "" where nobody looked."""

    at: str
    vm: str
    what: str
    before: str
    after: str


@dataclass(frozen=True)
class Act:
    """One act on one machine ('old', 'new', 'both'). `before`: what was noted of it in this act.

    `ended`: 'done', 'undone', 'failed', "" where no record says. `at`, `until` (""): ISO 8601, in UTC. `step`: "" of
    what belongs to none, as all that `finish` does. `made`: each change of this machine; an earlier version recorded
    none, and a process that was killed could not record its last ones.
    """

    at: str
    vm: str
    step: str
    what: str
    undoing: bool
    before: str = ""
    until: str = ""
    ended: str = ""
    made: tuple[Made, ...] = ()


@dataclass(frozen=True)
class Audit:
    """`head`: SHA-256 of the last record, in whose chain all others are."""

    acts: tuple[Act, ...]
    records: int
    head: str

    @property
    def made(self) -> tuple[Made, ...]:
        """Every change, in its order."""
        return tuple(sorted((each for act in self.acts for each in act.made), key=lambda each: each.at))


@dataclass
class _Open:
    """A step under way, or, without acts, what is between two steps."""

    acts: list[Act]
    step: str = ""
    undoing: bool = False
    noted: list[str] = field(default_factory=list)
    made: list[Made] = field(default_factory=list)

    def closed(self, record: Record, how: str) -> Iterator[Act]:
        before = in_one_line("; ".join(self.noted))[:_SHOWN] if self.noted else ""
        for act in self.acts:
            made = tuple(each for each in self.made if each.vm == act.vm)
            yield replace(act, before=before, until=record.at if how else "", ended=how, made=made)
        yield from self._beside({act.vm for act in self.acts})

    def _beside(self, known: set[str]) -> Iterator[Act]:
        """Changes of a machine of which the step does not say that it changes it, or of no step."""
        for vm in dict.fromkeys(each.vm for each in self.made if each.vm not in known):
            its = tuple(each for each in self.made if each.vm == vm)
            yield Act(its[0].at, vm, self.step, "", self.undoing, until=its[-1].at, ended="done", made=its)


def audit(records: Sequence[Record], itinerary: Itinerary) -> Audit:
    """Of records that were read, and so are a whole chain."""
    changes = {step.name: step.changes for step in itinerary.steps}
    return Audit(tuple(_acts(records, changes)), len(records), records[-1].hash)


def _acts(records: Sequence[Record], changes: dict[str, tuple[Change, ...]]) -> Iterator[Act]:
    under_way = _Open([])
    for record in records:
        under_way.made += _made(record)
        if record.kind is Kind.LEARNT:
            value = json.dumps(record.data.get("value"), ensure_ascii=False)
            under_way.noted.append(f"{record.data.get('group')} {value}")
        elif record.kind in (*_BEGINS, *_ENDS, *_BROKEN_OFF):
            yield from under_way.closed(record, _ENDS.get(record.kind, ""))
            under_way = _begun(record, changes) if record.kind in _BEGINS else _Open([])
        if record.kind is Kind.FINISHED:
            yield Act(record.at, "both", "", "finished", undoing=False, until=record.at, ended="done")
    yield from under_way.closed(records[-1], "")


def _begun(record: Record, changes: dict[str, tuple[Change, ...]]) -> _Open:
    step, undoing = str(record.data.get("step", "")), record.kind is Kind.UNDO
    acts = [Act(record.at, each.vm, step, each.what, undoing) for each in changes.get(step, ())]
    return _Open(acts, step, undoing)


def _made(record: Record) -> list[Made]:
    """Raises nothing for what somebody else put there: a field that is no text is left out."""
    listed = record.data.get(CHANGED, ())
    fields = ("at", "vm", "what", "before", "after")
    return [
        Made(*(str(each.get(name, "")) for name in fields))
        for each in (listed if isinstance(listed, list) else ())
        if isinstance(each, dict)
    ]
