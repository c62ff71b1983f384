"""Write a machine's notes; over a known text by the server's own comparison."""

from contextlib import suppress
from functools import partial

from pyVmomi import vim

from hypervisors import refusals
from hypervisors.vmware import properties, tasks
from hypervisors.vmware.faults import Outdated
from hypervisors.vmware.session import Session

_PATHS = ("config.annotation", "config.changeVersion")
_ATTEMPTS = 5  # any change of the machine outdates a version, also one that leaves the notes alone


def write(session: Session, machine: vim.VirtualMachine, name: str, notes: str, over: str | None) -> None:
    """Raises Changed.

    vSphere compares the version of the whole configuration in the act of writing. Tried against the simulator, which
    has no such versions, and against one that refuses as the API's description of `changeVersion` says.
    """
    for _ in range(_ATTEMPTS):
        with suppress(Outdated):
            return _write(session, machine, name, notes, over)
    raise refusals.changed(name)


def _write(session: Session, machine: vim.VirtualMachine, name: str, notes: str, over: str | None) -> None:
    what = f"notes of {name}"
    found = properties.of_one(session, machine, _PATHS, what)
    present = found.get("config.annotation") or ""
    if present == notes:
        return
    if over not in (None, present):
        raise refusals.changed(name)
    version = None if over is None else found.get("config.changeVersion") or None
    change = vim.vm.ConfigSpec(annotation=notes, changeVersion=version)
    tasks.run(session, what, partial(machine.ReconfigVM_Task, change))
