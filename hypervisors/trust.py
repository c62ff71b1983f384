"""How a TLS server is trusted: by an authority, or by the fingerprint of its certificate."""

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path

from hypervisors.errors import Unusable


@dataclass(frozen=True)
class TlsTrust:
    """How a TLS server is trusted: a pinned leaf, else an authority's file, else the system's authorities.

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
