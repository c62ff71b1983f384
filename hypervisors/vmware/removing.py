"""Remove a virtual machine with its disks, also one that a dead upload still holds."""

from pyVmomi import vim

from hypervisors.errors import NotFound
from hypervisors.vmware import power, tasks
from hypervisors.vmware.faults import Busy
from hypervisors.vmware.session import Session
from hypervisors.waiting import Clock, NotYet, wait_for

_LEASE = 400.0  # seconds: a lease whose holder died holds its machine for about five minutes


def remove(session: Session, machine: vim.VirtualMachine, name: str, *, clock: Clock | None = None) -> None:
    """Off, and deleted with its disks; nothing where it is gone meanwhile. Raises TimedOut."""

    def act() -> None:
        try:
            power.cut(session, machine, name)
            tasks.run(session, f"removal of {name}", machine.Destroy_Task)
        except NotFound:
            return
        except Busy as busy:
            raise NotYet(str(busy)) from busy

    wait_for(
        f"{name} to be removed",
        act,
        timeout=_LEASE,
        clears="an upload that died holds it for some minutes: run this again, or delete it in the vSphere client",
        clock=clock,
        max_pause=10.0,
    )
