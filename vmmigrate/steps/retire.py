"""Finish a migration: see who serves, shut the old guest down, write the last note, remove the staging NIC."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from hypervisors import Holder, TimedOut, VmRef, WrongState
from vmmigrate.appliance import mail
from vmmigrate.facts import CarriedMail, Intake, NewVm
from vmmigrate.findings import Check, Checks, Verdict
from vmmigrate.run.stage import Run
from vmmigrate.steps import carry, claim, elsewhere, gone, guards, inside, live_network, same_lan
from vmmigrate.steps.open import BY_HAND as OPEN_BY_HAND

# Each act looks first, so a `finish` that was interrupted is simply run again.


def see_who_serves(run: Run) -> None:
    """The new gateway does, and the old one is unplugged. Raises Guarded with who is live."""
    new, old = run.facts.of(NewVm).vm, run.plan.old
    is_gone = gone.old_is_gone(run)
    hint = "start it and plug it in" + ("" if is_gone else f", or go back: vmmigrate rollback {run.run_id}")
    checks = _serves(run, new, (old,), hint)
    if run.plan.retired_name:  # to have the old one's name it may be switched off and on
        checks.compare(guards.NETWORK, "the live network", "", lambda: live_network.is_there(run, new))
    checks.compare("not-isolated", f"the firewall of {run.plan.new_name}", "", lambda: _lets_the_world_in(run))
    guards.require(run, checks)
    deleted = f"{old.name} was deleted: there is nothing to shut down, and no claim to remove"
    run.remark(deleted if is_gone else _what_is_known_of_the_old_queue(run))


def may_delete_new(run: Run) -> list[Check]:
    """After a way back: the old gateway serves, the new one is unplugged, and nothing is lost with it."""
    new, old = run.facts.find(NewVm), run.plan.old
    hint = "start it and plug it in, and see that it takes mail: no other copy is left then; run this again after that"
    checks = Checks(guards.may_act(run))
    if not checks.failed:
        checks.all += _serves(run, old, (new.vm,) if new else (), hint, off_is_enough=True).all
    return checks.all if checks.failed else [*checks.all, *inside.may_delete(run)]


def _serves(run: Run, vm: VmRef, down: tuple[VmRef, ...], hint: str, *, off_is_enough: bool = False) -> Checks:
    """Whether it is live, and alone. What the hypervisor says comes last: what follows is the act."""
    checks = Checks()
    checks.compare("serves", "SMTP at the live address", hint, lambda: _greets(run))
    held = checks.ask(guards.OTHERS, "who is live", lambda: guards.holders(run))
    if held is not None:
        checks.all += guards.is_live(held, vm, hint)
        checks.all += _is_heard(run, held, vm)
        checks.all += guards.sole_holder(held, (vm, *down))
        for other in down:
            checks.all += guards.is_down(held, other, off_is_enough=off_is_enough)
    return checks


def _is_heard(run: Run, held: Iterable[Holder], vm: VmRef) -> Iterator[Check]:
    """Where it is plugged in elsewhere, it is another one that greets."""
    for holder in held:
        if holder.vm.id == vm.id and holder.is_live and not live_network.is_it(run, holder.network):
            yield live_network.elsewhere(run, vm, holder.network)


def _lets_the_world_in(run: Run) -> Iterator[Check]:
    """An isolated gateway greets this workstation: one that was put back to how it was before it was opened. Not asked
    where a password would have to be typed for it.
    """
    isolated, what = elsewhere.is_isolated(run), f"the firewall of {run.plan.new_name}"
    run.unseen = (what,) if isolated is None else ()
    if isolated is None:
        run.remark(
            f"{what} was not looked at (no password at hand, or no answer on staging): it greets this workstation, as"
            " an isolated one would; see that it takes mail from elsewhere"
        )
    elif isolated:
        hint = f"on its screen, as root: {OPEN_BY_HAND}; or go back: vmmigrate rollback {run.run_id}"
        yield Check("not-isolated", what, "open", "isolated: it lets only this workstation in", Verdict.FAIL, hint)


def _greets(run: Run) -> Iterator[Check]:
    host = run.plan.identity.host
    greeting = mail.banner(host, run.settings.old.smtp_port, dial=run.dial_to(host))
    yield Check("serves", f"SMTP at {host}", "a greeting", repr(greeting), Verdict.PASS)


def _what_is_known_of_the_old_queue(run: Run) -> str:
    """Behind a link that is down its guest cannot be asked."""
    closed = datetime.fromtimestamp(run.facts.of(Intake).closed_at, UTC)
    held = run.facts.find(CarriedMail) or CarriedMail()
    was = "empty" if not held.messages + held.left else f"on hold, with {carry.in_words(held)} (do not let it go twice)"
    return (
        f"{run.plan.old.name}'s mail queue was {was} when it was unplugged, after its intake was closed at"
        f" {closed:%Y-%m-%d %H:%M} UTC; it is unplugged now, so nobody can look again. It is only shut down: what may"
        " have come to it since, if somebody plugged it in, stays on its disk"
    )


def shut_down_old(run: Run) -> None:
    if gone.old_is_gone(run):
        return
    run.hypervisor.shut_down(run.plan.old, run.settings.limits.shutdown)


def release_old(run: Run) -> None:
    if gone.old_is_gone(run):
        return
    claim.release(run, f"Replaced by {run.plan.final_name} (vmmigrate run {run.run_id}, finished).")


def remove_staging(run: Run) -> None:
    new = run.facts.of(NewVm)
    same_lan.forget(run)
    try:
        run.hypervisor.remove_nic(new.vm, new.staging_mac, run.run_id)
    except (TimedOut, WrongState) as kept:
        run.remark(f"the new VM keeps its staging NIC for now: {kept} → {kept.hint}")
