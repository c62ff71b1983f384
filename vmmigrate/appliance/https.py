"""An HTTPS session with one origin: trust by authority or pin, nothing from the environment, errors translated."""

import ipaddress
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.util.ssl_ import create_urllib3_context

from hypervisors import Dial, TlsTrust, TrustRefused, dial_straight, fetch_leaf, fingerprint_of, normal_fingerprint
from vmmigrate.appliance.urls import origin_of, path_of
from vmmigrate.errors import ApplianceError, ApplianceUnreachable, UsageProblem

_DIALLING = 15.0  # seconds
_BLOCK = 1 << 17  # bytes handed to the socket at a time; urllib3's own 16 KiB halves the speed of an upload


class _PinningAdapter(HTTPAdapter):
    """Lets urllib3 compare the leaf with the pin when the connection is made, before a byte of ours is sent."""

    def __init__(self, fingerprint: str | None, dial: Dial) -> None:
        self._dial = dial
        self._pool = {"blocksize": _BLOCK} | (_pinned(fingerprint) if fingerprint else {})
        super().__init__()

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, **kwargs, **self._pool)
        if self._dial is not dial_straight:
            self.poolmanager.pool_classes_by_scheme = {"https": _pool_through(self._dial)}

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        return super().proxy_manager_for(proxy, **kwargs, **self._pool)


def _pinned(fingerprint: str) -> dict[str, Any]:
    """A context of its own, else urllib3 reads all authorities of the system (30 ms) for each connection to a pin."""
    return {"assert_fingerprint": fingerprint, "ssl_context": create_urllib3_context(cert_reqs=ssl.CERT_NONE)}


def _pool_through(dial: Dial) -> type[HTTPSConnectionPool]:
    """Connections that begin with a socket of `dial`'s; TLS is spoken over it as over any other."""

    class Connection(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return dial(self.host, self.port or 443, float(self.timeout or _DIALLING))

    class Pool(HTTPSConnectionPool):
        ConnectionCls = Connection

    return Pool


class _OneOrigin(requests.Session):
    """Follows redirects within its origin alone: a password or an archive never goes elsewhere."""

    def __init__(self, origin: str) -> None:
        super().__init__()
        self._origin = origin

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        target = super().get_redirect_target(resp)
        if target and urlsplit(target).netloc and origin_of(target) != self._origin:
            raise ApplianceError(
                f"{self._origin} redirects to {origin_of(target)}, where nothing of ours is sent",
                hint="give the console's final URL",
            )
        return target


class HttpsOrigin:
    """GET and POST within one scheme, host and port. Cookies stay in memory."""

    def __init__(self, url: str, trust: TlsTrust, dial: Dial = dial_straight) -> None:
        """Raises UsageProblem: `url` is no https URL, the authority's file is not there, the pin is none."""
        self._parts = urlsplit(url)
        if self._parts.scheme != "https" or not self._parts.hostname:
            raise UsageProblem(f"{url!r} is no https URL", hint="give https://HOST:PORT/ciphermail")
        self.origin = origin_of(url)
        pin = normal_fingerprint(trust.fingerprint) if trust.fingerprint else None
        self._verify = False if pin else _authorities(trust)
        self._dial = dial
        self._session = _session(self.origin, pin, dial)
        straight = dial is dial_straight and not _is_loopback(self._parts.hostname)
        self._proxies = get_environ_proxies(url) if straight else {}

    def request(
        self, method: str, url: str, *, timeout: float, read_timeout: float, **kwargs: Any
    ) -> requests.Response:
        """One request with redirects, the body unread (`stream`). Raises ApplianceUnreachable, TrustRefused.

        `verify` is given on every call: as the session's attribute requests lets the environment override it.
        """
        if origin_of(url) != self.origin:
            raise ApplianceError(
                f"{self.origin} points to {origin_of(url)}, where nothing of ours is sent",
                hint="give the console's final URL",
            )
        with self.translated(f"{method} {path_of(url)}"):
            return self._session.request(
                method,
                url,
                timeout=(timeout, read_timeout),
                verify=self._verify,
                proxies=self._proxies,
                stream=True,
                **kwargs,
            )

    @contextmanager
    def translated(self, what: str) -> Iterator[None]:
        """Translate what requests and urllib3 raise while `what` goes on."""
        try:
            yield
        except (requests.exceptions.SSLError, urllib3.exceptions.SSLError) as error:
            raise self._refused(error) from error
        except (requests.Timeout, urllib3.exceptions.TimeoutError) as error:
            raise ApplianceUnreachable(
                f"{self.origin} did not answer in time ({what})",
                hint="is the console up? try again in a minute",
            ) from error
        except (requests.TooManyRedirects, requests.exceptions.InvalidSchema) as error:
            raise ApplianceError(
                f"{self.origin} redirects in a circle or away from https: {error}",
                hint="give the console's final URL",
            ) from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise ApplianceUnreachable(
                f"no connection to {self.origin}: {_root(error)}",
                hint="check address and port, and that the console's service runs",
            ) from error

    def _refused(self, error: Exception) -> Exception:
        host, port = self._parts.hostname or "", self._parts.port or 443
        try:
            seen = fingerprint_of(fetch_leaf(host, port, dial=self._dial))
        except (OSError, TrustRefused):
            return ApplianceUnreachable(
                f"no TLS session with {self.origin}: {_root(error)}", hint="is this the console's HTTPS port?"
            )
        return TrustRefused(
            f"the certificate of {self.origin} is not trusted: {_root(error)}; its SHA-256 fingerprint is {seen}",
            hint=f"compare the fingerprint with the appliance's own and pin it as console.fingerprint: {seen}",
            seen=seen,
        )

    def close(self) -> None:
        self._session.close()


def _session(origin: str, pin: str | None, dial: Dial) -> requests.Session:
    session = _OneOrigin(origin)
    session.trust_env = False  # else ~/.netrc would be sent and REQUESTS_CA_BUNDLE be believed
    session.adapters.clear()  # no adapter for http: nothing goes in the clear
    session.mount("https://", _PinningAdapter(pin, dial))
    session.headers.update({"User-Agent": "vmmigrate", "Accept-Encoding": "identity"})
    return session


def _authorities(trust: TlsTrust) -> str | bool:
    if trust.ca_file:
        if not trust.ca_file.is_file():
            raise UsageProblem(f"no such authority's file: {trust.ca_file}", hint="give a PEM file of certificates")
        return str(trust.ca_file)
    system = ssl.get_default_verify_paths()
    return system.cafile or system.capath or True


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _root(error: BaseException) -> str:
    """The innermost cause in its own words: requests wraps urllib3 wraps the socket's error."""
    while inner := (
        getattr(error, "reason", None) or next((a for a in error.args if isinstance(a, BaseException)), None)
    ):
        if not isinstance(inner, BaseException):
            break
        error = inner
    return str(error)
