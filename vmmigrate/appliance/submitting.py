"""Hand one message to an SMTP server, as any other server would."""

import smtplib
from collections.abc import Sequence
from contextlib import closing, suppress

from hypervisors import Dial, Unreachable, in_one_line
from hypervisors.wire import bracketed, plainly
from vmmigrate.appliance.smtp import Smtp
from vmmigrate.appliance.smtp_begun import begun
from vmmigrate.appliance.tls.handshake import reading_context
from vmmigrate.limits.seconds import SUBMITTING

_PATIENCE = SUBMITTING.most
_SHOWN = 200  # characters of an answer


def submit(host: str, port: int, envelope: tuple[str, str], content: bytes, dial: Dial) -> str:
    """In which words it refused the message; "": it took it. `envelope`: sender and recipient. With STARTTLS where it
    is offered. Raises Unreachable: nobody knows what became of it then, unless a handshake is named.
    """
    try:
        with closing(begun(host, port, dial, _PATIENCE)) as smtp:
            _secure(smtp, f"{bracketed(host)}:{port}")
            refused = _given(smtp, envelope, content)
            with suppress(OSError, smtplib.SMTPException):  # it has answered for the message already
                smtp.putcmd("QUIT")
            return refused
    except (OSError, smtplib.SMTPException) as error:
        raise Unreachable(
            f"SMTP at {bracketed(host)}:{port} broke off: {plainly(error)}",
            hint="see its log there: journalctl -u postfix",
        ) from error


def _secure(smtp: Smtp, where: str) -> None:
    """Raises Unreachable where no handshake follows: nothing was handed over then."""
    smtp.ehlo_or_helo_if_needed()
    if smtp.has_extn("starttls"):
        try:
            smtp.starttls(context=reading_context())
        except (OSError, smtplib.SMTPException) as error:
            raise Unreachable(
                f"not handed over: no TLS handshake after STARTTLS with SMTP at {where}: {plainly(error)}",
                hint="see its log there (journalctl -u postfix), and its certificate and key: postconf -n",
            ) from error
        smtp.ehlo_or_helo_if_needed()


def _given(smtp: Smtp, envelope: tuple[str, str], content: bytes) -> str:
    sender, recipient = envelope
    for said in (smtp.mail(sender), smtp.rcpt(recipient)):
        if said[0] // 100 != 2:
            return _words(said, envelope)
    try:
        said = smtp.data(content)
    except smtplib.SMTPDataError as refused:
        said = refused.smtp_code, _bytes(refused.smtp_error)
    return "" if said[0] // 100 == 2 else _words(said, envelope)


def _bytes(said: bytes | str) -> bytes:
    return said if isinstance(said, bytes) else said.encode()


def _words(said: tuple[int, bytes], addresses: Sequence[str]) -> str:
    """Without the addresses: they are the operator's."""
    words = in_one_line(f"{said[0]} {said[1].decode('utf-8', 'replace')}")
    for address in addresses:
        words = words.replace(address, "the address")
    return words[:_SHOWN]
