"""Close the old mail intake: current sessions and deliveries finish, new mail gets a temporary error."""

from vmmigrate.appliance import mail
from vmmigrate.appliance.database import read_database
from vmmigrate.appliance.net import firewall
from vmmigrate.appliance.port import Shell
from vmmigrate.errors import QueueHoldsMail
from vmmigrate.facts import Intake
from vmmigrate.run.stage import Run
from vmmigrate.steps.export import load_digests

SETTLING = ("active", "incoming", "maildrop")  # queues that empty within moments


def do(run: Run) -> None:
    shell = run.old_shell
    refuse_stuck_mail(shell)
    _report_changes(run)
    laid = firewall.lay_intake(shell)
    if run.facts.find(Intake) is None:
        run.learn(Intake(run.wall()))
    firewall.close_intake(shell, laid)
    mail.wait_until_quiet(shell, run.settings.old.smtp_port, timeout=run.settings.limits.drain, pace=run.pace)


def undo(run: Run) -> None:
    """The link has just come up again: wait until the old guest answers."""
    run.wait_for_answer(
        "the old gateway's shell",
        lambda: firewall.open_intake(run.old_shell),
        timeout=run.settings.limits.network,
        clears="on the old VM's screen, as root: nft delete table inet vmmigrate_intake",
    )


def refuse_stuck_mail(shell: Shell) -> None:
    """Raises QueueHoldsMail for mail that will not be delivered within moments; the rest is waited for later."""
    waiting = mail.queues(shell).counts
    stuck = {name: count for name, count in waiting.items() if count and name not in SETTLING}
    if stuck:
        listed = ", ".join(f"{count} in {name}" for name, count in sorted(stuck.items()))
        raise QueueHoldsMail(
            f"mail is waiting in the old queues: {listed}",
            hint="it would be cut off: on the old gateway, deliver it (postqueue -f) or remove it (postsuper -d ID),"
            " then run this again",
        )


def _report_changes(run: Run) -> None:
    """Report what changed since the export, because it is not in the new gateway."""
    before = load_digests(run)
    now = read_database(run.old_shell, run.rundir.sealed.digest_key(), before)
    changed = sorted(name for name, table in now.tables.items() if before.tables.get(name) != table)
    if changed:
        run.remark("changed in the old gateway since the export, and not in the new one: " + ", ".join(changed))
