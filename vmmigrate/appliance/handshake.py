"""Prove by a real handshake which certificate a server shows: a wrong path in Postfix shows nowhere else."""

import smtplib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypervisors import Clock, Dial, NotYet, Wait, dial_straight, fingerprint_of, normal_fingerprint, wait_for
from vmmigrate.errors import ApplianceUnreachable


@dataclass(frozen=True)
class Served:
    """What a server shows. `fingerprint`: SHA-256 of the leaf (hex); `chain_length` counts the leaf too."""

    fingerprint: str
    chain_length: int


def served(host: str, port: int, *, starttls: bool, timeout: float = 10.0, dial: Dial = dial_straight) -> Served:
    """What a handshake shows now, unverified: to compare, never to trust. Raises ApplianceUnreachable."""
    try:
        return _after_starttls(host, port, timeout, dial) if starttls else _direct(host, port, timeout, dial)
    except (OSError, smtplib.SMTPException) as error:
        raise ApplianceUnreachable(
            f"no TLS handshake with {host}:{port}: {error}",
            hint="does the service run, and do its log's last lines speak of a certificate or key?",
        ) from error


def await_served(
    host: str,
    port: int,
    fingerprint: str,
    *,
    starttls: bool,
    timeout: float = 120.0,
    clock: Clock | None = None,
    tick: Callable[[Wait], None] = lambda wait: None,
    dial: Dial = dial_straight,
) -> Served:
    """Wait until the server shows that leaf. Raises TimedOut with what it showed instead."""
    wanted = normal_fingerprint(fingerprint)

    def probe() -> Served:
        try:
            shown = served(host, port, starttls=starttls, dial=dial)
        except ApplianceUnreachable as error:
            raise NotYet(str(error)) from error
        if shown.fingerprint != wanted:
            raise NotYet(f"it shows {shown.fingerprint}")
        return shown

    what = f"{host}:{port} to show the certificate {wanted[:16]}…"
    clears = "restart the service on the appliance and see its log: path, password, mode of the key's file"
    return wait_for(what, probe, timeout=timeout, clears=clears, clock=clock, pause=0.5, tick=tick)


def _direct(host: str, port: int, timeout: float, dial: Dial) -> Served:
    with (
        dial(host, port, timeout) as plain,
        _reading_context().wrap_socket(plain, server_hostname=host) as tls,
    ):
        return _shown(tls)


def _after_starttls(host: str, port: int, timeout: float, dial: Dial) -> Served:
    with _Smtp(host, port, timeout, dial) as smtp:
        smtp.starttls(context=_reading_context())
        assert isinstance(smtp.sock, ssl.SSLSocket)
        return _shown(smtp.sock)


class _Smtp(smtplib.SMTP):
    """Over a socket of `dial`'s."""

    def __init__(self, host: str, port: int, timeout: float, dial: Dial) -> None:
        self._dial = dial
        super().__init__(host, port, timeout=timeout, local_hostname="localhost")

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self._dial(host, port, timeout)


def _reading_context() -> ssl.SSLContext:
    """Believes everybody and speaks the oldest dialects: it looks at certificates, nothing is sent over it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


def _shown(tls: ssl.SSLSocket) -> Served:
    leaf = tls.getpeercert(binary_form=True)
    if not leaf:
        raise ssl.SSLError("no certificate was shown")
    # Public only from Python 3.13 on; before, the same method sits on the inner object.
    holder: Any = tls if hasattr(tls, "get_unverified_chain") else tls._sslobj  # type: ignore[attr-defined]
    return Served(fingerprint_of(leaf), len(holder.get_unverified_chain()))
