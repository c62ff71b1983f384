"""What can be asked of a run of any kind: begin, resume, rollback, finish."""

from collections.abc import Collection
from contextlib import closing
from functools import partial
from typing import Any

from vmmigrate import __version__, known_runs
from vmmigrate.durable import write_durably
from vmmigrate.errors import NeedsConfirmation, UsageProblem
from vmmigrate.itinerary import REDO, Itinerary, Scope, unguarded
from vmmigrate.parts import Parts
from vmmigrate.run import began_with, way_out
from vmmigrate.run.clocks import THIS_MACHINE, Clocks
from vmmigrate.run.engine import Engine
from vmmigrate.run.fold import Status
from vmmigrate.run.guarded import require
from vmmigrate.run.journal import Journal
from vmmigrate.run.lock import locked, refuse_locked
from vmmigrate.run.recorded import Recorded, refuse_finished
from vmmigrate.run.recorder import Recorder
from vmmigrate.run.rundir import RunDir, not_begun
from vmmigrate.run.stage import Discard, Run
from vmmigrate.run.standing import ROLLED_BACK, Standing
from vmmigrate.run.supervise import finish as finish_run
from vmmigrate.run.supervise import outcome_of, supervise
from vmmigrate.run.way_back import WayBack, nothing_deleted, nothing_left, refuse_needless, scope_to_undo, way_back
from vmmigrate.settings.given import NOTHING_GIVEN, Given
from vmmigrate.settings.models import Settings
from vmmigrate.step import Look
from vmmigrate.taking_up import connected, fetch_secrets, report_start, run_taken_up

NOTHING = Discard()

# ---- begin ----------------------------------------------------------------------------------------------


def begin(
    rundir: RunDir,
    itinerary: Itinerary,
    plan: str,
    settings: Settings,
    clocks: Clocks = THIS_MACHINE,
    given: Given = NOTHING_GIVEN,
    *,
    stops: bool = False,
    rehearses: bool = False,
) -> Journal:
    """The run exists once its journal does; everything a later process needs is on the disk before it.

    `stops`: it stands still at its itinerary's stop. `rehearses`: it goes back from there by itself.
    """
    header = {
        "run_id": rundir.run_id,
        "version": __version__,
        **began_with.recorded(plan, settings),
        "itinerary": itinerary.name,
        "steps": [
            {"name": step.name, "phase": phase.name, "title": step.title}
            for phase in itinerary.phases
            for step in phase.steps
        ],
        **({"stops": itinerary.stop.stands_as} if (stops or rehearses) and itinerary.stop else {}),
        **({"rehearses": True} if rehearses else {}),
    }
    try:
        write_durably(rundir.plan, plan.encode())
        write_durably(rundir.settings, settings.model_dump_json(indent=2, exclude_none=True).encode())
        write_durably(rundir.given, given.as_json())
        return Journal.create(rundir.journal, header, clocks=clocks)
    except OSError as error:
        rundir.remove()
        raise not_begun(rundir.path, error) from error
    except Exception:
        rundir.remove()
        raise


def start(itinerary: Itinerary, plan: str, run: Run, recorder: Recorder, *, verb: str = "", **ends: bool) -> None:
    """Begin a run of that kind, of which nothing is on the disk yet, and take it to its end.

    `verb`: what was asked for; "": the itinerary's name. `ends`: where it does not go to its end, as of `begin`.
    """
    rundir = run.rundir
    rundir.create()
    with (
        locked(rundir, itinerary.name, host=run.workstation, wall=run.wall),
        closing(begin(rundir, itinerary, plan, run.settings, run.clocks, run.given, **ends)) as journal,
        recorder.into(journal, partial(itinerary.vms, run.plan)),
    ):
        report_start(run, verb or itinerary.name)
        supervise(Engine(journal, itinerary, run, run.emit), run, Engine.forward)


# ---- resume, rollback, finish ----------------------------------------------------------------------------


def resume(
    run_id: str,
    parts: Parts,
    *,
    accept: tuple[str, ...] = (),
    budget: float | None = None,
    accept_outage: bool = False,
) -> str:
    """Continue in the recorded direction; returns the outcome. `accept`, `budget`, `accept_outage`: as of `Terms`."""
    with run_taken_up(run_id, "resume", parts) as recorded:
        _refuse_to_resume(recorded.standing)
        with connected(recorded, parts) as (engine, run):
            standing = engine.standing
            _fetch_for_the_recorded_way(run, standing)
            report_start(run, "resume")
            run.discard, run.accepts = _permitted(standing), accept
            run.permitted_outage, run.outage_accepted = budget, accept_outage
            amiss = _undone_no_more(engine, standing.itinerary.everything) if standing.finishing else False
            require(run, engine.journal, standing, "resume", *_guards(standing, amiss=amiss))
            if standing.paused_at:
                engine.turn_forward("resumed by the operator")
            supervise(engine, run, Engine.go_on)
            return outcome_of(engine.standing)


def _refuse_to_resume(standing: Standing) -> None:
    state = standing.state
    if state.ended in (standing.itinerary.outcome, ROLLED_BACK):
        raise UsageProblem(
            f"run {state.run_id} has ended: {standing.words}",
            hint=f"there is nothing to resume; for the next command: vmmigrate status {state.run_id}",
        )
    if stop := standing.stands:
        raise UsageProblem(
            f"run {state.run_id} is {standing.words}",
            hint=f"vmmigrate {stop.verb} {state.run_id}: {stop.does}; `resume` is for a run that was interrupted",
        )
    if standing.paused_at and standing.committed:
        raise UsageProblem(
            f"run {state.run_id} {standing.itinerary.once}",
            hint=f"vmmigrate {standing.verbs[0][0]} {state.run_id}, then start a new run",
        )


def rollback(
    run_id: str,
    parts: Parts,
    *,
    scope: str | None = None,
    leave_behind: bool = False,
    discard: Discard = NOTHING,
    yes: bool = False,
) -> str:
    """Go back; the outcome. Without `scope`: the first one that is not refused in this state.

    `leave_behind`: go back also where something that came to the new side, such as mail, stays behind in it.
    `discard`: what may be lost with a VM that it deletes. What was undone already is looked at: where it does not hold
    any more there is something to undo again, and that comes before the scope's guard.
    Raises UsageProblem for a scope that is refused after the commit; NeedsConfirmation before anything is changed;
    UndoRefused where something would be lost.
    """
    with run_taken_up(run_id, "rollback", parts) as recorded:
        wanted = scope_to_undo(recorded.standing, scope)
        refuse_needless(recorded.standing, wanted, leave_behind=leave_behind, discard=bool(discard.given))
        idle = nothing_left(recorded.standing, wanted)
        if idle and not recorded.standing.undid(wanted):
            raise idle
        if not (yes or idle):
            raise _asked(recorded, wanted)
        with connected(recorded, parts) as (engine, run):
            amiss = _undone_no_more(engine, wanted)
            if idle and not amiss:
                raise idle
            if not yes:
                raise _asked(recorded, wanted)
            _fetch_for_the_way_back(run, engine.standing, engine.standing.to_undo(wanted))
            report_start(run, "rollback")
            run.discard, run.leave_behind = discard if discard.given else _permitted(engine.standing), leave_behind
            guards = _guards(engine.standing, wanted, amiss=amiss)
            require(run, engine.journal, engine.standing, "rollback", *guards)
            began = engine.standing.finishing
            terms: dict[str, Any] = {
                "leave_behind": leave_behind,
                "permits": run.discard.given,
                "finishes": began.name if began else "",
            }
            supervise(engine, run, lambda e: e.back(wanted, "requested by the operator", **terms))
            return outcome_of(engine.standing)


def _undone_no_more(engine: Engine, scope: Scope) -> bool:
    return any(seen.wrong for seen in engine.looks_undone(engine.standing.covered(scope)))


def _guards(standing: Standing, scope: Scope | None = None, *, amiss: bool) -> tuple[Look, ...]:
    """Before a run goes on, or back that far. What a `finish` began has its own.

    `amiss`: somebody must be live again before anything else. What is deleted after that is looked at once more.
    """
    end, guard = standing.finish if standing.finishing else None, standing.itinerary.guard
    if amiss:
        return (guard,)
    return (end.guard,) if end and end.guard else (guard, scope.guard if scope else unguarded)


def _permitted(standing: Standing) -> Discard:
    """What the way back that is gone on with was begun with."""
    back = None if standing.paused_at else standing.state.back
    return Discard(back.permits.get("mail", ""), back.permits.get("settings", "")) if back else NOTHING


def _asked(recorded: Recorded, scope: Scope) -> NeedsConfirmation:
    return NeedsConfirmation("; ".join(way_back(recorded.standing, recorded.plan, scope).takes), "--yes")


def rehearse_rollback(
    run_id: str, parts: Parts, *, scope: str | None = None, leave_behind: bool = False, discard: Discard = NOTHING
) -> WayBack:
    """What `rollback` would undo, from the run's folder alone: nothing is touched. Raises what it raises."""
    refuse_locked(known_runs.existing(run_id, parts))
    seen = known_runs.status(run_id, parts)
    refuse_finished(seen.state)
    wanted = scope_to_undo(seen.standing, scope)
    refuse_needless(seen.standing, wanted, leave_behind=leave_behind, discard=bool(discard.given))
    if idle := nothing_left(seen.standing, wanted):
        raise idle
    return way_back(seen.standing, seen.plan, wanted)


def finish(run_id: str, parts: Parts, *, yes: bool = False, discard: Discard = NOTHING) -> str:
    """The end that cannot be undone: secrets and the right to roll back are dropped; the outcome.

    `discard`: what may be lost with a VM that it deletes.
    """
    with run_taken_up(run_id, "finish", parts) as recorded:
        end = recorded.standing.finish
        if recorded.standing.state.ended == ROLLED_BACK and end is None:
            raise UsageProblem(
                f"run {run_id} is rolled back: there is nothing to finish",
                hint=f"to see what it did: vmmigrate status {run_id}",
            )
        if end is None:
            raise UsageProblem(
                f"run {run_id} cannot be finished: {recorded.standing.words}",
                hint="; ".join(f"vmmigrate {verb} {run_id}: {does}" for verb, does in recorded.standing.verbs),
            )
        if end.acts and discard.given:
            raise nothing_deleted(run_id, recorded.standing.words)
        if not yes:
            raise NeedsConfirmation(end.question(recorded.plan), "--yes")
        with connected(recorded, parts) as (engine, run):
            report_start(run, "finish")
            run.discard = discard if discard.given else _permitted(engine.standing)
            require(run, engine.journal, engine.standing, "finish", end.guard or engine.itinerary.guard)
            finish_run(engine, run)
            return outcome_of(engine.standing)


def _fetch_for_the_recorded_way(run: Run, standing: Standing) -> None:
    state, itinerary = standing.state, standing.itinerary
    if standing.paused_at or state.back is None or state.back.scope == REDO.name:
        with way_out.said(standing, run.plan, run.settings):
            fetch_secrets(run.doors, itinerary.secrets(run.doors, run.plan, state))
    else:
        left = [name for name in state.back.steps if state.steps[name] is not Status.PENDING]
        _fetch_for_the_way_back(run, standing, left)


def _fetch_for_the_way_back(run: Run, standing: Standing, steps: Collection[str]) -> None:
    """Only what undoing these steps wants."""
    with way_out.said(standing, run.plan, run.settings):
        fetch_secrets(run.doors, standing.itinerary.secrets_back(run.doors, steps))
