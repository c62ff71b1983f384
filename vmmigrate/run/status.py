"""Where runs stand, by their folders alone: no other machine is asked."""

from dataclasses import dataclass
from pathlib import Path

from vmmigrate.facts import NewGuest, Verified, VerifiedLive
from vmmigrate.model import Plan, plan_from_json
from vmmigrate.run.fold import RunState, Scope, Status, fold
from vmmigrate.run.record import Kind, Record, read
from vmmigrate.run.rundir import RunDir
from vmmigrate.steps import PREPARE

COMMIT = "open"  # the step after which the new gateway may have accepted mail


@dataclass(frozen=True)
class RunStatus:
    """A run as its folder tells it, without asking any other machine."""

    run_id: str
    folder: Path
    state: RunState
    plan: Plan
    records: tuple[Record, ...]

    @property
    def word(self) -> str:
        return describe(self.state)

    @property
    def proofs(self) -> tuple[str, ...]:
        """What was compared and found equal, in words."""
        facts = self.state.facts
        guest, verified, live = facts.find(NewGuest), facts.find(Verified), facts.find(VerifiedLive)
        trusted = (f"the new VM's host key, by {guest.trusted_by}",) if guest else ()
        return (*trusted, *(verified.checks if verified else ()), *(live.checks if live else ()))

    @property
    def verbs(self) -> tuple[str, ...]:
        """What can be done with the run now."""
        if self.state.finished or self.state.ended == "rolled-back":
            return ()
        if self.state.ended == "migrated" or (self.state.committed and self.state.paused):
            return ("finish", "rollback") if self.state.ended else ("finish",)
        return ("resume", "rollback")

    @property
    def outage(self) -> float | None:
        return outage(self.records)


def read_status(rundir: RunDir) -> RunStatus:
    """Raises JournalDamaged where it cannot be read."""
    records = tuple(read(rundir.journal))
    return RunStatus(rundir.run_id, rundir.path, fold(records), plan_from_json(rundir.plan.read_text()), records)


def describe(state: RunState) -> str:
    """One word or two for where a run stands."""
    if state.finished:
        return "finished"
    if state.ended or state.paused:
        return str(state.ended or state.paused)
    return f"interrupted on its way {'back' if state.back else 'forward'}"


def outage(records: tuple[Record, ...]) -> float | None:
    """Seconds from closing the old intake to having opened the new one, by the journal's times. None: no switch."""
    closed = [r.time for r in records if r.kind is Kind.LEARNT and r.data["group"] == "Intake"]
    opened = [r.time for r in records if r.kind is Kind.DONE and r.data["step"] == COMMIT]
    return opened[0] - closed[-1] if closed and opened and opened[0] >= closed[-1] else None


def switching(state: RunState) -> bool:
    """Whether anything after PREPARE was begun and not undone."""
    return any(
        status is not Status.PENDING and state.phases[name] != PREPARE.name for name, status in state.steps.items()
    )


def makes_vm(state: RunState) -> bool:
    """Whether the way forward makes the new VM, or makes it anew because its import cannot be continued."""
    redone = state.back is not None and state.back.scope is Scope.REDO
    half = state.steps["import"] not in (Status.PENDING, Status.DONE)
    return redone or half or state.steps["deploy"] is not Status.DONE


def covered(state: RunState, scope: Scope) -> list[str]:
    """The recorded steps that a scope undoes: from the switch on, or all."""
    if scope is Scope.ALL:
        return list(state.steps)
    return [name for name, phase in state.phases.items() if phase != PREPARE.name]
