"""Parse HTML as tolerantly as browsers: missing end tags, forms across table rows, controls outside their form."""

from typing import Any

from bs4 import BeautifulSoup, Tag

CONTROLS = ("input", "select", "textarea", "button")

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
}


class Markup(BeautifulSoup):
    """A parsed page in which each control belongs to a form."""

    def __init__(self, html: bytes | str, charset: str | None = None) -> None:
        self._form: Tag | None = None
        self._owners: dict[int, Tag] = {}
        super().__init__(html, "html.parser", from_encoding=charset if isinstance(html, bytes) else None)

    def owner(self, control: Tag) -> Tag | None:
        """The form that sends the control: the one its `form` attribute names, else the last open one."""
        named = control.get("form")
        if named is not None:
            found = self.find("form", id=named)
            return found if isinstance(found, Tag) else None
        return self._owners.get(id(control))

    def handle_starttag(self, name: str, *arguments: Any, **more: Any) -> Tag | None:
        self._end_what_is_implied(name)
        tag: Tag | None = super().handle_starttag(name, *arguments, **more)
        if name == "form":
            self._form = tag
        elif name in CONTROLS and tag is not None and self._form is not None:
            self._owners[id(tag)] = self._form
        return tag

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
