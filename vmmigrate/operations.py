"""What can be asked of the program: plan, migrate, resume, rollback, status, finish. Here the real parts meet."""

import hashlib
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from hypervisors import (
    Access,
    Clock,
    Hypervisor,
    Problem,
    Progress,
    Secret,
    TimedOut,
    TlsTrust,
    connect,
    refuse_unreadable,
)
from vmmigrate import __version__, properties
from vmmigrate import archives as inspecting
from vmmigrate.doors import Doors
from vmmigrate.durable import write_durably
from vmmigrate.errors import JournalDamaged, UsageProblem
from vmmigrate.events import Listener, RunStarted, StepBegan, StepEnded, StepProgress, silent
from vmmigrate.facts import NewVm
from vmmigrate.findings import Findings, refusal
from vmmigrate.model import Plan, plan_from_json, plan_to_json
from vmmigrate.plan.preflight import Preflight
from vmmigrate.run.driving import drive, ended, outcome_of, refuse_left_over
from vmmigrate.run.engine import Engine
from vmmigrate.run.fold import RunState, Scope
from vmmigrate.run.journal import Journal
from vmmigrate.run.logged import warnings_told
from vmmigrate.run.record import Kind
from vmmigrate.run.rundir import RunDir, locked, new_run_id
from vmmigrate.run.stage import Run
from vmmigrate.run.status import RunStatus, covered, describe, makes_vm, read_status, switching
from vmmigrate.settings.folders import run_ids
from vmmigrate.settings.models import Settings
from vmmigrate.settings.secrets import Ask, Secrets, cannot_ask, in_words
from vmmigrate.steps import MIGRATE, claim

STEPS = tuple(step for phase in MIGRATE for step in phase.steps)


class NeedsConfirmation(Problem):
    """What is about to be done wants a yes. `flag` gives it in advance."""

    def __init__(self, question: str, flag: str) -> None:
        super().__init__(
            f"a yes is needed, and there is no terminal to ask for it: {question}",
            hint=f"give it in advance: the same command with {flag}",
        )
        self.question, self.flag = question, flag


@dataclass(frozen=True)
class Parts:
    """What an operation is given by its caller: how to connect, whom to ask, who listens, what stops it."""

    environ: Mapping[str, str]
    runs_folder: Path
    keys_folder: Path
    connect: Callable[[str, Access], Hypervisor] = connect
    ask: Ask = cannot_ask
    listen: Listener = silent
    cancelled: Callable[[], None] = lambda: None
    clock: Clock = field(default_factory=Clock)
    wall: Callable[[], float] = time.time
    known_secrets: dict[str, Secret] = field(default_factory=dict)  # asked for once, by several operations

    def rundir(self, run_id: str) -> RunDir:
        return RunDir(self.runs_folder / run_id, self.keys_folder / f"{run_id}.key")


# ---- plan ------------------------------------------------------------------------------------------------


def plan(
    old: str,
    image: Path,
    settings: Settings,
    parts: Parts,
    *,
    run_id: str | None = None,
) -> Plan:
    """Look at everything, change nothing. Raises PlanRefused and what the parts raise."""
    _refuse_unreadable(image, settings)
    with _hypervisor(settings, parts) as hypervisor, doors_of(settings, parts) as doors:
        return _look(hypervisor, settings, doors, parts, old, image, run_id or new_run_id())


def _look(
    hypervisor: Hypervisor, settings: Settings, doors: Doors, parts: Parts, old: str, image: Path, run_id: str
) -> Plan:
    def listen(progress: Progress) -> None:
        parts.cancelled()
        parts.listen(StepProgress("plan", progress.done, progress.total))

    title, started = "Look at everything, change nothing", parts.clock.now()
    parts.listen(StepBegan("plan", title, 0, 0))
    made = Preflight(hypervisor, settings, doors, listen).plan(old, image, run_id)
    parts.listen(StepEnded("plan", title, parts.clock.now() - started))
    return made


# ---- migrate ---------------------------------------------------------------------------------------------


def migrate(
    old: str,
    image: Path,
    settings: Settings,
    parts: Parts,
    *,
    run_id: str | None = None,
    agreed: Plan | None = None,
    yes: bool = False,
) -> str:
    """Plan, then do it all; the run's id. Raises NeedsConfirmation before anything is touched.

    `agreed`: a plan made earlier, whose premises must still hold. After a failure before the commit the run
    has gone back and RolledBack is raised; NeedsAttention where something is left to a person.
    """
    run_id = run_id or new_run_id()
    _refuse_unreadable(image, settings)
    with _hypervisor(settings, parts) as hypervisor, doors_of(settings, parts) as doors:
        made = _look(hypervisor, settings, doors, parts, old, image, run_id)
        _refuse_blocked(made)
        if agreed is not None:
            _refuse_broken(agreed, made)
        if not yes:
            raise NeedsConfirmation(f"{made.old.name} will be replaced by {made.new_name}", "--yes")
        _fetch_secrets(doors, made)
        _refuse_unfit(made, hypervisor, doors)
        rundir = parts.rundir(run_id)
        rundir.create()
        with locked(rundir), closing(_begin(rundir, made, settings)) as journal:
            run = _run(rundir, made, settings, hypervisor, doors, parts)
            _tell_start(run, "migrate")
            drive(Engine(journal, STEPS, run, parts.listen, parts.cancelled), run, Engine.forward)
    return run_id


def _refuse_unreadable(image: Path, settings: Settings) -> None:
    """A file's name that is typed wrong costs no connection and no password. Raises PlanRefused."""
    found, archive = Findings(), settings.backup.file
    found.ask("image", lambda: refuse_unreadable(image))
    if archive is not None:
        found.ask("backup-file", lambda: inspecting.refuse_unreadable(archive))
    found.refuse_if_blocked()


def _refuse_blocked(made: Plan) -> None:
    if made.blocking():
        raise refusal(made.blocking())


def _refuse_broken(agreed: Plan, now: Plan) -> None:
    broken = agreed.broken_premises(now)
    if broken:
        listed = "; ".join(f"{then.name} was {then.value}, is {at.value if at else 'unknown'}" for then, at in broken)
        raise UsageProblem(
            f"the plan no longer holds: {listed}",
            hint=f"make a new one and look at it: {_plan_again(now)}",
        )


def _plan_again(now: Plan) -> str:
    return f"vmmigrate plan {shlex.quote(now.old.name)} {shlex.quote(str(now.image.path))} -o FILE"


def _fetch_secrets(doors: Doors, plan_: Plan, state: RunState | None = None) -> None:
    """All at the start, so that nobody is asked for a password in the middle of a switch. `state`: of a run resumed."""
    names = [*doors.wanted(), "old.console.password", "new.console.password"]
    names += ["backup.password"] if doors.settings.backup.password else []
    names += properties.secret_names(plan_.properties) if state is None or makes_vm(state) else []
    for name in names:
        doors.secrets.get(name)


def _fetch_for_the_way_back(doors: Doors, state: RunState) -> None:
    """As above; before the switch, going back concerns the hypervisor alone."""
    for name in doors.wanted() if switching(state) else ():
        doors.secrets.get(name)


def _refuse_unfit(made: Plan, hypervisor: Hypervisor, doors: Doors) -> None:
    if wrong := tuple(properties.unfit_secrets(made.properties, made.image, hypervisor, doors.secrets)):
        raise refusal(wrong)


def _begin(rundir: RunDir, made: Plan, settings: Settings) -> Journal:
    """With the journal the run exists; what a later process needs is on the disk before it."""
    text = plan_to_json(made)
    header = {
        "run_id": rundir.run_id,
        "version": __version__,
        "plan_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "steps": [{"name": step.name, "phase": phase.name} for phase in MIGRATE for step in phase.steps],
    }
    try:
        write_durably(rundir.plan, text.encode())
        write_durably(rundir.settings, settings.model_dump_json(indent=2, exclude_none=True).encode())
        return Journal.create(rundir.journal, header)
    except Exception:
        rundir.remove()
        raise


# ---- resume, rollback, finish ----------------------------------------------------------------------------


def resume(run_id: str, parts: Parts) -> str:
    """Go on in the recorded direction; the outcome."""
    with _reopened(run_id, parts) as (engine, run):
        state = engine.journal.state()
        if state.ended in ("migrated", "rolled-back"):
            raise UsageProblem(
                f"run {run_id} has ended: {state.ended}",
                hint=f"there is nothing to resume; what can be done now: vmmigrate status {run_id}",
            )
        switched_back = state.paused == "switched back"
        if switched_back:
            _refuse_second_switch(state)
        if switched_back or state.back is None or state.back.scope is Scope.REDO:
            _fetch_secrets(run.doors, run.plan, state)
        else:
            _fetch_for_the_way_back(run.doors, state)
        _tell_start(run, "resume")
        if switched_back:
            engine.turn_forward("resumed by the operator")
        drive(engine, run, Engine.go_on)
        return outcome_of(engine.journal)


def rollback(run_id: str, parts: Parts, *, scope: Scope | None = None, leave_mail: bool = False) -> str:
    """Go back; the outcome. Without `scope`: all before the commit, the switch alone after it.

    Raises UsageProblem for `all` once the new VM has been open to the world; UndoRefused where mail waits in it.
    """
    with _reopened(run_id, parts) as (engine, run):
        state = engine.journal.state()
        if state.ended == "rolled-back":
            raise UsageProblem(f"run {run_id} is rolled back already", hint="there is nothing left to undo")
        wanted = scope or (Scope.SWITCH if state.committed else Scope.ALL)
        if wanted is Scope.ALL and state.committed:
            raise UsageProblem(
                f"run {run_id}: the new VM has been open to the world and may hold mail, so it is not deleted",
                hint=f"vmmigrate rollback {run_id} --scope switch keeps it, unplugged",
            )
        _fetch_for_the_way_back(run.doors, state)
        _tell_start(run, "rollback")
        names = covered(state, wanted)
        drive(engine, run, lambda e: e.back(wanted, "asked by the operator", names, leave_mail=leave_mail))
        return outcome_of(engine.journal)


def finish(run_id: str, parts: Parts, *, yes: bool = False) -> str:
    """The irreversible end: secrets and the right to roll back are dropped; the outcome.

    After a migration the staging NIC is removed and the old guest asked to shut down; after a switch back
    the new VM is deleted.
    """
    with _reopened(run_id, parts) as (engine, run):
        state = engine.journal.state()
        if state.ended != "migrated" and state.paused != "switched back":
            raise UsageProblem(
                f"run {run_id} is {describe(state)}",
                hint=f"first `vmmigrate resume {run_id}` or `vmmigrate rollback {run_id}`",
            )
        if not yes:
            raise NeedsConfirmation(_last_words(run, state), "--yes")
        _tell_start(run, "finish")
        if state.ended == "migrated":
            _retire_old(run)
        else:
            engine.back(Scope.ALL, "finished by the operator", list(state.steps))
            refuse_left_over(engine, run)
        run.rundir.drop_secrets()
        engine.journal.append(Kind.FINISHED)
        run.emit(ended(run, engine.journal, "finished"))
        return "finished"


def _last_words(run: Run, state: RunState) -> str:
    if state.ended == "migrated":
        return f"{run.plan.old.name} will be asked to shut down, and the run can no longer be rolled back"
    return f"{run.plan.new_name} will be deleted with all it holds"


def _retire_old(run: Run) -> None:
    """Convergent: each act looks first, so an interrupted finish is simply run again."""
    old, new = run.plan.old, run.facts.of(NewVm)
    run.hypervisor.shut_down(old, run.settings.limits.shutdown)
    claim.release(run, f"Replaced by {run.plan.new_name} (vmmigrate run {run.run_id}, finished).")
    try:
        run.hypervisor.remove_nic(new.vm, new.staging_mac, run.run_id)
    except TimedOut as late:
        run.remark(f"the new guest does not let go of its staging NIC: {late} → {late.hint}")


# ---- status ----------------------------------------------------------------------------------------------


def status(run_id: str, parts: Parts) -> RunStatus:
    """Raises UsageProblem where there is no such run, JournalDamaged where it cannot be read."""
    return read_status(_existing(run_id, parts))


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


# ---- the parts -------------------------------------------------------------------------------------------


@contextmanager
def _hypervisor(settings: Settings, parts: Parts) -> Iterator[Hypervisor]:
    with warnings_told(parts.listen):
        hypervisor = parts.connect(settings.hypervisor.url, access_to(settings, parts))
        try:
            yield hypervisor
        finally:
            with suppress(Problem):  # a connection that died is closed
                hypervisor.close()


def access_to(settings: Settings, parts: Parts) -> Access:
    """The hypervisor's password, asked for where its URL's kind wants one, whom to believe, how long to bear."""
    secrets = Secrets(settings, parts.environ, in_words(parts.ask, settings), parts.known_secrets)
    trust = TlsTrust(settings.hypervisor.fingerprint, settings.hypervisor.ca_file)
    return Access(lambda: secrets.get("hypervisor.password"), trust, settings.limits.stall)


@contextmanager
def doors_of(settings: Settings, parts: Parts) -> Iterator[Doors]:
    """Closed afterwards; passwords are asked for when they are wanted."""
    doors = Doors(settings, Secrets(settings, parts.environ, in_words(parts.ask, settings), parts.known_secrets))
    try:
        yield doors
    finally:
        doors.close()


def _run(
    rundir: RunDir,
    plan_: Plan,
    settings: Settings,
    hypervisor: Hypervisor,
    doors: Doors,
    parts: Parts,
) -> Run:
    return Run(
        run_id=rundir.run_id,
        rundir=rundir,
        plan=plan_,
        settings=settings,
        hypervisor=hypervisor,
        doors=doors,
        emit=parts.listen,
        wall=parts.wall,
        clock=parts.clock,
        cancelled=parts.cancelled,
    )


def _existing(run_id: str, parts: Parts) -> RunDir:
    rundir = parts.rundir(run_id)
    if not rundir.journal.exists():
        known = ", ".join(runs(parts)[-5:]) or "none"
        raise UsageProblem(
            f"there is no run {run_id!r} in {parts.runs_folder} (known: {known})",
            hint="look with `vmmigrate status`",
        )
    return rundir


@contextmanager
def _reopened(run_id: str, parts: Parts) -> Iterator[tuple[Engine, Run]]:
    """A recorded run with its parts, under its lock."""
    rundir = _existing(run_id, parts)
    with locked(rundir), closing(Journal.resume(rundir.journal)) as journal:
        if journal.state().finished:
            raise UsageProblem(
                f"run {run_id} is finished: there is no way on or back",
                hint=f"see what it did: vmmigrate status {run_id}",
            )
        if journal.state().ended == "rolled-back":
            rundir.drop_secrets()  # a crash may have come between that record and this act
        text = rundir.plan.read_text()
        if hashlib.sha256(text.encode()).hexdigest() != journal.state().plan_sha256:
            raise JournalDamaged(
                f"{rundir.plan} is not the plan that the run began with",
                hint="restore that file from a copy: it was edited",
            )
        settings = Settings.model_validate_json(rundir.settings.read_text())
        with _hypervisor(settings, parts) as hypervisor, doors_of(settings, parts) as doors:
            run = _run(rundir, plan_from_json(text), settings, hypervisor, doors, parts)
            yield Engine(journal, STEPS, run, parts.listen, parts.cancelled), run


def _tell_start(run: Run, verb: str) -> None:
    run.emit(RunStarted(run.run_id, verb, str(run.rundir.path)))


def _refuse_second_switch(state: RunState) -> None:
    if state.committed:
        raise UsageProblem(
            f"run {state.run_id} was open to the world and went back: what it holds is no longer what the old VM has",
            hint=f"vmmigrate finish {state.run_id}, then start a new run",
        )
