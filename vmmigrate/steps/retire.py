"""Finish a migration: see who serves, shut the old guest down, write the last note, remove the staging NIC."""

from collections.abc import Iterator
from datetime import UTC, datetime

from hypervisors import TimedOut
from vmmigrate.appliance import mail
from vmmigrate.facts import Intake, NewVm
from vmmigrate.findings import Check, Checks, Verdict
from vmmigrate.run.stage import Run
from vmmigrate.steps import claim, guards

# Each act looks first, so a `finish` that was interrupted is simply run again.


def see_who_serves(run: Run) -> None:
    """The new gateway does, and the old one is unplugged. Raises Guarded with who is live."""
    new, old, checks = run.facts.of(NewVm).vm, run.plan.old, Checks()
    held = checks.ask(guards.OTHERS, "who is live", lambda: guards.holders(run))
    if held is not None:
        checks.all += guards.is_live(run, held, new)
        checks.all += guards.is_down(held, old)
        checks.all += guards.sole_holder(held, (new, old))
    checks.compare("serves", "SMTP at the live address", "", lambda: _greets(run))
    guards.require(run, checks)
    run.remark(_what_is_known_of_the_old_queue(run))


def _greets(run: Run) -> Iterator[Check]:
    host = run.plan.identity.host
    greeting = mail.banner(host, run.settings.old.smtp_port, dial=run.dial_to(host))
    yield Check("serves", f"SMTP at {host}", "a greeting", repr(greeting), Verdict.PASS)


def _what_is_known_of_the_old_queue(run: Run) -> str:
    """Behind a link that is down its guest cannot be asked."""
    closed = datetime.fromtimestamp(run.facts.of(Intake).closed_at, UTC)
    return (
        f"{run.plan.old.name}'s mail queue was empty when it was unplugged, after its intake was closed at"
        f" {closed:%Y-%m-%d %H:%M} UTC; it is unplugged now, so nobody can look again. It is only shut down: what may"
        " have come to it since, if somebody plugged it in, stays on its disk"
    )


def shut_down_old(run: Run) -> None:
    run.hypervisor.shut_down(run.plan.old, run.settings.limits.shutdown)


def release_old(run: Run) -> None:
    claim.release(run, f"Replaced by {run.plan.new_name} (vmmigrate run {run.run_id}, finished).")


def remove_staging(run: Run) -> None:
    new = run.facts.of(NewVm)
    try:
        run.hypervisor.remove_nic(new.vm, new.staging_mac, run.run_id)
    except TimedOut as late:
        run.remark(f"the new guest does not release its staging NIC: {late} → {late.hint}")
