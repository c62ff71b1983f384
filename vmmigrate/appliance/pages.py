"""A page as a person sees it: its forms and links, what it says, where it leads by itself. Pure data."""

import re
from dataclasses import dataclass, replace
from urllib.parse import urlsplit, urlunsplit

from vmmigrate.appliance.forms import Form

_TEXT_LIMIT = 400


@dataclass(frozen=True)
class Link:
    """`url` is absolute. `text`: its words, else its image's, else its title. `by_form`: a button that only asks."""

    text: str
    url: str
    title: str = ""
    by_form: bool = False


@dataclass(frozen=True)
class Refresh:
    """Where the page leads by itself, in so many seconds."""

    url: str
    seconds: float


@dataclass(frozen=True)
class Page:
    """`lines`: what the console says, a block each, without what can be clicked. `errors`: those it marks as such.

    `text`: all its words. `frames`: addresses of the pages shown within it.
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

    def linked(self, caption: str) -> tuple[Link, ...]:
        """Links that say just this, whatever the case."""
        return tuple(link for link in self.links if link.text.casefold() == caption.strip().casefold())

    def sentences(self, *before: "Page") -> tuple[str, ...]:
        """What is said here anew, sentence by sentence."""
        return tuple(each for line in self.news(*before) for each in re.split(r"(?<=[.!?])\s+", line))

    def news(self, *before: "Page") -> tuple[str, ...]:
        """What is said here and was not said on the pages `before`: errors first."""
        known = {line for page in before for line in (*page.lines, *page.errors)}
        return tuple(dict.fromkeys(line for line in (*self.errors, *self.lines) if line not in known))

    def with_parts(self, parts: "list[Page]") -> "Page":
        """As one page what a person sees as one: with what its frames show, or what was said on the way to it."""
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
        )

    def describe(self) -> str:
        """For a message: title, forms and links without any value; of a page without forms its first words."""
        said = f"none, it says {self.text[:120]!r}"
        forms = "; ".join(form.describe() for form in self.forms if form.fields) or said
        links = ", ".join(dict.fromkeys(link.text for link in self.links if link.text)) or "none"
        status = f" (status {self.status})" if self.status >= 400 else ""
        return f"page {self.title or path_of(self.url)!r}{status} with forms: {forms}; links: {links}"[:_TEXT_LIMIT]


def path_of(url: str) -> str:
    """The path alone: no session id, no query."""
    return re.sub(r";[^/]*", "", urlsplit(url).path) or "/"


def same_place(url: str) -> str:
    """The address by which a page is known again: without session id and fragment."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=path_of(url), fragment=""))
