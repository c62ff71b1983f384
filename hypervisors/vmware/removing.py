"""Remove a virtual machine with its disks, also one that a dead upload still holds."""

from pyVmomi import vim

from hypervisors import limits
from hypervisors.errors import NotFound
from hypervisors.vmware import power, tasks
from hypervisors.vmware.faults import Busy, WrongState
from hypervisors.vmware.session import Session
from hypervisors.waiting import REAL_TIME, NotYet, Pace, wait_for

_LEASE = limits.VSPHERE_HELD.most


def remove(session: Session, machine: vim.VirtualMachine, name: str, *, pace: Pace = REAL_TIME) -> None:
    """Off, and deleted with its disks; nothing if it is gone meanwhile. Raises TimedOut, NotFound (its files)."""

    def act() -> None:
        try:
            power.cut(session, machine, name)
            tasks.run(session, f"removal of {name}", machine.Destroy_Task)
        except NotFound:
            if _is_there(session, machine, name):  # it is a file or the datastore that is not
                raise
        except (Busy, WrongState) as held:
            raise NotYet(str(held)) from held

    wait_for(
        f"{name} to be removed",
        act,
        timeout=_LEASE,
        clears="an upload that died holds it for some minutes: run this again, or delete it in the vSphere client",
        pace=pace,
        max_pause=10.0,
    )


def _is_there(session: Session, machine: vim.VirtualMachine, name: str) -> bool:
    try:
        power.state_of(session, machine, name)
    except NotFound:
        return False
    return True
