"""Where runs stand, by their folders alone: no other machine is asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vmmigrate.errors import JournalDamaged
from vmmigrate.findings import Check, Verdict
from vmmigrate.itinerary import Itinerary, Plan
from vmmigrate.run.fold import RunState, fold
from vmmigrate.run.record import Record, read
from vmmigrate.run.rundir import RunDir
from vmmigrate.run.standing import Standing, outage


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
    def checks(self) -> tuple[Check, ...]:
        """What was compared, in the order of the run."""
        return self.itinerary.checks(self.state.facts)

    @property
    def proofs(self) -> tuple[str, ...]:
        """What was compared and found right, in words."""
        return tuple(str(check) for check in self.checks if check.verdict is Verdict.PASS)

    @property
    def outage(self) -> float | None:
        return outage(self.itinerary, self.records)


def read_status(rundir: RunDir, itineraries: Sequence[Itinerary]) -> RunStatus:
    """Raises JournalDamaged where it cannot be read."""
    records = tuple(read(rundir.journal))
    state = fold(records)
    itinerary = of_run(state, itineraries)
    return RunStatus(
        rundir.run_id, rundir.path, itinerary, state, itinerary.read_plan(rundir.plan.read_text()), records
    )


def of_run(state: RunState, itineraries: Sequence[Itinerary]) -> Itinerary:
    """The one that the journal names. Raises JournalDamaged where this version has none of that name."""
    for itinerary in itineraries:
        if itinerary.name == state.itinerary:
            return itinerary
    raise JournalDamaged(
        f"run {state.run_id} is of a kind that this version does not know: {state.itinerary}",
        hint=f"use vmmigrate {state.version} for this run",
    )
