"""Wait for a task of the server's, by its narrow properties."""

from collections.abc import Callable

from pyVmomi import vim

from hypervisors import limits
from hypervisors.errors import NotFound, Unreachable
from hypervisors.vmware import properties
from hypervisors.vmware.faults import problem_of
from hypervisors.vmware.session import Session
from hypervisors.waiting import NotYet, wait_for

_LONGEST = limits.VSPHERE_TASK.most
_PATHS = ("info.state", "info.error", "info.result", "info.progress")  # never whole `info`: it holds its arguments


def run(session: Session, what: str, begin: Callable[[], vim.Task], *, timeout: float | None = None) -> object:
    """Begin a task and wait for it, as long as any may take or for so many seconds; see `finish`."""
    return finish(session, session.write(what, begin), what, timeout=_LONGEST if timeout is None else timeout)


def finish(session: Session, task: vim.Task, what: str, *, timeout: float) -> object:
    """The task's result. Raises what its fault means, TimedOut; Unreachable if the server lost it. Seconds."""

    def look() -> object:
        seen = _seen(session, task, what)
        state = seen["info.state"]
        if state == vim.TaskInfo.State.error:
            raise problem_of(seen["info.error"], what)
        if state != vim.TaskInfo.State.success:
            raise NotYet(f"{state}, {seen.get('info.progress') or 0} %")
        return seen.get("info.result")

    return wait_for(what, look, timeout=timeout, clears="see the task in the vSphere client", pause=0.05)


def _seen(session: Session, task: vim.Task, what: str) -> properties.Properties:
    try:
        return properties.of_one(session, task, _PATHS, what)
    except NotFound as gone:  # a server that was restarted knows none of its tasks, and not how they ended
        raise Unreachable(
            f"{what}: the server does not know its task any more", hint="see in the vSphere client whether it was done"
        ) from gone
