"""Plan a migration, and begin it: what `plan` and `migrate` do."""

import shlex
from dataclasses import replace
from pathlib import Path

from hypervisors import Hypervisor, refuse_unreadable
from vmmigrate import archives, properties
from vmmigrate.doors import Doors
from vmmigrate.errors import NeedsConfirmation, UsageProblem
from vmmigrate.events import Warned
from vmmigrate.findings import Findings, Severity, refusal
from vmmigrate.model import Plan, plan_to_json
from vmmigrate.operations import start
from vmmigrate.parts import Parts, doors_of, hypervisor_of, made_run, reported
from vmmigrate.plan.look import Look
from vmmigrate.plan.preflight import preflight
from vmmigrate.run.recorder import Recorder
from vmmigrate.run.rundir import RunDir, new_run_id
from vmmigrate.settings.models import Settings
from vmmigrate.steps.migration import MIGRATE
from vmmigrate.taking_up import fetch_secrets

PREPARES, REHEARSES = "prepare", "rehearse"


def plan(
    old: str,
    image: Path,
    settings: Settings,
    parts: Parts,
    *,
    run_id: str | None = None,
) -> Plan:
    """Check everything, change nothing. Raises PlanRefused and what the parts raise."""
    _refuse_unusable(image, settings, parts)
    with hypervisor_of(settings, parts) as hypervisor, doors_of(settings, parts) as doors:
        return _look(hypervisor, settings, doors, parts, old, image, run_id or new_run_id(parts.wall))


def _look(
    hypervisor: Hypervisor, settings: Settings, doors: Doors, parts: Parts, old: str, image: Path, run_id: str
) -> Plan:
    with reported(parts, "plan", "Check everything, change nothing") as pace:
        return preflight(Look(hypervisor, settings, doors, pace.moves, old, image, run_id))


def migrate(
    old: str,
    image: Path,
    settings: Settings,
    parts: Parts,
    *,
    run_id: str | None = None,
    agreed: Plan | None = None,
    yes: bool = False,
    shown: bool = False,
    verb: str = MIGRATE.name,
) -> str:
    """Plan, then do it all; the run's id. Raises NeedsConfirmation before anything is changed.

    `verb`: PREPARES stands still before anything that serves the world is touched; REHEARSES undoes all from there.
    `agreed`: a plan made earlier, whose premises must still hold; its run's id is kept. `shown`: the operator has seen
    the plan's warnings; else they are reported. After a failure before the commit the run
    has gone back and RolledBack is raised; NeedsAttention if a person must do something.
    """
    run_id = (agreed.run_id if agreed else "") or run_id or new_run_id(parts.wall)
    _refuse_used(parts.rundir(run_id))
    _refuse_unusable(image, settings, parts)
    recorder = Recorder(parts.listen)
    parts = replace(parts, listen=recorder)
    with hypervisor_of(settings, parts) as hypervisor, doors_of(settings, parts) as doors:
        made = _look(hypervisor, settings, doors, parts, old, image, run_id)
        if agreed is not None:
            _refuse_broken(agreed, made)
        if not shown:
            _report_warnings(made, recorder)
        if not yes:
            prepared = "" if verb == MIGRATE.name else ": no mail is touched"
            raise NeedsConfirmation(f"{made.old.name} will be replaced by {made.new_name}{prepared}", "--yes")
        fetch_secrets(doors, MIGRATE.secrets(doors, made, None))
        _refuse_unfit(made, hypervisor, doors)
        run = made_run(parts.rundir(run_id), made, settings, hypervisor, doors, parts)
        run.given = parts.given(None)
        start(
            MIGRATE, plan_to_json(made), run, recorder, verb=verb, stops=verb == PREPARES, rehearses=verb == REHEARSES
        )
    return run_id


def _refuse_unusable(image: Path, settings: Settings, parts: Parts) -> None:
    """Find what is wrong on this workstation before any connection or password is used. Raises PlanRefused."""
    found, archive = Findings(), settings.backup.file
    found.ask("image", lambda: refuse_unreadable(image))
    if archive is not None:
        found.ask("backup-file", lambda: archives.refuse_unreadable(archive))
    try:
        parts.rundir(new_run_id(parts.wall)).refuse_unwritable()
    except UsageProblem as problem:
        found.error("folders", str(problem), problem.hint)
    found.refuse_if_blocked()


def _refuse_used(rundir: RunDir) -> None:
    """A plan is for one run. Raises UsageProblem."""
    if rundir.path.exists():
        raise UsageProblem(
            f"this plan has been used already, by run {rundir.run_id}",
            hint=f"see what became of it: vmmigrate status {rundir.run_id}; for another attempt make another plan",
        )


def _report_warnings(made: Plan, recorder: Recorder) -> None:
    for finding in made.findings:
        if finding.severity is Severity.WARNING:
            recorder(Warned(f"{finding.id}: {finding.seen} → {finding.remedy}"))


def _refuse_broken(agreed: Plan, now: Plan) -> None:
    broken = agreed.broken_premises(now)
    if broken:
        listed = "; ".join(f"{then.name} was {then.value}, is {at.value if at else 'unknown'}" for then, at in broken)
        raise UsageProblem(
            f"the plan no longer holds: {listed}",
            hint=f"make a new one and check it: {_plan_again(now)}",
        )


def _plan_again(now: Plan) -> str:
    return f"vmmigrate plan {shlex.quote(now.old.name)} {shlex.quote(str(now.image.path))} -o FILE"


def _refuse_unfit(made: Plan, hypervisor: Hypervisor, doors: Doors) -> None:
    if wrong := tuple(properties.unfit_secrets(made.properties, made.image, hypervisor, doors.secrets)):
        raise refusal(wrong)
