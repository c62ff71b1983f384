"""What every step of an update asks: the plan, the host's shell, and where things lie on the host."""

from typing import cast

from vmmigrate.appliance.port import Shell
from vmmigrate.run.stage import Run
from vmmigrate.updating.chosen import BACKEND, WEB
from vmmigrate.updating.debs import Dpkg
from vmmigrate.updating.packages import Package
from vmmigrate.updating.place import folder_of
from vmmigrate.updating.planning import UpdatePlan
from vmmigrate.updating.rpms import Rpm
from vmmigrate.updating.tools import Tool

PAIR = (BACKEND, WEB)
_TOOLS: dict[str, Tool] = {"deb": Dpkg(), "rpm": Rpm()}


def plan_of(run: Run) -> UpdatePlan:
    """A run of this kind has a plan of this kind."""
    return cast("UpdatePlan", run.plan)


def tool_of(plan: UpdatePlan) -> Tool:
    return _TOOLS[plan.format]


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


def names_path(run: Run) -> str:
    """The packages that were installed before any was fetched."""
    return f"{folder(run)}/names"


def wanted(plan: UpdatePlan) -> dict[str, str]:
    """Name → version after the update."""
    return {package.name: package.version for package in plan.packages}
