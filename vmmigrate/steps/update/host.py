"""What every step of an update asks: the plan, the host's shell, and where things lie on the host."""

from typing import cast

from vmmigrate.appliance.port import Shell
from vmmigrate.run.stage import Run
from vmmigrate.updating.chosen import BACKEND, WEB
from vmmigrate.updating.debs import Dpkg
from vmmigrate.updating.distributions import named
from vmmigrate.updating.packages import Package
from vmmigrate.updating.place import folder_of
from vmmigrate.updating.planning import UpdatePlan
from vmmigrate.updating.repositories import Dnf, Zypper
from vmmigrate.updating.rpms import Rpm
from vmmigrate.updating.tools import Coming, Tool, differing

PAIR = (BACKEND, WEB)
_TOOLS: dict[str, Tool] = {"apt": Dpkg(), "dnf": Rpm(Dnf()), "zypper": Rpm(Zypper())}


def plan_of(run: Run) -> UpdatePlan:
    """A run of this kind has a plan of this kind."""
    return cast("UpdatePlan", run.plan)


def tool_of(plan: UpdatePlan) -> Tool:
    return _TOOLS[named(plan.system).repositories]


def audits() -> str:
    """What a person types where it is not known which of the tools the host has."""
    return "; or, where it has .rpm packages: ".join(dict.fromkeys(tool.audit for tool in _TOOLS.values()))


def shell_of(run: Run) -> Shell:
    return run.doors.old.shell(plan_of(run).host)


def folder(run: Run) -> str:
    return folder_of(run.run_id)


def new_path(run: Run, package: Package) -> str:
    """Where the given package lies on the host."""
    return f"{folder(run)}/new/{package.name}.{package.format}"


def old_path(run: Run, name: str) -> str:
    """Where the installed one is kept there."""
    return f"{folder(run)}/old/{name}.{plan_of(run).format}"


def dump_path(run: Run) -> str:
    return f"{folder(run)}/database.dump"


def settings_path(run: Run) -> str:
    return f"{folder(run)}/settings.tar"


def wanted(plan: UpdatePlan) -> dict[str, str]:
    """Name → version after the update."""
    return {package.name: package.version for package in plan.packages}


def untouched(run: Run) -> bool:
    """Whether none of the packages is replaced yet, nor half of one."""
    return not differing(tool_of(plan_of(run)), shell_of(run), plan_of(run).installed)


def coming(run: Run) -> Coming:
    """What they need beside each other, once it was fetched. Raises ApplianceError, as for an empty cache."""
    plan = plan_of(run)
    found = tool_of(plan).coming(shell_of(run), [new_path(run, package) for package in plan.packages])
    return Coming(*(tuple(name for name in names if name not in plan.installed) for names in (found.names, found.new)))
