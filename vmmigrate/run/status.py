"""The state of runs, only from their folders: no other machine is contacted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, reduce
from itertools import takewhile
from pathlib import Path

from vmmigrate.events import Outage
from vmmigrate.findings import Check, Finding, Severity, Verdict
from vmmigrate.itinerary import Itinerary, Plan
from vmmigrate.learnt import Facts
from vmmigrate.run.began_with import plan_of
from vmmigrate.run.fold import RunState, fold
from vmmigrate.run.left import left_to_you
from vmmigrate.run.lock import Holder, holder_of
from vmmigrate.run.outages import outages, total
from vmmigrate.run.record import Kind, Record, read
from vmmigrate.run.recorded import of_run, refuse_unreadable
from vmmigrate.run.rundir import RunDir
from vmmigrate.run.standing import Standing


@dataclass(frozen=True)
class Failure:
    """A step that failed: what was in the way, and when, as the journal has times."""

    step: str
    title: str
    error: str
    hint: str
    at: str


@dataclass(frozen=True)
class Stood:
    """Since when a run stands at its stop, until when it may, and its age in seconds. Times as in a journal."""

    at: str
    until: str
    seconds: float


IN_PROGRESS = "in progress"
VERBS = ("resume", "rollback", "finish")  # that act on a recorded run


@dataclass(frozen=True)
class RunStatus:
    """A run as its folder shows it, without asking any other machine."""

    run_id: str
    folder: Path
    itinerary: Itinerary
    state: RunState
    plan: Plan
    records: tuple[Record, ...]
    holder: Holder | None = None  # who works on it now
    now: float = 0.0  # Unix seconds, when it was read
    of_plan: str = ""  # what is to be said of its file

    @property
    def standing(self) -> Standing:
        return Standing(self.itinerary, self.state)

    @property
    def in_progress(self) -> bool:
        return self.holder is not None and self.holder.certain

    @property
    def word(self) -> str:
        return IN_PROGRESS if self.in_progress else self.standing.word

    @property
    def words(self) -> str:
        """For people. What another workstation may be doing is said beside what the journal has."""
        if self.holder is None:
            return self.standing.words
        return f"{IN_PROGRESS}: {self.holder}" if self.in_progress else f"{self.standing.words} (or {self.holder})"

    @property
    def stood(self) -> Stood | None:
        """Since when it stands prepared; None: it does not."""
        until = self.state.until
        if until is None or not self.standing.stands:
            return None
        at = next(record for record in reversed(self.records) if record.kind is Kind.PAUSED)
        return Stood(at.at, datetime.fromtimestamp(until, UTC).isoformat(), self.now - at.time)

    @property
    def verbs(self) -> tuple[tuple[str, str], ...]:
        """What can be done with it now: nothing while another process works on it."""
        return () if self.in_progress else self.standing.verbs

    @cached_property
    def checks(self) -> tuple[Check, ...]:
        """What was compared, in the order of the run; of what was undone since, what did not pass is kept."""
        known = self.itinerary.checks(self.state.facts)
        last = self.itinerary.checks(self._last_learnt)
        return (*known, *(check for check in last if check.verdict is not Verdict.PASS and check not in known))

    @property
    def _last_learnt(self) -> Facts:
        """The last value of each group, also of those that a way back dropped."""
        learnt = (record.data for record in self.records if record.kind is Kind.LEARNT)
        return reduce(lambda facts, data: facts.with_json(data["group"], data["value"]), learnt, Facts())

    @property
    def failure(self) -> Failure | None:
        """Why the run stopped or went back; None where that step was done since."""
        last = None
        for record in self.records:
            step = str(record.data.get("step"))
            if record.kind is Kind.FAILED and not record.data.get("undoing"):
                last = Failure(step, self.titles.get(step, step), record.data["error"], record.data["hint"], record.at)
            elif last and (record.kind, step) == (Kind.DONE, last.step):
                last = None
        return last

    @cached_property
    def proved_at(self) -> Mapping[Check, str]:
        """When each check was made last, as the journal has times."""
        found: dict[Check, str] = {}
        for record in self.records:
            for check in self._checks_in(record):
                found[check] = record.at
        return found

    @property
    def looks(self) -> tuple[Record, ...]:
        """Each look at whether done steps still held."""
        return tuple(record for record in self._looked if record.data["step"] not in self._commands)

    @property
    def refused(self) -> tuple[Record, ...]:
        """What stopped a command before it touched anything, the last of each that is still offered."""
        last = {record.data["step"]: record for record in self._since_it_moved}
        return tuple(record for verb, record in last.items() if verb in dict(self.verbs))

    @property
    def _commands(self) -> tuple[str, ...]:
        """The verbs that act on a run of this kind."""
        stop = self.itinerary.stop
        return (*VERBS, stop.verb) if stop else VERBS

    @property
    def _since_it_moved(self) -> tuple[Record, ...]:
        notes = (Kind.LOOKED, Kind.REMARK, Kind.WARNING)
        since = tuple(takewhile(lambda record: record.kind in notes, reversed(self.records)))
        looked = (record for record in reversed(since) if record in self._looked)
        return tuple(record for record in looked if record.data["step"] in self._commands)

    @property
    def _looked(self) -> tuple[Record, ...]:
        return tuple(record for record in self.records if record.kind is Kind.LOOKED)

    def _checks_in(self, record: Record) -> tuple[Check, ...]:
        if record.kind is not Kind.LEARNT:
            return ()
        return self.itinerary.checks(Facts().with_json(record.data["group"], record.data["value"]))

    @property
    def left_to_you(self) -> tuple[str, ...]:
        return left_to_you(self.standing, self.plan)

    @property
    def _planned(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.plan.findings if finding.severity is Severity.WARNING)

    @property
    def proofs(self) -> tuple[str, ...]:
        """What was compared and found right, in words."""
        return tuple(str(check) for check in self.checks if check.verdict is Verdict.PASS)

    @property
    def failed(self) -> tuple[Check, ...]:
        """Those that did not pass, and that nobody has accepted."""
        ids = {check.id for check in self.accepted}
        return tuple(check for check in self.checks if not check.passed and check.id not in ids)

    @property
    def accepted(self) -> tuple[Check, ...]:
        """What did not pass, and the operator has left as it is."""
        return self.itinerary.accepted(self.state.facts)

    @property
    def titles(self) -> Mapping[str, str]:
        """Of the recorded steps; an earlier version did not record them."""
        known = {step.name: step.title for step in self.itinerary.steps if step.name in self.state.steps}
        return {**known, **self.state.titles}

    @property
    def warnings(self) -> tuple[str, ...]:
        """Those of the plan, and those that came while it ran."""
        planned = (f"{each.id}: {each.seen} → {each.remedy}" for each in self._planned)
        of_plan = (self.of_plan,) if self.of_plan else ()
        return tuple(dict.fromkeys((*of_plan, *planned, *self._notes(Kind.WARNING))))

    @property
    def remarks(self) -> tuple[str, ...]:
        return self._notes(Kind.REMARK)

    def _notes(self, kind: Kind) -> tuple[str, ...]:
        """Each once: a step that was done again may have said it again. What a pause left to do goes with it."""
        facts, ever = self.state.facts, (False, True)
        over = {left for scope in self.itinerary.scopes for when in ever for left in scope.leaves(facts, when)}
        over -= set(self.standing.left)
        notes = [note for note in self.state.notes if note.kind is kind and note.text not in over]
        return tuple(dict.fromkeys(f"{note.step}: {note.text}" if note.step else note.text for note in notes))

    @property
    def account(self) -> str:
        """What became of what was under way at the switch; "" where nothing was."""
        return self.itinerary.account(self.state.facts)

    @property
    def outages(self) -> tuple[Outage, ...]:
        """Each time that nobody took mail."""
        return outages(self.itinerary, self.records)

    @property
    def is_down(self) -> bool:
        """Whether an outage has begun and not ended, as far as the records go."""
        return any(each.ended is None for each in self.outages)

    @property
    def outage(self) -> float | None:
        return total(self.outages)


def read_status(rundir: RunDir, itineraries: Sequence[Itinerary], now: float = 0.0) -> RunStatus:
    """`now`: Unix seconds. Raises JournalDamaged if it cannot be read; what is shown of it later can be read then."""
    records = tuple(read(rundir.journal))
    state = fold(records)
    itinerary = of_run(state, itineraries)
    refuse_unreadable(itinerary, records)
    plan, said = plan_of(rundir, itinerary, state)
    return RunStatus(rundir.run_id, rundir.path, itinerary, state, plan, records, holder_of(rundir), now, said)
