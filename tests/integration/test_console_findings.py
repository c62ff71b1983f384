"""What the client says it settled: enough to do without discovery, and nothing that anybody typed or that expires."""

import io
from pathlib import Path

from odd_console import ADMIN, ARCHIVE, BACKUP, LOGIN, RESTORE, RESTORED, OddConsole, Route, archive, page, redirect

from hypervisors import Secret, no_progress
from vmmigrate.appliance.profile import ConsoleProfile
from vmmigrate.errors import NotDiscovered

HIDDEN = '<input type="hidden" name="csrf" value="TOKEN4711"><input'
ENTRY = LOGIN.replace("<input", HIDDEN, 1).replace("/in", "/in;jsessionid=SECRET0815")
FORM = (
    '<form method="post" action="/get;jsessionid=SECRET0815?token=TOKEN4711">'
    '<input type="hidden" name="t" value="TOKEN4711">'
    '<label>Password<input type="password" name="p1"></label><label>Repeat<input type="password" name="p2"></label>'
    '<label>Backup location<select name="l"><option value="d">Download<option value="s">Share</select></label>'
    '<label><input type="checkbox" name="n">Do not backup database</label><button name="b">Start backup</button></form>'
)
IMPORT = (
    '<form method="post" action="/put" enctype="multipart/form-data"><input type="file" name="f"><label>Password<input'
    ' type="password" name="p"></label><label><input type="checkbox" name="c">'
    "Confirm</label><button>Restore</button></form>"
)
ROUTES: dict[str, Route | list[Route]] = {
    "GET /": redirect("/login;jsessionid=SECRET0815"),
    "GET /login": page(ENTRY),
    "POST /in": page('<a href="/a;jsessionid=SECRET0815">Admin</a>'),
    "GET /a": page('<a href="/b;jsessionid=SECRET0815">Backup</a><a href="/r?ticket=TOKEN4711">Restore</a>'),
    "GET /b": page("<h1>Backup</h1>" + FORM),
    "GET /r": page(IMPORT),
    "POST /get": page('<p>Done</p><a href="/x">Download</a>'),
    "GET /x": archive(),
    "POST /put": page("<p>Are you sure?</p><form method=post action=/yes><button>Yes</button></form>"),
    "POST /yes": page(RESTORED),
}
PASSWORD = Secret("backup word")


def test_looking_settles_what_can_be_seen_and_asks_for_pages_alone(tmp_path: Path) -> None:
    odd = OddConsole(dict(ROUTES))
    with odd.running(tmp_path) as console:
        console.log_in(ADMIN)
        console.find_backup()
        console.find_restore()
        found = console.findings()
    assert [line for line in odd.lines if line.startswith("POST")] == ["POST /in;jsessionid=SECRET0815"]
    assert found.model_dump(exclude_unset=True) == {
        "ports": (odd.port,),
        "contexts": ("/",),
        "login": {"page": "/login", "action": "/in", "user": "u", "password": "p", "button": "Log in"},
        "backup": {
            "page": "/b",
            "action": "/get",
            "password": "p1",
            "repeat": "p2",
            "location": "l",
            "download": "d",
            "no_database": "n",
            "button": "Start backup",
        },
        "restore": {
            "menu": ("Admin", "Restore"),
            "action": "/put",
            "file": "f",
            "password": "p",
            "confirm": "c",
            "button": "Restore",
        },
    }


def test_what_only_doing_shows_is_found_by_doing(tmp_path: Path) -> None:
    odd = OddConsole(dict(ROUTES))
    with odd.running(tmp_path) as console:
        console.log_in(ADMIN)
        console.export_backup(io.BytesIO(), PASSWORD, no_progress)
        console.import_backup(io.BytesIO(ARCHIVE), "b", len(ARCHIVE), PASSWORD, no_progress)
        found = console.findings()
    assert (found.backup.result, found.restore.yes) == ("Download", "Yes")
    said = found.model_dump_json()
    assert [word for word in ("TOKEN", "SECRET", "admin", "word", "backup word") if f'"{word}' in said] == []


def test_with_its_findings_as_its_profile_it_does_the_same(tmp_path: Path) -> None:
    odd = OddConsole(dict(ROUTES))
    with odd.running(tmp_path) as console:
        console.log_in(ADMIN)
        console.find_backup()
        console.find_restore()
        found = console.findings()
    again = OddConsole(dict(ROUTES), profile=found)
    with again.running(tmp_path) as console:
        console.log_in(ADMIN)
        sink = io.BytesIO()
        console.export_backup(sink, PASSWORD, no_progress)
        console.import_backup(io.BytesIO(ARCHIVE), "b", len(ARCHIVE), PASSWORD, no_progress)
        assert console.findings().backup.page == found.backup.page
    assert sink.getvalue() == ARCHIVE
    assert "GET /a" not in again.lines[: again.lines.index("GET /x")]  # the backup page is asked for at once


def test_a_failure_tells_no_value_and_no_token(tmp_path: Path) -> None:
    odd = OddConsole({**ROUTES, "GET /b": page(FORM.replace("Download", "Elsewhere").replace("Password", ""))})
    with odd.running(tmp_path) as console:
        console.log_in(ADMIN)
        try:
            console.export_backup(io.BytesIO(), PASSWORD, no_progress)
        except NotDiscovered as error:
            told = f"{error} {error.hint}"
    assert "Elsewhere" in told
    assert [word for word in ("TOKEN4711", "SECRET0815", "backup word") if word in told] == []


def test_nothing_is_settled_before_anything_was_looked_at(tmp_path: Path) -> None:
    odd = OddConsole({"GET /backup": page(BACKUP + RESTORE)})
    with odd.running(tmp_path) as console:
        assert console.findings() == ConsoleProfile(ports=(odd.port,), contexts=("/",))
