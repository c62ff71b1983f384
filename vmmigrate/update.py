"""Begin the update of a host: plan it, refuse what blocks, then take the run to its end."""

from collections.abc import Iterator
from dataclasses import replace

from vmmigrate.alone import update as planned
from vmmigrate.errors import NeedsConfirmation
from vmmigrate.events import Warned
from vmmigrate.findings import Severity
from vmmigrate.operations import start
from vmmigrate.parts import Parts, doors_of, hypervisor_of, made_run
from vmmigrate.run.recorder import Recorder
from vmmigrate.run.rundir import new_run_id
from vmmigrate.settings.models import Settings
from vmmigrate.steps.update.itinerary import UPDATE_HOST
from vmmigrate.taking_up import fetch_secrets
from vmmigrate.updating.planning import UpdatePlan, update_to_json
from vmmigrate.updating.request import Request


def plan(request: Request, settings: Settings, parts: Parts, *, run_id: str | None = None) -> UpdatePlan:
    """What `update` would do; changes nothing. Raises PlanRefused."""
    made, log_limits = planned.plan(request, settings, parts), request.log_limits
    if log_limits is not None and made.acts:
        made = replace(made, acts=(*made.acts[:-1], f"set the log's limits: {log_limits}", made.acts[-1]))
    if made.pam is not None and made.acts:
        word = "on" if made.pam else "off"
        made = replace(made, acts=(*made.acts, f"switch log-ins to the console by PAM {word}, before mail is taken"))
    if made.nothing_to_do:
        made = replace(made, why=(*made.why, *_passed_over(request)))
    return replace(
        made,
        log_limits=log_limits,
        from_repository=request.from_repository,
        run_id=run_id or new_run_id(parts.wall),
        no_way_back=request.no_way_back,
    )


def _passed_over(request: Request) -> Iterator[str]:
    """What was asked for beside the packages, and is done with an installation alone."""
    for option, given in (("--pam", request.pam), ("--log-limits", request.log_limits)):
        if given is not None:
            yield f"{option} was not looked at: it is set while a release is installed, and none is"


def update(made: UpdatePlan, settings: Settings, parts: Parts, *, yes: bool = False, shown: bool = False) -> str:
    """Do it; the run's id, "" where there is nothing to do. Raises NeedsConfirmation before anything is changed.

    After a failure before the gateway takes mail again it has gone back, and RolledBack is raised; NeedsAttention if a
    person must do something. `shown`: the operator has seen the plan's warnings; else they are reported.
    """
    if made.nothing_to_do:
        return ""
    settings = _of_a_host(made, settings)
    recorder = Recorder(parts.listen)
    parts = replace(parts, listen=recorder)
    if not shown:
        for finding in made.findings:
            if finding.severity is Severity.WARNING:
                recorder(Warned(f"{finding.id}: {finding.seen} → {finding.remedy}"))
    if not yes:
        question = f"{made.host} will be updated from {made.before} to {made.after}; no mail is taken meanwhile"
        raise NeedsConfirmation(question, "--yes")
    with hypervisor_of(settings, parts) as hypervisor, doors_of(settings, parts) as doors:
        fetch_secrets(doors, UPDATE_HOST.secrets(doors, made, None))
        run = made_run(parts.rundir(made.run_id), made, settings, hypervisor, doors, parts)  # type: ignore[arg-type]  # of its own kind
        run.given = parts.given(None)
        start(UPDATE_HOST, update_to_json(made), run, recorder)
    return made.run_id


def _of_a_host(made: UpdatePlan, settings: Settings) -> Settings:
    """Without a virtual machine no hypervisor is entered."""
    there = settings.hypervisor if made.vm else settings.hypervisor.model_copy(update={"url": ""})
    old = settings.old.model_copy(update={"address": made.host})
    return settings.model_copy(update={"hypervisor": there, "old": old})
