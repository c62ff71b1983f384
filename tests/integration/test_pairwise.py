"""The product's client against every pair of what is unknown about the console: found, exported, imported, there."""

import hashlib
import io
import itertools
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from shape_table import FACTORS, PORTS, Row, drawn, rows
from shaped_console import Roots, Shaped, shaped_roots  # noqa: F401 -- a fixture

from fixtures.appliance.accounts import Attempts
from hypervisors import LoginRefused, Secret, TlsTrust, fetch_leaf, fingerprint_of, no_progress
from vmmigrate.appliance.port import Account, Exported
from vmmigrate.appliance.profile import ConsoleProfile
from vmmigrate.appliance.web.console import WebConsole, find_console
from vmmigrate.errors import ApplianceError, NotDiscovered

pytestmark = pytest.mark.slow

TABLE = rows()
ROWS = [pytest.param(row, id=str(row)) for row in TABLE]
LOTS = [pytest.param(row, id=f"lot-{row}", marks=pytest.mark.slow) for row in drawn(60)]
_PROPERTIES = "/usr/share/djigzo/conf/djigzo.properties"
_EXTENSIONS = {"gzip": ".tar.gz", "zip": ".zip", "openssl": ".enc", "unknown": ".bin"}
_SERVED = {"gzip": ".tar.gz", "zip": ".zip", "openssl": ".tar.gz", "unknown": ".bak"}


@pytest.fixture(autouse=True)
def no_authorities(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each console is pinned; to read the system's authorities for every connection is half of a row's time."""
    monkeypatch.setenv("SSL_CERT_FILE", os.devnull)
    monkeypatch.setenv("SSL_CERT_DIR", os.devnull)


def profile(shape: Mapping[str, Any]) -> ConsoleProfile:
    """What an operator has to say: the base, where a proxy has the console and nothing at its root leads there."""
    hidden = shape.get("context") == "/gw/ciphermail" and shape.get("front", "none") == "none"
    return ConsoleProfile(ports=PORTS, contexts=("/gw/ciphermail",)) if hidden else ConsoleProfile(ports=PORTS)


def opened(site: Shaped, said: ConsoleProfile) -> WebConsole:
    """Found on the bare host; logged in."""
    trust = TlsTrust(fingerprint=fingerprint_of(fetch_leaf(site.address, site.port)))
    url = find_console(site.address, trust, profile=said)
    assert url.startswith(f"https://{site.address}:{site.port}/")
    console = WebConsole(url, trust, profile=said, timeout=10)
    console.log_in(Account(site.account.user, Secret(site.account.password)))
    return console


def export(console: WebConsole, password: str) -> tuple[bytes, Exported]:
    sink = io.BytesIO()
    exported = console.export_backup(sink, Secret(password) if password else None, no_progress)
    return sink.getvalue(), exported


def send(console: WebConsole, archive: bytes, name: str, password: str) -> None:
    secret = Secret(password) if password else None
    console.import_backup(io.BytesIO(archive), name, len(archive), secret, no_progress)


def check_whole(row: Row, archive: bytes, exported: Exported) -> None:
    container = "openssl" if row.password else row.shape["container"]
    assert (exported.container, exported.size) == (container, len(archive))
    assert exported.sha256 == hashlib.sha256(archive).hexdigest()
    told = r"ciphermail-backup-mailgw-\d{8}-\d{6}" + re.escape(_SERVED[container])
    untold = "backup" + _EXTENSIONS[container]
    assert re.fullmatch(untold if row.shape["archive_name"] == "none" else told, exported.name)


@pytest.mark.parametrize("row", ROWS + LOTS)
def test_a_backup_goes_from_an_old_console_to_a_fresh_one(
    row: Row,
    shaped_roots: Roots,  # noqa: F811
) -> None:
    print(row.command)
    said = profile(row.shape)
    with shaped_roots.old(row.shape, port=row.port) as old, shaped_roots.fresh(row.shape, port=row.port) as fresh:
        console = opened(old, said)
        archive, exported = export(console, row.password)
        console.close()
        check_whole(row, archive, exported)
        assert fresh.database != old.database
        console = opened(fresh, said)
        send(console, archive, exported.name, row.password)
        console.close()
        assert fresh.database == old.database
        assert fresh.console.root.read(_PROPERTIES) == old.console.root.read(_PROPERTIES)
        assert old.console.attempts == fresh.console.attempts == Attempts()  # no log-in failed


def test_every_two_values_of_two_switches_meet_in_some_row() -> None:
    lines = [{**row.shape, "port": row.port, "password": row.password} for row in TABLE]
    for one, other in itertools.combinations(FACTORS, 2):
        met = {(line[one], line[other]) for line in lines}
        assert met == set(itertools.product(FACTORS[one], FACTORS[other])), (one, other)


# ---- what must fail ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Refusal:
    """A console that nobody passes, and the words that say why. `keys`: of the profile, those that settle it."""

    name: str
    switches: Mapping[str, Any]
    error: type[ApplianceError]
    words: str
    hint: str
    keys: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name


_BLOCKED = {"account_blocked": True}
REFUSALS = (
    Refusal(
        "behind a proxy's prefix that nothing points to",
        {"shape": {"context": "/gw/ciphermail"}},
        NotDiscovered,
        "no log-in form",
        "console.contexts",
        ("console.contexts",),
    ),
    Refusal(
        "an account that is blocked",
        _BLOCKED,
        LoginRefused,
        "This account is blocked: too many failed logins. Try again later",
        "block an account",
    ),
    Refusal(
        "an account that is blocked, told after two pages",
        {**_BLOCKED, "shape": {"login": "two-page", "markup": "bare", "forms": "many"}},
        LoginRefused,
        "This account is blocked: too many failed logins. Try again later",
        "block an account",
    ),
    Refusal(
        "a console without the feature",
        {"backup_feature": False},
        NotDiscovered,
        "no backup form",
        "ciphermail.backup.enabled",
        ("console.backup.page",),
    ),
    Refusal(
        "a console in frames without the feature",
        {"backup_feature": False, "shape": {"menu": "frames", "restore": "own"}},
        NotDiscovered,
        "no backup form",
        "ciphermail.backup.enabled",
        ("console.backup.page",),
    ),
)


def shaped(roots: Callable[..., Any], switches: Mapping[str, Any]) -> Any:
    return roots(switches.get("shape", {}), **{name: value for name, value in switches.items() if name != "shape"})


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_who_cannot_pass_is_told_why(refusal: Refusal, shaped_roots: Roots) -> None:  # noqa: F811
    with shaped(shaped_roots.old, refusal.switches) as old, pytest.raises(refusal.error) as refused:
        export(opened(old, ConsoleProfile(ports=PORTS)), "")
    assert refusal.words in str(refused.value)
    assert refusal.hint in refused.value.hint
    assert set(refusal.keys) <= set(getattr(refused.value, "keys", ()))


def test_a_session_that_ends_with_the_upload_is_told_and_nothing_is_sent_twice(shaped_roots: Roots) -> None:  # noqa: F811
    """Only a person knows whether the new appliance took it: an import is never repeated."""
    with shaped_roots.old({}) as old:
        archive, exported = export(opened(old, ConsoleProfile(ports=PORTS)), "")
    with shaped_roots.fresh({"session": "upload"}) as fresh:
        before, console = fresh.database, opened(fresh, ConsoleProfile(ports=PORTS))
        with pytest.raises(ApplianceError, match="ended the session while the backup was sent"):
            send(console, archive, exported.name, "")
        assert fresh.database == before
