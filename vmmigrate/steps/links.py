"""Which of both VMs is plugged in, read back from the hypervisor: in the running and in the stored definition."""

from collections.abc import Iterable

from hypervisors import NOWHERE, Holder, Nic, VmRef
from vmmigrate.facts import Plugged
from vmmigrate.run.stage import Run


def macs(run: Run) -> tuple[str, ...]:
    """The gateway's, and the one that the new VM has in its place where that is another."""
    return tuple(dict.fromkeys((run.plan.identity.mac, run.plan.live_mac)))


def live_nics(run: Run, vm: VmRef) -> tuple[Nic, ...]:
    """Its NICs with one of those MACs. Raises NotFound where there is no such VM."""
    wanted = macs(run)
    return tuple(nic for nic in run.hypervisor.inventory(vm).nics if nic.mac in wanted)


def with_mac(nics: Iterable[Nic], mac: str) -> Nic | None:
    """None where none has it; of two the one that is plugged in, which is the one that counts."""
    return max((nic for nic in nics if nic.mac == mac), key=lambda nic: (nic.link_up, nic.stored_link_up), default=None)


def plug(run: Run, vm: VmRef, mac: str) -> None:
    """Link up; where a NIC that was down is in no network, into the one that the old VM was in at the switch."""
    plugged = run.facts.last(Plugged)
    recorded = plugged.old_network if plugged else None
    planned = run.plan.identity.network
    network = planned if recorded in (None, NOWHERE) else recorded  # it may have been down already
    is_nowhere = not run.hypervisor.keeps_network and _is_nowhere(run, vm, mac)
    run.hypervisor.set_nic(vm, mac, link_up=True, **({"network": network} if is_nowhere else {}))


def _is_nowhere(run: Run, vm: VmRef, mac: str) -> bool:
    """One that a person has connected stays where it is."""
    nic = with_mac(run.hypervisor.inventory(vm).nics, mac)
    return nic is not None and nic.network == NOWHERE


def is_down(run: Run, vm: VmRef, mac: str) -> bool:
    """Also where it has no such NIC. Raises NotFound where there is no such VM."""
    found = with_mac(run.hypervisor.inventory(vm).nics, mac)
    return found is None or not (found.link_up or found.stored_link_up)


def in_words(found: Nic | Holder | None) -> str:
    if found is None:
        return "it has no such NIC"
    words = {True: "up", False: "down"}
    running, stored = words[found.link_up], words[found.stored_link_up]
    return running if running == stored else f"{running}, and {stored} after its next start"
