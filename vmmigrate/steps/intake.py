"""Close the old mail intake: current sessions and deliveries finish, new mail gets a temporary error."""

from collections.abc import Callable, Iterator

from hypervisors import PowerState, Unreachable
from vmmigrate.appliance import mail, mailports, sources
from vmmigrate.appliance.looking import LookingShell, looking
from vmmigrate.appliance.net import firewall
from vmmigrate.appliance.port import Shell
from vmmigrate.appliance.queues import listing
from vmmigrate.appliance.units import BOOT_ID, boot_id
from vmmigrate.errors import NeedsAttention, QueueHoldsMail
from vmmigrate.facts import Backup, Intake, NewVm, Opened, Plugged
from vmmigrate.findings import Check, Verdict
from vmmigrate.model import REFUSE
from vmmigrate.run.stage import Run
from vmmigrate.steps import agent, close, frozen, guards, links, neighbours, note_old, opened_by_hand

BY_HAND = opened_by_hand.INTAKE


def do(run: Run) -> None:
    shell, refuses = run.old_shell, run.plan.mail_queue == REFUSE
    guards.before_closing(run)
    with agent.watched(run) as agent_holds:
        _close(run, shell, agent_holds, refuses=refuses)


def _close(run: Run, shell: Shell, agent_holds: agent.Holds, *, refuses: bool) -> None:
    look = looking(shell)
    look.ahead(BOOT_ID, mailports.QUESTION, sources.QUESTION, listing.QUESTION, user="root")
    if refuses:
        refuse_stuck_mail(look)
    _report_changes(run)
    laid = firewall.lay_intake(shell, ports=_ports(run, look))
    stop = _noted(run, look)
    seen = firewall.close_intake(shell, laid, *sources.stopping(stop), asks=mail.UNDER_WAY)
    limit, port = run.settings.limits.drain, run.settings.old.smtp_port
    mail.wait_until_quiet(shell, port, timeout=limit, pace=run.pace, carried=not refuses, agent=agent_holds, seen=seen)


def _noted(run: Run, look: Shell) -> tuple[str, ...]:
    """The units to be stopped; what was stopped before a crash is started again by the way back too."""
    known, boot = run.facts.find(Intake), boot_id(look, user="root")
    active = sources.active(look)
    stop = tuple(dict.fromkeys((*(known.stopped if known else ()), *active)))
    accepted = tuple(dict.fromkeys(run.accepted))
    if known is None or (known.boot_id, known.stopped, known.accepted) != (boot, stop, accepted):
        run.learn(Intake(run.wall(), boot, stop, accepted))
    return active


def _ports(run: Run, look: LookingShell) -> tuple[int, ...]:
    found = mail.ports_of(look, run.settings.old.smtp_port)
    if found.unknown:
        run.remark(f"mail may still come in by {', '.join(found.unknown)} of master.cf: which port that is, is unknown")
    return found.all


def undo(run: Run) -> None:
    answering(run, lambda: open_again(run))
    neighbours.go_back(run)
    if run.facts.last(Opened) is not None:
        close.note_went_back(run)


def open_again(run: Run) -> None:
    """Nothing if it is open."""
    firewall.open_intake(run.old_shell)
    known = run.facts.find(Intake)
    if known is not None and known.stopped:
        sources.start(run.old_shell, known.stopped)


def answering(run: Run, act: Callable[[], None]) -> None:
    """The link has just come up again: wait until the old guest answers. It may be off: see `_started`.

    Nobody is waited for whom somebody else has unplugged. Raises NeedsAttention.
    """
    limits = run.settings.limits

    def attempt() -> None:
        try:
            act()
        except Unreachable:
            _refuse_unplugged(run)
            raise

    run.wait_for_answer(
        "the old gateway's shell",
        attempt,
        timeout=limits.boot if _started(run) else limits.network,
        clears=f"on the old VM's screen, as root: {BY_HAND}",
    )


def _refuse_unplugged(run: Run) -> None:
    """By somebody else: what our own switch unplugged, its undo plugs in, or says why it must not be.

    Raises NeedsAttention, Guarded where another machine is live.
    """
    plan = run.plan
    nic = links.with_mac(run.hypervisor.inventory(plan.old).nics, plan.identity.mac)
    if run.facts.find(Plugged) is not None or nic is None or nic.link_up or nic.stored_link_up:
        return
    guards.before_plugging_in(run, plan.old, down=run.hypervisor.find_tagged(run.run_id), going_back=True)
    typed = "; ".join(opened_by_hand.plugged_in(plan.hypervisor, plan))
    raise NeedsAttention(f"{plan.old.name} is unplugged, and this run has not done that", hint=f"plug it in: {typed}")


def _started(run: Run) -> bool:
    """Whether the old VM had to be started: autostart is given back last, so a reboot of the host may leave it off.

    Raises NeedsAttention for one that somebody paused.
    """
    old = run.plan.old
    if guards.refuse_paused(run, old) is not PowerState.OFF:
        return False
    guards.before_plugging_in(run, old, down=run.hypervisor.find_tagged(run.run_id), going_back=True)
    run.hypervisor.start(old)
    return True


def is_undone(run: Run) -> Iterator[Check]:
    """The old VM runs and takes mail at the live address: its greeting, for which nobody asks for a password."""
    if run.facts.last(Intake) is None:
        return
    old, host = run.plan.old, run.plan.identity.host
    power = run.hypervisor.power_state(old)
    seen = guards.power_in_words(power)
    yield Check("old-vm-runs", old.name, "running", seen, Verdict.of(power is PowerState.RUNNING))
    if power is PowerState.RUNNING:
        greeting = mail.banner(host, run.settings.old.smtp_port, dial=run.dial_to(host))
        yield Check("live-greeting", f"SMTP at {host}", "a greeting", repr(greeting), Verdict.PASS)


def holds(run: Run) -> Iterator[Check]:
    """No mail comes in, and none is under way. Behind a link that is down the guest cannot be asked, and gets none."""
    seen = _by_the_links(run) if run.facts.find(Plugged) is not None else ""
    if seen:
        yield Check("intake-closed", _WHAT, _CLOSED, seen, Verdict.of(seen == _UNPLUGGED))
        return
    look = firewall.look_at(run.old_shell, BOOT_ID, frozen.QUESTION, *mail.UNDER_WAY)
    closed, boot = firewall.intake_closed(look), run.facts.of(Intake).boot_id
    restarted = bool(boot) and boot_id(look, user="root") != boot
    seen = "open: the old guest was restarted" if restarted else _CLOSED if closed else "open"
    yield Check("intake-closed", _WHAT, _CLOSED, seen, Verdict.of(closed and not restarted))
    busy, waiting = mail.under_way(look, run.settings.old.smtp_port)
    seen = f"{busy} sessions, queues: {waiting}"
    moves = waiting.total if run.plan.mail_queue == REFUSE else 0  # else nothing does, or what waits is looked at below
    yield Check("intake-quiet", _UNDER_WAY, "none", seen, Verdict.of(busy + moves == 0))
    yield from frozen.holds(run, look)


def refuse_stuck_mail(shell: Shell, queues: str = "the old queues") -> None:
    """Raises QueueHoldsMail for mail that will not be delivered within moments; the rest is waited for later."""
    waiting = mail.queues(shell).counts
    stuck = {name: count for name, count in waiting.items() if count and name not in listing.SETTLING}
    if stuck:
        listed = ", ".join(f"{count} in {name}" for name, count in sorted(stuck.items()))
        raise QueueHoldsMail(
            f"mail is waiting in {queues}: {listed}",
            hint='let it be carried: mail.queue = "carry" (--queue carry), with a new plan; or have it delivered:'
            f" postqueue -f on {shell.host}; then run this again",
        )


_UNDER_WAY = "mail under way in the old gateway"
_WHAT, _CLOSED = "the old gateway's mail intake", "closed"
_UNPLUGGED = "unplugged; behind that its rules are not looked at"


def _by_the_links(run: Run) -> str:
    """What they say of the old intake. Where both are plugged in nobody knows who would answer; "": it can be asked."""
    new = run.facts.of(NewVm)
    if links.is_down(run, run.plan.old, run.plan.identity.mac):
        return _UNPLUGGED
    return "" if links.is_down(run, new.vm, new.live_mac) else "plugged in again beside the new VM"


def _report_changes(run: Run) -> None:
    """An archive that was exported by hand is not exported again: what is not in it is said."""
    if run.facts.of(Backup).by_hand and (changed := sorted(note_old.changed_tables(run))):
        run.remark("changed in the old gateway since the export, and not in the new one: " + ", ".join(changed))
