"""What a hyperv+ssh:// URL says: account, host, port. Pure functions."""

from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from hypervisors.errors import NotSupported

_FORM = "give hyperv+ssh://USER@HOST, or with a port hyperv+ssh://USER@HOST:PORT"


@dataclass(frozen=True)
class Target:
    """An account on a host that runs OpenSSH's server."""

    user: str
    host: str
    port: int


def parsed(url: str) -> Target:
    """Raises NotSupported."""
    parts, port = _split(url)
    if parts.scheme.lower() != "hyperv+ssh":
        raise _refused(url, f"Hyper-V is reached over ssh, not by {parts.scheme!r}")
    if not parts.hostname or parts.hostname.startswith("-"):
        raise _refused(url, "it names no host")
    if not parts.username:
        raise _refused(url, "it names no account")
    if parts.password is not None:
        raise _refused(url, "a password has no place in a URL")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise _refused(url, "a host has nothing behind its name here")
    return Target(unquote(parts.username), parts.hostname, port or 22)


def _split(url: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(url)
        return parts, parts.port
    except ValueError as error:
        raise _refused(url, str(error)) from error


def _refused(url: str, why: str) -> NotSupported:
    shown = url if "@" not in url else f"{url.partition('://')[0]}://…@{url.rpartition('@')[2]}"
    return NotSupported(f"hypervisor URL {shown!r}: {why}", hint=_FORM)
