"""Guards: checks made right before an act that could make two machines live. What is not known does not pass."""

import socket
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

from hypervisors import Dial, Holder, PowerState, Unreachable, VmRef, resume_by_hand
from vmmigrate.errors import Guarded, NeedsAttention
from vmmigrate.facts import Claim, Intake, NewGuest, NewVm, Opened, Plugged
from vmmigrate.findings import Check, Checks, Verdict, in_words
from vmmigrate.run.stage import Run
from vmmigrate.steps import claim, elsewhere, gone, links, live_network

# As below: where they could not be asked.
CLAIM, OTHERS, ANSWERS, NETWORK = "claim", "sole-holder", "address-free", "live-network"
HERE, THERE = "went-on-here", "old-vm-there"
_WAITS = 0.5  # seconds for an answer at the live address: nobody is live meanwhile
_WAITS_BEHIND = 2.0  # the same through a jump host: its round trips come on top
_NO_OTHER = "other machines that are plugged in with the gateway's MAC"


# ---- the guards --------------------------------------------------------------------------------------------


def claim_is_ours(run: Run) -> Iterator[Check]:
    """One that was removed, and that no other run has, can be claimed again: see `require`."""
    for check in claim.holds(run):
        yield replace(check, verdict=Verdict.PASS) if check.seen == claim.REMOVED else check


def sole_holder(held: Iterable[Holder], ours: Iterable[VmRef]) -> Iterator[Check]:
    """Beside `ours`, nobody is live with that MAC, whoever made it."""
    known = {vm.id for vm in ours}
    live = [holder for holder in held if holder.is_live and holder.vm.id not in known]
    seen = ", ".join(map(_named, live)) or "none"
    hint = f"{seen} is live with the gateway's MAC: if it must not be, unplug it or shut it down; then run this again"
    yield Check("sole-holder", _NO_OTHER, "none", seen, Verdict.of(not live), hint if live else "")


def is_down(held: Iterable[Holder], vm: VmRef, *, off_is_enough: bool = False) -> Iterator[Check]:
    """As read back: neither plugged in now nor after a start. `off_is_enough`: or switched off.

    One without a NIC of that MAC, in a complete list, is down.
    """
    for holder in held:
        if holder.vm.id == vm.id:
            stored = holder.stored_link_up and not (off_is_enough and holder.power is PowerState.OFF)
            yield _down(vm, holder, Verdict.of(not holder.is_live and not stored))
            return
    yield Check("other-side-down", f"{vm.name} is unplugged", "unplugged", "it has no such NIC", Verdict.PASS)


def is_live(held: Iterable[Holder], vm: VmRef, hint: str) -> Iterator[Check]:
    """It runs, plugged in."""
    holder = next((holder for holder in held if holder.vm.id == vm.id), None)
    live = holder is not None and holder.power is PowerState.RUNNING and holder.link_up
    seen = "it has no such NIC, or is gone" if holder is None else _in_words(holder)
    yield Check("live", f"{vm.name} is live", "running, link up", seen, Verdict.of(live), "" if live else hint)


def _in_words(holder: Holder) -> str:
    return f"{power_in_words(holder.power)}, link {links.in_words(holder)}"


def power_in_words(power: PowerState) -> str:
    return "paused or suspended" if power is PowerState.OTHER else power.value


def _down(vm: VmRef, holder: Holder, verdict: Verdict) -> Check:
    hint = f"{vm.name} could be live beside the other: set its link down, then run this again"
    hint = "" if verdict is Verdict.PASS else hint
    return Check(
        "other-side-down",
        f"{vm.name} is unplugged",
        "link down, also after its next start",
        _in_words(holder),
        verdict,
        hint,
    )


def nobody_answers(host: str, asked: Mapping[int, Future[bool]]) -> Iterator[Check]:
    """Nobody accepts a connection at the live address. Who refuses, or says nothing, is nobody."""
    accepted = [str(port) for port, answer in asked.items() if answer.result()]
    seen = f"port {', '.join(accepted)} accepts connections" if accepted else "nobody"
    hint = f"another machine has the address {host}: find it (ip neigh; arping), unplug it, then run this again"
    what, verdict = f"who answers at {host}", Verdict.of(not accepted)
    yield Check("address-free", what, "nobody", seen, verdict, hint if accepted else "")


# ---- where they are asked ----------------------------------------------------------------------------------


def may_act(run: Run) -> list[Check]:
    """At the beginning of resume, rollback and finish: nothing is ours to touch if another run has claimed it.

    Nor where this journal is behind the world. Who else is live matters as soon as this run has touched what is live.
    Both sides are its own. A claim that was removed is made again; not after the commit, when no migration is in
    progress, and `finish` removes it itself.
    """
    checks = Checks()
    checks.compare(THERE, f"the old VM {run.plan.old.name}", "", lambda: gone.old_vm_is_there(run))
    if checks.failed:
        return checks.all  # each of the others would say the same
    if run.facts.find(Claim):
        checks.compare(CLAIM, "the claim", "", lambda: claim_is_ours(run))
    checks.compare(HERE, "whether this run went on elsewhere", "", lambda: elsewhere.is_here(run))
    if run.facts.find(Intake) or run.facts.find(Plugged):
        checks.compare(OTHERS, _NO_OTHER, "", lambda: sole_holder(holders(run), (run.plan.old, *_made(run))))
    if not checks.failed and run.facts.last(Opened) is None:
        _renew_claim(run, checks)
    return checks.all


def before_closing(run: Run) -> None:
    """Before the old gateway's service ends: what would stop the switch halfway stops it here. Raises Guarded."""
    checks = Checks()
    checks.compare(CLAIM, "the claim", "", lambda: claim_is_ours(run))
    checks.compare(OTHERS, _NO_OTHER, "", lambda: sole_holder(holders(run), (run.plan.old,)))
    checks.compare(NETWORK, "the live network", "", lambda: gone.has_its_nic(run))
    new = run.facts.of(NewVm).vm
    checks.compare(NETWORK, "the live network", "", lambda: live_network.is_on_it(run, new, beside=run.plan.old))
    require(run, checks)


def before_plugging_in(run: Run, vm: VmRef, down: Iterable[VmRef], *, going_back: bool = False) -> None:
    """Right before a link-up: the other side is down, nobody else is live, the claim is ours. Raises Guarded.

    `going_back`: nobody is live. That way does not wait for a jump host, nor for the link of a machine that is off.
    """
    checks, down = Checks(), tuple(down)
    with _asking(run, going_back=going_back) as asked:  # while the hypervisor is: nobody is live meanwhile
        checks.compare(CLAIM, "the claim", "", lambda: claim_is_ours(run))
    held = _others_are_down(run, checks, vm, down, off_is_enough=going_back)  # last: what follows is the link-up
    if not any(holder.is_live and holder.vm.id == vm.id for holder in held):  # else it is that one who answers
        host = run.plan.identity.host
        checks.compare(ANSWERS, f"who answers at {host}", "", lambda: nobody_answers(host, asked))
    if require(run, checks, tolerated=(ANSWERS,) if going_back else ()):
        again = Checks()  # to claim again took seconds: who removed the claim may have plugged another in meanwhile
        _others_are_down(run, again, vm, down, off_is_enough=going_back)
        require(run, again)


def after_plugging_in(run: Run, vm: VmRef, down: Iterable[VmRef]) -> Checks:
    """Whoever was plugged in between the look and the link-up is seen now. What to unplug, the caller knows."""
    checks = Checks()
    _others_are_down(run, checks, vm, tuple(down), off_is_enough=True)
    return checks


def _others_are_down(
    run: Run, checks: Checks, vm: VmRef, down: tuple[VmRef, ...], *, off_is_enough: bool
) -> tuple[Holder, ...]:
    held = checks.ask(OTHERS, _NO_OTHER, lambda: holders(run)) or ()
    checks.all += sole_holder(held, (vm, *down))
    for other in down:
        checks.all += is_down(held, other, off_is_enough=off_is_enough)
    return held


def before_starting(run: Run, vm: VmRef) -> None:
    """Of the new VM: it starts plugged in if somebody, or this run, has plugged it in. Raises Guarded."""
    if any(holder.vm.id == vm.id and holder.stored_link_up for holder in holders(run)):
        before_plugging_in(run, vm, down=(run.plan.old,))


def refuse_paused(run: Run, vm: VmRef) -> PowerState:
    """Its power. Raises NeedsAttention for one that was paused: only a person knows whether it may go on."""
    power = run.hypervisor.power_state(vm)
    if power is PowerState.OTHER:
        by_hand = resume_by_hand(run.plan.hypervisor, vm)
        raise NeedsAttention(f"{vm.name} is paused or suspended, and takes no mail", hint=f"to resume it: {by_hand}")
    return power


def require(run: Run, checks: Checks, *, tolerated: Iterable[str] = ()) -> bool:
    """Raises Guarded with every check that did not pass. `tolerated`: ids of which not to know is no obstacle.

    Whether the claim had to be written again for it, which takes seconds.
    """
    unknown = [check for check in checks.failed if check.id in tolerated and check.verdict is Verdict.UNKNOWN]
    if failed := [check for check in checks.failed if check not in unknown]:
        message, hint = in_words("guards did not pass", [(str(check), check.hint) for check in failed])
        raise Guarded(message, hint=hint)
    for check in unknown:
        run.remark(str(check))
    return _renew_claim(run, checks)


def _renew_claim(run: Run, checks: Checks) -> bool:
    seen = {check.seen for check in checks.all if check.id == CLAIM}
    removed = not seen.isdisjoint((claim.REMOVED, claim.RELEASED))
    if removed:
        claim.take(run)
        was = "removed" if claim.REMOVED in seen else "released by a `finish` that was stopped"
        run.remark(f"the claim in the notes of {run.plan.old.name} was {was}: it is claimed again")
    return removed


# ---- what they look at -------------------------------------------------------------------------------------


def holders(run: Run) -> tuple[Holder, ...]:
    """Every machine of the hypervisor with the gateway's MAC, or with the one that the new VM has in its place."""
    found: dict[str, Holder] = {}
    for mac in links.macs(run):
        for holder in run.hypervisor.holders(mac):
            found[holder.vm.id] = _both(found.get(holder.vm.id, holder), holder)
    return tuple(found.values())


def _both(one: Holder, other: Holder) -> Holder:
    """A machine with two such NICs is plugged in where one of them is."""
    live = other if other.is_live else one
    link_up, stored = one.link_up or other.link_up, one.stored_link_up or other.stored_link_up
    return replace(live, link_up=link_up, stored_link_up=stored)


def _made(run: Run) -> tuple[VmRef, ...]:
    new = run.facts.find(NewVm)
    return (new.vm,) if new else ()


def _named(holder: Holder) -> str:
    return f"{holder.vm.name} ({holder.vm.id}, on {holder.network})"


def _ports(run: Run) -> tuple[int, ...]:
    """By which a gateway is known from here: its shell, its mail, its console."""
    guest = run.facts.find(NewGuest)
    console = (guest.console_port,) if guest else ()
    return tuple(dict.fromkeys((run.settings.new.ssh.port, run.settings.old.smtp_port, *console)))


@contextmanager
def _asking(run: Run, *, going_back: bool) -> Iterator[Mapping[int, Future[bool]]]:
    """By port, whether a connection is accepted at the live address. No way back logs in to a jump host for it."""
    host, ports, via = run.plan.identity.host, _ports(run), run.settings.old.via
    dial = _over_the_jump_host if going_back and via else run.dial_to(host)
    seconds = _WAITS_BEHIND if via else _WAITS
    with ThreadPoolExecutor(len(ports)) as pool:
        yield {port: pool.submit(_accepts, dial, host, port, seconds) for port in ports}


def _over_the_jump_host(host: str, port: int, timeout: float) -> socket.socket:
    raise Unreachable("only the jump host could ask there", hint="see that no other machine has the address")


def _accepts(dial: Dial, host: str, port: int, seconds: float) -> bool:
    """Raises what is wrong with a jump host, also one that does not answer itself: then it is not known."""
    try:
        dial(host, port, seconds).close()
    except OSError:
        return False
    return True
