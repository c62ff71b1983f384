"""What an SMTP server offers, and which recipients it would take: asked, and nothing is sent."""

import smtplib
from collections.abc import Iterator, Mapping
from contextlib import closing

from hypervisors import Dial, Unreachable
from hypervisors.wire import bracketed, plainly
from vmmigrate.appliance.smtp import Smtp
from vmmigrate.appliance.smtp_begun import IMPLICIT_TLS, begun
from vmmigrate.appliance.tls.handshake import reading_context
from vmmigrate.limits.seconds import SMTP_OFFERS
from vmmigrate.offered import Offered
from vmmigrate.reading import whole

SUBMISSION = (IMPLICIT_TLS, 587)
STRANGER = "postmaster@example.invalid"  # a domain that never is anybody's (RFC 2606)
_PATIENCE = SMTP_OFFERS.most


def ask(host: str, port: int, recipients: Mapping[str, str], dial: Dial) -> Offered:
    """`recipients`: what each stands for → its address. The session is reset before it ends. Raises Unreachable."""
    try:
        with closing(begun(host, port, dial, _PATIENCE)) as smtp:
            return _asked(smtp, port, recipients)
    except (OSError, smtplib.SMTPException) as error:
        raise Unreachable(
            f"SMTP at {bracketed(host)}:{port} does not say what it offers: {plainly(error)}",
            hint="does Postfix run, and is its port open to this workstation?",
        ) from error


def _asked(smtp: Smtp, port: int, recipients: Mapping[str, str]) -> Offered:
    smtp.ehlo_or_helo_if_needed()
    keywords = dict(smtp.esmtp_features)
    secured: dict[str, str] = {}
    if "starttls" in keywords:
        smtp.starttls(context=reading_context())
        smtp.ehlo_or_helo_if_needed()
        secured = dict(smtp.esmtp_features)
    smtp.mail("")  # as a bounce: of no sender anything is asked
    answers = {name: smtp.rcpt(address)[0] for name, address in recipients.items()}
    smtp.rset()
    return Offered(port, keywords, secured, answers)


def missing(old: Offered, new: Offered) -> Iterator[str]:
    """What the old one offers and the new one does not; a smaller size too."""
    for when, before, now in (("", old.keywords, new.keywords), (" after STARTTLS", old.secured, new.secured)):
        for word in sorted(before.keys() - now.keys()):
            yield f"no {word.upper()}{when} at port {old.port}"
        if _less(now.get("size", ""), before.get("size", "")):
            yield f"SIZE {now['size']}{when} at port {old.port}, the old one {before['size'] or 'any'}"


def _less(now: str, before: str) -> bool:
    """No number, or 0, is any size (RFC 1870)."""
    limit, earlier = whole(now) or 0, whole(before) or 0
    return bool(limit) and (not earlier or limit < earlier)


def otherwise(old: Offered, new: Offered) -> Iterator[str]:
    """Recipients that one takes and the other refuses. Who is put off (4xx) has no answer yet."""
    for name, before in old.answers.items():
        now = new.answers.get(name, 0)
        if {before // 100, now // 100} == {2, 5}:
            words = {2: "takes", 5: "refuses"}
            yield f"it {words[now // 100]} {name} at port {old.port}, the old one {words[before // 100]} it"


def put_off(new: Offered, old: Offered) -> Iterator[str]:
    """Those that only a later attempt would show."""
    for name, code in new.answers.items():
        if code // 100 == 4 and old.answers.get(name, 0) // 100 != 4:
            yield f"{name} at port {new.port} ({code})"
