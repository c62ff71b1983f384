"""Switch a virtual machine on, ask its guest to shut down, cut its power."""

from pyVmomi import vim

from hypervisors import refusals
from hypervisors.shutdown import wait_until_off
from hypervisors.types import PowerState
from hypervisors.vmware import properties, reading, tasks
from hypervisors.vmware.session import Session


def state_of(session: Session, machine: vim.VirtualMachine, name: str) -> PowerState:
    found = properties.of_one(session, machine, ("runtime.powerState",), f"virtual machine {name}")
    return reading.power_of(found["runtime.powerState"])


def switch_on(session: Session, machine: vim.VirtualMachine, name: str) -> None:
    """Does nothing if it runs."""
    state = state_of(session, machine, name)
    if state is PowerState.OTHER:
        raise refusals.neither_running_nor_off(name, hint="resume it in the vSphere client")
    if state is PowerState.OFF:
        tasks.run(session, f"start of {name}", machine.PowerOnVM_Task)


def shut_down(session: Session, machine: vim.VirtualMachine, name: str, timeout: float) -> None:
    """By VMware Tools. Raises NotSupported (they do not run), TimedOut."""

    if state_of(session, machine, name) is PowerState.OFF:
        return
    session.write(f"shutdown of {name}", machine.ShutdownGuest)
    wait_until_off(name, lambda: state_of(session, machine, name) is PowerState.OFF, timeout)


def cut(session: Session, machine: vim.VirtualMachine, name: str) -> None:
    """By force; nothing if it is off."""
    if state_of(session, machine, name) is not PowerState.OFF:
        tasks.run(session, f"power of {name}", machine.PowerOffVM_Task)
