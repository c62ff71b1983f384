"""Hand one message to an SMTP server, as any other server would."""

import re
import smtplib
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from hypervisors import Dial, Unreachable, in_one_line
from hypervisors.wire import bracketed, plainly
from vmmigrate.appliance.smtp import Smtp
from vmmigrate.appliance.smtp_begun import begun
from vmmigrate.appliance.tls.handshake import reading_context

_PATIENCE = 30.0  # seconds: a filter may look at the message before it answers
_SHOWN = 200  # characters of an answer
_QUEUED = re.compile(r"queued as (\w+)")


@dataclass(frozen=True)
class Answer:
    """`refused`: its own words, "" where it took the message. `queue_id`: "" where it does not say one."""

    refused: str = ""
    queue_id: str = ""


def submit(host: str, port: int, envelope: tuple[str, str], content: bytes, dial: Dial) -> Answer:
    """`envelope`: sender and recipient. With STARTTLS where it is offered. Raises Unreachable: nobody knows what became
    of it then.
    """
    try:
        with closing(begun(host, port, dial, _PATIENCE)) as smtp:
            return _given(smtp, envelope, content)
    except (OSError, smtplib.SMTPException) as error:
        raise Unreachable(
            f"SMTP at {bracketed(host)}:{port} broke off: {plainly(error)}",
            hint="see its log there: journalctl -u postfix",
        ) from error


def _given(smtp: Smtp, envelope: tuple[str, str], content: bytes) -> Answer:
    smtp.ehlo_or_helo_if_needed()
    if smtp.has_extn("starttls"):
        smtp.starttls(context=reading_context())
        smtp.ehlo_or_helo_if_needed()
    sender, recipient = envelope
    for said in (smtp.mail(sender), smtp.rcpt(recipient)):
        if said[0] // 100 != 2:
            return Answer(_words(said, envelope))
    try:
        said = smtp.data(content)
    except smtplib.SMTPDataError as refused:
        said = refused.smtp_code, _bytes(refused.smtp_error)
    if said[0] // 100 != 2:
        return Answer(_words(said, envelope))
    found = _QUEUED.search(said[1].decode("utf-8", "replace"))
    return Answer(queue_id=found[1] if found else "")


def _bytes(said: bytes | str) -> bytes:
    return said if isinstance(said, bytes) else said.encode()


def _words(said: tuple[int, bytes], addresses: Sequence[str]) -> str:
    """Without the addresses: they are the operator's."""
    words = in_one_line(f"{said[0]} {said[1].decode('utf-8', 'replace')}")
    for address in addresses:
        words = words.replace(address, "the address")
    return words[:_SHOWN]
