"""Prove mail at the live address before it is open: what the new gateway offers and would take, beside the old one."""

from collections.abc import Iterator
from functools import partial

from hypervisors import Unreachable
from vmmigrate.appliance import offers
from vmmigrate.facts import OldState
from vmmigrate.findings import Check, Verdict
from vmmigrate.offered import Offered
from vmmigrate.run.stage import Run
from vmmigrate.steps.comparing import Comparison, asked_again

_OFFERS, _TAKES = "what SMTP offers", "which recipients SMTP takes"
_AS_OLD = "as the old gateway"


def offered(run: Run, host: str, ports: tuple[int, ...]) -> tuple[Offered, ...]:
    """Of the port for mail, and of those for submission among `ports`. One that does not say is left out, and said."""
    wanted = dict.fromkeys((run.settings.old.smtp_port, *(port for port in offers.SUBMISSION if port in ports)))
    return tuple(seen for port in wanted if (seen := _asked(run, host, port)))


def _asked(run: Run, host: str, port: int) -> Offered | None:
    try:
        return offers.ask(host, port, _recipients(run), run.dial_to(host))
    except Unreachable as silent:
        run.remark(f"not compared with the new gateway: {silent}")
        return None


def _recipients(run: Run) -> dict[str, str]:
    """Nobody is written to: what is asked is taken back."""
    own = run.plan.identity.mail_name.partition(".")[2]
    known = {f"mail for {own}": f"postmaster@{own}"} if own else {}
    return {**known, "mail for any other domain": offers.STRANGER}


def _compare(run: Run, host: str, limit: float) -> Iterator[Check]:
    noted = run.facts.of(OldState).offers
    dial, recipients = run.dial_to(host), _recipients(run)
    pairs = [(old, asked_again(partial(offers.ask, host, old.port, recipients, dial))) for old in noted]
    if not pairs:
        return
    lacks = "; ".join(text for old, new in pairs for text in offers.missing(old, new))
    differs = "; ".join(text for old, new in pairs for text in offers.otherwise(old, new))
    yield Check("smtp-offers", _OFFERS, _AS_OLD, lacks or _AS_OLD, Verdict.of(not lacks))
    yield Check("smtp-takes", _TAKES, _AS_OLD, differs or _AS_OLD, Verdict.of(not differs))
    if late := "; ".join(text for old, new in pairs for text in offers.put_off(new, old)):
        run.remark(f"whether it takes {late} shows only when it is open: while it is isolated it was put off")


MAIL = Comparison(
    "smtp-offers",
    _OFFERS,
    _compare,
    "see what differs in both main.cf and master.cf: message_size_limit, smtpd_discard_ehlo_keywords, SASL, mynetworks,"
    " smtpd_relay_restrictions, smtpd_recipient_restrictions",
)
