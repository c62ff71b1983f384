"""The console client against the stand-in: discovery, one log-in, whole archives alone, the console's own words."""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from stand_in import Guest, fresh_guest, old_guest

from fixtures.appliance import ca
from hypervisors import (
    LoginRefused,
    Progress,
    Secret,
    TlsTrust,
    TrustRefused,
    Unreachable,
    Unusable,
    fetch_leaf,
    fingerprint_of,
    no_progress,
)
from vmmigrate.appliance.port import Account
from vmmigrate.appliance.profile import ConsoleProfile
from vmmigrate.appliance.web.console import WebConsole, find_console
from vmmigrate.errors import ApplianceError, NoBackup, NotDiscovered, UsageProblem

PASSWORD = Secret("backup pässword & more")


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Guest]:
    with old_guest(tmp_path) as guest:
        yield guest


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Guest]:
    with fresh_guest(tmp_path) as guest:
        yield guest


def export(guest: Guest, password: Secret | None = None) -> bytes:
    sink = io.BytesIO()
    with guest.console() as console:
        console.export_backup(sink, password, no_progress)
    return sink.getvalue()


def test_an_export_is_whole_named_and_digested(old: Guest) -> None:
    sink, seen = io.BytesIO(), list[Progress]()
    with old.console() as console:
        exported = console.export_backup(sink, None, seen.append)
    data = sink.getvalue()
    assert (exported.container, exported.size) == ("gzip", len(data))
    assert exported.sha256 == hashlib.sha256(data).hexdigest()
    assert exported.name.endswith(".tar.gz")
    assert "/" not in exported.name
    assert seen[-1] == Progress(len(data), len(data))


def test_with_a_password_it_is_encrypted(old: Guest) -> None:
    with old.console() as console:
        assert console.export_backup(io.BytesIO(), PASSWORD, no_progress).container != "gzip"


def test_an_import_brings_the_settings(old: Guest, fresh: Guest) -> None:
    data, seen = export(old), list[Progress]()
    with fresh.console() as console:
        console.import_backup(io.BytesIO(data), "backup.tar.gz", len(data), None, seen.append)
    assert seen[-1] == Progress(len(data), len(data))
    assert fresh.machine.database.query("SELECT count(*) FROM cm_users") == old.machine.database.query(
        "SELECT count(*) FROM cm_users"
    )


def test_another_releases_encryption_is_told_in_the_consoles_words(old: Guest, fresh: Guest) -> None:
    data = export(old, PASSWORD)
    with fresh.console() as console, pytest.raises(ApplianceError) as refused:
        console.import_backup(io.BytesIO(data), "backup.enc", len(data), PASSWORD, no_progress)
    assert str(refused.value).startswith("the console refused the backup: ")
    assert "without a password" in refused.value.hint


def test_a_wrong_password_is_tried_once_and_told(old: Guest) -> None:
    wrong = Account("admin", Secret("wrong"))
    with old.console(logged_in=False) as console:
        with pytest.raises(LoginRefused, match="refused the account 'admin': Invalid user name or password"):
            console.log_in(wrong)
        for _time in range(5):
            with pytest.raises(LoginRefused, match="not tried again"):
                console.log_in(wrong)
        console.log_in(old.admin)


def test_the_unix_account_logs_in_too(old: Guest) -> None:
    with old.console(logged_in=False) as console:
        console.log_in(old.sa)
        assert console.export_backup(io.BytesIO(), None, no_progress).size > 0


def test_without_a_log_in_nothing_is_asked(old: Guest) -> None:
    with old.console(logged_in=False) as console, pytest.raises(LoginRefused, match="not logged in"):
        console.export_backup(io.BytesIO(), None, no_progress)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ('personality = "HtmlForBackup"', "asks to log in again"),
        ('personality = "CutShort"', "cut short after"),
        ('personality = "CutShort:gzip"', "its gzip stream does not end"),
    ],
)
def test_what_is_no_whole_backup_is_none(old: Guest, setting: str, words: str) -> None:
    old.behave(setting)
    with old.console() as console, pytest.raises(NoBackup, match=words):
        console.export_backup(io.BytesIO(), None, no_progress)


@pytest.mark.parametrize("setting", ["backup_feature = false", 'personality = "NoBackupPage"'])
def test_a_console_without_backup_tells_what_was_seen(old: Guest, setting: str) -> None:
    old.behave(setting)
    with old.console() as console, pytest.raises(NotDiscovered, match="no backup form") as missing:
        console.export_backup(io.BytesIO(), None, no_progress)
    assert "links: Users" in str(missing.value)
    assert "ciphermail.backup.enabled" in missing.value.hint


def test_a_backup_page_is_looked_for_without_a_backup_being_made(old: Guest) -> None:
    with old.console() as console:
        console.find_backup()
    assert not list(old.machine.root.at("/var/tmp").glob("*"))


def test_a_refused_restore_is_told_in_the_consoles_words(fresh: Guest) -> None:
    fresh.behave('personality = "RefusesRestore:The disk is full"')
    data = b"\x1f\x8b" + bytes(1000)
    with fresh.console() as console, pytest.raises(ApplianceError, match="refused the backup: The disk is full"):
        console.import_backup(io.BytesIO(data), "b.tar.gz", len(data), None, no_progress)


def test_an_archive_shorter_than_promised_is_told(fresh: Guest) -> None:
    with fresh.console() as console, pytest.raises(ApplianceError, match="ended 10 bytes early"):
        console.import_backup(io.BytesIO(bytes(990)), "b.tar.gz", 1000, None, no_progress)


def test_an_unknown_certificate_is_refused_with_its_fingerprint(old: Guest) -> None:
    seen = fingerprint_of(fetch_leaf(old.address, 8443))
    with pytest.raises(TrustRefused, match=seen) as refused:
        WebConsole(old.url, TlsTrust()).log_in(old.admin)
    assert refused.value.hint.endswith(f'console.fingerprint = "{seen}"')


def test_a_wrong_pin_is_refused(old: Guest) -> None:
    with pytest.raises(TrustRefused):
        WebConsole(old.url, TlsTrust(fingerprint="ab" * 32)).log_in(old.admin)


def test_an_authoritys_file_is_believed_and_the_environments_is_not(
    old: Guest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_bytes(ca.pem(ca.authority()))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority))
    monkeypatch.setenv("CURL_CA_BUNDLE", str(authority))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    with pytest.raises(TrustRefused):
        WebConsole(old.url, TlsTrust()).log_in(old.admin)
    WebConsole(old.url, TlsTrust(ca_file=authority)).log_in(old.admin)
    with pytest.raises(Unusable, match=r"the authority's file .* cannot be used: .*No such file"):
        WebConsole(old.url, TlsTrust(ca_file=tmp_path / "none.pem"))


def test_a_bare_host_is_probed_on_both_ports(old: Guest) -> None:
    found = find_console(old.address, old.trust)
    assert found == f"https://{old.address}:8443/ciphermail"
    assert find_console(f"{old.address}:8443", old.trust) == found
    assert find_console("https://elsewhere/x", TlsTrust()) == "https://elsewhere/x"


def test_a_host_without_a_console_is_told_with_every_try() -> None:
    with pytest.raises(Unreachable) as nothing:
        find_console("127.65.0.9", TlsTrust())
    assert "https://127.65.0.9:443" in str(nothing.value)
    assert "https://127.65.0.9:8443" in str(nothing.value)


def test_a_page_that_is_no_console_is_told(old: Guest) -> None:
    with pytest.raises(ApplianceError, match="404"):
        find_console(old.address, old.trust, profile=ConsoleProfile(contexts=("/elsewhere",)))


def test_only_https_urls_are_taken() -> None:
    for url in ("http://mail/ciphermail", "mail", "https://"):
        with pytest.raises(UsageProblem, match="is not an https URL"):
            WebConsole(url, TlsTrust())


def test_no_secret_is_in_an_error(old: Guest) -> None:
    wrong = Account("admin", Secret("wrong-but-secret"))
    with old.console(logged_in=False) as console, pytest.raises(LoginRefused) as refused:
        console.log_in(wrong)
    assert "wrong-but-secret" not in str(refused.value) + refused.value.hint
