"""A session with an SMTP server, begun as its port demands: at 465 with TLS from the start (RFC 8314)."""

from hypervisors import Dial
from vmmigrate.appliance.smtp import Smtp
from vmmigrate.appliance.tls.handshake import reading_context

IMPLICIT_TLS = 465


def begun(host: str, port: int, dial: Dial, timeout: float) -> Smtp:
    """Greeted; its certificate is not verified, so nothing is sent over it that is secret.

    Raises smtplib.SMTPException, OSError, Unreachable.
    """
    plain = dial(host, port, timeout)
    try:
        if port == IMPLICIT_TLS:
            plain = reading_context().wrap_socket(plain, server_hostname=None)
        return Smtp(host, port, plain, timeout)
    except BaseException:
        plain.close()
        raise
