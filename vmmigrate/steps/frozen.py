"""Whether the old mail server is still stopped, and nothing waits in it that was not carried."""

from collections.abc import Iterator

from vmmigrate.appliance import mail
from vmmigrate.appliance.port import Shell
from vmmigrate.appliance.queues import carrying, listing
from vmmigrate.facts import CarriedMail, Frozen
from vmmigrate.findings import Check, Verdict
from vmmigrate.run.stage import Run

QUESTION = carrying.STATE


def holds(run: Run, look: Shell) -> Iterator[Check]:
    """Nothing to look at where the run has not stopped it."""
    if run.facts.find(Frozen) is None:
        return
    state = look.run(QUESTION, user="root", check=False).stdout.strip()
    yield Check("old-postfix", "Postfix of the old gateway", "stopped", state, Verdict.of(state != "active"))
    yield _queue(run.facts.find(CarriedMail) or CarriedMail(), mail.queues(look))


def _queue(carried: CarriedMail, waiting: listing.Queues) -> Check:
    copies = carried.messages - carried.queues.get(carrying.MAILDROP, 0)
    seen = waiting.counts.get(listing.HOLD, 0) if copies else waiting.total
    so = seen == (copies or carried.left) and (not copies or waiting.total == seen)
    wanted = f"{copies}, all on hold" if copies else str(carried.left)
    return Check("queue-carried", "mail that waits in the old gateway", wanted, str(waiting), Verdict.of(so))
