"""Log-ins by PAM switched in consoles of many shapes: what is served afterwards counts; what sounds alike is left."""

from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from odd_console import ADMIN, OddConsole, Route, page

from vmmigrate.errors import ApplianceError, NotDiscovered

pytestmark = pytest.mark.slow
FORM = '<form method="post" action="/keep">{}<button>Apply</button></form>'
# In each `{}` stands what a browser shows of a box that is ticked.
PLAIN = FORM.format('<label>Enable PAM login<input type="checkbox" name="x" value="1"{}></label>')
TURNS_OFF = FORM.format('<label>Disable PAM<input type="checkbox" name="x" value="1"{}></label>')
NAMED = FORM.format('<fieldset><legend>PAM</legend><label>Enabled<input type="checkbox" name="x"{}></label></fieldset>')
UNLABELLED = FORM.format('<input type="checkbox" name="enablePam" value="1"{}>')
BESIDE_SPAM = (
    FORM.format('<label>Enable spam filter<input type="checkbox" name="spam" value="1"></label>').replace(
        "/keep", "/spam"
    )
    + PLAIN
)
BESIDE_OTHERS = FORM.format(
    '<label>PAM login<input type="checkbox" name="x" value="1"{}></label>'
    '<label>Only PAM<input type="checkbox" name="o" value="1"></label>'
    '<label>PAM debug log<input type="checkbox" name="d" value="1"></label>'
)
SELECT = FORM.format(
    '<label>PAM<select name="x"><option value="1"{}>Enabled<option value="0">Disabled</select></label>'
)
SELECT_OFF = FORM.format(
    '<label>Disable PAM<select name="x"><option value="1"{}>Yes<option value="0">No</select></label>'
)


class Kept:
    """A console that keeps the form. `field`: its box; `on`: whether it is ticked, as the browser shows it."""

    def __init__(self, form: str, field: str = "x", *, ticked: bool, deaf: bool = False) -> None:
        self.form, self.field, self.ticked, self.deaf = form, field, ticked, deaf

    @property
    def routes(self) -> dict[str, Route | list[Route]]:
        home = page('<a href="/users">Users</a><a href="/login">Login settings</a><a href="/drop">Delete PAM</a>')
        return {"POST /in": home, "GET /login": self._show, "POST /keep": self._keep}

    def _show(self, handler: BaseHTTPRequestHandler) -> None:
        mark = " selected" if "select" in self.form else " checked"
        shown = self.form.replace("{}", mark if self.ticked else "")
        page(shown if self.ticked or "select" not in self.form else shown.replace('"0"', '"0" selected'))(handler)

    def _keep(self, handler: BaseHTTPRequestHandler) -> None:
        sent = parse_qs(handler.body.decode())  # type: ignore[attr-defined]
        if not self.deaf:
            self.ticked = sent.get(self.field, ["0"])[0] != "0"
        page("<p>It may not be changed here.</p>" if self.deaf else "<p>Kept.</p>")(handler)


@pytest.mark.parametrize("on", [True, False], ids=["on", "off"])
@pytest.mark.parametrize(
    ("form", "field", "inverse"),
    [
        (PLAIN, "x", False),
        (TURNS_OFF, "x", True),
        (NAMED, "x", False),
        (UNLABELLED, "enablePam", False),
        (BESIDE_SPAM, "x", False),
        (BESIDE_OTHERS, "x", False),
        (SELECT, "x", False),
        (SELECT_OFF, "x", True),
        (TURNS_OFF.replace("Disable PAM", "PAM login is disabled"), "x", True),
        (TURNS_OFF.replace("Disable PAM", "No PAM"), "x", True),
    ],
    ids=[
        *("plain", "turns-off", "heading", "no-label", "beside-spam", "beside-others", "choice"),
        *("choice-turns-off", "is-disabled", "no-pam"),
    ],
)
def test_it_is_switched_once_and_read_again(tmp_path: Path, form: str, field: str, inverse: bool, on: bool) -> None:
    kept = Kept(form, field, ticked=on is inverse)
    odd = OddConsole(kept.routes)
    with odd.running(tmp_path) as console:
        console.log_in(ADMIN)
        assert console.pam() is not on
        console.switch_pam(on=on)
        console.switch_pam(on=on)
        assert console.pam() is on
        found = console.findings().pam
    assert odd.lines.count("POST /keep") == 1
    assert (found.page, found.enabled) == ("/login", field)
    assert "GET /drop" not in odd.lines


def test_a_console_that_keeps_the_other_is_said_with_its_words(tmp_path: Path) -> None:
    odd = OddConsole(Kept(PLAIN, ticked=True, deaf=True).routes)
    with odd.running(tmp_path) as console:
        console.log_in(ADMIN)
        with pytest.raises(ApplianceError, match="It may not be changed here") as failed:
            console.switch_pam(on=False)
    assert "does not keep log-ins by PAM off" in str(failed.value)
    assert "leave --pam out" in failed.value.hint


@pytest.mark.parametrize(
    "form",
    [
        FORM.format('<label>Enable spam filter<input type="checkbox" name="spam" value="1"></label>'),
        FORM.format('<label>Only PAM<input type="checkbox" name="x" value="1"></label>'),
        FORM.format('<label>PAM service<input name="x"></label>'),
    ],
    ids=["spam", "only", "a-text"],
)
def test_what_only_sounds_like_it_is_not_taken(tmp_path: Path, form: str) -> None:
    odd = OddConsole(Kept(form, ticked=False).routes)
    with odd.running(tmp_path) as console:
        console.log_in(ADMIN)
        with pytest.raises(NotDiscovered) as failed:
            console.switch_pam(on=True)
    assert "POST /keep" not in odd.lines
    assert any(key.startswith("console.pam.") for key in failed.value.keys)


@pytest.mark.parametrize(
    "form",
    [
        *(
            PLAIN.replace("Enable PAM login", label)
            for label in (
                "Enable PAM authentication for users without a local account",
                "PAM authentication (not for LDAP)",
                "Disable PAM for users that are not local",
                "Do not disable PAM",
                "Enable blocking of PAM",
                "Prevent log-ins by PAM",
                "Use local accounts instead of PAM",
                "PAM log-ins where LDAP is off",
            )
        ),
        UNLABELLED.replace("enablePam", "pamDisabledFor"),
        PLAIN.replace("Enable PAM login", "PAM").replace('"x"', '"disablePam"'),
        NAMED.replace("<legend>PAM<", "<legend>PAM is not used<"),
        SELECT.replace(">PAM<", ">PAM, not LDAP<"),
    ],
)
@pytest.mark.parametrize("ticked", [True, False])
def test_what_could_mean_either_is_neither_read_nor_set(tmp_path: Path, form: str, ticked: bool) -> None:
    odd = OddConsole(Kept(form, ticked=ticked).routes)
    with odd.running(tmp_path) as console:
        console.log_in(ADMIN)
        with pytest.raises(ApplianceError) as failed:
            console.pam()
        for on in (True, False):
            with pytest.raises(ApplianceError, match="could turn log-ins by PAM on or off"):
                console.switch_pam(on=on)
    assert "POST /keep" not in odd.lines
    assert "leave --pam out" in failed.value.hint
