"""Whom to believe: secrets that do not print, TLS peers verified by authority or pinned by fingerprint."""

import hashlib
import re
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from hypervisors.errors import TrustRefused, Unusable

# (host, port, seconds for connecting) → a connected socket: straight, or through a jump host. Raises OSError.
Dial = Callable[[str, int, float], socket.socket]

_KNOWN: set[str] = set()
_WORTH_HIDING = 8  # a shorter one (the stock `admin`) would blank out words that people need


def redacted(text: str) -> str:
    """The text without any secret of this process: for words that others wrote, such as a page or a traceback."""
    for value in _KNOWN:
        text = text.replace(value, "…")
    return text


class Secret:
    """A string that shows itself only when asked: never in repr, str, format, pickle or locals printed."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        if len(value) >= _WORTH_HIDING:
            _KNOWN.add(value)

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")


@dataclass(frozen=True)
class TlsTrust:
    """How a TLS server is believed: a pinned leaf, else an authority's file, else the system's authorities.

    `fingerprint`: SHA-256 of the leaf's DER form, hexadecimal, with or without colons. A pin replaces the
    checks of name and date: the operator said "this very certificate". `setting`: where the operator would pin it.
    """

    fingerprint: str | None = None
    ca_file: Path | None = None
    setting: str = field(default="", compare=False)


def normal_fingerprint(text: str) -> str:
    """A SHA-256 fingerprint as 64 lower-case hex digits. Raises Unusable where it is none."""
    digits = re.sub(r"^sha-?256[:=]", "", text.strip().lower()).replace(":", "").replace(" ", "")
    if not re.fullmatch(r"[0-9a-f]{64}", digits):
        raise Unusable(
            f"{text!r} is no SHA-256 fingerprint",
            hint="give 64 hexadecimal digits, as `openssl x509 -noout -fingerprint -sha256` prints them",
        )
    return digits


def fingerprint_of(der: bytes) -> str:
    """SHA-256 of a certificate's DER form, 64 lower-case hex digits."""
    return hashlib.sha256(der).hexdigest()


def dial_straight(host: str, port: int, timeout: float) -> socket.socket:
    """A TCP connection from this machine."""
    return socket.create_connection((host, port), timeout=timeout)


def fetch_leaf(host: str, port: int, timeout: float = 5.0, *, dial: Dial = dial_straight) -> bytes:
    """The DER form of the certificate that a TLS server shows now, unverified: for pinning, never for data.

    Raises OSError (ssl.SSLError among them) where there is no handshake.
    """
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        dial(host, port, timeout) as plain,
        context.wrap_socket(plain, server_hostname=host) as tls,
    ):
        der = tls.getpeercert(binary_form=True)
    if not der:
        raise TrustRefused(f"{host}:{port} showed no certificate", hint="is this a TLS port?")
    return der
