"""A page as a person sees it: its forms, links, text and automatic refresh. Pure data."""

import re
from dataclasses import dataclass, replace
from urllib.parse import urlsplit, urlunsplit

from hypervisors import redacted
from vmmigrate.appliance.urls import path_of
from vmmigrate.appliance.web.forms import Form
from vmmigrate.appliance.web.parts import Part

_TEXT_LIMIT = 400
_NUMBERED = re.compile(
    r"/(\d+([.:-]\d+)*|e\d+s\d+|(?=[^/]*\d)[0-9a-f-]{8,}|(?=[^/]*\d)[\w-]{20,})(?=/|$)", re.IGNORECASE
)


@dataclass(frozen=True)
class Link:
    """`url` is absolute. `text`: its own, else its image's, else its title. `by_form`: a button of a GET form.

    `row`: the text of the list entry that it belongs to; '' if there is none.
    """

    text: str
    url: str
    title: str = ""
    by_form: bool = False
    row: str = ""


@dataclass(frozen=True)
class Refresh:
    """The target of the page's automatic refresh, and its delay in seconds."""

    url: str
    seconds: float


@dataclass(frozen=True)
class Page:
    """`lines`: the console's text, one per block, without links and buttons. `errors`: those marked as such.

    `text`: all its text. `frames`: addresses of the pages shown within it. `parts`: what it says and lists, in order.
    """

    url: str
    title: str
    forms: tuple[Form, ...]
    links: tuple[Link, ...]
    errors: tuple[str, ...]
    text: str
    lines: tuple[str, ...] = ()
    headings: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()
    refresh: Refresh | None = None
    status: int = 200
    parts: tuple[Part, ...] = ()

    def linked(self, caption: str) -> tuple[Link, ...]:
        """Links with exactly this text, in any case."""
        return tuple(link for link in self.links if link.text.casefold() == caption.strip().casefold())

    def sentences(self, *before: "Page") -> tuple[str, ...]:
        """The new text on this page, sentence by sentence."""
        known = {each for page in before for line in (*page.errors, *page.lines) for each in _sentences(line)}
        return tuple(each for line in self.news(*before) for each in _sentences(line) if each not in known)

    def news(self, *before: "Page") -> tuple[str, ...]:
        """The text of this page that was not on the pages `before`: errors first."""
        known = {line for page in before for line in (*page.lines, *page.errors)}
        return tuple(dict.fromkeys(line for line in (*self.errors, *self.lines) if line not in known))

    def with_parts(self, parts: "list[Page]") -> "Page":
        """Combine what a person sees as one page: with its frames, or with the text of pages on the way to it."""
        whole = (self, *parts)
        return replace(
            self,
            title=next((page.title for page in whole if page.title), ""),
            forms=tuple(form for page in whole for form in page.forms),
            links=tuple(dict.fromkeys(link for page in whole for link in page.links)),
            errors=tuple(dict.fromkeys(error for page in whole for error in page.errors)),
            text=" ".join(page.text for page in whole),
            lines=tuple(line for page in whole for line in page.lines),
            headings=tuple(heading for page in whole for heading in page.headings),
            parts=tuple(part for page in whole for part in page.parts),
        )

    def describe(self) -> str:
        """For a message: title, forms and links without values; for a page without forms its first words."""
        said = f"none, it says {redacted(self._first_words())[:120]!r}"
        forms = "; ".join(form.describe() for form in self.forms if form.fields) or said
        links = ", ".join(dict.fromkeys(link.text for link in self.links if link.text)) or "none"
        status = f" (status {self.status})" if self.status >= 400 else ""
        seen = f"page {self.title or path_of(self.url)!r}{status} with forms: {forms}; links: {links}"
        return redacted(seen)[:_TEXT_LIMIT]

    def _first_words(self) -> str:
        """Without its menu, which is listed by itself."""
        text = self.text
        for link in self.links:
            text = text.replace(link.text, "", 1)
        return " ".join(text.split())


def _sentences(line: str) -> list[str]:
    return re.split(r"(?<=[.!?])\s+", line)


def lasting_path(url: str) -> str:
    """The path, if it leads there alone: '' if a query or a session's number is part of the address."""
    return "" if urlsplit(url).query or _NUMBERED.search(path_of(url)) else path_of(url)


def lasting_action(url: str) -> str:
    """The path to which a form is sent; it identifies the form whatever its query says."""
    return "" if _NUMBERED.search(path_of(url)) else path_of(url)


def same_place(url: str) -> str:
    """The address that identifies a page: without session id and fragment."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=path_of(url), fragment=""))
