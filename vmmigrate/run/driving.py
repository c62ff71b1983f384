"""Drive a run to its end: go back by itself where a step fails before the commit, and tell how it ended."""

from collections.abc import Callable

from hypervisors import Cancelled, Problem
from vmmigrate.errors import JournalFailed
from vmmigrate.events import RunEnded
from vmmigrate.facts import NewVm
from vmmigrate.run.engine import Engine
from vmmigrate.run.fold import Scope, Status
from vmmigrate.run.journal import Journal
from vmmigrate.run.record import Kind
from vmmigrate.run.stage import Run
from vmmigrate.run.status import covered, describe, outage, switching
from vmmigrate.steps import UndoRefused


class RolledBack(Problem):
    """A step failed and the run went back: the old VM is live, nothing of the new one is left."""


class NeedsAttention(Problem):
    """Something is left to a person; the message lists what."""


def drive(engine: Engine, run: Run, act: Callable[[Engine], None]) -> None:
    """Do it; on failure before the commit go back; tell how it ended."""
    try:
        act(engine)
    except Cancelled:
        _interrupted(engine, run)
        raise
    except Exception as error:
        _failed(engine, run, error)
    _tell_end(engine, run)


def _failed(engine: Engine, run: Run, error: Exception) -> None:
    state = engine.journal.state()
    if isinstance(error, JournalFailed):
        raise error
    if isinstance(error, UndoRefused):
        run.emit(ended(run, engine.journal, outcome_of(engine.journal)))
        raise error
    if state.committed or state.back is not None or state.ended is not None:
        run.emit(ended(run, engine.journal, "needs-attention"))
        raise error
    engine.cancelled = lambda: None
    run.disarm()
    engine.back(Scope.ALL, f"a step failed: {state.error or type(error).__name__}", list(state.steps))
    _tell_end(engine, run)
    if isinstance(error, Problem):
        raise RolledBack(str(error), hint=error.hint) from error
    raise error


def _interrupted(engine: Engine, run: Run) -> None:
    """Nobody is left without a gateway: an interrupt within the switch goes back to the old VM first."""
    state = engine.journal.state()
    if switching(state) and not state.committed and state.back is None:
        engine.cancelled = lambda: None
        run.disarm()
        engine.back(Scope.SWITCH, "interrupted by the operator", covered(state, Scope.SWITCH))
        refuse_left_over(engine, run)
    else:
        engine.journal.append(Kind.PAUSED, {"reason": "interrupted"})
    run.emit(ended(run, engine.journal, "interrupted"))


def _tell_end(engine: Engine, run: Run) -> None:
    state = engine.journal.state()
    if state.ended == "rolled-back":
        run.rundir.drop_secrets()
    refuse_left_over(engine, run)
    run.emit(ended(run, engine.journal, outcome_of(engine.journal)))


def refuse_left_over(engine: Engine, run: Run) -> None:
    """Raises NeedsAttention where an undo failed."""
    state = engine.journal.state()
    if state.ended == "needs-attention":
        run.emit(ended(run, engine.journal, "needs-attention"))
        listed = [f"{name}: {text}" for name, text in state.troubles.items()]
        raise NeedsAttention(
            "not everything could be undone:" + (f" {listed[0]}" if len(listed) == 1 else "\n  " + "\n  ".join(listed)),
            hint=f"mend that, then run `vmmigrate rollback {run.run_id}` again: it goes on where it failed",
        )


def outcome_of(journal: Journal) -> str:
    state = journal.state()
    return "switched-back" if state.paused == "switched back" else describe(state)


def ended(run: Run, journal: Journal, outcome: str) -> RunEnded:
    """After an undo of the switch that failed, nobody here can say which of both is plugged in."""
    state = journal.state()
    switch, unknown = state.steps["switch"], "unknown: look at its link"
    if outcome == "finished" and switch is Status.DONE:
        unplugged_old = "kept, switched off"
    else:
        unplugged_old = "kept, unplugged"
    closed = state.steps["close-intake"] is not Status.PENDING
    live_old = "plugged in, but its mail intake may be closed" if closed else "live"
    unplugged = "kept, unplugged" if run.facts.find(NewVm) else "deleted or never made"
    return RunEnded(
        run_id=run.run_id,
        outcome=outcome,
        outage=outage(tuple(journal.records)),
        old_vm={Status.DONE: unplugged_old, Status.PENDING: live_old}.get(switch, unknown),
        new_vm={Status.DONE: "live", Status.PENDING: unplugged}.get(switch, unknown),
        insecure=run.plan.insecure,
    )
