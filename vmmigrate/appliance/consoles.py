"""Open the console that an appliance has: the web application of 4.x and 5.x, or the REST back end of 6.x."""

from hypervisors import Dial, TlsTrust, dial_straight
from vmmigrate.appliance.port import Account, Console
from vmmigrate.appliance.profile import Profile
from vmmigrate.appliance.rest.console import RestConsole
from vmmigrate.appliance.rest.find import KEYS, application_on, find_back_end, serves_application, without_profile
from vmmigrate.appliance.web.console import WebConsole, find_console
from vmmigrate.errors import NotDiscovered, UsageProblem

__all__ = ["find", "open_console"]


def find(where: str, trust: TlsTrust, profile: Profile, *, dial: Dial = dial_straight) -> str:
    """The console's URL on a host; a URL is returned as it is. Raises as `find_console` and `find_back_end` do."""
    if profile.rest:
        return find_back_end(where, trust, profile.rest, dial=dial)
    _refuse_six(profile)
    try:
        return find_console(where, trust, profile=profile.console, dial=dial)
    except NotDiscovered as error:
        if url := application_on(where, profile.console.ports, trust, dial=dial):
            raise without_profile(url) from error
        raise


def open_console(url: str, trust: TlsTrust, profile: Profile, *, dial: Dial = dial_straight) -> Console:
    """Nothing is connected before its first call. Raises UsageProblem where `url` is no https URL."""
    if profile.rest:
        return RestConsole(url, trust, profile.rest, dial=dial)
    _refuse_six(profile)
    return _Explaining(url, trust, profile, dial)


class _Explaining(WebConsole):
    """A web console that says so where there is no log-in form because the appliance is of family 6.x."""

    def __init__(self, url: str, trust: TlsTrust, profile: Profile, dial: Dial) -> None:
        super().__init__(url, trust, profile=profile.console, dial=dial)
        self._trust, self._dial = trust, dial

    def log_in(self, account: Account) -> None:
        try:
            super().log_in(account)
        except NotDiscovered as error:
            if serves_application(self.url, self._trust, dial=self._dial):
                raise without_profile(self.url) from error
            raise


def _refuse_six(profile: Profile) -> None:
    if profile.family == "6.x":
        raise UsageProblem(
            "the profile is for family 6.x and has no [rest] table: its back end is spoken to only as one describes it,"
            " because its endpoints are not known",
            hint=f"give {', '.join(KEYS)}; docs/six.md has an example",
        )
