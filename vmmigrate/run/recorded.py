"""Take up a recorded run under its lock: journal, kind, plan and settings are read, and nothing is connected."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypervisors import Problem
from vmmigrate.errors import JournalDamaged, UsageProblem
from vmmigrate.events import StepRemark, Warned
from vmmigrate.itinerary import Itinerary
from vmmigrate.learnt import Facts
from vmmigrate.run.began_with import plan_of, settings_of
from vmmigrate.run.clocks import THIS_MACHINE, Clocks
from vmmigrate.run.fold import RunState
from vmmigrate.run.journal import Journal
from vmmigrate.run.lock import Holder, locked
from vmmigrate.run.record import Kind, Record
from vmmigrate.run.rundir import RunDir
from vmmigrate.run.standing import ROLLED_BACK, Standing
from vmmigrate.settings.given import NO_FILE, Given, followed, kept, private_again
from vmmigrate.settings.models import Settings
from vmmigrate.step import Step

WAYS_BACK = ("rollback",)  # verbs that no file may be in the way of


@dataclass(frozen=True)
class Recorded:
    """A run as its folder has it, held by this process. `unknown`: settings of another version, left out."""

    rundir: RunDir
    journal: Journal
    itinerary: Itinerary
    plan: Any
    settings: Settings
    unknown: tuple[str, ...] = ()
    verb: str = ""
    left: Holder | None = None  # who had its lock last, on another workstation, and did not let it go
    said: tuple[str, ...] = ()  # of files that could not be used, in whose place the journal's copies are
    copied: bool = False  # the settings are such a copy

    @property
    def standing(self) -> Standing:
        return Standing(self.itinerary, self.journal.state())


@contextmanager
def taken_up(
    rundir: RunDir, itineraries: Sequence[Itinerary], clocks: Clocks = THIS_MACHINE, verb: str = ""
) -> Iterator[Recorded]:
    """Under its lock. Raises UsageProblem if it is finished, JournalDamaged if it cannot be read."""
    with (
        locked(rundir, verb, wall=clocks.wall) as left,
        closing(Journal.resume(rundir.journal, clocks=clocks)) as journal,
    ):
        state = journal.state()
        refuse_finished(state)
        if state.ended == ROLLED_BACK:
            rundir.drop_secrets()  # a crash may have come between that record and this act
        itinerary = of_run(state, itineraries)
        readable_steps(itinerary, state, journal.records)
        whatever = verb in WAYS_BACK
        plan, of_plan = plan_of(rundir, itinerary, state, whatever=whatever)
        stored, of_settings = settings_of(rundir, state, whatever=whatever)
        said = tuple(filter(None, (of_plan, of_settings)))
        yield Recorded(
            rundir, journal, itinerary, plan, stored.settings, stored.unknown, verb, left, said, bool(of_settings)
        )


def refuse_finished(state: RunState) -> None:
    """Raises UsageProblem."""
    if state.finished:
        raise UsageProblem(
            f"run {state.run_id} is finished: it cannot be continued or rolled back",
            hint=f"to see what it did: vmmigrate status {state.run_id}",
        )


def as_set_now(
    recorded: Recorded, given: Callable[[Path | None], Given], clocks: Clocks = THIS_MACHINE
) -> tuple[Recorded, tuple[StepRemark | Warned, ...]]:
    """With what the operator has changed since it began, as a hint may have asked for, and what is to be said of it.

    Raises UsageProblem. A way back does not wait for a file to be in order: it goes with the settings as they were.
    """
    said: list[StepRemark | Warned] = [Warned(text) for text in recorded.said]
    if recorded.left:
        left = f"not ended as far as this workstation can see: {recorded.left}"
        said.append(Warned(f"{left}; make sure that it is gone"))
    then = kept(recorded.rundir.given)
    try:
        now = given(Path(then.file) if then and Path(then.file).is_file() else NO_FILE)
        began, again = private_again(recorded.settings, then, now) if recorded.copied else (recorded.settings, ())
        settings, changes = followed(began, then, now)
    except UsageProblem as problem:
        if recorded.verb not in WAYS_BACK:
            raise
        return recorded, (*said, Warned(f"with the settings as they were when the run began: {problem}"))
    said += [Warned(text) for text in again]
    at = f"{datetime.fromtimestamp(clocks.wall(), UTC):%Y-%m-%d %H:%M:%S} UTC"
    changed = (
        StepRemark("", f"{change.since_began}, and {change.now} at this {recorded.verb}, {at}") for change in changes
    )
    return replace(recorded, settings=settings), (*said, *changed)


# ---- what can be read of a run -------------------------------------------------------------------------------


def of_run(state: RunState, itineraries: Sequence[Itinerary]) -> Itinerary:
    """The one that the journal names. Raises JournalDamaged if this version has none of that name."""
    for itinerary in itineraries:
        if itinerary.name == state.itinerary:
            return itinerary
    raise JournalDamaged(
        f"run {state.run_id} is of a kind that this version does not know: {state.itinerary}",
        hint=f"use vmmigrate {state.version} for this run",
    )


def readable_steps(itinerary: Itinerary, state: RunState, records: Sequence[Record]) -> list[Step]:
    """The recorded steps in their order. Raises if this version lacks one, or cannot read what one learnt."""
    known = {step.name: step for step in _with_looks_of_missing(itinerary, state)}
    missing = [name for name in state.steps if name not in known]
    if missing:
        raise Problem(
            f"this version has no step {', '.join(missing)}, which the run recorded",
            hint=f"use vmmigrate {state.version} for this run",
        )
    unknown = state.facts.names - {group.__name__ for group in itinerary.groups}
    if unknown:
        raise JournalDamaged(
            f"this version has nothing called {', '.join(sorted(unknown))}, which the run learnt",
            hint=f"use vmmigrate {state.version} for this run",
        )
    refuse_unreadable(itinerary, records)
    return [known[name] for name in state.steps]


def _with_looks_of_missing(itinerary: Itinerary, state: RunState) -> Iterator[Step]:
    """What is to be looked at before a step that an earlier version lacked is looked at before the next that it had."""
    owed: tuple[str, ...] = ()
    for step in itinerary.steps:
        owed = (*owed, *step.looks_back)
        if step.name in state.steps:
            looks_back = tuple(dict.fromkeys(owed))
            yield step if looks_back == step.looks_back else replace(step, looks_back=looks_back)
            owed = ()


def refuse_unreadable(itinerary: Itinerary, records: Sequence[Record]) -> None:
    """Raises JournalDamaged, with the record's number, if a group has another shape than this version reads.

    Also of a step that was undone since: what it learnt last is shown.
    """
    groups = {group.__name__: group for group in itinerary.groups}
    for record in records:
        if record.kind is Kind.LEARNT and record.data["group"] in groups:
            _refuse_unreadable(record, groups[record.data["group"]])


def _refuse_unreadable(record: Record, group: type) -> None:
    try:
        Facts().with_json(record.data["group"], record.data["value"]).of(group)
    except JournalDamaged as error:
        raise JournalDamaged(f"record {record.seq}: {error}", hint=error.hint) from error
