"""A person who works a stand-in console of any shape by what its pages say: the oracle beside the product's client.

It knows the documented words (labels, captions, menus) and shares no code with the client: what it can do, the
stand-in lets be done.
"""

import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, TypeVar
from urllib.parse import urljoin

import requests
from requests.adapters import HTTPAdapter

PLACES = ("/", "/ciphermail/", "/djigzo/", "/gw/ciphermail/")  # that a person would type, or have been told
LOGIN_TITLE = "CipherMail Email Encryption Gateway login"

Result = TypeVar("Result")


@dataclass
class Control:
    """`label`: the words beside, around or in it. `choices`: of a select, caption → value."""

    name: str
    kind: str
    value: str
    label: str = ""
    checked: bool = False
    choices: dict[str, str] = field(default_factory=dict)

    def served(self) -> bool:
        """Whether a browser sends it untouched."""
        return self.kind not in ("submit", "file", "checkbox", "radio") or self.checked


@dataclass
class Form:
    action: str | None
    method: str
    controls: list[Control] = field(default_factory=list)

    def find(self, label: str, *kinds: str) -> Control | None:
        found = [each for each in self.controls if each.label == label and (not kinds or each.kind in kinds)]
        return found[0] if found else None

    def sent(self, button: str, filled: dict[str, str]) -> dict[str, str]:
        """Name → value, where `filled` says by label what to type, tick or choose."""
        fields = {each.name: each.value for each in self.controls if each.served() and each.name}
        for label, value in filled.items():
            control = self.find(label)
            assert control is not None, (label, self)
            fields[control.name] = control.value if control.kind in ("radio", "checkbox") else value
            if control.kind == "select":
                fields[control.name] = control.choices[value]
        pressed = self.find(button, "submit")
        assert pressed is not None, (button, self)
        return fields | {pressed.name: pressed.value}


class Page(HTMLParser):
    """One page as it reads."""

    def __init__(self, url: str, text: str) -> None:
        super().__init__()
        self.url = url
        self.title, self.refresh = "", ""
        self.forms: list[Form] = []
        self.links: dict[str, str] = {}
        self.frames: list[str] = []
        self.told: list[str] = []
        self._open: list[tuple[str, dict[str, str]]] = []
        self._labels: dict[str, str] = {}
        self._in_label: list[Control] | None = None
        self._label_for = self._words = self._row = ""
        self._identities: dict[str, Control] = {}
        self._last: Control | None = None
        self._button: Control | None = None
        self.feed(text)
        for identity, words in self._labels.items():
            self._identities[identity].label = words

    def form(self, label: str, *kinds: str) -> Form | None:
        """The form with a control of this label."""
        return next((form for form in self.forms if form.find(label, *kinds)), None)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        self._open.append((tag, given))
        if started := getattr(self, f"_start_{tag}", None):
            started(given)
        if tag in ("input", "meta", "frame"):
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass
        if ended := getattr(self, f"_end_{tag}", None):
            ended()

    def handle_data(self, data: str) -> None:
        tag, given = self._open[-1] if self._open else ("", {})
        words = " ".join(data.split())
        if tag == "title":
            self.title = words
        elif tag == "a":
            self.links[words] = given["href"]
        elif tag == "option" and self._last is not None:
            self._last.choices[words] = given["value"]
        elif given.get("class") in ("t-error", "message"):
            self.told.append(words)
        elif tag == "button" and self._button is not None:
            self._button.label = words
        self._take_words(tag, words)

    def _take_words(self, tag: str, words: str) -> None:
        if self._in_label is not None and tag == "label":
            self._words = f"{self._words} {words}".strip()
        elif tag == "td" and words and not self._row:
            self._row = words.rstrip(":")
        elif tag == "td" and words and self._last is not None and self._last.kind == "radio":
            self._last.label = words

    def _start_meta(self, given: dict[str, str]) -> None:
        if given.get("http-equiv") == "refresh":
            self.refresh = given["content"].partition("url=")[2]

    def _start_frame(self, given: dict[str, str]) -> None:
        self.frames.append(given["src"])

    def _start_tr(self, given: dict[str, str]) -> None:
        self._row = ""

    def _end_tr(self) -> None:
        self._row = ""

    def _start_label(self, given: dict[str, str]) -> None:
        self._in_label, self._label_for, self._words = [], given.get("for", ""), ""

    def _end_label(self) -> None:
        if self._label_for:
            self._labels[self._label_for] = self._words
        for control in self._in_label or ():
            control.label = self._words
        self._in_label = None

    def _start_form(self, given: dict[str, str]) -> None:
        self.forms.append(Form(given.get("action"), given.get("method", "get")))

    def _start_select(self, given: dict[str, str]) -> None:
        self._add(Control(given["name"], "select", "", given.get("aria-label", "")), given)

    def _start_option(self, given: dict[str, str]) -> None:
        if self._last is not None and "selected" in given:
            self._last.value = given["value"]

    def _start_button(self, given: dict[str, str]) -> None:
        self._button = Control(given["name"], "submit", given["value"])
        self.forms[-1].controls.append(self._button)

    def _start_input(self, given: dict[str, str]) -> None:
        kind, value = given["type"], given.get("value", "")
        said = given.get("aria-label") or given.get("placeholder") or (value if kind == "submit" else "")
        control = Control(given.get("name", ""), kind, value, said, checked="checked" in given)
        self._add(control, given)

    def _add(self, control: Control, given: dict[str, str]) -> None:
        self.forms[-1].controls.append(control)
        if control.kind in ("hidden", "submit"):
            return
        self._last = control
        control.label = control.label or (self._row if control.kind != "radio" else "")
        if "id" in given:
            self._identities[given["id"]] = control
        if self._in_label is not None:
            self._in_label.append(control)


class _Trusting(HTTPAdapter):
    """Asks no certificate; with one context for all, whose making costs as much as a log-in does."""

    _context = ssl._create_unverified_context()  # noqa: S323 -- the stand-in's certificate is another test's matter

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        super().init_poolmanager(*arguments, **named, ssl_context=self._context)


class LoggedOut(Exception):
    """The console shows its log-in page to somebody who had been let in."""


class Operator:
    """At one console with one account. `seen`: every answer on the way."""

    def __init__(self, address: str, port: int, user: str, password: str) -> None:
        self.base = f"https://{address}:{port}"
        self._user, self._password = user, password
        self._web = requests.Session()
        self._web.trust_env = False
        self._web.verify = False
        self._web.mount("https://", _Trusting())
        self.page = Page("", "")
        self.entrance = ""
        self.seen: list[str] = []
        self._begun = False

    def find(self) -> str:
        """The log-in page's URL."""
        for place in PLACES:
            if self._go(self.base + place).status_code != requests.codes.ok:
                continue
            if way := self.page.links.get("Gateway administration"):
                self._go(urljoin(self.page.url, way))
            if self.page.title == LOGIN_TITLE:
                self.entrance = self.page.url
                return self.entrance
        raise AssertionError("no log-in page found")

    def log_in(self) -> None:
        self._begun = False
        self._go(self.entrance or self.find())
        if self.page.form("Password", "password") is None:
            self._press("User name", "Next", {"User name": self._user})
            self._press("Password", "Login", {"Password": self._password})
        else:
            self._press("User name", "Login", {"User name": self._user, "Password": self._password})
        if self.page.title == LOGIN_TITLE:
            raise AssertionError(self.page.told)
        self._begun = True

    def export(self, password: str = "") -> requests.Response:
        return self._working(lambda: self._export(password))

    def restore(self, archive: bytes, password: str = "") -> list[str]:
        """What the console says then."""
        return self._working(lambda: self._restore(archive, password))

    def _export(self, password: str) -> requests.Response:
        self._open_page("Backup")
        form = self.page.form("Do not backup database", "checkbox")
        assert form is not None, self.page.forms
        answer = self._send(form, "Start backup", {"Password": password} | _downloaded(form))
        if "html" in answer.headers["Content-Type"]:
            assert "Download backup" in self.page.links, self.page.told
            answer = self._click("Download backup")
        return answer

    def _restore(self, archive: bytes, password: str) -> list[str]:
        self._open_page("Restore", "Backup")
        form = self.page.form("Backup file", "file")
        assert form is not None, self.page.forms
        filled = {"Password": password} | ({"Confirm": "on"} if form.find("Confirm") else {})
        self._send(form, "Restore", filled, archive)
        sure = next((form for form in self.page.forms if form.find("Yes, restore", "submit")), None)
        if sure is not None:
            self._send(sure, "Yes, restore", {"Confirm": "on"} if sure.find("Confirm") else {})
        return self.page.told

    def _working(self, task: Callable[[], Result]) -> Result:
        """Do it, past a wizard that is in the way; once more after a session that ended before it was done."""
        for _ in range(2):
            self.log_in()
            try:
                self._skip_wizard()
                return task()
            except LoggedOut:
                continue
        raise AssertionError("the session ended twice")

    def _open_page(self, *captions: str) -> None:
        """Through the menus to the first of these links that is there."""
        self._click("Users")
        for menu in ("", "Admin", "System", "Maintenance"):
            if menu in self.page.links and self.page.links[menu] != "#":
                self._click(menu)
            wanted = next((each for each in captions if each in self.page.links), None)
            if wanted:
                self._click(wanted)
                return
        raise AssertionError(f"no link {captions}: {self.page.links}")

    def _skip_wizard(self) -> None:
        if self.page.title != "Initial setup":
            return
        if "Skip this wizard" in self.page.links:
            self._click("Skip this wizard")
        else:
            form = self.page.form("Skip", "submit")
            assert form is not None
            self._send(form, "Skip", {})

    def _click(self, caption: str) -> requests.Response:
        return self._go(urljoin(self.page.url, self.page.links[caption]))

    def _press(self, label: str, button: str, filled: dict[str, str]) -> None:
        form = self.page.form(label)
        assert form is not None, (label, self.page.forms)
        self._send(form, button, filled)

    def _send(self, form: Form, button: str, filled: dict[str, str], upload: bytes | None = None) -> requests.Response:
        fields = form.sent(button, filled)
        target = urljoin(self.page.url, form.action or "") if form.action else self.page.url
        files = {}
        if upload is not None:
            files = {each.name: ("backup", upload) for each in form.controls if each.kind == "file"}
        return self._show(self._web.post(target, data=fields, files=files))

    def _go(self, url: str) -> requests.Response:
        return self._show(self._web.get(url))

    def _show(self, answer: requests.Response) -> requests.Response:
        self.seen += [_noted(each) for each in (*answer.history, answer)]
        if "html" not in answer.headers.get("Content-Type", ""):
            return answer
        self.page = Page(answer.url, answer.text)
        for frame in self.page.frames:
            self._look_into(urljoin(answer.url, frame))
        if self.page.refresh:
            return self._go(urljoin(answer.url, self.page.refresh))
        self._check_in(self.page)
        return answer

    def _look_into(self, frame: str) -> None:
        """A frame's links are the page's."""
        answer = self._web.get(frame)
        self.seen += [_noted(each) for each in (*answer.history, answer)]
        part = Page(answer.url, answer.text)
        self._check_in(part)
        self.page.links |= {words: urljoin(part.url, way) for words, way in part.links.items()}

    def _check_in(self, page: Page) -> None:
        """Raises LoggedOut."""
        if self._begun and page.title == LOGIN_TITLE:
            raise LoggedOut


def _downloaded(form: Form) -> dict[str, str]:
    """What to fill in so that the backup is downloaded: a radio button, a select, or nothing."""
    if form.find("Download", "radio"):
        return {"Download": "on"}
    return {"Backup location": "Download"} if form.find("Backup location", "select") else {}


_RANDOM = re.compile(r'(?<=name="_csrf" value=")[^"]*|(?<=name="t:formdata" value=")[^"]*|(?<==)[0-9A-F]{32}(?=;)')
_MOMENT = re.compile(r"\d{8}(-|%2D)\d{6}")


def comparable(seen: list[str]) -> str:
    """All answers with each random value by the order of its coming: what comes twice is seen to come twice."""
    order: dict[str, str] = {}
    text = _MOMENT.sub("…", "\n\n".join(seen))
    return _RANDOM.sub(lambda found: order.setdefault(found[0], f"random-{len(order)}"), text)


def _noted(answer: requests.Response) -> str:
    """What was asked and answered; of an archive its first bytes."""
    names = ("Location", "Content-Type", "Content-Disposition", "Set-Cookie")
    headers = [f"{name}: {answer.headers[name]}" for name in names if name in answer.headers]
    html = "html" in answer.headers.get("Content-Type", "")
    path = re.sub(r"^https://[^/]*", "", answer.url)
    body = answer.text if html else repr(answer.content[:2])
    return "\n".join([f"{answer.request.method} {path} {answer.status_code}", *headers, body])
