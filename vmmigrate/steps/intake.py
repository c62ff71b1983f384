"""Close the old mail intake once its queues are empty; mail under way finishes, new mail is told to come again."""

from hypervisors import NotYet
from vmmigrate.appliance import firewall, mail
from vmmigrate.errors import ApplianceUnreachable
from vmmigrate.model import Intake
from vmmigrate.run import Run


def do(run: Run) -> None:
    _drain(run)
    firewall.lay_intake(run.old_shell)
    if run.facts.find(Intake) is None:
        run.learn(Intake(run.wall()))
    firewall.close_intake(run.old_shell)
    _drain(run)  # what was accepted between the first look and the closing


def undo(run: Run) -> None:
    """The link is up again only just now: wait until the old guest answers."""

    def probe() -> None:
        try:
            firewall.open_intake(run.old_shell)
        except ApplianceUnreachable as error:
            raise NotYet(str(error)) from error

    run.wait(
        "the old gateway's shell",
        probe,
        timeout=run.settings.limits.network,
        clears="on the old VM's screen, as root: nft delete table inet vmmigrate_intake",
    )


def _drain(run: Run) -> None:
    """Raises QueueHoldsMail."""
    mail.wait_until_empty(run.old_shell, timeout=run.settings.limits.drain, clock=run.clock, tick=run.tick)
