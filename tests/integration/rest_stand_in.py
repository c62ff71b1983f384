"""A 6.x stand-in in this process, and the profile that fits its switches: what the REST client's tests talk to."""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fixtures.appliance import ca, seed
from fixtures.rest import folder
from fixtures.rest.backend import BackEnd
from fixtures.rest.server import certificate, listen
from fixtures.rest.switches import Switches
from hypervisors import Clock, Pace, Secret, TlsTrust
from vmmigrate.appliance.port import Account
from vmmigrate.appliance.profile import Profile
from vmmigrate.appliance.rest.console import RestConsole

OLD = Account(seed.ADMIN_OLD.user, Secret(seed.ADMIN_OLD.password))
FRESH = Account(seed.ADMIN_FRESH.user, Secret(seed.ADMIN_FRESH.password))
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_numbers = itertools.count(1)


@dataclass
class Six:
    """A running stand-in. `slept`: seconds that a client of it wanted to wait."""

    back_end: BackEnd
    url: str
    trust: TlsTrust
    slept: list[float] = field(default_factory=list)

    @contextmanager
    def console(self, account: Account | None, **changes: Any) -> Iterator[RestConsole]:
        """Logged in, if `account` is given. `changes`: of the fitting `[rest]` table."""
        table = fitting(self.back_end.switches) | changes
        profile = Profile.model_validate({"family": "6.x", "rest": table}).rest
        assert profile is not None
        pace = Pace(Clock(now=lambda: sum(self.slept), sleep=self.slept.append))
        console = RestConsole(self.url, self.trust, profile, pace=pace, timeout=10, slow_timeout=20)
        try:
            if account:
                console.log_in(account)
            yield console
        finally:
            console.close()


@contextmanager
def six(place: Path, *, seeded: bool = True, switches: Switches | None = None) -> Iterator[Six]:
    address = f"127.66.{_WORKER + 1}.{next(_numbers)}"
    back_end = BackEnd(folder.make(place, seeded=seeded), switches or Switches())
    listener = listen(back_end, address)
    try:
        yield Six(back_end, f"https://{address}:{listener.port}", TlsTrust(ca.fingerprint(certificate(address))))
    finally:
        listener.close()


def fitting(switches: Switches) -> dict[str, Any]:
    """What an operator would write after looking at this back end with a browser."""
    return {
        "base": switches.base,
        "login": {"path": "/auth/login", "body": switches.login_body, "user": "username", "password": "password"},
        "token": _token(switches),
        "check": {"path": "/auth/me", "at": "/permissions", "wanted": ["backup:export"]},
        "export": _export(switches),
        "import": _import(switches),
    }


def _token(switches: Switches) -> dict[str, str]:
    came: dict[str, dict[str, str]] = {
        "json": {"json": "/token"},
        "header": {"header": "X-Auth-Token"},
        "cookie": {"cookie": "SESSION"},
    }
    sent = {
        "bearer": {"send_header": "Authorization", "scheme": "Bearer"},
        "header": {"send_header": "X-Auth-Token"},
        "cookie": {} if switches.token_from == "cookie" else {"send_cookie": "SESSION"},
    }
    return came[switches.token_from] | sent[switches.token_sent]


def _export(switches: Switches) -> dict[str, Any]:
    export: dict[str, Any] = {"path": "/backup/export", "password": "password", "options": {"database": True}}
    return export | ({"job": _job() | {"download": "/backup/jobs/{id}/archive"}} if switches.jobs else {})


def _import(switches: Switches) -> dict[str, Any]:
    import_: dict[str, Any] = {"path": "/backup/import", "options": {"overwrite": "true"}}
    if switches.upload == "multipart":
        import_ |= {"file": "file", "password": "password"}
    if switches.confirm:
        import_["confirm"] = {"path": "/backup/import/{id}/confirm", "id": "/id", "options": {"overwrite": True}}
    return import_ | ({"job": _job()} if switches.jobs else {})


def _job() -> dict[str, Any]:
    return {
        "id": "/id",
        "poll": "/backup/jobs/{id}",
        "state": "/state",
        "done": ["DONE"],
        "failed": ["FAILED"],
        "message": "/message",
    }
