"""Read a known_hosts file as OpenSSH does: names, patterns, hashes, revoked keys. A damaged line says nothing."""

import base64
import binascii
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from hypervisors.errors import Unusable
from hypervisors.limits import KNOWN_HOSTS

_REVOKED, _AUTHORITY = (
    "@revoked",
    "@cert-authority",
)  # certificates of hosts are not asked for, so authorities say nothing
_LARGEST = KNOWN_HOSTS.most
_HASHED = "|1|"


@dataclass(frozen=True)
class Known:
    """A host's public keys: kind ('ssh-ed25519') and blob of each; `revoked`: blobs that prove nothing any more."""

    keys: tuple[tuple[str, bytes], ...] = ()
    revoked: frozenset[bytes] = frozenset()


def known(path: Path, host: str, port: int) -> Known:
    """What the file says of a host. Raises Unusable where it cannot be read."""
    name = (host if port == 22 else f"[{host}]:{port}").lower()
    lines = [line for line in _lines(path) if _is_meant(name, line.names)]
    return Known(
        tuple((line.kind, line.blob) for line in lines if not line.marker),
        frozenset(line.blob for line in lines if line.marker == _REVOKED),
    )


@dataclass(frozen=True)
class _Line:
    marker: str
    names: str
    kind: str
    blob: bytes


def _lines(path: Path) -> Iterator[_Line]:
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST).decode("utf-8", "replace")
    except OSError as error:
        raise Unusable(f"cannot read {path}: {error.strerror}", hint="give a known_hosts file or a pin") from error
    for line in text.split("\n"):
        words = line.split()
        marker = words.pop(0) if words and words[0].startswith("@") else ""
        if len(words) >= 3 and not words[0].startswith("#") and (blob := _blob(words[1], words[2])):
            yield _Line(marker, words[0], words[1], blob)


def _blob(kind: str, text: str) -> bytes:
    """b'' for what is no key of that kind: a blob begins with its kind, with the length before it (RFC 4253, 6.6)."""
    try:
        blob = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return blob if blob.startswith(len(kind).to_bytes(4, "big") + kind.encode()) else b""


def _is_meant(name: str, names: str) -> bool:
    if names.startswith(_HASHED):
        return _is_hashed(name, names)
    patterns = names.lower().split(",")
    if any(_matches(name, pattern[1:]) for pattern in patterns if pattern.startswith("!")):
        return False
    return any(_matches(name, pattern) for pattern in patterns)


def _matches(name: str, pattern: str) -> bool:
    """`*` and `?` alone are special: the brackets of `[host]:port` stand for themselves."""
    return fnmatchcase(name, pattern.replace("[", "[[]"))


def _is_hashed(name: str, names: str) -> bool:
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in names.removeprefix(_HASHED).split("|"))
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(hmac.digest(salt, name.encode(), "sha1"), digest)
