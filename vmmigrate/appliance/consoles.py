"""Open the console that an appliance has: the web application of 4.x and 5.x."""

from hypervisors import Dial, TlsTrust, dial_straight
from vmmigrate.appliance.console import WebConsole, find_console
from vmmigrate.appliance.port import Console
from vmmigrate.appliance.profile import Profile

__all__ = ["find", "open_console"]


def find(where: str, trust: TlsTrust, profile: Profile, *, dial: Dial = dial_straight) -> str:
    """The console's URL on a host; a URL is returned as it is. Raises as `find_console` does."""
    return find_console(where, trust, profile=profile.console, dial=dial)


def open_console(url: str, trust: TlsTrust, profile: Profile, *, dial: Dial = dial_straight) -> Console:
    """Nothing is connected before its first call. Raises UsageProblem where `url` is no https URL."""
    return WebConsole(url, trust, profile=profile.console, dial=dial)
