"""What is read out of a console's HTML: fields, labels in three layouts, links, errors."""

from collections.abc import Callable

import pytest

from hypervisors import Secret
from vmmigrate.appliance.profile import UNPINNED
from vmmigrate.appliance.web import backup_form, credentials, restore_form, roles
from vmmigrate.appliance.web.decisions import Decisions
from vmmigrate.appliance.web.forms import Form
from vmmigrate.appliance.web.login import message_of
from vmmigrate.appliance.web.navigation import TO_BACKUP, TO_RESTORE, Walk
from vmmigrate.appliance.web.pages import Page
from vmmigrate.appliance.web.reading import read_page
from vmmigrate.errors import NotDiscovered

URL = "https://mail:8443/ciphermail/admin/backup"


def page(body: str) -> Page:
    return read_page(f"<html><head><title>T</title></head><body>{body}</body></html>", URL)


def free() -> Decisions:
    return Decisions(UNPINNED)


def role(which: roles.Role, shown: Page) -> Form | None:
    found = roles.likely(which, shown, free())
    return found.thing if found else None


def backed_up(form: Form, password: Secret | None) -> list[tuple[str, str]]:
    """What is sent for a backup."""
    return form.submission(backup_form.choices(free(), form, password), backup_form.button(free(), form))


LOGIN = """<form action="j_check" method="post"><input type="hidden" name="t:formdata" value="H4s&amp;x">
<label for="u">User name</label><input id="u" name="user"><input type="password" name="word">
<input type="submit" name="go" value="Log in"></form>"""
BACKUP = """<form action="/ciphermail/do" method="POST"><input type="hidden" name="tok" value="1">
<table><tr><td>Password</td><td><input type="password" name="p1"></td></tr>
<tr><td>Confirm password</td><td><input type="password" name="p2"></td></tr>
<tr><td>Backup location</td><td><select name="loc"><option value="smb" selected>SMB share</option>
<option value="dl">Download</option></select></td></tr>
<tr><td>Do not backup database</td><td><input type="checkbox" name="nodb" checked></td></tr></table>
<input type="submit" name="test" value="Test connection"><input type="submit" name="run" value="Backup"></form>"""
RESTORE = """<form action="?r" method="post" enctype="multipart/form-data"><input type="file" name="f">
<label>Password <input type="password" name="p"></label>
<label><input type="checkbox" name="sure" value="yes"> I understand that this overwrites all settings</label>
<button name="b" value="r">Restore</button></form>"""


def test_each_form_is_recognised_among_the_others() -> None:
    found = page(RESTORE + BACKUP + LOGIN)
    restore, backup, login = found.forms
    assert role(roles.LOGIN, found) is login
    assert role(roles.BACKUP, found) is backup
    assert role(roles.RESTORE, found) is restore


def test_actions_are_absolute_and_an_empty_one_is_the_page_itself() -> None:
    assert page(LOGIN).forms[0].action == "https://mail:8443/ciphermail/admin/j_check"
    assert page(BACKUP).forms[0].action == "https://mail:8443/ciphermail/do"
    assert page("<form></form>").forms[0].action == URL
    assert page('<base href="/other/"><form action="x"></form>').forms[0].action == "https://mail:8443/other/x"


def test_hidden_fields_are_echoed_and_only_the_pressed_button_is_sent() -> None:
    form = page(LOGIN).forms[0]
    filled = credentials.both(free(), form, "admin", Secret("w"))
    sent = form.submission(filled, credentials.button(free(), form))
    assert sent == [("t:formdata", "H4s&x"), ("user", "admin"), ("word", "w"), ("go", "Log in")]


def test_a_backup_is_downloaded_with_its_database_and_both_password_fields() -> None:
    form = page(BACKUP).forms[0]
    assert backed_up(form, Secret("w")) == [("tok", "1"), ("p1", "w"), ("p2", "w"), ("loc", "dl"), ("run", "Backup")]


def test_without_a_password_its_fields_stay_empty() -> None:
    form = page(BACKUP).forms[0]
    assert dict(backed_up(form, None))["p1"] == ""


def test_radio_buttons_are_one_field() -> None:
    body = """<form><fieldset><legend>Backup location</legend><input type="radio" name="l" value="1" checked> SMB share
    <input type="radio" name="l" value="2"> Download</fieldset></form>"""
    form = page(body).forms[0]
    assert [(field.kind, field.label) for field in form.fields] == [("radio", "Backup location")]
    assert form.submission({}, None) == [("l", "1")]
    assert backed_up(form, None) == [("l", "2")]


def test_a_form_without_download_or_without_a_place_for_the_password_is_refused() -> None:
    no_download = page(BACKUP.replace("Download", "NFS").replace('"dl"', '"nfs"')).forms[0]
    with pytest.raises(
        NotDiscovered, match="no download among the locations found, Backup location offers: SMB share, NFS"
    ):
        backup_form.choices(free(), no_download, None)
    no_password = page('<form><label>Backup location<select name="l"><option>download</option></select></label></form>')
    with pytest.raises(NotDiscovered, match="no password field"):
        backup_form.choices(free(), no_password.forms[0], Secret("w"))


def test_a_restore_ticks_what_asks_for_consent() -> None:
    form = page(RESTORE).forms[0]
    sent = form.submission(restore_form.choices(free(), form, None), restore_form.button(free(), form))
    assert sent == [("p", ""), ("sure", "yes"), ("b", "r")]


def test_links_are_absolute_and_scripts_are_none() -> None:
    found = page('<a href="../x">  Backup\n</a><a href="#">Admin</a><a href="javascript:f()">Backup</a>')
    assert [(link.text, link.url) for link in found.links] == [("Backup", "https://mail:8443/ciphermail/x")]


def test_errors_are_what_the_page_marks_and_shows() -> None:
    found = page(
        '<div class="t-error"><ul><li>Wrong  password</li></ul></div><p class="alert alert-danger">Wrong password</p>'
        '<div class="error" style="display: none">A template</div><div class="error"></div>'
        '<label class="error">Field</label><p role="alert">Blocked</p><p class="terror">x</p>'
    )
    assert found.errors == ("Wrong password", "Blocked")


def test_what_is_described_has_no_value_in_it() -> None:
    said = page(LOGIN + BACKUP).describe()
    assert "H4s" not in said
    assert "User name (text)" in said


def test_bytes_of_an_odd_encoding_are_a_page_all_the_same() -> None:
    assert read_page("<title>Zür</title>".encode("latin-1"), URL).title != ""
    assert read_page(b"", URL).forms == ()


def site(pages: dict[str, str], asked: list[str]) -> Callable[[str], Page]:
    def fetch(url: str) -> Page:
        asked.append(url)
        return read_page(pages[url.rsplit("/", 1)[1]], url)

    return fetch


def links(*names: str) -> str:
    return "".join(f'<a href="{name.lower()}">{name}</a>' for name in names)


def test_a_backup_page_is_found_through_menus_and_nothing_else_is_touched() -> None:
    asked: list[str] = []
    pages = {
        "admin": links("Logout", "System", "Restart", "Backup now"),
        "system": links("Backup", "Backup config"),
        "backup": links("Restore"),
        "restore": RESTORE,
        "backup config": "",
    }
    home = read_page(links("Users", "Admin", "Restart", "Backup config"), "https://mail/c/home")
    walk = Walk(site(pages, asked), TO_RESTORE)
    found = {visit.page.url.rsplit("/", 1)[1]: visit.trail for visit in walk.visits(home)}
    assert found["backup"] == ("Admin", "System", "Backup")
    assert found["restore"] == ("Admin", "System", "Backup", "Restore")
    assert [url.rsplit("/", 1)[1] for url in asked][:4] == ["admin", "system", "backup", "restore"]
    assert list(walk.shunned) == ["Backup now"]


def test_menus_that_lead_round_and_round_come_to_an_end() -> None:
    asked: list[str] = []
    pages = {name: links("Admin", "System", "Settings", "Backup") for name in ("admin", "system", "settings", "backup")}
    home = read_page(links("Admin"), "https://mail/c/home")
    assert len(list(Walk(site(pages, asked), TO_BACKUP).visits(home))) == 5
    assert len(asked) == 4


@pytest.mark.parametrize(
    ("accepted", "sent"),
    [("UNKNOWN", "utf-8"), ("utf-8,iso-8859-1", "utf-8"), ("nonsense iso-8859-1", "iso8859-1"), ("", "utf-8")],
)
def test_what_a_form_accepts_may_be_a_list_or_nothing_that_there_is(accepted: str, sent: str) -> None:
    page = read_page(f'<form accept-charset="{accepted}"><input name="a"></form>'.encode(), "https://h/")
    assert page.forms[0].encoding == sent


@pytest.mark.parametrize("tag", ["p role=alert", "p"])
@pytest.mark.parametrize("before", [0, 150, 195, 390, 395])
def test_no_part_of_a_secret_is_left_where_a_pages_words_are_cut(tag: str, before: int) -> None:
    secret = Secret("Hunter2Hunter2Hunter2")
    shown = page(f"<{tag}>{'x ' * (before // 2)}{secret.reveal()}</p>")
    assert "Hun" not in message_of(shown)
    assert "Hun" not in page(f"<p>{'x ' * 55}{secret.reveal()}").describe()
