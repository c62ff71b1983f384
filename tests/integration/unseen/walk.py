"""Walks the three consoles as a person does, by the click lists in their docstrings.

From the repository: `PYTHONPATH=. .venv/bin/python /tmp/unseen/walk.py` (or wherever it lies beside them).

The browser here is a small one of its own (urllib, html.parser): cookies, redirects, <base>, refreshes and frames. A
link or button is found by the text on it and a field by the text beside it: what a person sees and nothing else.
"""

import contextlib
import html.parser
import http.client
import http.cookiejar
import os
import ssl
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import spring
import struts
import tapestry


@dataclass
class Form:
    attributes: dict[str, str]
    controls: list["Control"] = field(default_factory=list)


@dataclass
class Control:
    attributes: dict[str, str]
    before: str
    form: Form | None
    after: str = ""
    text: str = ""
    value: str = ""
    on: bool = True
    file: tuple[str, bytes] | None = None
    options: list[tuple[str, str]] = field(default_factory=list)

    @property
    def kind(self) -> str:
        return self.attributes.get("type", "text").lower()

    @property
    def name(self) -> str:
        return self.attributes.get("name", "")


class Page(html.parser.HTMLParser):
    """One page: its links, frames, forms, and the text around each control."""

    def __init__(self, url: str, text: str) -> None:
        super().__init__()
        self.url = self.base = url
        self.text = text
        self.links: list[tuple[str, str]] = []
        self.frames: dict[str, str] = {}
        self.refresh = ""
        self.controls: list[Control] = []
        self.forms: list[Form] = []
        self.open: Form | None = None
        self.recent = ""
        self.link: list[str] | None = None
        self.button: Control | None = None
        self.option: list[str] | None = None
        self.feed(text)
        self.close()
        self.handle_startendtag("end", [])
        for control in self.controls:
            if outside := control.attributes.get("form"):
                control.form = next(form for form in self.forms if form.attributes.get("id") == outside)
            if control.form:
                control.form.controls.append(control)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        if tag == "base":
            self.base = urllib.parse.urljoin(self.url, known.get("href", ""))
        elif tag == "meta" and known.get("http-equiv", "").lower() == "refresh":
            self.refresh = known["content"]
        elif tag == "frame":
            self.frames[known["name"]] = known["src"]
        elif tag == "a" and "href" in known:
            self.link = [known["href"], ""]
        elif tag == "form":
            self.open = Form(known)
            self.forms.append(self.open)
        elif tag in ("input", "button", "select"):
            self.control(tag, known)
        elif tag == "option" and self.controls:
            self.end_option()
            self.option = [known.get("value", ""), "", "selected" if "selected" in known else ""]
        elif tag in ("br", "tr", "dt", "td", "p"):
            self.recent += " "

    def control(self, tag: str, known: dict[str, str]) -> None:
        if tag != "input":
            known = {"type": "submit" if tag == "button" else "select", **known}
        control = Control(known, " ".join(self.recent.split()), self.open, value=known.get("value", ""))
        control.on = control.kind not in ("checkbox", "radio") or "checked" in known
        if control.kind in ("checkbox", "radio") and "value" not in known:
            control.value = "on"
        self.controls.append(control)
        if control.kind != "hidden":
            self.recent = ""
        if tag == "button":
            self.button = control

    def end_option(self) -> None:
        if self.option:
            value, text, selected = self.option
            control = self.controls[-1]
            control.options.append((value or text.strip(), text.strip()))
            if selected or len(control.options) == 1:
                control.value = value or text.strip()
        self.option = None

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.open = None
        elif tag == "a" and self.link:
            self.links.append((self.link[0], " ".join(self.link[1].split())))
            self.link = None
        elif tag == "button":
            self.button = None
        elif tag in ("option", "select"):
            self.end_option()

    def handle_data(self, data: str) -> None:
        if self.link:
            self.link[1] += data
        if self.button:
            self.button.text += data
        elif self.option:
            self.option[1] += data
        else:
            self.recent += data
            for control in reversed(self.controls):
                control.after += data
                if control.kind != "hidden":
                    break

    def field(self, kind: str, label: str, beside: str = "") -> Control:
        """The control with that text before it, or after it when it is a box to tick; `beside` a button of its form."""
        found = []
        for control in self.controls:
            text = control.before + "|" if kind not in ("checkbox", "radio") else f"{control.before}|{control.after}"
            same = not beside or (control.form and any(label_of(each) == beside for each in control.form.controls))
            if control.kind == kind and same and label.lower() in " ".join(text.split()).lower():
                found.append(control)
        assert found, f"no {kind} {label!r} on {self.url}"
        return found[-1] if kind == "radio" else found[0]


def label_of(control: Control) -> str:
    words = control.text or control.attributes.get("alt", "") or control.attributes.get("value", "")
    return " ".join(words.split()) if control.kind in ("submit", "image") else ""


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


class Browser:
    omit = ("", 0)  # the text of a button, and which hidden field of its form is to be left out
    hidden: ClassVar[dict[str, int]] = {}  # the text of a button -> how many hidden fields its form has

    def __init__(self) -> None:
        trust = ssl.create_default_context()
        trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
        self.opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=trust),
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
            NoRedirect,
        )
        self.clicks = 0
        self.windows: dict[str, Page] = {}
        self.download = b""

    @property
    def text(self) -> str:
        return " ".join(page.text for page in self.windows.values())

    def go(self, url: str, body: bytes | None = None, kind: str = "", window: str = "") -> None:
        for _ in range(20):
            request = urllib.request.Request(url, body, {"Content-Type": kind} if body is not None else {})  # noqa: S310
            try:
                answer = self.opener.open(request, timeout=20)
            except urllib.error.HTTPError as problem:
                answer = problem
            with answer:
                content = answer.read()
                refresh = answer.headers.get("Refresh", "")
                if where := answer.headers.get("Location"):
                    url, body = urllib.parse.urljoin(url, where), None
                    continue
                if "attachment" in answer.headers.get("Content-Disposition", ""):
                    self.download = content
                    return
                page = Page(url, content.decode(answer.headers.get_content_charset() or "utf-8"))
            if not window:
                self.windows.clear()
            self.windows[window] = page
            for name, source in page.frames.items():
                self.go(urllib.parse.urljoin(page.base, source), window=name)
            if not (refresh or page.refresh):
                return
            delay, _, where = (refresh or page.refresh).partition(";")
            time.sleep(float(delay) / 10)
            url, body = urllib.parse.urljoin(page.base, where.strip()[4:]), None
        raise AssertionError("goes round in circles")

    def click(self, text: str, window: str = "", into: str = "") -> None:
        """A link; where there is none of that text, a button."""
        page = self.windows[window]
        for href, label in page.links:
            if label == text:
                self.clicks += 1
                self.go(urllib.parse.urljoin(page.base, href), window=into)
                return
        self.press(text, window)

    def press(self, text: str, window: str = "") -> None:
        self.clicks += 1
        page = self.windows[window]
        pressed = next(each for each in page.controls if label_of(each) == text)
        assert "disabled" not in pressed.attributes, f"{text} is disabled"
        assert pressed.form
        self.go(*self.sent(page, pressed), window=window)

    def sent(self, page: Page, pressed: Control) -> tuple[str, bytes, str]:
        form = pressed.form
        assert form
        assert form.attributes.get("method", "").lower() == "post"
        pairs: list[tuple[str, str | tuple[str, bytes]]] = []
        hidden = [control for control in form.controls if control.kind == "hidden"]
        self.hidden[label_of(pressed)] = len(hidden)
        left_out = hidden[self.omit[1]] if self.omit[0] == label_of(pressed) else None
        for control in form.controls:
            if control is left_out:
                continue
            if control is pressed and control.kind == "image":
                pairs += [(f"{control.name}.x", "3"), (f"{control.name}.y", "4")]
            elif control.kind == "file":
                pairs.append((control.name, control.file or ("", b"")))
            elif control is pressed or (control.kind not in ("submit", "image", "reset") and control.on):
                pairs.append((control.name, control.value))
        action = pressed.attributes.get("formaction") or form.attributes.get("action", page.url)
        url = urllib.parse.urljoin(page.base, action)
        if form.attributes.get("enctype", "") != "multipart/form-data":
            plain = [(name, str(value)) for name, value in pairs if name]
            return url, urllib.parse.urlencode(plain).encode(), "application/x-www-form-urlencoded"
        body = b""
        for name, value in pairs:
            text, content = f'Content-Disposition: form-data; name="{name}"', value
            if isinstance(value, tuple):
                text, content = f'{text}; filename="{value[0]}"\r\nContent-Type: application/octet-stream', value[1]
            raw = content if isinstance(content, bytes) else str(content).encode()
            if name:
                body += f"--xYz\r\n{text}\r\n\r\n".encode() + raw + b"\r\n"
        return url, body + b"--xYz--\r\n", "multipart/form-data; boundary=xYz"

    def type(self, label: str, text: str, window: str = "", beside: str = "") -> None:
        self.windows[window].field("password" if "assword" in label else "text", label, beside).value = text


@contextlib.contextmanager
def clicks(browser: Browser, most: int = 12) -> Iterator[None]:
    browser.clicks = 0
    yield
    assert browser.clicks <= most, f"{browser.clicks} clicks"


def walk_tapestry(console: tapestry.Console, password: str, archive: bytes | None) -> bytes:
    browser = Browser()
    browser.go(console.url)
    assert "CipherMail Email Encryption Gateway login" in browser.text
    with clicks(browser):
        browser.type("Username", console.user, beside="Login")
        browser.type("Password", console.password, beside="Login")
        browser.click("Login")
        assert "default password" in browser.text
        browser.click("Admin")
        browser.click("Backup")
        if archive is None:
            browser.type("Password", password, beside="Backup")
            browser.press("Backup")
        else:
            browser.windows[""].field("file", "Backup file").file = ("mine.tar.gz", archive)
            browser.type("Password", password, beside="Restore")
            browser.windows[""].field("checkbox", "Overwrite all local settings").on = True
            browser.click("Restore")
            assert "The backup has been restored" in browser.text
    return browser.download


def walk_spring(console: spring.Console, password: str, archive: bytes | None) -> bytes:
    browser = Browser()
    browser.go(console.url)
    assert "CipherMail Email Encryption Gateway login" in browser.text
    with clicks(browser):
        browser.type("User name", console.user)
        browser.click("Continue")
        browser.type("Password", console.password)
        browser.click("Sign in")
        assert "expires in 5 days" in browser.text
        browser.click("Remind me later")
        browser.click("Backup")
        page = browser.windows[""]
        if archive is None:
            for radio in (each for each in page.controls if each.kind == "radio"):
                radio.on = "Download to this computer" in " ".join(radio.after.split())
            share, own = (each for each in page.controls if each.kind == "password")
            assert share.before.endswith("Share password")
            assert own.before.endswith("Password")
            own.value = password
            browser.press("Create backup")
            assert "The backup is ready" in browser.text
            browser.click(next(label for _, label in browser.windows[""].links if label.endswith(".zip")))
        else:
            browser.click("Restore backup")
            page = browser.windows[""]
            page.field("file", "Backup file").file = ("mine.zip", archive)
            page.field("password", "Password").value = password
            browser.click("Upload")
            assert "cannot be undone" in browser.text
            browser.click("Yes, restore")
            assert "The restore is completed" in browser.text
    return browser.download


def walk_struts(console: struts.Console, password: str, archive: bytes | None) -> bytes:
    browser = Browser()
    browser.go(console.url)
    assert "CipherMail Email Encryption Gateway login" in browser.text
    with clicks(browser):
        browser.type("User:", console.user)
        browser.type("Password", console.password)
        browser.click("Log on")
        browser.click("Admin", "menu", "menu")
        browser.click("Backup", "menu", "main")
        page = browser.windows["main"]
        if archive is None:
            assert page.field("checkbox", "Do not backup database").on
            page.field("checkbox", "Do not backup database").on = False
            browser.type("Password", password, "main", beside="Start backup")
            browser.click("Start backup", "main")
        else:
            browser.click("Restore a backup", "main", "main")
            browser.windows["main"].field("file", "File:").file = ("mine.backup", archive)
            browser.click("Upload", "main")
            page = browser.windows["main"]
            page.field("radio", "mine.backup").on = True
            browser.type("Password", password, "main")
            browser.click("Restore", "main")
            assert "Are you sure?" in browser.text
            browser.click("Yes", "main")
            assert "The backup was restored" in browser.text
    return browser.download


def hidden_fields_matter(console: Any, walk: Any, plain: bytes) -> None:
    """Each hidden field of each form on the way: without it the console gives no backup and takes no restore."""
    console.restored = None
    for button, count in list(Browser.hidden.items()):
        assert count, button
        for number in range(count):
            Browser.omit = button, number
            for archive in (None, plain):
                Browser.hidden.clear()
                given = b""
                with contextlib.suppress(AssertionError, StopIteration, KeyError):
                    given = walk(console, "", archive)
                if button in Browser.hidden:  # it was on this way
                    assert given == b"", button
                    assert console.restored is None, button
                console.restored = None
    Browser.omit = "", 0


def harm_is_counted(console: Any) -> None:
    """Some of what must not be touched, touched."""
    browser = Browser()
    base = f"https://{console.host}/ciphermail/"
    harmful: dict[str, bytes | None] = {
        tapestry.Console: {"logout": None, "users.deleteuser/1": None, "admin/system/gateway.form": b"submit=Restart"},
        spring.Console: {"logout": b"", "admin/backup/test": b"", "admin/system/power": b"do=reboot"},
        struts.Console: {"logoff.do": None, "admin/reboot.do": None, "admin/saveBackupConfig.do": b"method=Apply"},
    }[type(console)]
    for number, (path, body) in enumerate(harmful.items(), 1):
        browser.go(base + path, body)
        assert len(console.harm) == number, path


def main() -> None:
    walks = {
        "tapestry": (tapestry.Console, walk_tapestry, b"\x1f\x8b", b"Salted__"),
        "spring": (spring.Console, walk_spring, b"PK\x03\x04", b"PK\x03\x04"),
        "struts": (struts.Console, walk_struts, b"\x1f\x8b", b"\x8c\x0d"),
    }
    for name, (kind, walk, plain_magic, sealed_magic) in walks.items():
        Browser.hidden.clear()
        with tempfile.TemporaryDirectory() as folder, kind.running(folder) as console:
            plain = walk(console, "", None)
            assert plain == console.archive
            assert plain.startswith(plain_magic)
            sealed = walk(console, "Pass word&1", None)
            assert sealed == console.archive != plain
            assert sealed.startswith(sealed_magic)
            if keep := os.environ.get("KEEP"):
                Path(keep, f"{name}.plain").write_bytes(plain)
                Path(keep, f"{name}.sealed").write_bytes(sealed)
            assert console.restored is None
            walk(console, "", plain)
            assert console.restored == plain
            walk(console, "Pass word&1", sealed)
            assert console.restored == sealed
            with contextlib.suppress(AssertionError, StopIteration, KeyError):  # a refused file changes nothing
                walk(console, "wrong", sealed[:-1] + b"?")
            assert console.restored == sealed
            hidden_fields_matter(console, walk, plain)
            assert console.harm == []
            harm_is_counted(console)
            print(f"{name}: passed, {len(console.log)} requests")


if __name__ == "__main__":
    main()
