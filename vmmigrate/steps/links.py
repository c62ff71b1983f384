"""Which of both VMs is plugged in, read back from the hypervisor: in the running and in the stored definition."""

from hypervisors import Nic, VmRef
from vmmigrate.run.stage import Run


def nic(run: Run, vm: VmRef, mac: str) -> Nic | None:
    """None where it has none of that MAC."""
    return next((nic for nic in run.hypervisor.inventory(vm).nics if nic.mac == mac), None)


def is_down(run: Run, vm: VmRef, mac: str) -> bool:
    """Also where it has no such NIC. Raises NotFound where there is no such VM."""
    found = nic(run, vm, mac)
    return found is None or not (found.link_up or found.stored_link_up)


def in_words(found: Nic | None) -> str:
    if found is None:
        return "it has no such NIC"
    words = {True: "up", False: "down"}
    running, stored = words[found.link_up], words[found.stored_link_up]
    return running if running == stored else f"{running}, and {stored} after its next start"
