"""The console client against consoles that are not the stand-in: redirects, odd downloads, refusals."""

import gzip
import io
import os
import socket
import zipfile
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from odd_console import ADMIN, BACKUP, HOME, LOGIN, RESTORE, OddConsole, Route, answer, hang_up, page, redirect

from fixtures.appliance.listener import Listener
from hypervisors import LoginRefused, Secret, TimedOut, TlsTrust, TrustRefused, Unreachable, no_progress
from vmmigrate.appliance.port import Account
from vmmigrate.appliance.profile import UNPINNED, ConsoleProfile
from vmmigrate.appliance.web.console import WebConsole, find_console
from vmmigrate.errors import ApplianceError, NoBackup, NotDiscovered, Unanswered

pytestmark = pytest.mark.slow

ARCHIVE = gzip.compress(os.urandom(5000))
BINARY = {"Content-Type": "application/gzip"}


def test_a_redirect_to_another_origin_gets_nothing_of_ours(tmp_path: Path) -> None:
    odd_ones = (
        "https://127.0.0.2:1\\@127.0.0.1/x",
        "https://[",
        "https://h:x/",
        "/\xff",
        "//\u212b".encode().decode("latin-1"),
    )
    for target in ("https://127.0.0.2:1/x", "http://127.0.0.1/x", "//127.0.0.2/x", *odd_ones):
        odd = OddConsole({"POST /in": redirect(target, 307)})
        with odd.running(tmp_path) as console, pytest.raises(ApplianceError, match="where nothing of ours is sent"):
            console.log_in(ADMIN)


def test_a_form_that_points_elsewhere_gets_nothing_of_ours(tmp_path: Path) -> None:
    odd = OddConsole({"GET /": page(LOGIN.replace("/in", "https://127.0.0.2/in"))})
    with odd.running(tmp_path) as console, pytest.raises(ApplianceError, match="points to https"):
        console.log_in(ADMIN)
    assert odd.seen == ["GET /"]


@pytest.mark.parametrize(
    ("what", "target"),
    [
        ("a form", "https://{there}\\@{here}/in"),
        ("a form", "//{there}\\@{here}/in"),
        ("a link", "https://{there}\t\\@{here}/in"),
        ("a frame", "https://{there}\\@{here}/in"),
        ("a refresh", "https://{there}\\@{here}/in"),
    ],
)
def test_an_address_that_others_read_otherwise_leads_nowhere(tmp_path: Path, what: str, target: str) -> None:
    """By the standard library its host is this console, by RFC 3986 with a backslash (urllib3) it is the other one."""
    came: list[object] = []
    other = Listener("127.0.0.2", 0, lambda connection, peer: came.append(peer))
    odd = OddConsole()
    with odd.running(tmp_path) as console:
        url = target.format(there=f"127.0.0.2:{other.port}", here=f"127.0.0.1:{odd.port}")
        home = {"a link": f'<a href="{url}">Backup</a>', "a frame": f'<iframe src="{url}">'}.get(what, HOME)
        odd.routes["POST /in"] = page(home, **({"Refresh": f"0; url={url}"} if what == "a refresh" else {}))
        if what == "a form":
            odd.routes["GET /"] = page(LOGIN.replace("/in", url))
        with pytest.raises(ApplianceError):
            back_up(console)
    other.close()
    assert came == []


def back_up(console: WebConsole) -> None:
    console.log_in(ADMIN)
    console.export_backup(io.BytesIO(), None, no_progress)


def test_redirects_in_a_circle_come_to_an_end(tmp_path: Path) -> None:
    odd = OddConsole({"GET /": redirect("/")})
    with odd.running(tmp_path) as console, pytest.raises(ApplianceError, match="redirects in a circle"):
        console.log_in(ADMIN)


@pytest.mark.parametrize("status", [400, 401, 403, 422, 423, 429])
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
        with pytest.raises(Unreachable):
            console.log_in(ADMIN)
        with pytest.raises(Unreachable, match="no console found"):
            find_console(f"127.0.0.1:{port}", TlsTrust(), timeout=0.5)


def test_a_wrong_pin_is_noticed_before_a_byte_is_sent(tmp_path: Path) -> None:
    odd = OddConsole()
    with odd.running(tmp_path):
        console = WebConsole(f"https://127.0.0.1:{odd.port}/", TlsTrust("ab" * 32), timeout=5)
        with pytest.raises(TrustRefused, match="is not trusted"):
            console.log_in(ADMIN)
    assert odd.seen == []


def put(console: WebConsole) -> None:
    console.import_backup(io.BytesIO(ARCHIVE), "b.tar.gz", len(ARCHIVE), None, no_progress)


@pytest.mark.parametrize("words", ["This account is blocked", "Too many failed logins", "Your account is locked out"])
def test_a_blocked_account_is_told_with_how_long_a_block_lasts(tmp_path: Path, words: str) -> None:
    odd = OddConsole({"POST /in": page(f"<p>{words}</p>{LOGIN}")})
    with odd.running(tmp_path) as console, pytest.raises(LoginRefused, match=words) as refused:
        console.log_in(ADMIN)
    assert "300 s" in refused.value.hint
    assert "wait five minutes" in refused.value.hint


@pytest.mark.parametrize(
    "ended",
    [
        redirect("/"),
        page(LOGIN),
        page(LOGIN, 401),
        page("<p>Session timed out</p><a href='/'>Log in</a>"),
        page('<meta http-equiv="refresh" content="0;url=/">'),
    ],
)
def test_an_accepted_log_in_that_expired_is_renewed_once(tmp_path: Path, ended: Route) -> None:
    for there in ("GET /backup", "POST /get"):
        usual = {"POST /get": answer(200, ARCHIVE, BINARY), "GET /backup": page(BACKUP)}
        odd = OddConsole({**usual, there: [ended, usual[there]]})
        with odd.running(tmp_path) as console:
            console.log_in(ADMIN)
            console.export_backup(io.BytesIO(), None, no_progress)
        assert odd.lines.count("POST /in") == 2


def test_a_log_in_that_is_refused_when_renewed_is_not_tried_again(tmp_path: Path) -> None:
    odd = OddConsole({"POST /in": [page(HOME), page(f"<p>Locked</p>{LOGIN}")], "GET /backup": page(LOGIN)})
    with odd.running(tmp_path) as console:
        console.log_in(ADMIN)
        for _time in range(2):
            with pytest.raises(LoginRefused):
                console.find_backup()
    assert odd.lines.count("POST /in") == 2


def test_a_session_that_ends_with_the_upload_is_told_and_nothing_is_sent_twice(tmp_path: Path) -> None:
    for ended in (redirect("/"), page(LOGIN), page("<p>Session timed out</p><a href='/'>Sign in</a>", 401)):
        odd = OddConsole({"GET /backup": page(RESTORE), "POST /put": ended})
        with odd.running(tmp_path) as console:
            console.log_in(ADMIN)
            with pytest.raises(ApplianceError, match="ended the session while the backup was sent") as told:
                put(console)
        assert "deploy the machine again" in told.value.hint
        assert (odd.lines.count("POST /put"), odd.lines.count("POST /in")) == (1, 1)


@pytest.mark.parametrize("status", [307, 308])
def test_an_upload_is_not_sent_again_where_a_redirect_wants_it(tmp_path: Path, status: int) -> None:
    odd = OddConsole({"GET /backup": page(RESTORE), "POST /put": redirect("/there", status)})
    with odd.running(tmp_path) as console:
        console.log_in(ADMIN)
        with pytest.raises(ApplianceError, match="asks to send the upload again, to /there: nothing is sent twice"):
            put(console)
    assert odd.lines[-1] == "POST /put"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("<p>The file is not a valid backup</p>", "not a valid backup"),
        ("<div class='alert alert-danger'>Disk quota</div>", "Disk quota"),
        ("<p>0 users restored, restore failed</p>", "restore failed"),
        ("<p>The backup could not be restored: wrong password</p>", "wrong password"),
    ],
)
def test_a_restore_that_failed_is_told_in_the_consoles_words(tmp_path: Path, said: str, told: str) -> None:
    odd = OddConsole({"GET /backup": page(RESTORE), "POST /put": page(said + RESTORE)})
    with odd.running(tmp_path) as console:
        console.log_in(ADMIN)
        with pytest.raises(ApplianceError, match=f"refused the backup: .*{told}"):
            put(console)


@pytest.mark.parametrize("status", [400, 403, 413, 500, 503])
def test_a_restore_that_the_status_refuses_is_none_whatever_the_page_says(tmp_path: Path, status: int) -> None:
    odd = OddConsole({"GET /backup": page(RESTORE), "POST /put": page(f"<p>Restore successful</p>{RESTORE}", status)})
    with odd.running(tmp_path) as console:
        console.log_in(ADMIN)
        with pytest.raises(ApplianceError, match=rf"refused the backup: .*\(status {status}\)"):
            put(console)


@pytest.mark.parametrize(
    "said",
    [
        "The backup has been restored. The system will be restarted now.",
        "Restore completed without errors",
        "All settings were overwritten by the backup. Do you want to restart now?",
        "Import successful",
        "Success!",
        "After the restore the system needs to be restarted",
    ],
)
def test_a_restore_that_succeeded_is_known_by_its_words(tmp_path: Path, said: str) -> None:
    beside = '<form method="post" action="/boot"><button>OK</button></form>'
    beside += BACKUP.replace("</form>", "<button>Start</button></form>")
    odd = OddConsole({"GET /backup": page(RESTORE + beside), "POST /put": page(f"<p>{said}</p>{RESTORE}{beside}")})
    with odd.running(tmp_path) as console:
        console.log_in(ADMIN)
        put(console)
    assert odd.lines[-1] == "POST /put"


@pytest.mark.parametrize(
    "said",
    [
        "The backup has not been restored",
        "Nothing was restored",
        "No settings were restored",
        "The backup wasn't restored",
        "Restore was not successful",
        "The restore did not complete",
        "<b class='error'>The backup has not been restored</b>",
        "The backup was only partially restored",
        "The restore was cancelled, the system will be restarted",
        "Last restored: never",
        "Do not close this window while the backup is restored",
        "Once the backup is restored, log in",
        "The system will be restarted when the restore has finished",
        "The backup is being restored and the system will be restarted",
    ],
)
def test_what_is_not_or_not_yet_restored_is_no_success(tmp_path: Path, said: str) -> None:
    odd = OddConsole({"GET /backup": page(RESTORE), "POST /put": page(f"<p>{said}</p>{RESTORE}")})
    with odd.running(tmp_path) as console:
        console.log_in(ADMIN)
        with pytest.raises(ApplianceError, match=r"refused the backup|does not say whether it restored the backup"):
            put(console)
    assert odd.lines.count("POST /put") == 1


@pytest.mark.parametrize(
    "said",
    [
        "No errors: the backup has been restored",
        "There was no problem and all settings were restored",
        "The backup has been restored, do not import it again",
        "The restore is completed and the system must be restarted before it takes effect",
    ],
)
def test_a_negation_of_something_else_leaves_it_a_success(tmp_path: Path, said: str) -> None:
    odd = OddConsole({"GET /backup": page(RESTORE), "POST /put": page(f"<p>{said}</p>{RESTORE}")})
    with odd.running(tmp_path) as console:
        console.log_in(ADMIN)
        put(console)


def test_what_is_told_beforehand_of_a_restart_answers_no_question(tmp_path: Path) -> None:
    before = "<p>After a restore the system needs to be restarted.</p>"
    asks = f"{before}<form method='post' action='/yes'><button>Cancel</button><button>Restore</button></form>"
    odd = OddConsole({"GET /backup": page(RESTORE), "POST /put": page(asks), "POST /yes": page("<p>Restored</p>")})
    with odd.running(tmp_path) as console:
        console.log_in(ADMIN)
        put(console)
    assert odd.lines[-1] == "POST /yes"


def test_what_is_told_beforehand_of_a_restart_ends_no_wait(tmp_path: Path) -> None:
    before = "<p>After the restore the system needs to be restarted. The restore is in progress.</p>"
    busy = page(f'<meta http-equiv="refresh" content="2;url=/state">{before}')
    odd = OddConsole(
        {"GET /backup": page(RESTORE), "POST /put": busy, "GET /state": page("<p>Upload stopped: disk full</p>")}
    )
    with odd.running(tmp_path) as console:
        console.log_in(ADMIN)
        with pytest.raises(ApplianceError, match="disk full"):
            put(console)


def test_an_archives_name_goes_in_the_pages_own_characters(tmp_path: Path) -> None:
    odd = OddConsole(
        {
            "GET /backup": page(RESTORE, **{"Content-Type": "text/html; charset=iso-8859-1"}),
            "POST /put": page("<p>Restored</p>"),
        }
    )
    with odd.running(tmp_path) as console:
        console.log_in(ADMIN)
        for name in ("резерв.tar.gz", os.fsdecode(b"b\xff.tar.gz")):
            console.import_backup(io.BytesIO(ARCHIVE), name, len(ARCHIVE), None, no_progress)


@pytest.mark.parametrize("back", ["Back to the log-in page", "Try again"])
def test_a_refusal_with_a_link_back_is_one(tmp_path: Path, back: str) -> None:
    odd = OddConsole({"POST /in": page(f"<p>Invalid user or password</p><a href='/'>{back}</a><a href='/n'>Home</a>")})
    with odd.running(tmp_path) as console:
        with pytest.raises(LoginRefused, match="Invalid user or password"):
            console.log_in(ADMIN)
        with pytest.raises(LoginRefused, match="not tried again"):
            console.log_in(ADMIN)
    assert odd.lines == ["GET /", "POST /in"]


def test_a_home_page_that_speaks_of_a_failure_is_no_refusal(tmp_path: Path) -> None:
    told = "<p>1 failed log-in since yesterday</p>"
    for leave in (HOME, HOME + "<a href='/'>Home</a><a href='/logout'>Log out</a>"):
        odd = OddConsole({"POST /in": page(told + leave)})
        with odd.running(tmp_path) as console:
            console.log_in(ADMIN)


def test_a_password_goes_into_no_url(tmp_path: Path) -> None:
    odd = OddConsole({"GET /": page(LOGIN.replace("post", "get"))})
    with odd.running(tmp_path) as console, pytest.raises(NotDiscovered, match="would put a password into a URL"):
        console.log_in(ADMIN)
    assert odd.seen == ["GET /"]


def test_a_limit_of_the_session_is_no_redirect(tmp_path: Path) -> None:
    limit = '<meta http-equiv="refresh" content="{};url={}">'
    for seconds, target in ((1800, "/timeout"), (5, "/logout")):
        odd = OddConsole({"POST /in": page(limit.format(seconds, target) + HOME)})
        with odd.running(tmp_path) as console:
            console.log_in(ADMIN)
            console.find_backup()
        assert odd.lines == ["GET /", "POST /in", "GET /backup"]


def test_a_wait_comes_to_an_end_and_is_as_long_as_the_page_says(tmp_path: Path) -> None:
    odd = OddConsole(
        {
            "POST /get": page('<meta http-equiv="refresh" content="7;url=/w">Please wait'),
            "GET /w": page('<meta http-equiv="refresh" content="7">Please wait'),
        }
    )
    with odd.running(tmp_path) as console:
        console.log_in(ADMIN)
        with pytest.raises(TimedOut, match="for the console to make the backup"):
            console.export_backup(io.BytesIO(), None, no_progress)
    assert set(odd.waits.slept[:-1]) == {7.0}
    assert sum(odd.waits.slept) == 100


def test_a_form_says_where_it_comes_from(tmp_path: Path) -> None:
    odd = OddConsole()
    with odd.running(tmp_path) as console:
        console.log_in(ADMIN)
    assert odd.headers["Referer"] == f"https://127.0.0.1:{odd.port}/"
    assert odd.headers["Origin"] == f"https://127.0.0.1:{odd.port}"


def test_sessions_that_live_in_addresses_alone(tmp_path: Path) -> None:
    live = ";jsessionid=S1"
    routes = {
        "POST /in": redirect(f"/home{live}"),
        f"GET /home{live}": page(f'<a href="/b{live}">Backup</a>'),
        f"GET /b{live}": page(BACKUP.replace("/get", f"/get{live}")),
        f"POST /get{live}": answer(200, ARCHIVE, BINARY),
        "GET /b": page(LOGIN),
    }
    for profile in (UNPINNED, ConsoleProfile.model_validate({"backup": {"page": "/b"}})):
        odd = OddConsole(dict(routes), profile=profile)
        with odd.running(tmp_path) as console:
            console.log_in(ADMIN)
            console.export_backup(io.BytesIO(), None, no_progress)
        assert odd.lines.count("POST /in") == 1


def test_a_password_is_sent_in_the_pages_own_characters(tmp_path: Path) -> None:
    entry = page(LOGIN, **{"Content-Type": "text/html; charset=iso-8859-1"})
    odd = OddConsole({"GET /": entry})
    with odd.running(tmp_path) as console:
        console.log_in(Account("admin", Secret("pä€")))
    assert odd.seen[1] == "POST /in u=admin&p=p%E4%26%238364%3B"


@pytest.mark.parametrize("before", ["&#27;]0;pwned&#7;&#27;[2J", "\x1b]0;pwned\x07\x1b[2J", "\x9b2J\u202e"])
def test_what_a_console_says_steers_no_terminal(tmp_path: Path, before: str) -> None:
    said = f'<title>{before}title</title><p class="error">{before}No such word</p>'
    odd = OddConsole({"POST /in": page(said + LOGIN, **{"Content-Type": "text/html; charset=utf-8"})})
    with odd.running(tmp_path) as console, pytest.raises(LoginRefused, match="No such word") as refused:
        console.log_in(ADMIN)
    assert str(refused.value).isprintable()


def test_nor_do_its_forms_fields_addresses_and_links(tmp_path: Path) -> None:
    steering = "\x1b[2J\x07"
    form = f'<form action="/{steering}" title="{steering}"><input name="{steering}" placeholder="{steering}x">'
    form += f'<button title="{steering}"></button><input type="submit" value="{steering}"></form>'
    odd = OddConsole({"GET /": page(f'{form}<a href="/{steering}">{steering}</a><img alt="{steering}">')})
    with odd.running(tmp_path) as console, pytest.raises(NotDiscovered, match="no log-in form") as told:
        console.log_in(ADMIN)
    assert str(told.value).isprintable()
    assert told.value.hint.isprintable()


def test_a_reason_phrase_and_a_header_that_steer_a_terminal(tmp_path: Path) -> None:
    def steer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 \x1b[2J pwned\r\n\r\n")
        handler.close_connection = True

    with OddConsole({"POST /in": steer}).running(tmp_path) as console, pytest.raises(ApplianceError) as told:
        console.log_in(ADMIN)
    assert "pwned" in str(told.value)
    assert str(told.value).isprintable()


def test_what_a_form_sends_is_as_it_was_served(tmp_path: Path) -> None:
    hidden = '<input type="hidden" name="t" value="a\x1bb&#9;c">'
    odd = OddConsole({"GET /": page(LOGIN.replace("<button>", hidden + "<button>"))})
    with odd.running(tmp_path) as console:
        console.log_in(ADMIN)
    assert "t=a%1Bb%09c" in odd.seen[1]


def test_a_log_in_that_is_not_answered_is_sent_once(tmp_path: Path) -> None:
    odd = OddConsole({"POST /in": hang_up})
    with odd.running(tmp_path) as console, pytest.raises(Unanswered) as told:
        console.log_in(ADMIN)
    assert str(told.value) == f"https://127.0.0.1:{odd.port} closed the connection without an answer to POST /in"
    assert odd.lines == ["GET /", "POST /in"]


def test_an_upload_that_is_not_answered_is_sent_once(tmp_path: Path) -> None:
    odd = OddConsole({"GET /backup": page(RESTORE), "POST /put": hang_up})
    with odd.running(tmp_path) as console:
        console.log_in(ADMIN)
        with pytest.raises(Unanswered, match="closed the connection without an answer to POST /put"):
            put(console)
    assert odd.lines.count("POST /put") == 1


@pytest.mark.parametrize("left_out", [0, 30, 2000])
def test_a_zip_of_untold_length_that_is_cut_short_is_noticed_while_it_comes(tmp_path: Path, left_out: int) -> None:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as made:
        made.writestr("database.sql", os.urandom(5000))
    sent = whole.getvalue()[: len(whole.getvalue()) - left_out]

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/zip\r\nConnection: close\r\n\r\n" + sent)
        handler.close_connection = True

    with OddConsole({"POST /get": send}).running(tmp_path) as console:
        console.log_in(ADMIN)
        if left_out:
            with pytest.raises(NoBackup, match="the archive is cut short: the directory"):
                console.export_backup(io.BytesIO(), None, no_progress)
        else:
            assert console.export_backup(io.BytesIO(), None, no_progress).size == len(sent)
