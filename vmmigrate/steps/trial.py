"""Hand the new gateway one message, where the operator asked for it, and say what became of it. It stops nothing."""

from collections.abc import Collection
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from typing import ClassVar

from hypervisors import NotYet, Problem, TimedOut
from vmmigrate.appliance.queues import followed, listing, outcomes
from vmmigrate.appliance.queues.outcomes import BOUNCED, HANDED, SENT
from vmmigrate.appliance.submitting import submit
from vmmigrate.facts import NewGuest, Opened
from vmmigrate.run.stage import Run
from vmmigrate.settings.trial import pair
from vmmigrate.step import Change, Nothing, Step

_WAITS, _LOST = "waiting there", "neither in its queue nor in its log"


@dataclass(frozen=True)
class Trial:
    """`begun`: Unix seconds; from then on it may have been handed over. `outcome`: what became of it, in words.

    Learnt by `test-mail`, before the message is handed over and at its end.
    """

    since: ClassVar[int] = 3
    begun: float
    outcome: str = ""


def do(run: Run) -> None:
    """Once: a message that a killed process handed over is found by its Message-ID, and not sent a second time."""
    known = run.facts.find(Trial)
    if run.settings.mail.test is None or (known is not None and known.outcome):
        return
    trial = known or Trial(run.wall())
    if known is None:
        run.learn(trial)
    outcome = _outcome(run, trial, again=known is not None)
    run.learn(Trial(trial.begun, outcome))
    run.remark(f"test message {message_id(run)}: {outcome}")


def _outcome(run: Run, trial: Trial, *, again: bool) -> str:
    try:
        ids = followed.ids(run.new_shell, message_id(run), trial.begun) if again else ()
        if not ids and (refused := _hand_over(run)):
            return f"refused: {refused}"
        return _became(run, trial)
    except Problem as problem:
        return f"not known: {problem}"


def message_id(run: Run) -> str:
    """The run's own: by it the message is found in the log, and in a mailbox."""
    return f"vmmigrate-{run.run_id}@{run.plan.identity.mail_name or 'localhost'}"


def message(run: Run) -> bytes:
    """With the header that keeps programs from answering it (RFC 3834)."""
    sender, recipient = pair(run.settings.mail.test or "")
    made = EmailMessage(policy=SMTP)
    made["From"], made["To"], made["Subject"] = sender, recipient, f"vmmigrate: test message of run {run.run_id}"
    made["Date"], made["Message-ID"] = formatdate(run.wall()), f"<{message_id(run)}>"
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(f"{run.plan.identity.mail_name} took this message after a migration. Nobody needs to answer it.\n")
    return made.as_bytes()


def _hand_over(run: Run) -> str:
    """What it refused it with; "": it took it."""
    host, port = run.plan.identity.host, run.settings.old.smtp_port
    envelope = pair(run.settings.mail.test or "")
    return submit(host, port, envelope, message(run), run.dial_to(host))


def _became(run: Run, trial: Trial) -> str:
    seen: list[str] = []

    def look() -> str:
        seen[:] = [_now(run, trial)]
        if seen[0] not in (SENT, BOUNCED):
            raise NotYet(seen[0])
        return seen[0]

    try:
        return run.wait("the test message", look, timeout=run.settings.limits.answer, clears="see its log there")
    except TimedOut:
        return seen[0] if seen else _LOST


def _now(run: Run, trial: Trial) -> str:
    """What was sent anywhere was sent; what the mail agent took comes back by another id."""
    ids = followed.ids(run.new_shell, message_id(run), trial.begun)
    waiting = listing.ids(run.new_shell, run.plan.new_name)
    known = outcomes.read(run.new_shell, ids, trial.begun)
    return in_words(set(known.seen.values()), waits=not waiting.isdisjoint(ids))


def in_words(found: Collection[str], *, waits: bool) -> str:
    """Of all that was seen of it."""
    if waits:
        return _WAITS
    return next((each for each in (SENT, BOUNCED, HANDED) if each in found), _LOST)


STEP = Step(
    "test-mail",
    "Hand over a test message, where one was asked for",
    do,
    Nothing("a message that was sent is not called back"),
    learns=(Trial,),
    needs=(NewGuest, Opened),
    holds=(once := Nothing("it was said what became of it; later that is the administrator's")),
    undone=once,
    changes=(Change("new", "one message sent through it, where --test-mail asks for it"),),
)
