"""Connect and disconnect one NIC: a switch and a VLAN are Hyper-V's only link."""

from typing import Any

from hypervisors import refusals
from hypervisors.errors import HypervisorError, NotFound, WrongState
from hypervisors.hyperv import machines, reading
from hypervisors.hyperv.faults import door
from hypervisors.hyperv.reading import Facts
from hypervisors.hyperv.session import Session
from hypervisors.types import Network, VmRef


def set_nic(session: Session, vm: VmRef, mac: str, up: bool | None, network: Network | None) -> None:
    """Raises NotFound; HypervisorError for one that is to be connected, and nobody says to what."""
    machine = machines.one(session, vm)
    nic = _with(machine, vm, mac)
    now = reading.nic_of(nic)
    connected = now.link_up if up is None else up
    target = network or now.network
    if connected and not target.name:
        raise HypervisorError(
            f"the NIC {mac} of {vm.name} is disconnected, and Hyper-V keeps no network for it",
            hint="name the switch that it is to be connected to",
        )
    if now.link_up == connected and (not connected or now.network == target):
        return
    with door(f"NIC {mac} of {vm.name}"):
        asked: dict[str, Any] = {"vm": vm.id, "nic": now.id, "connected": connected}
        found = session.ask("set-nic", **asked, switch_id=target.id, vlan=target.vlan)
    _refuse_missing(machines.there(found, vm), vm, mac, target)


def _refuse_missing(found: Facts, vm: VmRef, mac: str, target: Network) -> None:
    if not reading.of(found, "nic", bool):
        raise NotFound(f"{vm.name} has no NIC {mac} any more", hint="see: Get-VMNetworkAdapter")
    if not reading.of(found, "switch", bool):
        raise NotFound(f"there is no switch {target} any more", hint="see: Get-VMSwitch")
    if not reading.of(found, "kept", bool):
        raise HypervisorError(
            f"the NIC {mac} of {vm.name} did not keep the VLAN of {target}: it was disconnected again",
            hint="connect it by hand, and compare: Get-VMNetworkAdapterVlan",
        )


def remove_nic(session: Session, vm: VmRef, mac: str, run_id: str) -> None:
    """Raises NotOurs; WrongState for a running one of generation 1, which keeps it, disconnected."""
    machine = machines.one(session, vm)
    tag = machines.require_ours(machine, run_id)
    nic = reading.nic_facts(machine, mac)
    if nic is None:
        return
    with door(f"NIC {mac} of {vm.name}"):
        found = machines.there(session.ask("remove-nic", vm=vm.id, nic=reading.of(nic, "id", str), tag=tag), vm)
    if not reading.of(found, "ours", bool):
        raise refusals.not_ours(vm, None, run_id, removal="Remove-VM")
    if not reading.of(found, "removed", bool):
        raise WrongState(
            f"Hyper-V removes no NIC of a running machine of generation 1: {mac} of {vm.name} is disconnected instead",
            hint="remove it when the machine is off next: Get-VMNetworkAdapter, Remove-VMNetworkAdapter",
        )


def _with(machine: Facts, vm: VmRef, mac: str) -> Facts:
    found = reading.nic_facts(machine, mac)
    if found is None:
        there = ", ".join(reading.mac_of(nic) for nic in reading.each(machine, "nics")) or "none"
        raise NotFound(f"{vm.name} has no NIC {mac}", hint=f"those it has: {there}")
    return found
