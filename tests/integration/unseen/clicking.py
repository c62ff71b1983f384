"""A small browser for a person's path: links and buttons by the text on them, fields by the text beside them.

It shares no code with the client (urllib, html.parser): cookies, redirects, <base>, refreshes, frames.
"""

import http.cookiejar
import re
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from email.message import Message
from html.parser import HTMLParser

Fields = list[tuple[str, str | tuple[str, bytes]]]  # a file's value: the name it is sent under, and its content

LABELS = ("placeholder", "aria-label", "title")
BOXES = ("checkbox", "radio")
BUTTONS = ("submit", "image")
URLENCODED = "application/x-www-form-urlencoded"


class Lost(Exception):
    """What a person looks for is not there."""


@dataclass(eq=False)
class Form:
    attributes: dict[str, str]
    controls: list["Control"] = field(default_factory=list)


@dataclass(eq=False)
class Control:
    attributes: dict[str, str]
    before: str  # the text since the control before, hidden ones aside
    form: Form | None
    after: str = ""
    text: str = ""  # on a <button>
    value: str = ""
    on: bool = True
    file: tuple[str, bytes] = "", b""
    options: dict[str, str] = field(default_factory=dict)  # text -> value

    @property
    def kind(self) -> str:
        return self.attributes.get("type", "text").lower()

    @property
    def name(self) -> str:
        return self.attributes.get("name", "")

    @property
    def button(self) -> str:
        """What the button says; nothing where it is none."""
        words = self.text or self.attributes.get("alt", "") or self.attributes.get("value", "")
        return " ".join(words.split()) if self.kind in BUTTONS else ""

    def says(self, label: str) -> bool:
        words = [self.before, *(self.attributes.get(name, "") for name in LABELS)]
        words += [self.after] if self.kind in BOXES else []
        return label.lower() in " ".join(" | ".join(words).split()).lower()

    def is_beside(self, button: str) -> bool:
        return self.form is not None and any(each.button == button for each in self.form.controls)


class Page(HTMLParser):
    """The links, frames, forms and controls of one page, with the text around each control."""

    def __init__(self, url: str, content: bytes, charset: str) -> None:
        super().__init__()
        self.url = self.base = url
        self.text, self.charset = content.decode(charset), charset
        self.links: list[tuple[str, str]] = []  # where to, and what it says
        self.frames: dict[str, str] = {}
        self.refresh = ""
        self.controls: list[Control] = []
        self.forms: list[Form] = []
        self.form: Form | None = None
        self.recent = ""
        self.link: list[str] | None = None
        self.button: Control | None = None
        self.option: tuple[str | None, bool] | None = None
        self.option_text = ""
        self.feed(self.text)
        self.close()
        for control in self.controls:
            self.join(control)

    def join(self, control: Control) -> None:
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
        elif tag in ("frame", "iframe"):
            self.frames[known["name"]] = known["src"]
        elif tag == "a" and "href" in known:
            self.link = [known["href"], ""]
        elif tag == "form":
            self.form = Form(known)
            self.forms.append(self.form)
        elif tag in ("input", "button", "select"):
            self.handle_control(tag, known)
        elif tag == "option":
            self.end_option()
            self.option = known.get("value"), "selected" in known
        elif tag in ("br", "tr", "dt", "dd", "td", "th", "p", "legend"):
            self.recent += " "

    def handle_control(self, tag: str, known: dict[str, str]) -> None:
        if tag != "input":
            known = {"type": "submit" if tag == "button" else "select", **known}
        control = Control(known, " ".join(self.recent.split()), self.form, value=known.get("value", ""))
        if control.kind in BOXES:
            control.on = "checked" in known
            control.value = known.get("value", "on")
        if control.kind != "hidden":
            self.recent = ""
        if tag == "button":
            self.button = control
        self.controls.append(control)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.form = None
        elif tag == "a" and self.link:
            self.links.append((self.link[0], " ".join(self.link[1].split())))
            self.link = None
        elif tag == "button":
            self.button = None
        elif tag in ("option", "select"):
            self.end_option()

    def end_option(self) -> None:
        if self.option:
            (value, selected), text, select = self.option, " ".join(self.option_text.split()), self.controls[-1]
            select.options[text] = text if value is None else value
            if selected or len(select.options) == 1:
                select.value = select.options[text]
        self.option, self.option_text = None, ""

    def handle_data(self, data: str) -> None:
        if self.link:
            self.link[1] += data
        if self.button:
            self.button.text += data
        elif self.option:
            self.option_text += data
        else:
            self.recent += data
            for control in reversed(self.controls):
                control.after += data
                if control.kind != "hidden":
                    break

    def field(self, kind: str, label: str, beside: str = "") -> Control:
        """The first control of the kind that says so; `beside`: a button of its form."""
        for control in self.controls:
            if control.kind == kind and control.says(label) and (not beside or control.is_beside(beside)):
                return control
        raise Lost(f"no {kind} {label!r} on {self.url}")

    def button_of(self, text: str, row: str) -> Control:
        """The first button with that text on it, from the table row on that begins with the word `row`."""
        found = not row
        for control in self.controls:
            found = found or row in control.before.split()
            if found and control.button == text:
                return control
        raise Lost(f"no button {text!r} on {self.url}")


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


class Browser:
    """`omit`: which hidden field is left out of which form (by the button that is pressed)."""

    def __init__(self, omit: tuple[str, int] = ("", 0)) -> None:
        trust = ssl.create_default_context()
        trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
        self.opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=trust),
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
            NoRedirect,
        )
        self.omit = omit
        self.hidden: dict[str, int] = {}  # each button pressed -> how many hidden fields its form has
        self.clicks = 0
        self.windows: dict[str, Page] = {}
        self.download = b""

    def go(self, url: str, body: bytes | None = None, kind: str = "", window: str = "") -> None:
        """To the page, and on to where it leads by itself."""
        for _ in range(20):
            headers, content = self.fetch(url, body, kind)
            body = None
            if where := headers.get("Location"):
                url = urllib.parse.urljoin(url, where)
            elif "attachment" in headers.get("Content-Disposition", "").lower():
                self.download = content
                return
            else:
                page = self.show(Page(url, content, headers.get_content_charset() or "utf-8"), window)
                refresh = headers.get("Refresh") or page.refresh
                if not refresh:
                    return
                delay, _, where = refresh.partition(";")
                time.sleep(float(delay) / 10)
                url = urllib.parse.urljoin(page.base, where.strip()[len("url=") :]) if where else url
        raise Lost("the pages lead round in circles")

    def fetch(self, url: str, body: bytes | None, kind: str) -> tuple[Message, bytes]:
        request = urllib.request.Request(url, body, {"Content-Type": kind or URLENCODED} if body is not None else {})  # noqa: S310
        try:
            answer = self.opener.open(request, timeout=20)
        except urllib.error.HTTPError as problem:
            answer = problem
        with answer:
            return answer.headers, answer.read()

    def show(self, page: Page, window: str) -> Page:
        if not window:
            self.windows.clear()
        self.windows[window] = page
        for name, source in page.frames.items():
            self.go(urllib.parse.urljoin(page.base, source), window=name)
        return page

    def page(self, window: str = "") -> Page:
        if window not in self.windows:
            raise Lost(f"no frame {window!r}")
        return self.windows[window]

    def shows(self, text: str) -> bool:
        return any(text in page.text for page in self.windows.values())

    def read(self, pattern: str) -> str:
        """The last group of what matches, or all of it."""
        for page in self.windows.values():
            if match := re.search(pattern, page.text):
                return match[match.lastindex or 0]
        raise Lost(f"nothing says {pattern!r}")

    def follow(self, text: str, window: str = "", into: str = "") -> None:
        """Click a link. It may open in another frame."""
        page = self.page(window)
        for where, label in page.links:
            if label == text:
                self.clicks += 1
                self.go(urllib.parse.urljoin(page.base, where), window=into)
                return
        raise Lost(f"no link {text!r} on {page.url}")

    def press(self, text: str, window: str = "", row: str = "") -> None:
        page = self.page(window)
        pressed = page.button_of(text, row)
        form = pressed.form
        if form is None or "disabled" in pressed.attributes:
            raise Lost(f"{text} does nothing")
        self.clicks += 1
        into = "" if form.attributes.get("target") == "_top" else window
        action = pressed.attributes.get("formaction") or form.attributes.get("action", page.url)
        url = urllib.parse.urljoin(page.base, action)
        fields = self.fields(form, pressed)
        if form.attributes.get("method", "get").lower() == "get":
            self.go(f"{url}?{urlencoded(fields, page.charset)}", window=into)
        elif form.attributes.get("enctype") == "multipart/form-data":
            self.go(url, multipart(fields, page.charset), "multipart/form-data; boundary=xYz", into)
        else:
            self.go(url, urlencoded(fields, page.charset).encode(), window=into)

    def fields(self, form: Form, pressed: Control) -> Fields:
        hidden = [control for control in form.controls if control.kind == "hidden"]
        self.hidden[pressed.button] = len(hidden)
        left_out = hidden[self.omit[1]] if self.omit[0] == pressed.button else None
        fields: Fields = []
        for control in form.controls:
            if not control.name or control is left_out:
                continue
            if control is pressed and control.kind == "image":
                fields += [(f"{control.name}.x", "3"), (f"{control.name}.y", "4")]
            elif control.kind == "file":
                fields.append((control.name, control.file))
            elif control is pressed or (control.kind not in (*BUTTONS, "reset") and control.on):
                fields.append((control.name, control.value))
        return fields

    def fill(self, label: str, text: str, window: str = "", beside: str = "") -> None:
        self.page(window).field("password" if "assword" in label else "text", label, beside).value = text

    def attach(self, label: str, name: str, content: bytes, window: str = "") -> None:
        self.page(window).field("file", label).file = name, content

    def choose(self, label: str, option: str) -> None:
        """Of a list to choose from."""
        select = self.page().field("select", label)
        if option not in select.options:
            raise Lost(f"no {option!r} at {label!r}")
        select.value = select.options[option]

    def mark(self, label: str, window: str = "") -> None:
        """The last radio button that says so: the text after one is the text before the next."""
        radios = [each for each in self.page(window).controls if each.kind == "radio"]
        chosen = [each for each in radios if each.says(label)]
        if not chosen:
            raise Lost(f"nothing to mark at {label!r}")
        for radio in radios:
            radio.on = radio is chosen[-1]


def urlencoded(fields: Fields, charset: str) -> str:
    return urllib.parse.urlencode([(name, str(value)) for name, value in fields], encoding=charset)


def multipart(fields: Fields, charset: str) -> bytes:
    body = b""
    for name, value in fields:
        head = f'Content-Disposition: form-data; name="{name}"'
        if isinstance(value, str):
            content = value.encode(charset)
        else:
            file, content = value
            head += f'; filename="{file}"\r\nContent-Type: application/octet-stream'
        body += f"--xYz\r\n{head}\r\n\r\n".encode(charset) + content + b"\r\n"
    return body + b"--xYz--\r\n"
