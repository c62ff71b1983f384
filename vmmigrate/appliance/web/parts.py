"""Divide a page into what it says and lists, in its order: headings, statements, entries of tables and lists."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bs4 import NavigableString, Tag
from bs4.element import CData

from hypervisors import printable
from vmmigrate.appliance.web.labels import attribute, is_hidden, kind_of, words
from vmmigrate.appliance.web.markup import HEADINGS, Markup
from vmmigrate.appliance.web.scoring import says
from vmmigrate.appliance.web.vocabulary import EMPTY, TOTALS
from vmmigrate.appliance.web.walking import around, first_within, within

INLINE = ("abbr", "b", "big", "code", "em", "font", "i", "label", "small", "span", "strong", "tt", "u")
_UNSEEN = ("a", "area", "button", "head", "noscript", "option", "script", "select", "style", "template", "textarea")
_LISTS = ("table", "ul", "ol")
_PARTS = (*(name for name in HEADINGS if name != "caption"), "table", "form", "fieldset")
_LEVELS = {"legend": 6, "caption": 7}
_TYPED = ("text", "search", "select", "textarea", "email", "number", "file", "password")
_STATEMENT = 80  # characters at most
_ASIDE = re.compile(r"error|feedback|menu|nav|crumb|pag(er|ing|ination)|tabs?\b", re.IGNORECASE)


@dataclass(frozen=True)
class Part:
    """`heading`: its level, 1 to 7; 0: it is none. `listed`: a table or list, with the text of each of its entries."""

    text: str = ""
    heading: int = 0
    listed: bool = False
    entries: tuple[str, ...] = ()


def parts_of(soup: Markup) -> tuple[Part, ...]:
    """Links, buttons and what is hidden are left out; of a heading and an entry, only buttons are."""
    return tuple(_block(soup))


def _block(tag: Tag) -> Iterator[Part]:
    if tag.name in HEADINGS:
        yield Part(words(tag), _LEVELS.get(tag.name) or int(tag.name[1]))
    elif tag.name in _LISTS and _is_innermost(tag):
        yield from _table(tag) if tag.name == "table" else _list(tag)
    else:
        line: list[str] = []
        yield from _inside(tag, line)
        yield from _said(line)


def _inside(tag: Tag, line: list[str]) -> Iterator[Part]:
    """Text between blocks gathers in `line`."""
    for child in tag.children:
        if not isinstance(child, Tag):
            line += [str(child)] if type(child) in (NavigableString, CData) else []
        elif child.name in INLINE and not is_hidden(child):
            yield from _inside(child, line)
        elif child.name not in _UNSEEN and not is_hidden(child):
            yield from _said(line)
            yield from _block(child)


def _said(line: list[str]) -> Iterator[Part]:
    text = " ".join(printable(" ".join(line)).split())
    line.clear()
    if text:
        yield Part(text)


def _is_innermost(tag: Tag) -> bool:
    """One that lays out a page has headings, tables or forms within."""
    return first_within(tag, _PARTS) is None


# ---- tables ------------------------------------------------------------------------------------------------


def _table(table: Tag) -> Iterator[Part]:
    if caption := first_within(table, ("caption",)):
        yield Part(words(caption), _LEVELS["caption"])
    rows = [row for row in within(table, ("tr",)) if not is_hidden(row)]
    heads = [row for at, row in enumerate(rows) if _is_head(row, first=at == 0)]
    width = max((len(_cells(row)) for row in heads), default=0)
    if not heads and any(map(_is_typed_in, rows)):
        return  # what a form asks for
    kept = [row for row in rows if id(row) not in map(id, heads) and not _is_typed_in(row)]
    yield from _listed([(words(row), _is_beside(row, width)) for row in kept], known=bool(heads))


def _cells(row: Tag) -> list[Tag]:
    return list(within(row, ("td", "th")))


def _is_head(row: Tag, *, first: bool) -> bool:
    cells = _cells(row)
    bold = first and len(cells) > 1 and all(first_within(cell, ("b", "strong")) is not None for cell in cells)
    return bool(cells) and (around(row, ("thead",)) is not None or all(cell.name == "th" for cell in cells) or bold)


def _is_typed_in(row: Tag) -> bool:
    return any(kind_of(each) in _TYPED for each in within(row, ("input", "select", "textarea")))


def _is_beside(row: Tag, width: int) -> bool:
    """Not an entry: the foot, one cell across the columns, a sentence about the list."""
    cells = len(_cells(row))
    about = cells == 1 or (cells == 2 and not width)
    return around(row, ("tfoot",)) is not None or (width > 1 and cells == 1) or (about and _states(words(row)))


# ---- lists -------------------------------------------------------------------------------------------------


def _list(tag: Tag) -> Iterator[Part]:
    """One of links alone leads elsewhere; an empty one may be for errors that have not happened."""
    named = " ".join(attribute(each, name) for each in (tag, tag.parent) if each for name in ("id", "class", "role"))
    items = [item for item in within(tag, ("li",)) if not is_hidden(item)]
    if _ASIDE.search(named) or (items and not any(map(_own_words, items))):
        return
    yield from _listed([(text := words(item), _states(text)) for item in items], known=True)


def _own_words(item: Tag) -> str:
    line: list[str] = []
    return " ".join(part.text for part in (*_inside(item, line), *_said(line)))


def _listed(rows: Sequence[tuple[str, bool]], *, known: bool) -> Iterator[Part]:
    """`rows`: text, and whether it is none of the entries. `known`: a list, even if it has no entry."""
    stated = [text for text, beside in rows if text and beside]
    entries = tuple(text for text, beside in rows if text and not beside)
    if known or entries:
        yield Part(listed=True, entries=entries)
    yield from map(Part, stated)


def _states(text: str) -> bool:
    """Whether a row says something about the list. A message may have such words as its subject, beside an address."""
    return len(text) <= _STATEMENT and "@" not in text and says("|".join((EMPTY, *TOTALS)), text)
