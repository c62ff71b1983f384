"""Find the console on a bare host: its port, its context, or the page that leads to it."""

import re
from collections.abc import Iterator

from hypervisors import Dial, Pace, Problem, TlsTrust, TrustRefused, Unreachable, dial_straight
from vmmigrate.appliance.https import HttpsOrigin
from vmmigrate.appliance.profile import UNPINNED, ConsoleProfile
from vmmigrate.appliance.urls import origins_of, path_of
from vmmigrate.appliance.web.browser import Browser
from vmmigrate.appliance.web.decisions import Decisions, full
from vmmigrate.appliance.web.login import find_entry
from vmmigrate.errors import ApplianceError, NotDiscovered

_CONTEXT = r"^(/.*?)?/(ciphermail|djigzo)(?=/|$)"  # [F-CONSOLE-1], behind a proxy's prefix too


def find_console(
    host: str,
    trust: TlsTrust,
    *,
    profile: ConsoleProfile = UNPINNED,
    dial: Dial = dial_straight,
    timeout: float = 10.0,
) -> str:
    """The console's URL on a bare host (`mail`, `mail:8443`, `2001:db8::1`); a URL is returned as it is.

    Raises Unreachable (nothing listens), TrustRefused, NotDiscovered (no page with a log-in form).
    """
    if "://" in host:
        return host
    seen: list[Problem] = []
    closed: set[str] = set()
    for origin, context in _places(host, profile):
        if origin in closed:
            continue
        try:
            return _console_at(origin, context, trust, profile, dial, timeout)
        except Unreachable as error:
            closed.add(origin)
            seen.append(error)
        except (ApplianceError, TrustRefused) as error:
            seen.append(error)
    raise _most_useful(host, seen)


def _places(host: str, profile: ConsoleProfile) -> Iterator[tuple[str, str]]:
    """A known context at any port comes first: at the root there may be the portal."""
    origins = origins_of(host, profile.ports)
    yield from ((origin, context) for context in profile.contexts for origin in origins)


def _console_at(origin: str, context: str, trust: TlsTrust, profile: ConsoleProfile, dial: Dial, timeout: float) -> str:
    http = HttpsOrigin(origin, trust, dial)
    try:
        browser = Browser(http, timeout=timeout, slow_timeout=timeout, pace=Pace())
        entry = find_entry(browser, Decisions(profile), origin + context)
    finally:
        http.close()
    path = path_of(entry.page.url)
    if context == "/" and path.startswith("/web/"):  # [F-CONSOLE-1] the portal's, not the administration's
        raise NotDiscovered(
            f"{origin} leads to the portal {path}", hint="give the console's URL", keys=full("contexts")
        )
    found = re.match(_CONTEXT, path)
    return origin + (found[0] if context == "/" and found else context)


def _most_useful(host: str, seen: list[Problem]) -> Problem:
    """An untrusted certificate is reported before a wrong page, and that before a closed port."""
    for error in seen:
        if isinstance(error, TrustRefused):
            return error
    answered = [error for error in seen if not isinstance(error, Unreachable)]
    if not answered:
        return Unreachable(
            f"no console found on {host}: " + "; ".join(map(str, seen)),
            hint="give the console's URL (https://HOST:8443/ciphermail), or in a profile console.ports;"
            " does its service run?",
        )
    if all(isinstance(error, NotDiscovered) for error in answered):
        return NotDiscovered(
            f"no console found on {host}: " + "; ".join(map(str, answered)),
            hint="give the console's URL (https://HOST:8443/ciphermail)",
            keys=full("contexts", "ports", "login.page"),
        )
    return answered[0]
