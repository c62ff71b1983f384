"""Find a REST back end on a bare host, and recognise family 6.x by the page it serves to a browser."""

import contextlib
import re

from hypervisors import Dial, Problem, TlsTrust, TrustRefused, Unreachable, dial_straight
from vmmigrate.appliance.https import HttpsOrigin
from vmmigrate.appliance.rest.answer import LIMIT, Answer, read_answer
from vmmigrate.appliance.rest.profile import RestProfile
from vmmigrate.appliance.rest.session import LOOK
from vmmigrate.appliance.urls import origins_of
from vmmigrate.errors import ApplianceError, NotDiscovered

KEYS = ("rest.base", "rest.login", "rest.token", "rest.export", "rest.import")
_FORM = re.compile(rb"<form\b|<input\b", re.IGNORECASE)
_SCRIPT = re.compile(rb"<script\b[^<>]*\bsrc=", re.IGNORECASE)
_ROOT = re.compile(rb"<div\b[^<>]*\bid=[\"']?(root|app)\b", re.IGNORECASE)
_ENABLE = re.compile(rb"<noscript>[^<]*enable javascript", re.IGNORECASE)


def find_back_end(
    host: str, trust: TlsTrust, profile: RestProfile, *, dial: Dial = dial_straight, timeout: float = 10.0
) -> str:
    """The back end's URL on a bare host (`mail`, `mail:8443`), without the base; a URL is returned as it is.

    Nobody logs in. Raises Unreachable (nothing listens), TrustRefused, NotDiscovered (no back end there).
    """
    if "://" in host:
        return host
    seen: list[Problem] = []
    for url in origins_of(host, profile.ports):
        try:
            _refuse_page(_ask(url, profile.base + (profile.check.path if profile.check else "/"), trust, dial, timeout))
        except (ApplianceError, Unreachable, TrustRefused) as error:
            seen.append(error)
        else:
            return url
    raise _most_useful(host, seen)


def application_on(
    where: str, ports: tuple[int, ...], trust: TlsTrust, *, dial: Dial = dial_straight, timeout: float = 10.0
) -> str | None:
    """The URL on a bare host where `serves_application` is true; None if there is none."""
    for url in [where] if "://" in where else origins_of(where, ports):
        with contextlib.suppress(
            ApplianceError, Unreachable, TrustRefused
        ):  # searched for only to explain another error
            if serves_application(url, trust, dial=dial, timeout=timeout):
                return url
    return None


def serves_application(url: str, trust: TlsTrust, *, dial: Dial = dial_straight, timeout: float = 10.0) -> bool:
    """Whether a browser gets a page without a form, filled by a script, as 6.x serves [F-FAMILY-3]."""
    http = HttpsOrigin(url, trust, dial)
    try:
        page = http.request("GET", url, timeout=timeout)
        with http.reading(page):
            return is_application(page.raw.read(LIMIT, decode_content=True))
    finally:
        http.close()


def is_application(page: bytes) -> bool:
    is_filled = bool(_SCRIPT.search(page) and _ROOT.search(page)) or bool(_ENABLE.search(page))
    return is_filled and not _FORM.search(page)


def without_profile(url: str) -> NotDiscovered:
    """The error for an appliance of family 6.x without a profile for its back end."""
    return NotDiscovered(
        f"the page at {url} has no form but a script's interface, as family 6.x has: its REST back end can be used"
        " only with a profile, because its endpoints are not known",
        hint=f"write a [rest] table ({', '.join(KEYS)}), as in docs/six.md, and give the profile with --profile",
    )


def _ask(url: str, path: str, trust: TlsTrust, dial: Dial, timeout: float) -> Answer:
    http = HttpsOrigin(url, trust, dial)
    try:
        response = http.request("GET", url + path, timeout=timeout)
        with http.reading(response):
            return read_answer(f"GET {path}", response)
    finally:
        http.close()


def _refuse_page(answer: Answer) -> None:
    if answer.is_page or answer.status in (404, 410):
        seen = f"{answer.where} answered {answer.status} with {answer.shape()}"
        raise NotDiscovered(f"no back end there: {seen}", hint=LOOK, keys=("rest.base", "rest.check.path"))


def _most_useful(host: str, seen: list[Problem]) -> Problem:
    """An untrusted certificate is reported before a page, and that before a closed port."""
    for kind in (TrustRefused, NotDiscovered):
        if found := next((error for error in seen if isinstance(error, kind)), None):
            return found
    return Unreachable(
        f"no back end found on {host}: " + "; ".join(map(str, seen)),
        hint="give its URL (https://HOST:PORT) or rest.ports in the profile; does its service run?",
    )
