"""Whether there is an old VM to go back to. Not found is not gone: the list of those with its MAC must be complete."""

from collections.abc import Iterator

from hypervisors import NOWHERE, Network, NotFound, VmRef
from vmmigrate.facts import Claim, NewVm, Opened, Plugged
from vmmigrate.findings import Check, Verdict
from vmmigrate.run.stage import Run
from vmmigrate.steps import links, live_network


def old_is_gone(run: Run) -> bool:
    """After the commit: then the run goes on without it. Before it nothing works without it."""
    return run.facts.last(Opened) is not None and is_deleted(run)


def is_deleted(run: Run) -> bool:
    """No machine but the new one has the gateway's MAC."""
    try:
        run.hypervisor.inventory(run.plan.old)
    except NotFound:
        new = run.facts.last(NewVm)
        ours = new.vm.id if new else ""
        return all(holder.vm.id == ours for mac in links.macs(run) for holder in run.hypervisor.holders(mac))
    return False


def old_vm_is_there(run: Run) -> Iterator[Check]:
    """Before the commit no command works without it: its notes have the claim."""
    if run.facts.last(Opened) is not None or run.facts.last(Claim) is None:
        return
    try:
        run.hypervisor.inventory(run.plan.old)
    except NotFound:
        ours, old, new = run.facts.last(NewVm), run.plan.old, run.plan.new_name
        held = {holder.vm for mac in links.macs(run) for holder in run.hypervisor.holders(mac)}
        others = ", ".join(f"{vm.name} ({vm.id})" for vm in held if ours is None or vm.id != ours.vm.id)
        hint = (
            f"no command of this run works without it: restore {old.name} with its disks and its id {old.id}, then run"
            f" this again; or go on with {new} by hand, or delete it"
        )
        yield _there(run, f"deleted; its MAC has {others} now" if others else "deleted", hint)


def may_go_back(run: Run) -> Iterator[Check]:
    """There is an old VM to go back to, and it has the NIC by which it would be live."""
    if old_is_gone(run):
        old, new = run.plan.old.name, run.plan.new_name
        hint = (
            f"{new} stays as it is, and nothing goes back to {old} any more: `vmmigrate finish {run.run_id}` ends the"
            f" run where it is migrated, `vmmigrate resume {run.run_id}` where it is not yet"
        )
        yield _there(run, "deleted", hint)
    elif (plugged := run.facts.find(Plugged)) and plugged.old_link_up:
        yield from has_its_nic(run)


def _there(run: Run, seen: str, hint: str) -> Check:
    return Check("old-vm-there", f"the old VM {run.plan.old.name}", "there", seen, Verdict.FAIL, hint)


def has_its_nic(run: Run) -> Iterator[Check]:
    """The NIC by which it is live. Without it nobody would be live: who serves is unplugged first."""
    old, mac, network = run.plan.old, run.plan.identity.mac, run.plan.identity.network
    nic = links.with_mac(run.hypervisor.inventory(old).nics, mac)
    if nic is not None and _is_in_its_network(run, nic.network):
        yield from live_network.is_there(run, *_both(run))
        return
    what, seen = f"the NIC {mac} of {old.name}", "there is none" if nic is None else f"on {nic.network}"
    hint = "put it there, then run this again; nothing was changed: who is live stays so"
    yield Check("old-vm-nic", what, f"on {network}", seen, Verdict.FAIL, hint)


def _both(run: Run) -> tuple[VmRef, ...]:
    new = run.facts.find(NewVm)
    return (run.plan.old, *([new.vm] if new else []))


def _is_in_its_network(run: Run, network: Network) -> bool:
    """Or in none, where the hypervisor keeps none for a link that is down."""
    return network in (NOWHERE, *_networks_of_the_new(run)) or live_network.is_it(run, network)


def _networks_of_the_new(run: Run) -> tuple[Network, ...]:
    """Where it is plugged in: a network may have another name by now."""
    new = run.facts.find(NewVm)
    try:
        return tuple(nic.network for nic in links.live_nics(run, new.vm)) if new else ()
    except NotFound:
        return ()
