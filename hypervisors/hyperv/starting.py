"""How the host starts a machine at boot: an action and a delay."""

import re

from hypervisors.errors import HypervisorError
from hypervisors.hyperv import machines, reading
from hypervisors.hyperv.faults import door
from hypervisors.hyperv.session import Session
from hypervisors.types import VmRef

_ENTRY = re.compile(r"(Nothing|StartIfRunning|Start):([0-9]{1,9})")


def switch(session: Session, vm: VmRef, autostart: bool, entry: str) -> None:
    """`entry`: as an inventory had it, 'Start:30'. Nothing where it is so already."""
    action, delay = _wanted(session, vm, autostart, entry)
    with door(f"autostart of {vm.name}"):
        machines.there(session.ask("set-autostart", vm=vm.id, action=action, delay=delay), vm)


def _wanted(session: Session, vm: VmRef, autostart: bool, entry: str) -> tuple[str, int]:
    """One that starts after a delay keeps it for the way back; StartIfRunning alone would not start what was off."""
    now = machines.details(session, vm)
    action, delay = reading.of(now, "start_action", str), reading.of(now, "start_delay", int)
    if not autostart:
        return "Nothing", delay
    if entry:
        found = _ENTRY.fullmatch(entry)
        if found is None:
            raise HypervisorError(f"{entry!r} is no way to start at boot", hint="give one as Start:30")
        if found.group(1) != "Nothing":
            return found.group(1), int(found.group(2))
    return ("Start" if action == "Nothing" else action), delay
