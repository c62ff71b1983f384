"""The client before six consoles that were written from the facts alone, by others who had not seen it.

Three came first and found two defects of the client, three came later and found three. Each time the client was changed
until it passed, so these six keep what was learnt from them; whether it copes with what it has not met only a new one
can tell. None is changed so that the client passes, and test_walk.py shows that a person gets through each of them.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import seam
import servlet
import spring
import struts
import tapestry
import wicket

from hypervisors import Secret, TlsTrust, no_progress
from vmmigrate.appliance.port import Account
from vmmigrate.appliance.profile import ConsoleProfile
from vmmigrate.appliance.web.console import WebConsole, find_console

pytestmark = pytest.mark.slow

CONSOLES = [each.Console for each in (tapestry, spring, struts, seam, wicket, servlet)]
PASSWORD = Secret("a password for the archive")


@contextmanager
def logged_in(console: Any, url: str | None = None, profile: ConsoleProfile | None = None) -> Iterator[WebConsole]:
    client = WebConsole(
        url or console.url, TlsTrust(console.fingerprint), profile=profile or ConsoleProfile(), timeout=10
    )
    try:
        client.log_in(Account(console.user, Secret(console.password)))
        yield client
    finally:
        client.close()


@pytest.fixture(params=CONSOLES, ids=lambda kind: kind.__module__)
def console(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    with request.param.running(tmp_path) as running:
        yield running
        assert running.harm == []


def test_it_is_found_on_a_bare_host(console: Any) -> None:
    url = find_console(console.host, TlsTrust(console.fingerprint))
    with logged_in(console, url) as client:
        client.find_backup()


@pytest.mark.parametrize("password", [None, PASSWORD], ids=["plain", "encrypted"])
def test_a_backup_comes_whole_and_with_the_database(console: Any, password: Secret | None) -> None:
    sink = io.BytesIO()
    with logged_in(console) as client:
        exported = client.export_backup(sink, password, no_progress)
    assert sink.getvalue() == console.archive
    assert exported.size == len(console.archive)


@pytest.mark.parametrize("password", [None, PASSWORD], ids=["plain", "encrypted"])
def test_a_backup_is_restored(console: Any, password: Secret | None) -> None:
    archive = io.BytesIO()
    with logged_in(console) as client:
        exported = client.export_backup(archive, password, no_progress)
    archive.seek(0)
    with logged_in(console) as client:
        client.import_backup(archive, exported.name, exported.size, password, no_progress)
    assert console.restored == archive.getvalue()


def test_what_was_found_out_can_be_pinned(console: Any) -> None:
    """A profile of the findings makes the same client work, with no more requests than before."""
    with logged_in(console) as client:
        client.find_backup()
        client.find_restore()
        profile = client.findings()
    looked = len(console.log)
    sink = io.BytesIO()
    with logged_in(console, profile=profile) as client:
        client.export_backup(sink, None, no_progress)
    assert sink.getvalue() == console.archive
    assert looked > 0
