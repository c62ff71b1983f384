"""Parse HTML as tolerantly as browsers: missing end tags, forms across table rows, controls outside their form.

A console may be hostile: what a page may cost is limited here, and what is asked of each element is noted in the one
reading, so that no question about an element walks through the page again.
"""

from typing import Any

from bs4 import BeautifulSoup, Tag

from vmmigrate.appliance.web import charsets
from vmmigrate.errors import ApplianceError
from vmmigrate.limits import WEB_CONTROLS, WEB_ELEMENTS, WEB_NESTING

CONTROLS = ("input", "select", "textarea", "button")
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6", "legend", "caption")
DEEPEST = WEB_NESTING.most
MOST_ELEMENTS = WEB_ELEMENTS.most
MOST_CONTROLS = WEB_CONTROLS.most

# A start tag ends these, if they are open within the nearest of those (HTML's optional end tags).
_ENDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "td": (("td", "th"), ("tr", "table")),
    "th": (("td", "th"), ("tr", "table")),
    "tr": (("tr",), ("table",)),
    "tbody": (("thead", "tbody"), ("table",)),
    "li": (("li",), ("ul", "ol", "menu")),
    "dt": (("dt", "dd"), ("dl",)),
    "dd": (("dt", "dd"), ("dl",)),
    "option": (("option",), ("select", "datalist")),
    "optgroup": (("option", "optgroup"), ("select",)),
    "label": (("label",), ("form", "td", "div", "p", "li", "body")),
    "p": (("p",), ("form", "td", "th", "li", "div", "fieldset", "body")),
    "form": (("form",), ()),  # browsers drop the inner one; a page without `</form>` means two
    "a": (("a",), ("table", "td", "th", "caption", "object")),
}


class Markup(BeautifulSoup):
    """A parsed page in which each control belongs to a form. Raises ApplianceError for one too large to be a console's.

    `identified`: the first element of each id; `labelled`: the first label `for` each id.
    """

    def __init__(self, html: bytes | str, charset: str | None = None) -> None:
        self._start_again()
        if isinstance(html, str):
            super().__init__(html, "html.parser")
        else:
            odd = charsets.unknown(html, charset)
            named = None if charset in odd else charset
            super().__init__(html, "html.parser", from_encoding=named, exclude_encodings=odd)

    def reset(self) -> None:
        """Called before each encoding that is tried."""
        super().reset()
        self._start_again()

    def owner(self, control: Tag) -> Tag | None:
        """The form that sends the control: the one its `form` attribute names, else the last open one."""
        named = control.get("form")
        if named is not None:
            return self._forms.get(str(named))
        return self._owners.get(id(control))

    def heading_before(self, tag: Tag) -> Tag | None:
        """The nearest heading that began before it."""
        return self._headings.get(id(tag))

    def head_before(self, row: Tag) -> Tag | None:
        """The nearest head of a table that began before it."""
        return self._heads.get(id(row))

    def handle_starttag(self, name: str, *arguments: Any, **more: Any) -> Tag | None:
        self._end_what_is_implied(name)
        while len(self.tagStack) > DEEPEST:
            super().handle_endtag(self.tagStack[-1].name)
        tag: Tag | None = super().handle_starttag(name, *arguments, **more)
        if tag is not None:
            self._note(tag)
        return tag

    def _start_again(self) -> None:
        self._form: Tag | None = None
        self._heading: Tag | None = None
        self._head: Tag | None = None
        self._elements = self._controls = 0
        self._owners: dict[int, Tag] = {}
        self._forms: dict[str, Tag] = {}
        self._headings: dict[int, Tag] = {}
        self._heads: dict[int, Tag] = {}
        self.identified: dict[str, Tag] = {}
        self.labelled: dict[str, Tag] = {}

    def _note(self, tag: Tag) -> None:
        self._count(tag)
        self._note_names(tag)
        if self._heading is not None:
            self._headings[id(tag)] = self._heading
        if self._head is not None:
            self._heads[id(tag)] = self._head
        if tag.name == "form":
            self._form = tag
        elif tag.name in CONTROLS and self._form is not None:
            self._owners[id(tag)] = self._form
        elif tag.name in HEADINGS:
            self._heading = tag
        elif tag.name == "thead":
            self._head = tag

    def _note_names(self, tag: Tag) -> None:
        if named := str(tag.get("id") or ""):
            self.identified.setdefault(named, tag)
            if tag.name == "form":
                self._forms.setdefault(named, tag)
        if tag.name == "label" and (meant := str(tag.get("for") or "")):
            self.labelled.setdefault(meant, tag)

    def _count(self, tag: Tag) -> None:
        self._elements += 1
        self._controls += tag.name in CONTROLS
        if self._elements > MOST_ELEMENTS or self._controls > MOST_CONTROLS:
            raise ApplianceError(
                f"the page has more than {MOST_ELEMENTS:,} elements or {MOST_CONTROLS:,} fields: it is not read",
                hint="open it in a browser: is this the gateway's own console? a page that lists less can be read",
            )

    def handle_endtag(self, name: str, nsprefix: str | None = None) -> None:
        if name == "form":
            self._form = None
        super().handle_endtag(name, nsprefix)

    def _end_what_is_implied(self, name: str) -> None:
        ended, within = _ENDS.get(name, ((), ()))
        for tag in reversed(self.tagStack if ended else []):
            if tag.name in within:
                return
            if tag.name in ended:
                super().handle_endtag(tag.name)
                return
