"""What is in a new VM that was ever live, and not in the old gateway: it is not deleted unless that is permitted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hypervisors import PowerState, Problem, VmRef, resume_by_hand
from vmmigrate.appliance import mail
from vmmigrate.appliance.database import DatabaseFacts, more_in, read_database
from vmmigrate.appliance.net import firewall
from vmmigrate.appliance.port import Shell
from vmmigrate.appliance.units import boot_id
from vmmigrate.errors import ApplianceError, Guarded
from vmmigrate.facts import Intake, NewGuest, NewVm, Opened, Plugged
from vmmigrate.findings import Check, Checks, Verdict
from vmmigrate.run.stage import UNSEEN, Run
from vmmigrate.steps import export, links


@dataclass(frozen=True)
class Held:
    """Something by its names and numbers; None: it could not be looked at, for the reason `why`."""

    counts: Mapping[str, int] | None
    why: str = ""
    called: tuple[str, str] = ("message", "messages")  # one, several

    @property
    def number(self) -> str:
        """As an operator permits that it is lost."""
        return UNSEEN if self.counts is None else str(sum(self.counts.values()))

    def __str__(self) -> str:
        if self.counts is None:
            return self.why
        total, listed = sum(self.counts.values()), ", ".join(f"{n} {name}" for name, n in sorted(self.counts.items()))
        return f"{total} {self.called[total != 1]} ({listed})" if total else "none"


def may_delete(run: Run) -> list[Check]:
    """Before a way back that deletes it is begun. While it is to be unplugged, or the old intake to be opened, that
    comes first: it is looked at after that.
    """
    if run.facts.find(Plugged) or run.facts.find(Intake):
        return []
    tagged = run.hypervisor.find_tagged(run.run_id)
    return [check for vm in tagged if not is_a_copy(run, vm) for check in (*_checks(run, vm), *_needless(run, vm))]


def _needless(run: Run, vm: VmRef) -> Iterator[Check]:
    """Who permits that something is lost with a VM that never was plugged in expects something else."""
    if run.discard.given and not was_plugged_in(run, vm):
        seen, hint = f"{vm.name} was never plugged in: there is nothing of anybody in it", "run it without --discard-…"
        yield Check("nothing-to-discard", "what may be deleted with it", "something", seen, Verdict.FAIL, hint)


def is_a_copy(run: Run, vm: VmRef) -> bool:
    """Somebody's of the VM that this run is known to have made."""
    known = run.facts.find(NewVm)
    return known is not None and known.vm.id != vm.id


def refuse_to_lose(run: Run, vm: VmRef) -> None:
    """Right before it is deleted. Raises Guarded if it is live, or if more would go with it than is permitted."""
    checks = Checks(list(_checks(run, vm)))
    if checks.failed:
        hint = "; ".join(dict.fromkeys(check.hint for check in checks.failed if check.hint))
        raise Guarded("; ".join(map(str, checks.failed)), hint=hint)
    for check in checks.all:  # what is there although it passed was permitted
        if check.seen != str(Held({})):
            run.remark(f"{check.what}, deleted with it as requested: {check.seen}")


def _checks(run: Run, vm: VmRef) -> Iterator[Check]:
    """To count takes a while: whether it is live is asked before that, and again right before the act."""
    live = list(_not_live(run, vm))
    if live or not was_plugged_in(run, vm):
        yield from live
        return
    yield from _counted(run, vm)
    yield from _not_live(run, vm)


def _counted(run: Run, vm: VmRef) -> Iterator[Check]:
    """Mail is counted last: it comes by itself, and in moments."""
    old, permitted = run.plan.old.name, run.discard
    settings, waiting = _settings(run, vm), _mail(run, vm)
    wanted, verdict, hint = _judged("mail", waiting, permitted.mail)
    yield Check("mail-inside", f"mail in {vm.name}", wanted, str(waiting), verdict, hint)
    wanted, verdict, hint = _judged("settings", settings, permitted.settings)
    yield Check("settings-inside", f"what {vm.name} has and {old} lacks", wanted, str(settings), verdict, hint)


def _not_live(run: Run, vm: VmRef) -> Iterator[Check]:
    """One that is off is not; it may be half made, and have no NICs to read yet."""
    if run.hypervisor.power_state(vm) is PowerState.OFF:
        return
    for nic in links.live_nics(run, vm):
        if nic.link_up:
            hint = f"{vm.name} is live: see who takes the mail; a VM that is live is not deleted"
            yield Check("not-live", f"{vm.name} is not live", "unplugged", "plugged in, running", Verdict.FAIL, hint)


def was_plugged_in(run: Run, vm: VmRef) -> bool:
    """Whether this run ever began to plug it in: from then on it may have taken mail."""
    plugged = run.facts.last(Plugged)
    return plugged is not None and plugged.new_id in ("", vm.id)


def _judged(kind: str, held: Held, permitted: str) -> tuple[str, Verdict, str]:
    """What is expected, whether it passes, and the hint: only the number that was seen permits it, and where nothing
    was seen only that word.
    """
    wanted = f"{permitted}, by --discard-{kind}" if permitted else "none"
    if held.number == permitted or (held.number == "0" and permitted in ("", UNSEEN)):
        return wanted, Verdict.PASS, ""
    if held.number == "0":
        return wanted, Verdict.FAIL, f"run it again without --discard-{kind}"
    hint = (
        f"deliver or copy what is needed out of it; or let it be deleted all the same: --discard-{kind} {held.number}"
        " (of `rollback`; of `finish` after a switch back)"
    )
    return wanted, Verdict.UNKNOWN if held.counts is None else Verdict.FAIL, hint


# ---- looking -----------------------------------------------------------------------------------------------


def _mail(run: Run, vm: VmRef) -> Held:
    """One that was never opened and is isolated has only its own words to root: nobody else has reached it."""
    try:
        shell = _shell(run, vm)
        if run.facts.last(Opened) is None and firewall.is_isolated(shell):
            return Held({})
        return Held(mail.queues(shell).counts)
    except Problem as problem:
        return Held(None, str(problem))


def _settings(run: Run, vm: VmRef) -> Held:
    """What came since the import, and is not in the old gateway now."""
    key = run.rundir.sealed.digest_key
    try:
        new = read_database(_shell(run, vm), key())
        return Held(more_in(new, read_database(run.old_shell, key()), _imported(run)), called=("entry", "entries"))
    except Problem as problem:
        return Held(None, str(problem))


def _imported(run: Run) -> DatabaseFacts | None:
    """The new database right after the import; None where an earlier version did not keep that."""
    path = run.rundir.imported
    return export.read_digests(path) if path.exists() else None


def _shell(run: Run, vm: VmRef) -> Shell:
    """Over staging, by what was learnt of the guest; its steps may be undone by now. Raises ApplianceError."""
    guest, known = run.facts.last(NewGuest), run.facts.last(NewVm)
    if guest is None or known is None or known.vm.id != vm.id:
        raise ApplianceError(f"{vm.name} cannot be looked at: nothing is known of its guest", hint="")
    shell = run.staging_shell(guest.staging_address, guest.host_key)
    power = run.hypervisor.power_state(vm)
    if power is PowerState.OTHER:
        raise ApplianceError(f"it is paused or suspended: {resume_by_hand(run.plan.hypervisor, vm)}", hint="")
    if power is PowerState.OFF:
        _start_unplugged(run, vm, shell)
    return shell


def _start_unplugged(run: Run, vm: VmRef, shell: Shell) -> None:
    """Our own, to be looked at: a host that was rebooted in the switch leaves it off. Raises ApplianceError."""
    if any(nic.stored_link_up for nic in links.live_nics(run, vm)):
        raise ApplianceError(
            f"{vm.name} cannot be looked at: it is off, and would start plugged in",
            hint="unplug its live NIC for the next start, then run this again",
        )
    run.hypervisor.start(vm)
    limit = run.settings.limits.boot
    run.wait_for_answer(f"a log-in on {vm.name}", lambda: boot_id(shell), timeout=limit, clears="see its screen")
