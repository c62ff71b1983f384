"""What can be asked of a run of any kind: begin, resume, rollback, finish, status."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

from vmmigrate import __version__
from vmmigrate.doors import Doors
from vmmigrate.durable import write_durably
from vmmigrate.errors import JournalDamaged, NeedsConfirmation, UsageProblem
from vmmigrate.events import RunStarted
from vmmigrate.itinerary import Itinerary, Scope
from vmmigrate.parts import Parts, run_of
from vmmigrate.run.engine import REDO, Engine
from vmmigrate.run.fold import RunState
from vmmigrate.run.journal import Journal
from vmmigrate.run.recorder import Recorder
from vmmigrate.run.rundir import RunDir, locked
from vmmigrate.run.stage import Run
from vmmigrate.run.standing import ROLLED_BACK, Standing
from vmmigrate.run.status import RunStatus, of_run, read_status
from vmmigrate.run.supervise import finish as finish_run
from vmmigrate.run.supervise import outcome_of, supervise
from vmmigrate.settings.folders import run_ids
from vmmigrate.settings.models import Settings

# ---- begin ----------------------------------------------------------------------------------------------


def begin(rundir: RunDir, itinerary: Itinerary, plan: str, settings: Settings) -> Journal:
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
        return Journal.create(rundir.journal, header)
    except Exception:
        rundir.remove()
        raise


def start(itinerary: Itinerary, plan: str, run: Run, recorder: Recorder) -> None:
    """Begin a run of that kind, of which nothing is on the disk yet, and take it to its end."""
    rundir = run.rundir
    rundir.create()
    with locked(rundir), closing(begin(rundir, itinerary, plan, run.settings)) as journal, recorder.into(journal):
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
    with _reopened(run_id, parts) as (engine, run):
        standing = engine.standing
        state = standing.state
        if state.ended in (engine.itinerary.outcome, ROLLED_BACK):
            raise UsageProblem(
                f"run {run_id} has ended: {state.ended}",
                hint=f"there is nothing to resume; for the next command: vmmigrate status {run_id}",
            )
        if standing.paused_at:
            _refuse_second_commit(standing)
        if standing.paused_at or state.back is None or state.back.scope == REDO.name:
            fetch_secrets(run.doors, engine.itinerary.secrets(run.doors, run.plan, state))
        else:
            _fetch_for_the_way_back(run.doors, standing)
        report_start(run, "resume")
        if standing.paused_at:
            engine.turn_forward("resumed by the operator")
        supervise(engine, run, Engine.go_on)
        return outcome_of(engine.standing)


def rollback(run_id: str, parts: Parts, *, scope: str | None = None, leave_mail: bool = False) -> str:
    """Go back; the outcome. Without `scope`: the first one that is not refused in this state.

    Raises UsageProblem for a scope that is refused after the commit; UndoRefused where something would be lost.
    """
    with _reopened(run_id, parts) as (engine, run):
        standing = engine.standing
        if standing.state.ended == ROLLED_BACK:
            raise UsageProblem(f"run {run_id} is rolled back already", hint="there is nothing left to undo")
        wanted = _asked_for(engine.itinerary, scope) if scope else standing.usual_scope()
        if standing.committed and wanted.refused:
            usual = standing.usual_scope()
            raise UsageProblem(
                f"run {run_id}: {wanted.refused}",
                hint=f"vmmigrate rollback {run_id} --scope {usual.name}: {usual.words}",
            )
        _fetch_for_the_way_back(run.doors, standing)
        report_start(run, "rollback")
        supervise(engine, run, lambda e: e.back(wanted, "requested by the operator", leave_mail=leave_mail))
        return outcome_of(engine.standing)


def _asked_for(itinerary: Itinerary, name: str) -> Scope:
    for scope in itinerary.scopes:
        if scope.name == name:
            return scope
    known = " or ".join(scope.name for scope in itinerary.scopes)
    raise UsageProblem(f"a run of the kind {itinerary.name} has no scope {name!r}", hint=f"give --scope {known}")


def finish(run_id: str, parts: Parts, *, yes: bool = False) -> str:
    """The end that cannot be undone: secrets and the right to roll back are dropped; the outcome."""
    with _reopened(run_id, parts) as (engine, run):
        standing = engine.standing
        if standing.finish is None:
            raise UsageProblem(
                f"run {run_id} is {standing.word}",
                hint=f"first `vmmigrate resume {run_id}` or `vmmigrate rollback {run_id}`",
            )
        if not yes:
            raise NeedsConfirmation(standing.finish.question(run.plan), "--yes")
        report_start(run, "finish")
        finish_run(engine, run)
        return outcome_of(engine.standing)


def _fetch_for_the_way_back(doors: Doors, standing: Standing) -> None:
    """Before a live phase, going back concerns the hypervisor alone."""
    fetch_secrets(doors, standing.itinerary.secrets_back(doors) if standing.exposed else ())


def _refuse_second_commit(standing: Standing) -> None:
    if standing.committed:
        run_id = standing.state.run_id
        raise UsageProblem(
            f"run {run_id} {standing.itinerary.once}", hint=f"vmmigrate finish {run_id}, then start a new run"
        )


# ---- status ----------------------------------------------------------------------------------------------


def status(run_id: str, parts: Parts) -> RunStatus:
    """Raises UsageProblem if there is no such run, JournalDamaged if it cannot be read."""
    return read_status(_existing(run_id, parts), parts.itineraries)


def statuses(parts: Parts) -> Iterator[RunStatus]:
    """Each run that can be read, oldest first; JournalDamaged for one that cannot is raised after the others."""
    damaged: JournalDamaged | None = None
    for run_id in runs(parts):
        try:
            yield status(run_id, parts)
        except JournalDamaged as error:
            damaged = damaged or error
    if damaged is not None:
        raise damaged


def runs(parts: Parts) -> tuple[str, ...]:
    """The ids of all runs, oldest first."""
    return run_ids(parts.runs_folder)


# ---- a recorded run --------------------------------------------------------------------------------------


def _existing(run_id: str, parts: Parts) -> RunDir:
    rundir = parts.rundir(run_id)
    if not rundir.journal.exists():
        known = ", ".join(runs(parts)[-5:]) or "none"
        raise UsageProblem(
            f"there is no run {run_id!r} in {parts.runs_folder} (known: {known})",
            hint="list the runs with `vmmigrate status`",
        )
    return rundir


@contextmanager
def _reopened(run_id: str, parts: Parts) -> Iterator[tuple[Engine, Run]]:
    """A recorded run with its parts, under its lock."""
    rundir = _existing(run_id, parts)
    with locked(rundir), closing(Journal.resume(rundir.journal)) as journal:
        _refuse_finished(journal.state())
        if journal.state().ended == ROLLED_BACK:
            rundir.drop_secrets()  # a crash may have come between that record and this act
        itinerary = of_run(journal.state(), parts.itineraries)
        plan = itinerary.read_plan(_untouched_plan(rundir, journal.state()))
        settings = Settings.model_validate_json(rundir.settings.read_text())
        recorder = Recorder(parts.listen)
        with recorder.into(journal), run_of(rundir, plan, settings, replace(parts, listen=recorder)) as run:
            yield Engine(journal, itinerary, run, recorder), run


def _refuse_finished(state: RunState) -> None:
    if state.finished:
        raise UsageProblem(
            f"run {state.run_id} is finished: it cannot be continued or rolled back",
            hint=f"to see what it did: vmmigrate status {state.run_id}",
        )


def _untouched_plan(rundir: RunDir, state: RunState) -> str:
    """Raises JournalDamaged where it is not the one that the run began with."""
    text = rundir.plan.read_text()
    if hashlib.sha256(text.encode()).hexdigest() != state.plan_sha256:
        raise JournalDamaged(
            f"{rundir.plan} is not the plan with which the run began",
            hint="restore that file from a copy: it was edited",
        )
    return text
