"""Killed at any moment, any number of times, resumed or rolled back in between: a whole run ends as it should.

All moments that a run can be in are looked for: each process that goes on from one is killed before and after each of
its records, which leads to others, until no new one is found. A moment is what the journal adds up to, and the world.
"""

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from small_steps import HEADER, Bench, World
from whole_run import (
    BEFORE,
    IN_THE_VM,
    MIGRATED,
    NEW_LIVE,
    OLD_LIVE,
    PHASES,
    PREPARED,
    SWITCHED_BACK,
    itinerary,
    new_world,
)

from vmmigrate.errors import NoLonger
from vmmigrate.itinerary import REDO
from vmmigrate.run.engine import Engine
from vmmigrate.run.fold import RunState
from vmmigrate.run.journal import Journal
from vmmigrate.run.record import Kind, Record
from vmmigrate.run.standing import Standing
from vmmigrate.step import UndoRefused
from vmmigrate.steps.migration import ALL

Verb = Callable[[Engine], None]
WHOLE = itinerary()


@dataclass(frozen=True)
class Moment:
    """Where a process may be killed."""

    journal: bytes
    state: RunState
    marks: frozenset[str]

    @cached_property
    def key(self) -> tuple[str, frozenset[str]]:
        """The same for states that are the same, in whatever order their sets and mappings were filled."""
        return json.dumps(vars(self.state), default=_plain, sort_keys=True), self.marks


def _plain(value: Any) -> Any:
    """What JSON does not know: a set, or one of the state's parts."""
    if isinstance(value, frozenset):
        return sorted(value)
    return {each.name: getattr(value, each.name) for each in fields(value) if each.repr}


class Watched(Journal):
    """Takes note of each moment, before and after a record."""

    world: World
    moments: list[Moment]

    def append(self, kind: Kind, data: Mapping[str, Any] | None = None) -> Record:
        self._note()
        record = super().append(kind, data)
        self._note()
        return record

    def _note(self) -> None:
        """Before a record it may be as after the last one."""
        last, state, marks = self.moments[-1], self.state(), frozenset(self.world.marks)
        if state is not last.state or marks != last.marks:
            self.moments.append(Moment(self.path.read_bytes(), state, marks))


@pytest.fixture
def quick() -> Iterator[Path]:
    """In memory where there is one: a hundred thousand fsyncs."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder, "journal.jsonl")


def first(path: Path, *marks: str) -> Moment:
    phases = [{"name": name, "phase": phase} for name, phase in PHASES.items()]
    journal = Journal.create(path, {**HEADER, "steps": phases})
    return Moment(path.read_bytes(), journal.state(), frozenset(new_world(*marks).marks))


def after(path: Path, moment: Moment, verb: Verb) -> list[Moment]:
    """One process at work from there to its end, the moment after which it is last."""
    path.write_bytes(moment.journal)
    journal = Watched.resume(path)
    assert isinstance(journal, Watched)
    journal.world, journal.moments = World(set(moment.marks)), [replace(moment, state=journal.state())]
    with suppress(UndoRefused):
        verb(Engine(journal, WHOLE, Bench(journal.world), lambda event: None))
    journal.close()
    return journal.moments


def roll_back(engine: Engine) -> None:
    """As `vmmigrate rollback` does it without more words: before the commit all, after it the switch."""
    engine.back(engine.standing.usual_scope(), "asked")


def verbs(state: RunState) -> list[Verb]:
    """What an operator may do there."""
    if state.ended == "rolled-back":
        return []
    return [roll_back] if state.ended or state.paused else [Engine.go_on, roll_back]


def end_of(moment: Moment, verb: Verb) -> tuple[str | None, frozenset[str]]:
    """Where that leads."""
    state, mail = moment.state, moment.marks & {"mail"}
    if verb is roll_back:
        scope = Standing(WHOLE, state).usual_scope().name
    else:
        scope = state.back.scope if state.back else REDO.name
    if scope == REDO.name or ("open" in moment.marks and mail):
        return "migrated", MIGRATED | mail
    return ("rolled-back", BEFORE | mail) if scope == ALL.name else ("switched back", SWITCHED_BACK | mail)


@pytest.mark.slow
@pytest.mark.parametrize("marks", [(), ("mail",)], ids=["", "mail-waits-in-the-new-gateway"])
def test_from_every_moment_each_way_leads_to_its_end(quick: Path, marks: tuple[str, ...]) -> None:
    begun = first(quick, *marks)
    known, todo = {begun.key}, deque([begun])
    while todo:
        moment = todo.popleft()
        for verb in verbs(moment.state):
            moments = after(quick, moment, verb)
            for each in moments:
                assert not {OLD_LIVE, NEW_LIVE} <= each.marks
                assert "open" not in each.marks or Standing(WHOLE, each.state).committed
                if each.key not in known:
                    known.add(each.key)
                    todo.append(each)
            last = moments[-1]
            assert (last.state.ended or last.state.paused, last.marks) == end_of(moment, verb)


# ---- the world moves between a kill and a resume -------------------------------------------------------------


def loses(*marks: str) -> Callable[[frozenset[str]], frozenset[str]]:
    return lambda before: before - set(marks)


MOVES: dict[str, Callable[[frozenset[str]], frozenset[str]]] = {
    "the claim is removed": loses("claim"),
    "the new VM is deleted": loses("deploy", *IN_THE_VM, NEW_LIVE, "autostart", "open"),
    "the isolation is gone": loses("isolate"),
    "the address is gone": loses("address"),
    "the old guest restarts": loses("close-console", "close-intake"),
    "the old VM is plugged in": lambda before: before | {OLD_LIVE},
    "the new VM is unplugged": loses(NEW_LIVE),
    "its autostart is off": loses("autostart"),
}


@pytest.mark.slow
@pytest.mark.parametrize("move", MOVES)
def test_whatever_moved_a_resume_ends_as_it_should_or_stops_with_all_as_it_was(quick: Path, move: str) -> None:
    moments = after(quick, first(quick), Engine.go_on)
    assert len(moments) > 2 * len(PHASES)
    for moment in moments[:-1]:
        here = replace(moment, marks=MOVES[move](moment.marks))
        standing, lost = Standing(WHOLE, moment.state), moment.marks - here.marks
        if standing.committed and "deploy" in lost:
            with pytest.raises(NoLonger):
                after(quick, here, Engine.go_on)
            continue
        last = after(quick, here, on_or_back)[-1]
        if standing.between and lost & PREPARED:
            assert (last.state.paused, last.marks) == ("switched back", SWITCHED_BACK - lost), moment.state
        else:
            left = lost - set(WHOLE.relied_on) - {NEW_LIVE} if standing.committed else set()
            assert (last.state.ended, last.marks) == ("migrated", MIGRATED - left), moment.state


def on_or_back(engine: Engine) -> None:
    """As a run does it: what a look shows between two gateways takes it back."""
    try:
        engine.go_on()
    except NoLonger:
        assert engine.standing.between
        engine.back(WHOLE.interrupted, "a look failed")
