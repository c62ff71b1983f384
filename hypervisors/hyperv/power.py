"""Start, shut down by the guest, switch off by force."""

from hypervisors import refusals
from hypervisors.errors import HypervisorError
from hypervisors.hyperv import machines, reading
from hypervisors.hyperv.faults import door
from hypervisors.hyperv.session import Session
from hypervisors.shutdown import wait_until_off
from hypervisors.types import PowerState, VmRef

# Msvm_ShutdownComponent.InitiateShutdown, as Microsoft documents it; -1 is ours: there is no such component.
_ACCEPTED = {0, 4096, 32782}
_LATER = {-1, 32775, 32780}  # absent while the guest boots; in the wrong state, or not ready yet
_REFUSED = {32769: "access is denied", 32772: "it timed out", 32781: "the guest is locked"}


def switch_on(session: Session, vm: VmRef) -> None:
    with door(f"start of {vm.name}"):
        machines.there(session.ask("start", vm=vm.id), vm)


def cut(session: Session, vm: VmRef, run_id: str) -> None:
    """Raises NotOurs."""
    facts = machines.one(session, vm)
    tag = machines.require_ours(facts, run_id)
    with door(f"power of {vm.name}"):
        found = machines.there(session.ask("turn-off", vm=vm.id, tag=tag), vm)
    if not reading.of(found, "ours", bool):
        raise refusals.not_ours(vm, None, run_id, removal="Remove-VM")


def shut_down(session: Session, vm: VmRef, timeout: float) -> None:
    """The guest is asked again as long as it cannot hear it. Raises TimedOut."""
    heard = False

    def is_off() -> bool:
        nonlocal heard
        if not heard:
            heard = _asked(session, vm)
        return reading.power_of(machines.one(session, vm)) is PowerState.OFF

    if reading.power_of(machines.one(session, vm)) is not PowerState.OFF:
        wait_until_off(vm.name, is_off, timeout)


def _asked(session: Session, vm: VmRef) -> bool:
    """Whether the guest took it."""
    with door(f"shutdown of {vm.name}"):
        found = machines.there(session.ask("shut-down", vm=vm.id), vm)
    result = reading.of(found, "result", int)
    if result in _ACCEPTED:
        return True
    if result in _LATER:
        return False
    raise HypervisorError(
        f"{vm.name} cannot be asked to shut down: {_REFUSED.get(result, f'the host answered {result}')}",
        hint="shut it down from inside; it is never switched off by force",
    )
