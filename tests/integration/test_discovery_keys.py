"""For each key of a profile a console that discovery fails at: the message names the key, and the key settles it."""

import ast
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from odd_console import (
    ADMIN,
    ARCHIVE,
    BACKUP,
    HOME,
    LOGIN,
    RESTORE,
    RESTORED,
    OddConsole,
    Route,
    archive,
    page,
)
from pydantic import BaseModel

from hypervisors import Secret, TlsTrust, Unreachable, no_progress
from vmmigrate.appliance.profile import UNPINNED, ConsoleProfile
from vmmigrate.appliance.web.console import WebConsole, find_console
from vmmigrate.errors import ApplianceError, NotDiscovered

pytestmark = pytest.mark.slow

WEB = Path(__file__).parents[2] / "vmmigrate" / "appliance" / "web"
BOX = '<input type="checkbox" name="x" value="1"{}>'
BUTTONS = '<button name="b" value="1">Alpha</button><button name="b" value="2">Beta</button>'
THREE = "".join(f'<input type="password" name="p{at}">' for at in (1, 2, 3))
BACKUP_FORM = (
    '<h1>Backup</h1><form method="post" action="/get"><input type="password" name="p">{}<button>{}</button></form>'
)
OTHER = (
    '<label>Zielort 1: location<select name="{}"><option value="1">Download<option value="2">SMB share</select></label>'
)


def sent(line: str) -> Callable[[OddConsole], bool]:
    return lambda odd: any(seen.startswith(line) for seen in odd.seen)


def part(name: str, value: str) -> Callable[[OddConsole], bool]:
    """A field of the upload."""
    return lambda odd: any(f'name="{name}"\r\n\r\n{value}\r\n' in seen for seen in odd.seen)


@dataclass(frozen=True)
class Row:
    """A console on which discovery fails without `key`; with it pinned to `pin`, `holds` tells that it was used."""

    key: str
    pin: Any
    routes: dict[str, Route | list[Route]]
    holds: Callable[[OddConsole], bool]
    act: str = "export"
    password: str = ""

    def __str__(self) -> str:
        return self.key


def login(key: str, pin: str, entry: str, line: str, **routes: Route) -> Row:
    more: dict[str, Route | list[Route]] = {name.replace("_", " /"): route for name, route in routes.items()}
    return Row(key, pin, {"GET /": page(entry), **more}, sent(line))


def export(key: str, pin: Any, form: str, line: str, *, password: str = "") -> Row:
    return Row(key, pin, {"GET /backup": page(form)}, sent(line), password=password)


def restore(key: str, pin: Any, more: str, holds: Callable[[OddConsole], bool], *, password: str = "") -> Row:
    return Row(
        key, pin, {"GET /backup": page(RESTORE.replace("<button", f"{more}<button"))}, holds, "restore", password
    )


def answered(key: str, pin: str, answer: str, holds: Callable[[OddConsole], bool], act: str = "restore") -> Row:
    return Row(key, pin, {"GET /backup": page(RESTORE), "POST /put": page(answer)}, holds, act)


PAM = '<form method="post" action="/pam"><label>{}<input type="checkbox" name="x" value="1"></label>{}</form>'


def pam(key: str, pin: Any, form: str, home: str = '<a href="/a">Authentication</a>', at: str = "/a") -> Row:
    """Its box is ticked once the form was sent, until the next log-in."""
    ticked = list[str]()

    def log_in(handler: BaseHTTPRequestHandler) -> None:
        ticked.clear()
        page(home)(handler)

    def keep(handler: BaseHTTPRequestHandler) -> None:
        ticked.append(" checked")
        page("kept")(handler)

    def show(handler: BaseHTTPRequestHandler) -> None:
        page(form.replace('name="x"', 'name="x"' + "".join(ticked[:1])))(handler)

    return Row(key, pin, {"POST /in": log_in, f"GET {at}": show, "POST /pam": keep}, sent("POST /pam"), "pam")


WIZARD = (
    '<title>Setup wizard</title><form method="post" action="/set"><input name="o"></form>'
    '<a href="/home">Another day</a>'
)
SURE = (
    '<p>Are you sure?</p><form method="post" action="/yes"><button name="a">'
    'Alpha</button><button name="b">Beta</button></form>'
)
ROWS = (
    Row("wizard_skip", "Another day", {"POST /in": page(WIZARD), "GET /home": page(HOME)}, sent("GET /home")),
    login("login.page", "/door", "<p>It works</p>", "GET /door", GET_door=page(LOGIN)),
    login("login.action", "/in", LOGIN.replace("/in", "/out") + LOGIN, "POST /in u=admin&p=word"),
    login(
        "login.action",
        "/in",
        LOGIN.replace("/in", "/no").replace("post", "get").replace("<input name", "User <input name") + LOGIN,
        "POST /in u=admin&p=word",
    ),
    login("login.user", "u", LOGIN.replace("<input", '<input name="d"><input', 1), "POST /in d=&u=admin&p=word"),
    login(
        "login.next",
        "Alpha",
        (f'<form method="post" action="/who"><label>User<input name="u"></label>{BUTTONS}</form>'),
        "POST /who u=admin&b=1",
        POST_who=page(LOGIN.replace('<input name="u">', "")),
    ),
    login("login.password", "pw", LOGIN.replace('type="password" name="p"', 'name="pw"'), "POST /in u=admin&pw=word"),
    login(
        "login.password",
        "p",
        LOGIN.replace("<button", '<input type="password" name="q"><button'),
        "POST /in u=admin&p=word",
    ),
    login("login.button", "Beta", LOGIN.replace("<button>Log in</button>", BUTTONS), "POST /in u=admin&p=word&b=2"),
    Row("backup.page", "/b;x", {"POST /in": page("Home"), "GET /b": page(BACKUP)}, sent("GET /b")),
    Row(
        "backup.menu",
        ("Verwaltung", "Sicherung"),
        {
            "POST /in": page('<a href="/v">Verwaltung</a>'),
            "GET /v": page('<a href="/b">Sicherung</a>'),
            "GET /b": page(BACKUP),
        },
        sent("GET /b"),
    ),
    export("backup.action", "/get", BACKUP.replace("/get", "/other") + BACKUP, "POST /get l=download"),
    export("backup.action", "/get", '<form method="post" action="/get"><button>Los</button></form>', "POST /get"),
    export(
        "backup.password",
        "x",
        BACKUP_FORM.replace('type="password" name="p"', 'name="x"').format("", "Backup"),
        "POST /get x=word",
        password="word",
    ),
    export(
        "backup.repeat",
        "p3",
        BACKUP_FORM.replace('<input type="password" name="p">', THREE).format("", "Backup"),
        "POST /get p1=word&p2=&p3=word",
        password="word",
    ),
    export(
        "backup.location",
        "m",
        BACKUP_FORM.format(OTHER.format("l") + OTHER.format("m"), "Backup"),
        "POST /get p=&l=1&m=1",
    ),
    export(
        "backup.download",
        "2",
        BACKUP_FORM.format(
            ('<label>Backup location<select name="l"><option value="1">A<option value="2">B</select></label>'), "Backup"
        ),
        "POST /get p=&l=2",
    ),
    export("backup.no_database", "x", BACKUP_FORM.format(BOX.format(" checked") + "<hr>", "Backup"), "POST /get p="),
    export("backup.database", "x", BACKUP_FORM.format(BOX.format(" checked") + "<hr>", "Backup"), "POST /get p=&x=1"),
    export(
        "backup.button",
        "Beta",
        BACKUP_FORM.format("<label>Backup location<select name=l><option>Download</select></label>", "Alpha").replace(
            "<button>Alpha</button>", BUTTONS
        ),
        "POST /get p=&l=Download&b=2",
    ),
    Row(
        "backup.result",
        "Alles klar",
        {"POST /get": page('<a href="/x">Alles klar</a><a href="/y">Nichts klar</a>'), "GET /x": archive()},
        sent("GET /x"),
    ),
    Row("restore.page", "/r", {"POST /in": page("Home"), "GET /r": page(RESTORE)}, sent("GET /r"), "restore"),
    Row(
        "restore.menu",
        ("Verwaltung", "Sicherung"),
        {
            "POST /in": page('<a href="/v">Verwaltung</a>'),
            "GET /v": page('<a href="/r">Sicherung</a>'),
            "GET /r": page(RESTORE),
        },
        sent("GET /r"),
        "restore",
    ),
    Row(
        "restore.action",
        "/put",
        {"GET /backup": page(RESTORE.replace("/put", "/other") + RESTORE)},
        sent("POST /put"),
        "restore",
    ),
    restore(
        "restore.file",
        "g",
        '<input type="file" name="g">',
        lambda odd: any('name="g"; filename=' in s for s in odd.seen),
    ),
    Row(
        "restore.password",
        "x",
        {
            "GET /backup": page(RESTORE.replace("<button", '<input name="x"><button')),
            "POST /put": lambda handler: page(
                f"<p>{RESTORED}</p>" if b"word" in handler.body else "<p>Wrong password</p>"
            )(handler),
        },
        part("x", "word"),
        "restore",
        "word",
    ),
    restore("restore.repeat", "p3", THREE, part("p3", "word"), password="word"),
    restore(
        "restore.location",
        "m",
        OTHER.replace("Download", "Upload").format("l") + OTHER.replace("Download", "Upload").format("m"),
        part("m", "1"),
    ),
    restore(
        "restore.upload",
        "2",
        "<label>Source<select name=l><option value=1>A<option value=2>B</select></label>",
        part("l", "2"),
    ),
    restore("restore.confirm", "x", BOX.format(""), part("x", "1")),
    Row(
        "restore.button",
        "Beta",
        {
            "GET /backup": page(
                RESTORE.replace("<button>Restore</button>", BUTTONS).replace("<form", "<h1>Restore</h1><form")
            )
        },
        part("b", "2"),
        "restore",
    ),
    Row(
        "restore.yes",
        "Beta",
        {"GET /backup": page(RESTORE), "POST /put": page(SURE), "POST /yes": page(f"<p>{RESTORED}</p>")},
        sent("POST /yes b="),
        "restore",
    ),
    pam("pam.page", "/b;x", PAM.format("PAM", ""), "Home", "/b"),
    pam("pam.menu", ("Verwaltung",), PAM.format("PAM", ""), '<a href="/a">Verwaltung</a>'),
    pam("pam.action", "/pam", PAM.format("PAM", "").replace("/pam", "/other") + PAM.format("PAM", "")),
    pam("pam.enabled", "x", PAM.format("PAM", '<label>PAM<input type="checkbox" name="y" value="1"></label>')),
    pam("pam.button", "Beta", PAM.format("PAM", BUTTONS)),
    answered("restore.success", "alles gut", "<p>Alles gut</p>", sent("POST /put")),
    answered("restore.failure", "ging schief", "<p>Das ging schief</p>", sent("POST /put"), "be refused"),
)


def run(row: Row, console: WebConsole) -> None:
    secret = Secret(row.password) if row.password else None
    console.log_in(ADMIN)
    if row.act == "pam":
        console.switch_pam(on=True)
    elif row.act == "export":
        console.export_backup(io.BytesIO(), secret, no_progress)
    else:
        console.import_backup(io.BytesIO(ARCHIVE), "b", len(ARCHIVE), secret, no_progress)


def profile(key: str, pin: Any) -> ConsoleProfile:
    section, _, name = key.rpartition(".")
    return ConsoleProfile.model_validate({section: {name: pin}} if section else {name: pin})


def console(row: Row, said: ConsoleProfile) -> OddConsole:
    usual = {"POST /get": archive(), "POST /put": page(f"<p>{RESTORED}</p>")}
    return OddConsole({**usual, **row.routes}, profile=said)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_message_names_the_key_and_the_key_settles_it(row: Row, tmp_path: Path) -> None:
    odd = console(row, UNPINNED)
    with odd.running(tmp_path) as client, pytest.raises(NotDiscovered) as failed:
        run(row, client)
    assert f"console.{row.key}" in failed.value.keys
    assert f"console.{row.key}" in failed.value.hint
    pinned = console(row, profile(row.key, row.pin))
    with pinned.running(tmp_path) as client:
        if row.act == "be refused":
            with pytest.raises(ApplianceError, match="refused the backup: Das ging schief"):
                run(row, client)
        else:
            run(row, client)
    assert row.holds(pinned), pinned.seen


def wrong(row: Row) -> Any:
    """Something of the right kind that no console has."""
    return (
        "/nowhere"
        if row.key.endswith(("page", "action"))
        else ("Nirgends",)
        if row.key.endswith("menu")
        else "nirgends"
    )


NEVER_THERE = [row for row in ROWS if row.key not in ("restore.success", "restore.failure", "wizard_skip")]


@pytest.mark.parametrize("row", NEVER_THERE, ids=str)
def test_a_pinned_one_that_is_not_there_is_told_by_its_key(row: Row, tmp_path: Path) -> None:
    odd = console(row, profile(row.key, wrong(row)))
    with odd.running(tmp_path) as client, pytest.raises(NotDiscovered) as failed:
        run(row, client)
    assert f"console.{row.key}" in str(failed.value)
    assert failed.value.keys == (f"console.{row.key}",)


def test_a_pinned_way_out_that_the_wizard_does_not_have_is_told(tmp_path: Path) -> None:
    odd = OddConsole({"POST /in": page(WIZARD)}, profile=ConsoleProfile(wizard_skip="Nirgends"))
    with (
        odd.running(tmp_path) as client,
        pytest.raises(NotDiscovered, match=r"console\.wizard_skip: 'Nirgends' is not there"),
    ):
        run(ROWS[0], client)


def test_on_the_machine_that_is_exported_a_pinned_button_is_not_pressed(tmp_path: Path) -> None:
    pressed = WIZARD.replace("</form>", "<button>Another day</button></form>").replace(
        '<a href="/home">Another day</a>', ""
    )
    routes: dict[str, Route | list[Route]] = {
        "POST /in": page(pressed),
        "POST /set": page(HOME),
        "GET /backup": page(BACKUP + RESTORE),
        "POST /put": page(RESTORED),
    }
    odd = OddConsole(routes, profile=ConsoleProfile(wizard_skip="Another day"))
    with (
        odd.running(tmp_path) as client,
        pytest.raises(NotDiscovered, match="a button is never pressed on a machine that"),
    ):
        run(ROWS[0], client)
    assert not sent("POST /set")(odd)
    with odd.running(tmp_path) as client:
        client.log_in(ADMIN)
        client.import_backup(io.BytesIO(ARCHIVE), "b", len(ARCHIVE), None, no_progress)
    assert sent("POST /set o=")(odd)


def test_a_port_that_nobody_looks_at(tmp_path: Path) -> None:
    odd = OddConsole(address="127.66.0.1")
    with odd.running(tmp_path):
        trust = TlsTrust(odd.fingerprint)
        with pytest.raises(Unreachable) as failed:
            find_console(odd.address, trust)
        assert "console.ports" in failed.value.hint
        assert (
            find_console(odd.address, trust, profile=profile("ports", (odd.port,)))
            == f"https://{odd.address}:{odd.port}/"
        )


def test_a_context_that_nobody_looks_at(tmp_path: Path) -> None:
    odd = OddConsole({"GET /": page("none", 404), "GET /mailgate": page(LOGIN)})
    with odd.running(tmp_path):
        host, trust = f"{odd.address}:{odd.port}", TlsTrust(odd.fingerprint)
        with pytest.raises(NotDiscovered) as failed:
            find_console(host, trust)
        assert "console.contexts" in failed.value.keys
        assert find_console(host, trust, profile=profile("contexts", ("/mailgate",))) == f"https://{host}/mailgate"


def keys_of(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, each in model.model_fields.items():
        kind = each.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from keys_of(kind, f"{prefix}{name}.")
        else:
            yield prefix + name


def test_each_key_of_a_profile_has_its_failure_here() -> None:
    elsewhere = {"ports", "contexts", *(key for key in keys_of(ConsoleProfile) if key.startswith("queues."))}
    assert {row.key for row in ROWS} | elsewhere == set(keys_of(ConsoleProfile))  # of queues: test_console_queues


def test_each_failure_of_discovery_names_its_keys() -> None:
    """Wherever the client raises NotDiscovered; and each key named is one of the model."""
    raised = list(raises())
    assert len(raised) > 12
    assert [place for place, keys in raised if keys is None] == []
    named = {key for _, keys in raised for key in keys or () if isinstance(key, str)}
    assert named <= set(keys_of(ConsoleProfile))


def raises() -> Iterator[tuple[str, list[object] | None]]:
    """Each `NotDiscovered(…)` of the web console's client, and what stands in its `keys=full(…)`."""
    for path in sorted(WEB.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "NotDiscovered":
                given = next((each.value for each in node.keywords if each.arg == "keys"), None)
                literals = [each for each in getattr(given, "args", ()) if isinstance(each, ast.Constant)]
                yield f"{path.name}:{node.lineno}", None if given is None else [each.value for each in literals]
