"""TLS connections through the HTTPS proxy that the environment names: honoured as others do, never for loopback."""

import socket
import ssl
from base64 import b64encode
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TypeVar
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from hypervisors.errors import NotSupported
from hypervisors.secrets import Secret
from hypervisors.wire.allowance import Allowance, ended_by, shut
from hypervisors.wire.bounded import HttpAnswer
from hypervisors.wire.dialling import dial_straight, is_loopback
from hypervisors.wire.faults import plainly

C = TypeVar("C", bound=HTTPConnection)
_PLAIN = "name one as http://HOST:PORT in https_proxy, or leave this server out with no_proxy"
_BLOCK = 1 << 20  # of http.client's reads of a file-like body; sockets take what they are given


@dataclass(frozen=True)
class Proxy:
    """`login`: 'user:password', if the proxy needs one; it is sent only to the proxy."""

    host: str
    port: int
    login: Secret | None = field(default=None, repr=False)

    @property
    def headers(self) -> dict[str, str]:
        if self.login is None:
            return {}
        return {"Proxy-Authorization": "Basic " + b64encode(self.login.reveal().encode()).decode("ascii")}


def proxy_for(host: str) -> Proxy | None:
    """None if the connection is direct. Raises NotSupported for a proxy that is spoken to in TLS."""
    named = getproxies().get("https")
    if not named or is_loopback(host) or proxy_bypass(host):
        return None
    parts = proxy_address(named, "http")
    return Proxy(parts.hostname, parts.port or 8080, _login(parts)) if parts.hostname else None


def proxy_address(named: str, *schemes: str) -> SplitResult:
    """Of a proxy that the environment names; `schemes`: those by which one can be spoken to. Raises NotSupported.

    The name itself is in no message, for it may hold a password.
    """
    try:
        parts = urlsplit(named if "://" in named else f"http://{named}")
        parts.port  # noqa: B018 -- it is what raises
    except ValueError:
        raise NotSupported("the address of the environment's HTTPS proxy cannot be read", hint=_PLAIN) from None
    if parts.scheme not in schemes:
        raise NotSupported(
            f"the environment's HTTPS proxy {parts.scheme}://{parts.hostname} is not a plain HTTP proxy", hint=_PLAIN
        )
    return parts


def _login(parts: SplitResult) -> Secret | None:
    if parts.username is None:
        return None
    return Secret(f"{unquote(parts.username)}:{unquote(parts.password or '')}")


class Connection(HTTPSConnection):
    """One that can be shut under whoever waits at it, also when it has forgotten its socket for the last answer."""

    response_class = HttpAnswer
    _held: socket.socket | None = None

    def connect(self) -> None:
        super().connect()
        self._held = self.sock

    def shut(self) -> None:
        shut(self.sock or self._held)


def connection(host: str, port: int, context: ssl.SSLContext, timeout: float) -> Connection:
    """Not connected yet."""
    proxy = proxy_for(host)
    if proxy is None:
        return _dialling(Connection(host, port, context=context, timeout=timeout, blocksize=_BLOCK))
    made = Connection(proxy.host, proxy.port, context=context, timeout=timeout, blocksize=_BLOCK)
    made.set_tunnel(host, port, proxy.headers)
    return _dialling(made)


def _dialling(made: C) -> C:
    """The standard library's own way to a socket asks for a name without a time-out, and deaf to Ctrl-C."""
    made._create_connection = lambda where, timeout, _source: dial_straight(where[0], where[1], timeout)  # type: ignore[attr-defined]
    return made


def dial(host: str, port: int, timeout: float) -> socket.socket:
    """A TCP connection, for a look at the certificate at its end. Raises OSError."""
    proxy = proxy_for(host)
    if proxy is None:
        return dial_straight(host, port, timeout)
    through = _dialling(HTTPConnection(proxy.host, proxy.port, timeout=timeout))
    through.set_tunnel(host, port, proxy.headers)
    try:
        with ended_by(Allowance(timeout), lambda: shut(through.sock)):
            through.connect()
    except HTTPException as error:
        raise OSError(f"the proxy {proxy.host}:{proxy.port} answers {plainly(error)}") from error
    assert through.sock is not None
    return through.sock
