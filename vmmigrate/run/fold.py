"""Fold a journal's records into the state of a run."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from vmmigrate.errors import JournalDamaged
from vmmigrate.learnt import Facts
from vmmigrate.run.record import Kind, Record, sound_part

_EDITED = "this file was edited: check both virtual machines, and restore it from a copy"
FIRST = "migrate"  # of a journal that names no itinerary: there was only one
LEAVE_BEHIND = "leave_mail"  # its key in a journal, named when mail was all that could stay behind
UNTOUCHED = "untouched"  # of a step that is done still: a way back was refused before it changed anything of it


class Status(StrEnum):
    PENDING = "pending"
    BEGUN = "begun"
    DONE = "done"
    FAILED = "failed"
    UNDOING = "undoing"


@dataclass(frozen=True)
class Back:
    """The recorded way back: the steps it covers, in the order of the run."""

    scope: str
    reason: str
    steps: tuple[str, ...]
    leave_behind: bool = False  # the operator permits that something stays behind in the new side
    finishes: str = ""  # the scope whose end is made final by it; "": it is no `finish`
    permits: Mapping[str, str] = field(default_factory=dict)  # what may be lost by it, as the operator gave it
    ends_as: str = ""  # what its end is called, where it was no failure that brought it about
    stood: str = ""  # the scope after which the run stood still when it was begun, and the old side served

    @property
    def recorded(self) -> dict[str, Any]:
        """As a journal has it."""
        data = {"scope": self.scope, "reason": self.reason, "steps": list(self.steps), LEAVE_BEHIND: self.leave_behind}
        further = {
            "finishes": self.finishes,
            "permits": dict(self.permits),
            "stood": self.stood,
            "ends_as": self.ends_as,
        }
        return {**data, **{name: value for name, value in further.items() if value}}


@dataclass(frozen=True)
class Note:
    """A remark or a warning, and the step in which it came; "" before the first.

    `past`: its step is being undone since, so it is no longer so as soon as that is done.
    """

    kind: Kind
    step: str
    text: str
    past: bool = False


@dataclass(frozen=True)
class RunState:
    """A run as its journal shows it. The order of `steps` is the recorded one."""

    run_id: str
    version: str
    plan_sha256: str
    phases: Mapping[str, str]  # step → phase
    steps: Mapping[str, Status]
    itinerary: str = FIRST
    plan: str = ""  # a copy of its file's text; an earlier version made none
    settings: Mapping[str, Any] = field(default_factory=dict)  # a copy of them, without what is private
    facts: Facts = field(default_factory=Facts)
    back: Back | None = None
    paused: str | None = None
    stops: str = ""  # where it stands still on its way forward, as its itinerary calls it; "": nowhere any more
    rehearses: bool = False  # it goes back from there by itself
    stood: bool = False  # whether it has ever stood there
    until: float | None = None  # Unix seconds: how long it may stand at its stop
    ended: str | None = None
    finished: bool = False
    unseen: tuple[str, ...] = ()  # what its `finish` could not see
    ever_learnt: frozenset[str] = frozenset()  # groups, also of steps that were undone since
    learnt_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    troubles: Mapping[str, str] = field(default_factory=dict)  # step → what a person must do because its undo failed
    error: str | None = None
    titles: Mapping[str, str] = field(default_factory=dict)  # of steps; an earlier version recorded none
    notes: tuple[Note, ...] = ()
    undone: frozenset[str] = frozenset()  # steps that were done or begun, and are not any more
    forgotten: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # step → groups that it had learnt
    undone_since: Mapping[str, frozenset[str]] = field(default_factory=dict)  # step → undone since it last began

    def attempted(self, step: str, ground: str) -> bool:
        """Whether the step was begun on what `ground` left, which is still there; also if it is undone by now."""
        return step in self.undone_since and ground not in self.undone_since[step]


def fold(records: Iterable[Record], before: RunState | None = None) -> RunState:
    """The state that the records add up to; `before`: of those in front of them. Raises JournalDamaged."""
    ordered = iter(records)
    state = before or _folded(None, next(ordered))
    for record in ordered:
        state = _folded(state, record)
    return state


def sound_state(path: Path) -> tuple[RunState, bool]:
    """What the records before the first damaged one add up to, and whether there is none. Raises JournalDamaged."""
    records, whole = sound_part(path)
    state = None
    for record in records:
        try:
            state = _folded(state, record)
        except JournalDamaged:
            if state is None:
                raise
            return state, False
    assert state is not None
    return state, whole


def _folded(state: RunState | None, record: Record) -> RunState:
    try:
        return _FOLDS[record.kind](state, record) if state else _start(record)
    except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
        what = f"lacks {error}" if isinstance(error, KeyError) else f"cannot be read: {error}"
        raise JournalDamaged(f"record {record.seq} ({record.kind}) {what}", hint=_EDITED) from error


def _text(data: Mapping[str, Any], name: str) -> str:
    """A field that is text. Raises KeyError, TypeError."""
    value = data[name]
    if not isinstance(value, str):
        raise TypeError(f"{name!r} is not text")
    return value


def _start(record: Record) -> RunState:
    data = record.data
    if record.kind is not Kind.RUN:
        raise JournalDamaged("the first record is not a run record", hint="this file is not a journal")
    phases = {_text(step, "name"): _text(step, "phase") for step in data["steps"]}
    titles = {step["name"]: _text(step, "title") for step in data["steps"] if "title" in step}
    pending = dict.fromkeys(phases, Status.PENDING)
    return RunState(
        _text(data, "run_id"),
        _text(data, "version"),
        _text(data, "plan_sha256"),
        phases,
        pending,
        data.get("itinerary", FIRST),
        _text({"plan": "", **data}, "plan"),
        {**data.get("settings", {})},
        titles=titles,
        stops=data.get("stops", ""),
        rehearses=data.get("rehearses", False),
    )


def _with(state: RunState, **changes: Any) -> RunState:
    """As `dataclasses.replace`, in a tenth of its time: every command folds all of a journal's records."""
    made = object.__new__(RunState)
    vars(made).update({**vars(state), **changes})
    return made


def _with_status(state: RunState, record: Record, status: Status) -> RunState:
    name = _known(state, record, record.data["step"])
    undone = state.undone | {name} if status is Status.PENDING else state.undone - {name}
    return _with(state, steps={**state.steps, name: status}, undone=undone, paused=None, ended=None)


def _known(state: RunState, record: Record, name: str) -> str:
    if name not in state.steps:
        raise JournalDamaged(f"record {record.seq} names an unknown step {name!r}", hint=_EDITED)
    return name


def _begin(state: RunState, record: Record) -> RunState:
    state = _with_status(state, record, Status.BEGUN)
    return _with(state, undone_since={**state.undone_since, record.data["step"]: frozenset()})


def _learnt(state: RunState, record: Record) -> RunState:
    name, step = _text(record.data, "group"), _known(state, record, record.data["step"])
    names = (*state.learnt_by.get(step, ()), name)
    return _with(
        state,
        facts=state.facts.with_json(name, record.data["value"]),
        learnt_by={**state.learnt_by, step: names},
        ever_learnt=state.ever_learnt | {name},
    )


def _done(state: RunState, record: Record) -> RunState:
    return _with_status(state, record, Status.DONE)


def _failed(state: RunState, record: Record) -> RunState:
    name = _known(state, record, record.data["step"])
    error = _text(record.data, "error")
    if record.data.get("undoing"):
        trouble = " → ".join(words for words in (error, _text(record.data, "hint")) if words)
        return _with(state, troubles={**state.troubles, name: trouble})
    return _with(_with_status(state, record, Status.FAILED), error=error)


def _direction(state: RunState, record: Record) -> RunState:
    data = record.data
    if data["to"] == "forward":
        stops = "" if data.get("past") else state.stops
        return _with(state, back=None, paused=None, ended=None, troubles={}, stops=stops)
    steps = tuple(_known(state, record, name) for name in data["steps"])
    leave_behind, permits = data.get(LEAVE_BEHIND, False), dict(data.get("permits", {}))
    terms = {"finishes": data.get("finishes", ""), "stood": data.get("stood", ""), "ends_as": data.get("ends_as", "")}
    back = Back(_text(data, "scope"), _text(data, "reason"), steps, leave_behind, permits=permits, **terms)
    return _with(state, back=back, paused=None, ended=None, troubles={})


def _undo(state: RunState, record: Record) -> RunState:
    """One that was undone already is undone again by what it had learnt."""
    name = record.data["step"]
    again = state.forgotten.get(name, ()) if name in state.undone else ()
    notes = tuple(replace(note, past=True) if note.step == name else note for note in state.notes)
    state = _with_status(state, record, Status.UNDOING)
    learnt_by = {**state.learnt_by, name: (*state.learnt_by.get(name, ()), *again)}
    return _with(state, facts=state.facts.again(again), learnt_by=learnt_by, notes=notes)


def _undone(state: RunState, record: Record) -> RunState:
    name = record.data["step"]
    state = _with_status(state, record, Status.PENDING)
    facts = state.facts.without(state.learnt_by.get(name, ()))
    troubles = {step: text for step, text in state.troubles.items() if step != name}
    since = {step: undone | {name} for step, undone in state.undone_since.items()}
    learnt_by = {**state.learnt_by, name: ()}
    forgotten = {**state.forgotten, name: state.learnt_by.get(name) or state.forgotten.get(name, ())}
    notes = tuple(note for note in state.notes if not (note.past and note.step == name))
    state = _with(state, notes=notes, troubles=troubles, undone_since=since)
    return _with(state, facts=facts, learnt_by=learnt_by, forgotten=forgotten)


def _paused(state: RunState, record: Record) -> RunState:
    valid = record.data.get("valid")
    until = record.time + float(valid) if valid is not None else state.until
    return _with(state, paused=_text(record.data, "reason"), until=until, stood=state.stood or valid is not None)


def _end(state: RunState, record: Record) -> RunState:
    return _with(state, ended=_text(record.data, "outcome"))


def _finished(state: RunState, record: Record) -> RunState:
    return _with(state, finished=True, unseen=tuple(record.data.get("unseen", ())))


def _note(state: RunState, record: Record) -> RunState:
    note = Note(record.kind, _text(record.data, "step"), _text(record.data, "text"))
    return _with(state, notes=(*state.notes, note))


def _looked(state: RunState, record: Record) -> RunState:
    """A look changes nothing. What followed from it has records of its own."""
    return state


def _second_run(state: RunState, record: Record) -> RunState:
    raise JournalDamaged(f"record {record.seq} begins a second run in one file", hint=_EDITED)


_FOLDS: dict[Kind, Callable[[RunState, Record], RunState]] = {
    Kind.RUN: _second_run,
    Kind.BEGIN: _begin,
    Kind.LEARNT: _learnt,
    Kind.DONE: _done,
    Kind.FAILED: _failed,
    Kind.DIRECTION: _direction,
    Kind.UNDO: _undo,
    Kind.UNDONE: _undone,
    Kind.PAUSED: _paused,
    Kind.END: _end,
    Kind.FINISHED: _finished,
    Kind.REMARK: _note,
    Kind.WARNING: _note,
    Kind.LOOKED: _looked,
}
