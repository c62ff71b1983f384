"""Look whether mail is taken, for a run that no process works on here: from `status`, and where a command broke off."""

from dataclasses import replace
from typing import Any, cast

from vmmigrate.events import Service, silent
from vmmigrate.parts import Parts, doors_of, hypervisor_of, made_run
from vmmigrate.run.began_with import settings_of
from vmmigrate.run.service import looked_at
from vmmigrate.run.status import RunStatus
from vmmigrate.settings.models import Settings

QUICK = 1.0  # seconds in which a hypervisor that was there once may come back


def service(seen: RunStatus, parts: Parts) -> Service | None:
    """Asks for no password, changes nothing, fails nothing. None: a kind of run that serves no mail.

    While another process works on the run, every command is refused: then that process is what to wait for.
    """
    look, rundir = seen.itinerary.service, parts.rundir(seen.run_id)
    if look is None:
        return None
    silently = replace(parts, secrets=parts.secrets.without_asking(), listen=silent)

    def looking() -> Service:
        settings = _hurried(settings_of(rundir, seen.state)[0].settings)
        with hypervisor_of(settings, silently) as hypervisor, doors_of(settings, silently) as doors:
            run = made_run(rundir, cast("Any", seen.plan), settings, hypervisor, doors, silently)
            run.facts = seen.state.facts
            return look(run, seen.standing, seen.outages)

    found = looked_at(looking, parts.within)
    return replace(found, now=_waiting(seen)) if found.now and seen.in_progress else found


def _waiting(seen: RunStatus) -> str:
    return f"wait for it: {seen.holder} is at work on it; if it hangs, end that process, then: vmmigrate status last"


def _hurried(settings: Settings) -> Settings:
    limits = settings.limits.model_copy(update={"reconnect": QUICK})
    return settings.model_copy(update={"limits": limits})
