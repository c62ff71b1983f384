"""A browser for the stand-in console's tests that shares no code with the client: it reads forms with html.parser."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

import requests


@dataclass
class Form:
    action: str
    fields: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)

    def named(self, kind: str) -> str:
        """The name of its one input of that type."""
        (name,) = [name for name, this in self.kinds.items() if this == kind]
        return name


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: dict[str, str] = {}
        self.told: list[str] = []
        self._link = self._class = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        self._link = given.get("href", "") if tag == "a" else ""
        self._class = given.get("class", "") if tag == "div" else ""
        if tag == "form":
            self.forms.append(Form(given["action"]))
        elif tag in ("input", "select") and "name" in given:
            kind = given.get("type", tag)
            self.forms[-1].kinds[given["name"]] = kind
            if kind == "hidden":
                self.forms[-1].fields[given["name"]] = given["value"]

    def handle_endtag(self, tag: str) -> None:
        self._link = self._class = ""

    def handle_data(self, data: str) -> None:
        if self._link:
            self.links[data] = self._link
        if self._class in ("t-error", "message"):
            self.told.append(data)


class Browser:
    """Follows redirects and keeps cookies, as browsers do."""

    def __init__(self, address: str, port: int = 8443) -> None:
        self.base = f"https://{address}:{port}"
        self.session = requests.Session()
        self.session.verify = False
        self.session.trust_env = False
        self.page = _Reader()
        self.text = ""

    def get(self, path: str) -> requests.Response:
        return self._show(self.session.get(self.base + path))

    def send(self, form: Form, fields: dict[str, str], upload: bytes | None = None) -> requests.Response:
        files = {} if upload is None else {form.named("file"): ("backup.tar.gz", upload)}
        return self._show(self.session.post(self.base + form.action, data=form.fields | fields, files=files))

    def log_in(self, user: str, password: str) -> None:
        self.get("/ciphermail/")
        (form,) = [form for form in self.page.forms if "password" in form.kinds.values()]
        self.send(form, {form.named("text"): user, form.named("password"): password})

    @property
    def logged_in(self) -> bool:
        return "Logout" in self.page.links

    def backup_forms(self) -> tuple[Form, Form]:
        """Of the page behind the menu's link: backup, restore."""
        self.get(self.page.links["Backup"])
        backup, restore = self.page.forms
        return backup, restore

    def export(self, password: str = "") -> requests.Response:
        form, _ = self.backup_forms()
        return self.send(form, {form.named("password"): password})

    def restore(self, archive: bytes, password: str = "") -> list[str]:
        """What the console says then."""
        _, form = self.backup_forms()
        self.send(form, {form.named("password"): password, form.named("checkbox"): "on"}, archive)
        return self.page.told

    def _show(self, answer: requests.Response) -> requests.Response:
        if "html" in answer.headers.get("Content-Type", ""):
            self.page, self.text = _Reader(), answer.text
            self.page.feed(answer.text)
        return answer
