"""Prove by a real handshake which certificate a server shows: a wrong path in Postfix is visible nowhere else."""

import smtplib
import socket
import ssl
from dataclasses import dataclass
from enum import Enum
from typing import Any

from hypervisors import (
    REAL_TIME,
    Dial,
    NotYet,
    Pace,
    Unreachable,
    dial_straight,
    fingerprint_of,
    normal_fingerprint,
    once_reachable,
    wait_for,
)
from hypervisors.wire import bracketed, named_in_tls, plainly
from vmmigrate.appliance.smtp import Smtp

TLS_PORTS = (443, 8443, 465, 25, 587)  # at which a gateway may speak TLS
STARTTLS_PORTS = (25, 587)
_CONNECTING = 5.0  # seconds
_DER = 2  # the inner module's number for DER, which it does not export by name


class Offer(Enum):
    """Which kinds of signature the client takes; the value is OpenSSL's cipher string for it.

    Python's ssl cannot limit the signatures of TLS 1.3, because its ciphers do not name them. So RSA and ECDSA are
    offered with TLS 1.2, and a server that speaks only 1.3 shows nothing to such a client.
    """

    ANY = "DEFAULT:@SECLEVEL=0"
    RSA = "aRSA:@SECLEVEL=0"
    ECDSA = "aECDSA:@SECLEVEL=0"

    @classmethod
    def of(cls, kind: str) -> "Offer":
        """For a kind of key; Ed25519 goes by ECDSA's ciphers."""
        return cls.RSA if kind == "RSA" else cls.ECDSA


class PortClosed(Unreachable):
    """Nothing takes connections there."""


@dataclass(frozen=True)
class Served:
    """What a server shows, unverified. `chain`: DER of each certificate as sent, the leaf first."""

    chain: tuple[bytes, ...]
    version: str = ""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the leaf, hex."""
        return fingerprint_of(self.chain[0])

    @property
    def chain_length(self) -> int:
        """The leaf counts too."""
        return len(self.chain)


@dataclass(frozen=True)
class Leaf:
    """One certificate that a port shows to those who make this `offer`. `what`: that in words."""

    what: str
    fingerprint: str
    offer: Offer


@dataclass(frozen=True)
class Expected:
    """What a port shows once the pairs are installed. `fingerprints`: leaf by kind of key ('RSA', 'ECDSA')."""

    name: str
    port: int
    starttls: bool
    fingerprints: dict[str, str]

    def leaves(self) -> tuple[Leaf, ...]:
        """Each by itself; of several, each is shown to those who ask for its kind."""
        shows = f"{self.name}{' STARTTLS' if self.starttls else ''} shows the old"
        if len(self.fingerprints) == 1:
            [only] = self.fingerprints.values()
            return (Leaf(f"{shows} certificate", only, Offer.ANY),)
        kinds = self.fingerprints.items()
        return tuple(Leaf(f"{shows} {kind} certificate", leaf, Offer.of(kind)) for kind, leaf in kinds)


def served(
    host: str,
    port: int,
    *,
    starttls: bool,
    timeout: float = 10.0,
    offer: Offer = Offer.ANY,
    dial: Dial = dial_straight,
) -> Served:
    """What a handshake shows now, unverified: to compare, never to trust. Raises Unreachable, PortClosed."""
    try:
        plain = dial(host, port, timeout)
    except OSError as error:
        raise PortClosed(
            f"{bracketed(host)}:{port} accepts no connection: {plainly(error)}",
            hint="does the service run, and is its port open to here?",
        ) from error
    try:
        with plain:
            return _after_starttls(host, port, plain, timeout, offer) if starttls else _direct(host, plain, offer)
    except (OSError, smtplib.SMTPException) as error:
        raise Unreachable(
            f"no TLS handshake with {bracketed(host)}:{port}: {plainly(error)}",
            hint="does the service run, and do its log's last lines speak of a certificate or key?",
        ) from error


def await_served(
    host: str,
    expected: Expected,
    leaf: Leaf,
    *,
    timeout: float,
    pace: Pace = REAL_TIME,
    dial: Dial = dial_straight,
) -> Served:
    """Wait until the port shows that leaf to clients of its kind. Raises TimedOut with what it showed instead."""
    wanted = normal_fingerprint(leaf.fingerprint)

    def probe() -> Served:
        shown = served(host, expected.port, starttls=expected.starttls, offer=leaf.offer, dial=dial)
        if shown.fingerprint != wanted:
            raise NotYet(f"it shows {shown.fingerprint}")
        return shown

    what = f"{bracketed(host)}:{expected.port} to show the certificate {wanted[:16]}…"
    clears = "restart the service on the appliance and see its log: path, password, mode of the key's file"
    return wait_for(what, once_reachable(probe), timeout=timeout, clears=clears, pace=pace, pause=0.5)


def prove(
    host: str, expected: Expected, *, timeout: float, pace: Pace = REAL_TIME, dial: Dial = dial_straight
) -> tuple[str, ...]:
    """Handshakes until each pair is shown to those who ask for its kind; in words. Raises TimedOut at the first."""
    for leaf in expected.leaves():
        await_served(host, expected, leaf, timeout=timeout, pace=pace, dial=dial)
    return tuple(f"{leaf.what} {leaf.fingerprint[:16]}…" for leaf in expected.leaves())


def is_closed(host: str, port: int, dial: Dial = dial_straight) -> bool:
    """Whether nothing takes connections there."""
    try:
        dial(host, port, _CONNECTING).close()
    except (OSError, Unreachable):  # the latter by a jump host that is not let through either
        return True
    return False


def _direct(host: str, plain: socket.socket, offer: Offer) -> Served:
    with reading_context(offer).wrap_socket(plain, server_hostname=named_in_tls(host)) as tls:
        return _shown(tls)


def _after_starttls(host: str, port: int, plain: socket.socket, timeout: float, offer: Offer) -> Served:
    with Smtp(host, port, plain, timeout) as smtp:
        smtp.starttls(context=reading_context(offer))
        assert isinstance(smtp.sock, ssl.SSLSocket)
        return _shown(smtp.sock)


def reading_context(offer: Offer = Offer.ANY) -> ssl.SSLContext:
    """Trusts every certificate and permits the oldest protocols: only to read certificates, nothing is sent over it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    if offer is not Offer.ANY:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(offer.value)
    return context


def _shown(tls: ssl.SSLSocket) -> Served:
    leaf = tls.getpeercert(binary_form=True)
    if not leaf:
        raise ssl.SSLError("no certificate was shown")
    # Public only from Python 3.13 on, where it gives bytes; before, the same method sits on the inner object.
    holder: Any = tls if hasattr(tls, "get_unverified_chain") else tls._sslobj  # type: ignore[attr-defined]
    sent = [each if isinstance(each, bytes) else each.public_bytes(_DER) for each in holder.get_unverified_chain()]
    return Served(tuple(sent), tls.version() or "")
