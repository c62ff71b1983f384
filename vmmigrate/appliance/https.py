"""An HTTPS session with one origin: trust by authority or pin, nothing from the environment, errors translated."""

import http.client
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import Cookie
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar
from requests.utils import get_environ_proxies, select_proxy

from hypervisors import (
    Dial,
    TlsTrust,
    Unreachable,
    dial_straight,
    fetch_leaf,
    fingerprint_of,
    in_one_line,
    normal_fingerprint,
)
from hypervisors.wire import (
    NOT_THE_PIN,
    Late,
    certificate_refused,
    context_of_authorities,
    how_to_pin,
    is_loopback,
    plainly,
    proxy_address,
    root_of,
)
from vmmigrate.appliance.line import Line, NoSession, PinningAdapter
from vmmigrate.appliance.urls import host_of, joined, origin_of, path_of
from vmmigrate.errors import ApplianceError, Unanswered, UsageProblem
from vmmigrate.limits import COOKIES, REDIRECT_PAGE, REDIRECTS
from vmmigrate.limits.seconds import DIALLING

_DIALLING = DIALLING.most
_LARGEST = REDIRECT_PAGE.most
_COOKIES = COOKIES.most
_SHOWN = 200  # characters of what is no answer
_READING = ("GET", "HEAD")  # what changes nothing, so that a wait may ask it again
_TRY_AGAIN = "is the console starting, or very busy? see its service and log, and try again in a minute"
_NOT_AGAIN = (
    "whether it was done is not known, and it is not sent again by itself: see the appliance's log, or in a browser"
)


class _OneOrigin(requests.Session):
    """Follows redirects within its origin alone: a password or an archive never goes elsewhere."""

    def __init__(self, origin: str) -> None:
        super().__init__()
        self._origin = origin
        self._ours = (origin, _as_sent(origin))
        self.max_redirects = REDIRECTS.most
        self.cookies = _FewCookies(origin)

    def send(self, request: requests.PreparedRequest, **how: Any) -> requests.Response:
        """What is looked at is the address that is connected to: an odd one is read otherwise by others."""
        if request.url is None or origin_of(request.url) not in self._ours:
            raise elsewhere(self._origin, "points", request.url or "")
        return super().send(request, **how)

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        try:
            target = super().get_redirect_target(resp)
        except ValueError:  # it is not UTF-8
            raise elsewhere(self._origin, "redirects", "") from None
        if target and origin_of(joined(resp.url, target)) not in self._ours:
            raise elsewhere(self._origin, "redirects", joined(resp.url, target))
        if target and not resp.raw.closed and len(resp.raw.read(_LARGEST, decode_content=False)) == _LARGEST:
            resp.close()  # requests would read all of it, for the connection's sake
        return target


class _FewCookies(RequestsCookieJar):
    """Each request carries all of them, and the server says how many there are."""

    def __init__(self, origin: str) -> None:
        super().__init__()
        self._origin = origin

    def set_cookie(self, cookie: Cookie, *args: Any, **how: Any) -> None:
        super().set_cookie(cookie, *args, **how)
        if sum(len(each.name) + len(each.value or "") for each in self) > _COOKIES:
            raise ApplianceError(
                f"{self._origin} sets more than {_COOKIES >> 10} KiB of cookies",
                hint="is this the gateway's own console? open it in a browser",
            )


def _can_be_sent(url: str) -> bool:
    """An https URL, of a host that a URL may name."""
    try:
        requests.Request("GET", url).prepare()
        parts = urlsplit(url)
        return parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:  # requests' InvalidURL is one
        return False


def _as_sent(origin: str) -> str:
    """As requests has it: a name of other letters encoded."""
    return origin_of(requests.Request("GET", origin).prepare().url or "")


def elsewhere(origin: str, verb: str, url: str) -> ApplianceError:
    there = origin_of(url) if url else "what is no address"
    return ApplianceError(
        f"{origin} {verb} to {there}, where nothing of ours is sent", hint="give the console's final URL"
    )


class HttpsOrigin:
    """GET and POST within one scheme, host and port. Cookies stay in memory."""

    def __init__(self, url: str, trust: TlsTrust, dial: Dial = dial_straight) -> None:
        """Raises UsageProblem (`url` is no https URL), Unusable (the authority's file, the pin)."""
        if not _can_be_sent(url):
            raise UsageProblem(f"{url!r} is not an https URL", hint="give https://HOST:PORT/ciphermail")
        self.origin = origin_of(url)
        pin = normal_fingerprint(trust.fingerprint) if trust.fingerprint else None
        self._verify = False if pin else _authorities(trust)
        self._setting = trust.setting or "console.fingerprint"
        self._dial = dial
        self._line = Line()
        self._session = _session(self.origin, PinningAdapter(pin, dial, self._line))
        straight = dial is dial_straight and not is_loopback(host_of(url))
        self._proxies = get_environ_proxies(url) if straight else {}
        proxy = select_proxy(url, self._proxies)
        self._through = f" through the proxy {proxy_address(proxy, 'http', 'https').hostname}" if proxy else ""

    def request(self, method: str, url: str, *, timeout: float, **kwargs: Any) -> requests.Response:
        """One request with redirects, the body unread (`stream`).

        `timeout`: seconds for all of it and its body, beside what their bytes take at the slowest speed.
        Raises Unreachable, TrustRefused, and Unanswered for a request that may have changed something.
        `verify` is given on every call: as the session's attribute requests lets the environment override it.
        """
        if origin_of(url) != self.origin:
            raise elsewhere(self.origin, "points", url)
        with self._translated(method, path_of(url), answering=False), self._line.exchange(timeout):
            return self._session.request(
                method,
                url,
                timeout=(min(timeout, _DIALLING), timeout),
                verify=self._verify,
                proxies=self._proxies,
                stream=True,
                **kwargs,
            )

    @contextmanager
    def reading(self, answer: requests.Response) -> Iterator[None]:
        """Read an answer's body within, and have it closed. Raises as `request` does."""
        asked = (answer.history or [answer])[0].request  # what was sent first; the rest are redirects
        with answer, self._translated(asked.method or "", path_of(asked.url or ""), answering=True):
            yield

    @contextmanager
    def _translated(self, method: str, path: str, *, answering: bool) -> Iterator[None]:
        """Translate what requests and urllib3 raise while that is asked, or once its answer has begun."""
        try:
            yield
        except NoSession as error:
            raise self._not_connected(root_of(error)) from error
        except (requests.TooManyRedirects, requests.exceptions.InvalidSchema, requests.exceptions.InvalidURL) as error:
            raise ApplianceError(
                f"{self.origin} redirects in a circle or away from https: {error}",
                hint="give the console's final URL",
            ) from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            said = f"{self.origin} {_breach(error, f'{method} {path}', answering=answering)}"
            if method in _READING:
                raise Unreachable(said, hint=_TRY_AGAIN) from error
            raise Unanswered(said, hint=_NOT_AGAIN) from error

    def _not_connected(self, error: BaseException) -> Exception:
        """Nothing was sent. urllib3's own SSLError, of no other cause, is a pin that does not fit."""
        if isinstance(error, ssl.SSLCertVerificationError):
            return self._not_trusted(plainly(error))
        if isinstance(error, urllib3.exceptions.SSLError):
            return self._not_trusted(NOT_THE_PIN)
        if isinstance(error, ssl.SSLError):
            return Unreachable(
                f"no TLS session with {self.origin}: {plainly(error)}", hint="is this the console's HTTPS port?"
            )
        return Unreachable(
            f"no connection to {self.origin}{self._through}: {plainly(error)}",
            hint="check address and port, and that the console's service runs",
        )

    def _not_trusted(self, why: str) -> Exception:
        try:
            seen = fingerprint_of(fetch_leaf(host_of(self.origin), urlsplit(self.origin).port or 443, dial=self._dial))
        except OSError as error:
            return self._not_connected(error)
        return certificate_refused(self.origin, why, seen, how_to_pin(self._setting, seen))

    def close(self) -> None:
        self._session.close()


def _session(origin: str, adapter: HTTPAdapter) -> requests.Session:
    session = _OneOrigin(origin)
    session.trust_env = False  # else ~/.netrc would be sent and REQUESTS_CA_BUNDLE be trusted
    session.adapters.clear()  # no adapter for http: nothing goes in the clear
    session.mount("https://", adapter)
    session.headers.update({"User-Agent": "vmmigrate", "Accept-Encoding": "identity"})
    return session


def _authorities(trust: TlsTrust) -> str | bool:
    if trust.ca_file:
        context_of_authorities(trust.ca_file)  # requests would find out with the first request, and say less
        return str(trust.ca_file)
    system = ssl.get_default_verify_paths()
    return system.cafile or system.capath or True


def _breach(error: Exception, asked: str, *, answering: bool) -> str:
    """What a server did that had taken the request: completes its name."""
    root = root_of(error)
    if isinstance(root, Late) and answering:
        return f"did not come to the end of its answer to {asked} in time"
    if isinstance(root, TimeoutError | urllib3.exceptions.TimeoutError):
        return f"stopped in the middle of its answer to {asked}" if answering else f"did not answer {asked} in time"
    if isinstance(root, OSError | http.client.IncompleteRead):
        return f"closed the connection {'in the middle of its' if answering else 'without an'} answer to {asked}"
    return f"answered {asked} with what cannot be read: {in_one_line(str(root))[:_SHOWN]}"
