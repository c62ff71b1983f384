"""Find the label text of a form's control, whatever the page's layout. Pure functions."""

from collections.abc import Iterator
from itertools import chain, islice

from bs4 import NavigableString, PageElement, Tag
from bs4.element import CData

from hypervisors import printable
from vmmigrate.appliance.web.markup import CONTROLS, Markup
from vmmigrate.appliance.web.walking import around, first_within, within

_EDGES = ("form", "fieldset", "table", "body", "html", "[document]")  # words beyond them belong to something else
_BREAKS = ("br", "hr", "form")
_LONGEST = 160  # characters: a longer text is an explanation, not a label
_WIDEST = 100  # cells of a row that may explain one of its controls


def attribute(tag: Tag, name: str) -> str:
    """An attribute's text, '' if there is none."""
    value = tag.get(name)
    return " ".join(value) if isinstance(value, list) else (value or "")


def words(node: PageElement | None) -> str:
    """The text that a person reads there, without scripts, comments and options; for an image its alternative text."""
    return " ".join(printable(" ".join(_pieces(node))).split())


def readable(tag: Tag, name: str) -> str:
    """An attribute that a person reads; `attribute` gives what is sent."""
    return printable(attribute(tag, name)).strip()


def kind_of(control: Tag) -> str:
    """An input's type, 'submit' for a button that sends its form, else the tag's name."""
    if control.name == "input":
        return (attribute(control, "type") or "text").lower()
    if control.name == "button":
        return (attribute(control, "type") or "submit").lower()
    return str(control.name)


def label_of(control: Tag, page: Markup) -> str:
    """The label that a person would say is the control's."""
    return _own_label(control, page) or _before(control, page) or readable(control, "title")


def choice_label(radio: Tag, page: Markup) -> str:
    """The meaning of one radio button: its label, else the table row that it chooses."""
    return _own_label(radio, page) or readable(radio, "title") or _rest_of_row(radio)


def group_label(radios: list[Tag], page: Markup) -> str:
    """The question of a group of radio buttons: by its role, by its own fieldset, by the text before it."""
    for holder in radios[0].parents:
        if attribute(holder, "role") == "radiogroup":
            return _by_aria(holder, page) or _before(holder, page)
        if holder.name == "fieldset" and (legend := first_within(holder, ("legend",))) and _only(radios, holder):
            return words(legend)
        if holder.name == "form":
            break
    return _before(radios[0], page)


def heading_of(tag: Tag, page: Markup) -> str:
    """Its heading: of a fieldset around it, else the nearest before it."""
    fieldset = around(tag, ("fieldset",))
    if fieldset and (legend := first_within(fieldset, ("legend",))):
        return words(legend)
    return words(page.heading_before(tag))


def is_hidden(tag: Tag) -> bool:
    """A page may contain hidden messages of errors that have not happened."""
    style = attribute(tag, "style").replace(" ", "").lower()
    return tag.has_attr("hidden") or "display:none" in style


def _pieces(node: PageElement | None) -> Iterator[str]:
    """Without what is chosen from: options and the content of text areas within the node."""
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if isinstance(each, Tag):
            if each.name == "img" and each is not node:
                yield attribute(each, "alt") or attribute(each, "title")
            elif each.name not in ("select", "textarea") or each is node:
                waiting.extend(reversed(each.contents))
        elif type(each) in (NavigableString, CData):
            yield str(each)


def _own_label(control: Tag, page: Markup) -> str:
    """By `for`, by a label around it, by ARIA; else the text beside it: after a checkbox, before a text field."""
    identity = attribute(control, "id")
    said = words(page.labelled.get(identity) or around(control, ("label",))) or _by_aria(control, page)
    if said:
        return said
    box = kind_of(control) in ("radio", "checkbox")
    return (_beside(control, after=True) if box else _beside(control)) or readable(control, "placeholder")


def _by_aria(tag: Tag, page: Markup) -> str:
    named = (page.identified.get(each) for each in attribute(tag, "aria-labelledby").split())
    return " ".join(words(each) for each in named) or readable(tag, "aria-label")


def _before(control: Tag, page: Markup) -> str:
    """The text before the control or its container; in a table that of its row, else of its column."""
    node: Tag | None = control
    while node is not None and node.name not in _EDGES:
        if said := _beside(node):
            return said
        if node.name == "td" and (said := _column_heading(node, page)):
            return said
        if _follows_a_control(node):
            return ""
        node = node.parent
    return ""


def _beside(node: Tag, *, after: bool = False) -> str:
    """The nearest words among the siblings, as far as the next control or the end of the line."""
    for sibling in node.next_siblings if after else node.previous_siblings:
        if isinstance(sibling, Tag) and (sibling.name in _BREAKS or _holds_a_control(sibling)):
            return ""
        if said := words(sibling):
            return said if len(said) <= _LONGEST else ""
    return ""


def _follows_a_control(node: Tag) -> bool:
    return any(isinstance(sibling, Tag) and _holds_a_control(sibling) for sibling in node.previous_siblings)


def _holds_a_control(tag: Tag) -> bool:
    inside = chain((tag,) if tag.name in CONTROLS else (), within(tag, CONTROLS))
    return any(kind_of(each) != "hidden" for each in inside)


def _column_heading(cell: Tag, page: Markup) -> str:
    row = around(cell, ("tr",))
    above = row.find_previous_sibling("tr") if row else None
    head = page.head_before(row) if row and above is None else None
    above = first_within(head, ("tr",)) if head else above
    cells = list(islice(within(above, ("td", "th")), _WIDEST)) if isinstance(above, Tag) else []
    at = len(cell.find_previous_siblings(("td", "th"), limit=_WIDEST))
    return words(cells[at]) if at < len(cells) and len(cells) > 1 and not _holds_a_control(cells[at]) else ""


def _rest_of_row(control: Tag) -> str:
    """The cells after the control's cell, if they have no fields."""
    cell = around(control, ("td", "th"))
    cells = cell.find_next_siblings(("td", "th"), limit=_WIDEST) if cell else []
    return " ".join(words(each) for each in cells if isinstance(each, Tag) and not _holds_a_control(each))


def _only(radios: list[Tag], holder: Tag) -> bool:
    others = [each for each in within(holder, CONTROLS) if kind_of(each) not in ("hidden", "submit")]
    return {id(each) for each in others} <= {id(radio) for radio in radios}
