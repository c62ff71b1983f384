"""Switch a virtual machine on, ask its guest to shut down, cut its power."""

from collections.abc import Callable
from contextlib import suppress

from pyVmomi import vim

from hypervisors import refusals
from hypervisors.errors import NotSupported
from hypervisors.shutdown import wait_until_off
from hypervisors.types import PowerState
from hypervisors.vmware import properties, reading, tasks
from hypervisors.vmware.faults import OtherPower
from hypervisors.vmware.session import Session

_ATTEMPTS = 3


def state_of(session: Session, machine: vim.VirtualMachine, name: str) -> PowerState:
    found = properties.of_one(session, machine, ("runtime.powerState",), f"virtual machine {name}")
    return reading.power_of(found["runtime.powerState"])


def looking_again(act: Callable[[], None]) -> None:
    """`act` looks, then changes: once more if the machine went off or on in between. Raises the last refusal."""
    for _ in range(_ATTEMPTS - 1):
        with suppress(OtherPower):
            return act()
    return act()


def switch_on(session: Session, machine: vim.VirtualMachine, name: str) -> None:
    """Does nothing if it runs."""
    looking_again(lambda: _switch_on(session, machine, name))


def _switch_on(session: Session, machine: vim.VirtualMachine, name: str) -> None:
    state = state_of(session, machine, name)
    if state is PowerState.OTHER:
        raise refusals.neither_running_nor_off(name, hint="resume it in the vSphere client")
    if state is PowerState.OFF:
        tasks.run(session, f"start of {name}", machine.PowerOnVM_Task)


def shut_down(session: Session, machine: vim.VirtualMachine, name: str, timeout: float) -> None:
    """By VMware Tools. Raises NotSupported (they do not run), TimedOut."""
    looking_again(lambda: _ask_to_shut_down(session, machine, name))
    wait_until_off(name, lambda: state_of(session, machine, name) is PowerState.OFF, timeout)


def _ask_to_shut_down(session: Session, machine: vim.VirtualMachine, name: str) -> None:
    if state_of(session, machine, name) is PowerState.OFF:
        return
    try:
        session.write(f"shutdown of {name}", machine.ShutdownGuest)
    except NotSupported:  # also because the guest is going off by itself: its Tools end first
        if state_of(session, machine, name) is not PowerState.OFF:
            raise


def cut(session: Session, machine: vim.VirtualMachine, name: str) -> None:
    """By force; nothing if it is off."""

    def act() -> None:
        if state_of(session, machine, name) is not PowerState.OFF:
            tasks.run(session, f"power of {name}", machine.PowerOffVM_Task)

    looking_again(act)
