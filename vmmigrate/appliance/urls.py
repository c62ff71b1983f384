"""A console's URLs: of a bare host, and the parts that may be shown and compared. Pure functions."""

import ipaddress
import re
from collections.abc import Iterable
from contextlib import suppress
from urllib.parse import urljoin, urlsplit, urlunsplit

from hypervisors.wire import bracketed
from vmmigrate.errors import UsageProblem


def origins_of(where: str, ports: Iterable[int]) -> tuple[str, ...]:
    """The https origins of a bare host, at its own port or at each of `ports`.

    `mail`, `mail:8443`, `2001:db8::1`, `[2001:db8::1]:8443`, `fe80::1%eth0`. Raises UsageProblem.
    """
    try:
        parts = urlsplit(f"https://{_as_in_url(where)}")
        own = parts.port
    except ValueError as error:
        raise UsageProblem(f"{where!r} is neither a URL nor a host: {error}", hint=_HOST) from None
    if not parts.hostname:
        raise UsageProblem(f"{where!r} is not a host", hint=_HOST)
    return tuple(f"https://{bracketed(parts.hostname)}:{port}" for port in ((own,) if own else ports))


_HOST = "give https://HOST:PORT/ciphermail, or a host: a name or an address"


def _as_in_url(where: str) -> str:
    """An IPv6 address in brackets, and its zone percent-encoded."""
    with suppress(ValueError):
        ipaddress.IPv6Address(where)
        where = f"[{where}]"
    return re.sub(r"%(?!25)", "%25", where) if where.startswith("[") else where


def host_of(url: str) -> str:
    """The host as one connects to it: without brackets, a zone as it is called here."""
    return (urlsplit(url).hostname or "").replace("%25", "%")


def at_host(url: str, host: str) -> str:
    """The same URL on another host."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return urlunsplit(parts._replace(netloc=_as_in_url(host) + port))


def origin_of(url: str) -> str:
    """`https://host:port` in lower case, the port always written. Raises ValueError for what is no URL."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{parts.scheme}://{bracketed(parts.hostname or '')}:{port}"


def joined(base: str, target: str) -> str:
    """The absolute address of a `target` that stands on the page `base`; '' for what no browser could open either."""
    try:
        url = urljoin(base, target)
        origin_of(url)
    except ValueError:
        return ""
    return "" if "\\" in urlsplit(url).netloc else url  # who reads it as a slash has another host


def path_of(url: str) -> str:
    """The path alone: session ids stand in its parameters, tokens in its query."""
    return re.sub(r";[^/]*", "", urlsplit(url).path) or "/"
