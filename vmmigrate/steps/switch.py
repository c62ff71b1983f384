"""Switch: the old VM's link down, the new VM's link up. One file, because both must be read together."""

from collections.abc import Collection, Iterator

from hypervisors import HypervisorError, Nic, PowerState, Unreachable, VmRef
from vmmigrate.appliance.net import network
from vmmigrate.errors import Guarded, NeedsAttention
from vmmigrate.facts import NewVm, Opened, Plugged
from vmmigrate.findings import Check, Verdict
from vmmigrate.run.stage import Run
from vmmigrate.steps import deploy, gone, guards, isolate, links, naming, neighbours
from vmmigrate.steps.close import give_back_autostart


def do(run: Run) -> None:
    """Never two live: down is complete, in the running and the stored definition, before up begins."""
    hypervisor, old, new = run.hypervisor, run.plan.old, run.facts.of(NewVm)
    mac = run.plan.identity.mac
    if run.facts.find(Plugged) is None:
        inventory = hypervisor.inventory(old)
        nic = _its_nic(old, inventory.nics, mac)
        entry = inventory.autostart_entry
        run.learn(Plugged(mac, nic.link_up, inventory.autostart, entry, new.vm.id, nic.network))
    if run.facts.find(Opened) is not None:
        _refuse_where_it_was_undone_by_hand(run, new)
    run.doors.hang_up(run.old_host)
    if not gone.old_is_gone(run):
        hypervisor.set_autostart(old, autostart=False)  # a reboot of the host must not start both
        hypervisor.set_nic(old, mac, link_up=False)
    ours = deploy.ours(run)
    guards.before_plugging_in(run, ours, down=(old,))  # last: nothing is asked between it and the link-up
    links.plug(run, ours, new.live_mac)
    _unplug_beside_another(run, new)
    _announce(run, new)


def _its_nic(old: VmRef, nics: tuple[Nic, ...], mac: str) -> Nic:
    """Raises Guarded where somebody removed it, or gave it another MAC, since the intake was closed."""
    found = links.with_mac(nics, mac)
    if found is None:
        hint = "nothing was unplugged, because its live NIC is not known: find out who changes its NICs"
        raise Guarded(f"{old.name} has no NIC with the MAC {mac} any more", hint=hint)
    return found


def _unplug_beside_another(run: Run, new: NewVm) -> None:
    """Somebody plugged another in while the link was set up."""
    seen = guards.after_plugging_in(run, new.vm, down=(run.plan.old,))
    if seen.failed and run.facts.find(Opened) is None:
        run.hypervisor.set_nic(new.vm, new.live_mac, link_up=False)
    guards.require(run, seen)


def _refuse_where_it_was_undone_by_hand(run: Run, new: NewVm) -> None:
    """After the commit. Whoever plugs the old VM in and unplugs the new one wants it so."""
    old = run.plan.old
    if gone.old_is_gone(run) or links.is_down(run, old, run.plan.identity.mac):
        return
    if links.is_down(run, new.vm, new.live_mac):
        raise NeedsAttention(
            f"{old.name} is plugged in and {new.vm.name} is not: somebody changed both links by hand",
            hint=f"`vmmigrate rollback {run.run_id}` goes back in full; to go forward, set the link of {old.name} down",
        )
    run.remark(f"{old.name} was plugged in beside {new.vm.name}: mail that it took meanwhile is in its queue")


def undo(run: Run) -> None:
    """The reverse. The new VM may be gone; the old one is plugged in as before, and runs."""
    plugged, hypervisor, old = run.facts.find(Plugged), run.hypervisor, run.plan.old
    if plugged is None:
        return
    run.doors.hang_up(run.plan.identity.host)
    ours = hypervisor.find_tagged(run.run_id)
    for vm in ours:
        _unplug(run, vm)
    if plugged.old_link_up:
        guards.before_plugging_in(run, old, down=ours, going_back=True)
    if plugged.old_link_up:
        links.plug(run, old, plugged.old_mac)
    else:
        hypervisor.set_nic(old, plugged.old_mac, link_up=False)
    naming.give_back(run)  # libvirt renames only what is off
    if hypervisor.power_state(old) is PowerState.OFF:  # by a person, or by a `finish` that was interrupted
        hypervisor.start(old)
    if plugged.old_link_up:
        _unplug_ours_again(run, ours, plugged.old_mac)
    if plugged.old_autostart:
        give_back_autostart(run, plugged.old_autostart_entry)


def _unplug_ours_again(run: Run, ours: Collection[VmRef], old_mac: str) -> None:
    """Somebody plugged it in while the old one's link was set up. Beside a third one that is live, nobody stays."""
    old = run.plan.old
    seen = guards.after_plugging_in(run, old, down=ours)
    if seen.failed:
        for vm in ours:
            _unplug(run, vm)
        seen = guards.after_plugging_in(run, old, down=ours)
    if any(check.verdict is Verdict.FAIL for check in seen.all):
        run.hypervisor.set_nic(old, old_mac, link_up=False)
    guards.require(run, seen)


def holds(run: Run) -> Iterator[Check]:
    """The old VM is unplugged and does not start with its host; the new one is plugged in."""
    new = run.facts.of(NewVm)
    if not gone.old_is_gone(run):
        yield from _old_is_down(run)
    yield _link(new.vm, links.with_mac(run.hypervisor.inventory(new.vm).nics, new.live_mac), up=True)


def _old_is_down(run: Run) -> Iterator[Check]:
    old = run.plan.old
    inventory = run.hypervisor.inventory(old)
    yield _link(old, links.with_mac(inventory.nics, run.plan.identity.mac), up=False)
    what, starts = f"{old.name} at a start of its host", inventory.autostart
    yield Check("old-autostart", what, _STARTS[False], _STARTS[starts], Verdict.of(not starts))


def is_undone(run: Run) -> Iterator[Check]:
    """The old VM runs, plugged in and started by its host as before; the new one is unplugged."""
    plugged, new, old = run.facts.last(Plugged), run.facts.last(NewVm), run.plan.old
    if plugged is None:
        return
    inventory, power = run.hypervisor.inventory(old), run.hypervisor.power_state(old)
    yield _link(old, links.with_mac(inventory.nics, plugged.old_mac), up=plugged.old_link_up)
    seen = guards.power_in_words(power)
    yield Check("old-vm-runs", old.name, "running", seen, Verdict.of(power is PowerState.RUNNING))
    starts, before = (_STARTS[so] for so in (inventory.autostart, plugged.old_autostart))
    yield Check("old-autostart", f"{old.name} at a start of its host", before, starts, Verdict.of(starts == before))
    if new is not None:
        yield from guards.is_down(guards.holders(run), new.vm, off_is_enough=True)


_STARTS = {True: "starts", False: "does not start"}


def _link(vm: VmRef, found: Nic | None, *, up: bool) -> Check:
    so = found is not None and found.link_up == found.stored_link_up == up
    return Check("link", f"the live link of {vm.name}", "up" if up else "down", links.in_words(found), Verdict.of(so))


def _unplug(run: Run, vm: VmRef) -> None:
    """Link down; if that fails, power off: it is our VM, and the old one must not wait for it."""
    try:
        run.hypervisor.set_nic(vm, run.facts.of(NewVm).live_mac, link_up=False)
    except (HypervisorError, Unreachable) as error:
        run.remark(f"the new VM's link cannot be set down ({error}): switching it off instead")
        run.hypervisor.power_off(vm, run.run_id)


def _announce(run: Run, new: NewVm) -> None:
    """Send a frame from the new NIC, so that switches learn the new place of the address."""
    network.announce(run.new_shell, new.live_mac, isolate.allowed(run)[-1])
    neighbours.renew(run)
