"""Close the old console to all others: no setting is changed there between the last comparison and the switch."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from hypervisors import Problem
from vmmigrate.appliance.net import firewall
from vmmigrate.appliance.units import BOOT_ID, boot_id
from vmmigrate.facts import ConsoleClosed, Plugged
from vmmigrate.findings import Check, Verdict
from vmmigrate.run.fold import RunState, Status
from vmmigrate.run.stage import Run
from vmmigrate.steps import guards, intake

BY_HAND = "nft delete table inet vmmigrate_console"  # opens it again


def do(run: Run) -> None:
    guards.before_closing(run)
    shell = run.old_shell
    boot, known = boot_id(shell, user="root"), run.facts.find(ConsoleClosed)
    if known is None or known.boot_id != boot:
        run.learn(ConsoleClosed(run.wall(), boot))
    firewall.close_console(shell, _ours(run), _ports(run))


def _ours(run: Run) -> tuple[str, ...]:
    """This workstation as it sees itself, and as the old guest sees it: behind NAT or a jump host they differ.

    As it is now: it may have moved since the run was prepared. That guest's word is enough for its own firewall.
    """
    shell = run.old_shell
    seen = shell.seen_address(), shell.own_address(), run.settings.old.seen_as
    return tuple(dict.fromkeys(address for address in seen if address))


def _ports(run: Run) -> tuple[int, ...]:
    """Where a console is looked for, and where the settings say that it is."""
    given = run.settings.old.console.url
    named = {urlsplit(given).port or 443} if given else set[int]()
    return tuple(sorted({*firewall.CONSOLE_PORTS, *run.doors.old.profile.console.ports, *named}))


def undo(run: Run) -> None:
    """Mail may flow all the same: then nothing else says how its administrators get in again."""
    try:
        intake.answering(run, lambda: firewall.open_console(run.old_shell))
    except Problem as problem:
        if BY_HAND not in problem.hint:
            by_hand = f"its console is closed to all but this workstation; on its screen, as root: {BY_HAND}"
            problem.hint = "; ".join(filter(None, (problem.hint, by_hand)))
        raise


def is_undone(run: Run) -> Iterator[Check]:
    """Open to all, also where a snapshot or somebody else brought the rules back. Nobody sees that from here: that
    guest is asked, where no password has to be typed for it.

    Where it does not answer, nothing is said: only what is seen to be closed is opened again, because the rest of a way
    back needs that log-in for nothing.
    """
    known = run.facts.last(ConsoleClosed)
    if known is None or not run.doors.is_at_hand(run.doors.old):
        return
    try:
        seen = "closed" if firewall.console_closed(run.old_shell) else "open"  # rules of sudoers name no other question
    except Problem as problem:
        by_hand = f"if its administrators do not get in, on its screen, as root: {BY_HAND}"
        run.remark(f"whether the old gateway's console is still open could not be looked at: {problem}; {by_hand}")
        return
    yield Check("console-open", "the old gateway's console, to others", "open", seen, Verdict.of(seen == "open"))


def may_be_closed(state: RunState) -> bool:
    """An earlier version did not close it."""
    return state.steps.get("close-console", Status.PENDING) is not Status.PENDING


def holds(run: Run) -> Iterator[Check]:
    """Closed, by the same boot. Behind a link that is down nobody reaches it."""
    if run.facts.find(Plugged) is not None:
        return
    look = firewall.look_at(run.old_shell, BOOT_ID)
    restarted = boot_id(look, user="root") != run.facts.of(ConsoleClosed).boot_id
    closed = firewall.console_closed(look) and not restarted
    seen = "open: the old guest was restarted" if restarted else "closed" if closed else "open"
    yield Check("console-closed", "the old gateway's console, to others", "closed", seen, Verdict.of(closed))
