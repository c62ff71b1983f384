"""The console client against consoles that are not the stand-in: redirects, odd downloads, refusals."""

import gzip
import io
import os
import socket
from pathlib import Path

import pytest
from odd_console import ADMIN, LOGIN, OddConsole, answer, page, redirect

from hypervisors import Secret, TlsTrust, TrustRefused, no_progress
from vmmigrate.appliance.console import WebConsole, find_console
from vmmigrate.errors import ApplianceError, ApplianceUnreachable, LoginRefused, NoBackup, NotDiscovered

ARCHIVE = gzip.compress(os.urandom(5000))
BINARY = {"Content-Type": "application/gzip"}


def test_a_redirect_to_another_origin_gets_nothing_of_ours(tmp_path: Path) -> None:
    for target in ("https://127.0.0.2:1/x", "http://127.0.0.1/x", "//127.0.0.2/x"):
        odd = OddConsole({"POST /in": redirect(target, 307)})
        with odd.running(tmp_path) as console, pytest.raises(ApplianceError, match="where nothing of ours is sent"):
            console.log_in(ADMIN)


def test_a_form_that_points_elsewhere_gets_nothing_of_ours(tmp_path: Path) -> None:
    odd = OddConsole({"GET /": page(LOGIN.replace("/in", "https://127.0.0.2/in"))})
    with odd.running(tmp_path) as console, pytest.raises(ApplianceError, match="points to https"):
        console.log_in(ADMIN)
    assert odd.seen == ["GET /"]


def test_redirects_in_a_circle_come_to_an_end(tmp_path: Path) -> None:
    odd = OddConsole({"GET /": redirect("/")})
    with odd.running(tmp_path) as console, pytest.raises(ApplianceError, match="redirects in a circle"):
        console.log_in(ADMIN)


@pytest.mark.parametrize("status", [401, 403])
def test_a_status_can_be_a_refusal(tmp_path: Path, status: int) -> None:
    odd = OddConsole({"POST /in": page('<p class="error">Locked for 5 minutes</p>', status)})
    with odd.running(tmp_path) as console:
        for _time in range(2):
            with pytest.raises(LoginRefused):
                console.log_in(ADMIN)
    assert len([line for line in odd.seen if line.startswith("POST")]) == 1


def test_a_broken_console_is_not_a_refusal(tmp_path: Path) -> None:
    odd = OddConsole({"POST /in": page('<p class="error">Out of memory</p>', 500)})
    with odd.running(tmp_path) as console, pytest.raises(ApplianceError, match="answered 500 at /in: Out of memory"):
        console.log_in(ADMIN)


def test_a_wizard_in_the_way_is_described(tmp_path: Path) -> None:
    wizard = '<title>Setup wizard</title><form><input type="password" name="a"><input type="password" name="b"></form>'
    odd = OddConsole({"POST /in": page(wizard)})
    with odd.running(tmp_path) as console:
        console.log_in(ADMIN)
        with pytest.raises(NotDiscovered, match="Setup wizard") as missing:
            console.export_backup(io.BytesIO(), None, no_progress)
    assert "set-up wizard" in missing.value.hint


def test_a_page_without_a_log_in_form_is_described(tmp_path: Path) -> None:
    odd = OddConsole({"GET /": page("<title>It works</title><p>Apache</p>")})
    with odd.running(tmp_path) as console, pytest.raises(NotDiscovered, match=r"'It works' with forms: none, it says"):
        console.log_in(ADMIN)


def test_a_post_that_redirects_to_the_archive(tmp_path: Path) -> None:
    odd = OddConsole({"POST /get": redirect("/file"), "GET /file": answer(200, ARCHIVE, BINARY)})
    sink = io.BytesIO()
    with odd.running(tmp_path) as console:
        console.log_in(ADMIN)
        assert console.export_backup(sink, None, no_progress).name == "backup.tar.gz"
    assert sink.getvalue() == ARCHIVE


def test_an_archive_labelled_as_an_encoding_stays_an_archive(tmp_path: Path) -> None:
    headers = BINARY | {"Content-Encoding": "gzip", "Content-Disposition": 'attachment; filename="../../etc/pass wd"'}
    odd = OddConsole({"POST /get": answer(200, ARCHIVE, headers)})
    sink = io.BytesIO()
    with odd.running(tmp_path) as console:
        console.log_in(ADMIN)
        assert console.export_backup(sink, None, no_progress).name == "pass_wd"
    assert sink.getvalue() == ARCHIVE


@pytest.mark.parametrize(
    ("status", "body", "headers", "words"),
    [
        (200, b'{"error": "disk full"}', {"Content-Type": "application/json"}, "disk full"),
        (500, ARCHIVE, BINARY, "answered 500"),
        (200, ARCHIVE, BINARY | {"Content-Length": "9999"}, r"cut short after \d+ of 9999 bytes"),
        (200, b"", BINARY, "sent 0 bytes"),
        (200, b"  \n<!DOCTYPE html><p class=error>No space left", BINARY, "No space left"),
    ],
)
def test_answers_that_are_no_archive(
    tmp_path: Path, status: int, body: bytes, headers: dict[str, str], words: str
) -> None:
    odd = OddConsole({"POST /get": answer(status, body, headers)})
    with odd.running(tmp_path) as console:
        console.log_in(ADMIN)
        with pytest.raises(NoBackup, match=words):
            console.export_backup(io.BytesIO(), None, no_progress)


def test_a_wanted_password_is_never_left_out_in_silence(tmp_path: Path) -> None:
    odd = OddConsole()
    with odd.running(tmp_path) as console:
        console.log_in(ADMIN)
        with pytest.raises(NotDiscovered, match="no password field"):
            console.export_backup(io.BytesIO(), Secret("word"), no_progress)
    assert not [line for line in odd.seen if line.startswith("POST /get")]


def test_a_session_that_ended_is_told(tmp_path: Path) -> None:
    odd = OddConsole({"GET /backup": redirect("/")})
    with odd.running(tmp_path) as console:
        console.log_in(ADMIN)
        with pytest.raises(ApplianceError, match="ended the session"):
            console.export_backup(io.BytesIO(), None, no_progress)


def test_a_restore_that_asks_once_more_is_confirmed(tmp_path: Path) -> None:
    restore = '<form method="post" action="/put" enctype="multipart/form-data"><input type="file" name="f"></form>'
    sure = '<p>This will overwrite all settings. Are you sure?</p><form method="post" action="/yes">'
    sure += '<input type="hidden" name="t" value="1"><input type="submit" name="n" value="Cancel">'
    sure += '<input type="submit" name="y" value="Yes, restore"></form>'
    odd = OddConsole({"GET /backup": page(restore), "POST /put": page(sure), "POST /yes": page("Restored")})
    with odd.running(tmp_path) as console:
        console.log_in(ADMIN)
        console.import_backup(io.BytesIO(ARCHIVE[:100].hex().encode()), "b", 200, None, no_progress)
    assert odd.seen[-1] == "POST /yes t=1&y=Yes%2C+restore"


def test_a_port_without_tls_is_no_console() -> None:
    with socket.create_server(("127.0.0.1", 0)) as plain:
        port = plain.getsockname()[1]
        console = WebConsole(f"https://127.0.0.1:{port}/", TlsTrust(), timeout=0.5)
        with pytest.raises(ApplianceUnreachable):
            console.log_in(ADMIN)
        with pytest.raises(ApplianceUnreachable, match="no console found"):
            find_console(f"127.0.0.1:{port}", TlsTrust(), timeout=0.5)


def test_a_wrong_pin_is_noticed_before_a_byte_is_sent(tmp_path: Path) -> None:
    odd = OddConsole()
    with odd.running(tmp_path):
        console = WebConsole(f"https://127.0.0.1:{odd.port}/", TlsTrust("ab" * 32), timeout=5)
        with pytest.raises(TrustRefused, match="is not trusted"):
            console.log_in(ADMIN)
    assert odd.seen == []
