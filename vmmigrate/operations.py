"""What can be asked of a run of any kind: begin, resume, rollback, finish, status."""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from functools import partial

from hypervisors import Problem
from vmmigrate import __version__
from vmmigrate.doors import Doors
from vmmigrate.durable import write_durably
from vmmigrate.errors import JournalDamaged, NeedsConfirmation, UsageProblem
from vmmigrate.events import RunStarted, Warned
from vmmigrate.itinerary import REDO, Itinerary
from vmmigrate.parts import Parts, run_of
from vmmigrate.run import way_out
from vmmigrate.run.clocks import THIS_MACHINE, Clocks
from vmmigrate.run.engine import Engine
from vmmigrate.run.fold import Status
from vmmigrate.run.guarded import require
from vmmigrate.run.journal import Journal
from vmmigrate.run.lock import locked
from vmmigrate.run.recorded import Recorded, as_set_now, refuse_finished, taken_up
from vmmigrate.run.recorder import Recorder
from vmmigrate.run.rundir import RunDir, not_begun
from vmmigrate.run.stage import Discard, Run
from vmmigrate.run.standing import ROLLED_BACK, Standing
from vmmigrate.run.status import RunStatus, read_status
from vmmigrate.run.supervise import finish as finish_run
from vmmigrate.run.supervise import outcome_of, supervise
from vmmigrate.run.way_back import WayBack, scope_to_undo, way_back
from vmmigrate.settings.folders import run_ids
from vmmigrate.settings.given import NOTHING_GIVEN, Given
from vmmigrate.settings.models import Settings

LAST = "last"  # for a run's id: the newest
NOTHING = Discard()

# ---- begin ----------------------------------------------------------------------------------------------


def begin(
    rundir: RunDir,
    itinerary: Itinerary,
    plan: str,
    settings: Settings,
    clocks: Clocks = THIS_MACHINE,
    given: Given = NOTHING_GIVEN,
) -> Journal:
    """The run exists once its journal does; everything a later process needs is on the disk before it."""
    header = {
        "run_id": rundir.run_id,
        "version": __version__,
        "plan_sha256": hashlib.sha256(plan.encode()).hexdigest(),
        "itinerary": itinerary.name,
        "steps": [
            {"name": step.name, "phase": phase.name, "title": step.title}
            for phase in itinerary.phases
            for step in phase.steps
        ],
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


def start(itinerary: Itinerary, plan: str, run: Run, recorder: Recorder) -> None:
    """Begin a run of that kind, of which nothing is on the disk yet, and take it to its end."""
    rundir = run.rundir
    rundir.create()
    with (
        locked(rundir, itinerary.name, host=run.workstation, wall=run.wall),
        closing(begin(rundir, itinerary, plan, run.settings, run.clocks, run.given)) as journal,
        recorder.into(journal, partial(itinerary.vms, run.plan)),
    ):
        report_start(run, itinerary.name)
        supervise(Engine(journal, itinerary, run, run.emit), run, Engine.forward)


def fetch_secrets(doors: Doors, names: Iterable[str]) -> None:
    """All at the start, so that nobody is asked for a password in the middle of a live phase."""
    for name in names:
        doors.secrets.get(name)


def report_start(run: Run, verb: str) -> None:
    run.emit(RunStarted(run.run_id, verb, str(run.rundir.path)))


# ---- resume, rollback, finish ----------------------------------------------------------------------------


def resume(run_id: str, parts: Parts) -> str:
    """Continue in the recorded direction; returns the outcome."""
    with _taken_up(run_id, "resume", parts) as recorded:
        _refuse_to_resume(recorded.standing)
        with _connected(recorded, parts) as (engine, run):
            standing = engine.standing
            _fetch_for_the_recorded_way(run, standing)
            report_start(run, "resume")
            require(run, standing.itinerary.guard)
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
    `discard`: what may be lost with a VM that it deletes.
    Raises UsageProblem for a scope that is refused after the commit; NeedsConfirmation before anything is changed;
    UndoRefused where something would be lost.
    """
    with _taken_up(run_id, "rollback", parts) as recorded:
        wanted = scope_to_undo(recorded.standing, scope)
        if not yes:
            raise NeedsConfirmation("; ".join(way_back(recorded.standing, recorded.plan, wanted).takes), "--yes")
        with _connected(recorded, parts) as (engine, run):
            _fetch_for_the_way_back(run, engine.standing, engine.standing.to_undo(wanted))
            report_start(run, "rollback")
            run.discard = discard
            require(run, engine.itinerary.guard, wanted.guard)
            supervise(engine, run, lambda e: e.back(wanted, "requested by the operator", leave_behind=leave_behind))
            return outcome_of(engine.standing)


def rehearse_rollback(run_id: str, parts: Parts, *, scope: str | None = None) -> WayBack:
    """What `rollback` would undo, from the run's folder alone: nothing is touched. Raises UsageProblem as it does."""
    seen = status(run_id, parts)
    refuse_finished(seen.state)
    return way_back(seen.standing, seen.plan, scope_to_undo(seen.standing, scope))


def finish(run_id: str, parts: Parts, *, yes: bool = False, discard: Discard = NOTHING) -> str:
    """The end that cannot be undone: secrets and the right to roll back are dropped; the outcome.

    `discard`: what may be lost with a VM that it deletes.
    """
    with _taken_up(run_id, "finish", parts) as recorded:
        end = recorded.standing.finish
        if recorded.standing.state.ended == ROLLED_BACK:
            raise UsageProblem(
                f"run {run_id} is rolled back: there is nothing to finish",
                hint=f"to see what it did: vmmigrate status {run_id}",
            )
        if end is None:
            raise UsageProblem(
                f"run {run_id} is {recorded.standing.words}",
                hint=f"first `vmmigrate resume {run_id}` or `vmmigrate rollback {run_id}`",
            )
        if not yes:
            raise NeedsConfirmation(end.question(recorded.plan), "--yes")
        with _connected(recorded, parts) as (engine, run):
            report_start(run, "finish")
            run.discard = discard
            require(run, engine.itinerary.guard, *(() if end.acts else (engine.itinerary.everything.guard,)))
            finish_run(engine, run)
            return outcome_of(engine.standing)


@contextmanager
def _taken_up(run_id: str, verb: str, parts: Parts) -> Iterator[Recorded]:
    rundir = _existing(run_id, parts)
    with ExitStack() as held:
        with way_out.said_of(rundir, parts.itineraries):
            recorded = held.enter_context(taken_up(rundir, parts.itineraries, parts.clocks, verb))
        yield recorded


@contextmanager
def _connected(recorded: Recorded, parts: Parts) -> Iterator[tuple[Engine, Run]]:
    """The run with its parts. All that its journal alone refuses was refused before: a password may be asked for."""
    recorded, said = as_set_now(recorded, parts.given)
    recorder = Recorder(parts.listen)
    given = replace(parts, listen=recorder)
    with recorder.into(recorded.journal, partial(recorded.itinerary.vms, recorded.plan)), ExitStack() as opened:
        with way_out.said(recorded.standing, recorded.plan, recorded.settings):
            run = opened.enter_context(run_of(recorded.rundir, recorded.plan, recorded.settings, given))
        if recorded.unknown:
            left_out = ", ".join(recorded.unknown)
            recorder(Warned(f"{recorded.rundir.settings} has settings of another version, left out: {left_out}"))
        for event in said:
            recorder(event)
        yield Engine(recorded.journal, recorded.itinerary, run, recorder), run


def _fetch_for_the_recorded_way(run: Run, standing: Standing) -> None:
    state, itinerary = standing.state, standing.itinerary
    if standing.paused_at or state.back is None or state.back.scope == REDO.name:
        fetch_secrets(run.doors, itinerary.secrets(run.doors, run.plan, state))
    else:
        left = [name for name in state.back.steps if state.steps[name] is not Status.PENDING]
        _fetch_for_the_way_back(run, standing, left)


def _fetch_for_the_way_back(run: Run, standing: Standing, steps: Collection[str]) -> None:
    """Only what undoing these steps wants."""
    with way_out.said(standing, run.plan, run.settings):
        fetch_secrets(run.doors, standing.itinerary.secrets_back(run.doors, steps))


# ---- status ----------------------------------------------------------------------------------------------


def status(run_id: str, parts: Parts) -> RunStatus:
    """Raises UsageProblem if there is no such run, JournalDamaged if it cannot be read."""
    return read_status(_existing(run_id, parts), parts.itineraries)


def found(word: str, parts: Parts) -> tuple[RunStatus, ...]:
    """The run of that id; the newest for `last`; or those that concern a virtual machine, newest first.

    Raises UsageProblem where there is none.
    """
    every = runs(parts)
    if word not in every and word != LAST:
        concerned = tuple(run for run in _readable(reversed(every), parts) if word in run.plan.concerns)
        return concerned or (status(word, parts),)
    return (status(every[-1] if word == LAST and every else word, parts),)


def _readable(run_ids: Iterable[str], parts: Parts) -> Iterator[RunStatus]:
    for run_id in run_ids:
        with suppress(Problem):
            yield status(run_id, parts)


def statuses(parts: Parts) -> Iterator[RunStatus]:
    """Each run that can be read, oldest first; after the others, JournalDamaged names all that cannot."""
    unread: dict[str, Problem] = {}
    for run_id in runs(parts):
        try:
            seen = status(run_id, parts)
        except Problem as problem:
            unread[run_id] = problem
        else:
            yield seen
    if unread:
        raise _all_of(unread)


def _all_of(unread: Mapping[str, Problem]) -> JournalDamaged:
    named = [f"run {run_id}: {problem}" for run_id, problem in unread.items()]
    listed = named[0] if len(named) == 1 else f"{len(named)} runs cannot be read:\n  " + "\n  ".join(named)
    return JournalDamaged(listed, hint="; ".join(dict.fromkeys(problem.hint for problem in unread.values())))


def runs(parts: Parts) -> tuple[str, ...]:
    """The ids of all runs, oldest first."""
    try:
        return run_ids(parts.runs_folder)
    except OSError as error:
        raise UsageProblem(
            f"{parts.runs_folder} cannot be read: {error.strerror}",
            hint="permit it, or name another folder in VMMIGRATE_RUNS_FOLDER",
        ) from error


def _existing(run_id: str, parts: Parts) -> RunDir:
    every = runs(parts)
    if run_id not in every:
        known = ", ".join(every[-5:]) or "none"
        raise UsageProblem(
            f"there is no run {run_id!r} in {parts.runs_folder} (known: {known})",
            hint="list the runs with `vmmigrate status`"
            if known != "none"
            else "was it begun by another user, or on another workstation?",
        )
    return parts.rundir(run_id)
