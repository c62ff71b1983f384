"""The state of runs, only from their folders: no other machine is contacted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

from vmmigrate.events import Outage
from vmmigrate.facts import Facts
from vmmigrate.findings import Check, Severity, Verdict
from vmmigrate.itinerary import Itinerary, Plan
from vmmigrate.run.fold import RunState, fold
from vmmigrate.run.outages import outages, total
from vmmigrate.run.record import Kind, Record, read
from vmmigrate.run.recorded import of_run, plan_of, refuse_unreadable
from vmmigrate.run.rundir import RunDir
from vmmigrate.run.standing import Standing


@dataclass(frozen=True)
class RunStatus:
    """A run as its folder shows it, without asking any other machine."""

    run_id: str
    folder: Path
    itinerary: Itinerary
    state: RunState
    plan: Plan
    records: tuple[Record, ...]

    @property
    def standing(self) -> Standing:
        return Standing(self.itinerary, self.state)

    @property
    def word(self) -> str:
        return self.standing.word

    @property
    def words(self) -> str:
        return self.standing.words

    @property
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
    def proofs(self) -> tuple[str, ...]:
        """What was compared and found right, in words."""
        return tuple(str(check) for check in self.checks if check.verdict is Verdict.PASS)

    @property
    def failed(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.verdict is not Verdict.PASS)

    @property
    def titles(self) -> Mapping[str, str]:
        """Of the recorded steps; an earlier version did not record them."""
        return {**{step.name: step.title for step in self.itinerary.steps}, **self.state.titles}

    @property
    def warnings(self) -> tuple[str, ...]:
        """Those of the plan, and those that came while it ran."""
        planned = [finding for finding in self.plan.findings if finding.severity is Severity.WARNING]
        return (*(f"{each.id}: {each.seen} → {each.remedy}" for each in planned), *self._notes(Kind.WARNING))

    @property
    def remarks(self) -> tuple[str, ...]:
        return self._notes(Kind.REMARK)

    def _notes(self, kind: Kind) -> tuple[str, ...]:
        """Each once: a step that was done again may have said it again."""
        notes = [note for note in self.state.notes if note.kind is kind]
        return tuple(dict.fromkeys(f"{note.step}: {note.text}" if note.step else note.text for note in notes))

    @property
    def outages(self) -> tuple[Outage, ...]:
        """Each time that nobody took mail."""
        return outages(self.itinerary, self.records)

    @property
    def outage(self) -> float | None:
        return total(self.outages)


def read_status(rundir: RunDir, itineraries: Sequence[Itinerary]) -> RunStatus:
    """Raises JournalDamaged if it cannot be read; all that is shown of it later can be read then."""
    records = tuple(read(rundir.journal))
    state = fold(records)
    itinerary = of_run(state, itineraries)
    refuse_unreadable(itinerary, records)
    return RunStatus(rundir.run_id, rundir.path, itinerary, state, plan_of(rundir, itinerary), records)
