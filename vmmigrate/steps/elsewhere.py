"""Whether a run went on elsewhere: the folder here may be an older copy, and its journal is behind the world then."""

from collections.abc import Iterator
from itertools import chain

from hypervisors import NotFound, PowerState, Problem, VmRef, autostart_by_hand, plug_by_hand
from vmmigrate.appliance.net import firewall
from vmmigrate.appliance.port import Shell
from vmmigrate.facts import Claim, NewGuest, NewVm, Opened, Plugged
from vmmigrate.findings import Check, Verdict
from vmmigrate.run.stage import Run
from vmmigrate.steps import claim, links, opened_by_hand

_SOON = 6.0  # seconds for its host key: whoever asks after mail waits for this


def is_here(run: Run) -> Iterator[Check]:
    """The world is not ahead of this journal. Asked only of one that has not opened the new VM."""
    if run.facts.last(Opened) is None:
        what = f"run {run.run_id} went on where this journal ends"
        seen, hint = next(_signs(run), ("nothing beyond it", ""))
        yield Check("went-on-here", what, "nothing beyond it", seen, Verdict.of(not hint), hint)


def _signs(run: Run) -> Iterator[tuple[str, str]]:
    """What is seen that this journal did not do, and what to do."""
    there = "this run went on elsewhere, and its folder here is older than the world: go on where its newest folder is"
    if line := beyond(run):
        yield f"the notes of {run.plan.old.name}: {line}", there
    if run.facts.last(Plugged) is None and _is_between_the_links(run):
        live = next((vm for vm in _new_vms(run) if is_live(run, vm)), None)
        yield _between(run, there) if live is None else _not_plugged_in_here(live, there)
        return
    new = run.facts.find(NewVm)
    if new is None or not is_live(run, new.vm):
        return
    if run.facts.last(Plugged) is None:
        yield _not_plugged_in_here(new.vm, there)
    elif is_open(run):
        yield f"{new.vm.name} is live, and open to all", there


def _not_plugged_in_here(vm: VmRef, there: str) -> tuple[str, str]:
    by_hand = "if somebody plugged it in by hand and it must not be live, unplug it, then run this again"
    return f"{vm.name} is live, and this journal has not plugged it in", f"{there}; {by_hand}"


def _new_vms(run: Run) -> tuple[VmRef, ...]:
    """A journal that ends before it was made does not name it; its tag does."""
    new = run.facts.find(NewVm)
    return (new.vm,) if new is not None else run.hypervisor.find_tagged(run.run_id)


def _is_between_the_links(run: Run) -> bool:
    """As the switch leaves the old VM, and hardly a person: unplugged, also in its stored definition, and without the
    autostart that it had.
    """
    known = run.facts.find(Claim)
    if known is None or not known.autostart:
        return False
    try:
        inventory = run.hypervisor.inventory(run.plan.old)
    except NotFound:
        return False
    nic = links.with_mac(inventory.nics, run.plan.identity.mac)
    return nic is not None and not (nic.link_up or nic.stored_link_up or inventory.autostart)


def _between(run: Run, there: str) -> tuple[str, str]:
    """Nobody may be live: what ends that, by the newest folder or by hand, goes with it."""
    url, old = run.plan.hypervisor, run.plan.old
    new_first = (plug_by_hand(url, vm, run.plan.live_mac, up=False) for vm in _new_vms(run))  # never both
    typed = (
        *chain.from_iterable(new_first),
        *opened_by_hand.plugged_in(url, run.plan),
        autostart_by_hand(url, old),
        *opened_by_hand.after_plugging_in(url, old),
    )
    seen = f"{old.name} is unplugged and does not start with its host any more, and this journal has not done that"
    hint = (
        f"{there}: `vmmigrate resume {run.run_id}` or `vmmigrate rollback {run.run_id}` ends an outage; where that"
        f" folder is lost, or somebody did this by hand: {'; '.join(typed)}; then run this again"
    )
    return seen, hint


def beyond(run: Run) -> str:
    """The line in the old VM's notes that this run writes only after its commit; '' if there is none, or no old VM."""
    if run.facts.last(Opened) is not None:
        return ""
    try:
        notes = run.hypervisor.inventory(run.plan.old).notes
    except NotFound:
        return ""
    return claim.after_the_commit(notes, run.run_id)


def is_live(run: Run, vm: VmRef) -> bool:
    """One that is off may be half made, and have no NICs to read yet."""
    try:
        if run.hypervisor.power_state(vm) is PowerState.OFF:
            return False
        return any(nic.link_up for nic in links.live_nics(run, vm))
    except NotFound:
        return False


# ---- the new guest's rules, where nobody has to be asked for a password --------------------------------------


def is_isolated(run: Run) -> bool | None:
    """Now. None: it could not be looked at."""
    look = _look(run)
    return None if look is None else firewall.is_isolated(look)


def is_open(run: Run) -> bool | None:
    """Nothing is left of the isolation: that is what opening it leaves, and no accident. None: not looked at."""
    look = _look(run)
    return None if look is None else firewall.nothing_isolates(look)


def keeps_out(run: Run) -> str | None:
    """Which of our rules keep the world out of it, '' where none do. None: not looked at, or no answer soon."""
    guest = run.facts.find(NewGuest)
    try:
        if guest is None or not run.is_new_guest(run.new_host_key(run.new_guest.staging_address, timeout=_SOON)):
            return None
    except Problem:
        return None
    look = _look(run)
    if look is None:
        return None
    found = {"isolated": firewall.is_isolated(look), "closed to mail": firewall.intake_closed(look)}
    return ", ".join(word for word, so in found.items() if so)


def _look(run: Run) -> Shell | None:
    if run.facts.find(NewGuest) is None:
        return None
    if not run.doors.is_at_hand(run.doors.new):
        return None
    try:
        return firewall.look_at(run.new_shell, *firewall.TRACES)
    except Problem:
        return None
