"""Find the list entry (table row, list item, card) to which a link or button belongs. Pure functions."""

import re
from collections import Counter

from bs4 import Tag

from vmmigrate.appliance.web.labels import attribute, kind_of, words
from vmmigrate.appliance.web.markup import HEADINGS, Markup
from vmmigrate.appliance.web.vocabulary import ARCHIVE_NAME
from vmmigrate.appliance.web.walking import around, first_within, tags

Rows = dict[int, str]  # by the id of a tag
_BUTTONS = ("submit", "image", "button")
_SHORTEST = 4  # characters: a shorter number is a count or a size, not a name


def marks(text: str) -> frozenset[str]:
    """What distinguishes archives: file names, and everything with digits (dates, times, numbers)."""
    pieces = (_bare(piece).casefold() for piece in re.split(r"[\s\"'<>|,;]+", text))
    return frozenset(piece for piece in pieces if _is_mark(piece))


def rows_of(soup: Markup) -> Rows:
    """The text of each link's and button's own entry."""
    acting = [(tag, _kind(tag)) for tag in filter(_acts, tags(soup))]
    held = Counter((id(holder), kind) for tag, kind in acting for holder in (tag, *tag.parents))
    said: Rows = {}
    rows: Rows = {}
    whole = _Entries()
    for tag, kind in acting:
        entry = whole.of(tag) or _card(tag, kind, held)
        if entry is not None:
            rows[id(tag)] = said[id(entry)] if id(entry) in said else said.setdefault(id(entry), words(entry))
    return rows


class _Entries:
    """Rows and items; each is looked through once, however many links it holds."""

    def __init__(self) -> None:
        self._parts: dict[int, bool] = {}

    def of(self, tag: Tag) -> Tag | None:
        """The row or item around it, unless that contains a whole part of the page."""
        entry = tag if tag.name == "tr" else around(tag, ("tr", "li"))
        return entry if entry is not None and not self._is_a_part(entry) else None

    def _is_a_part(self, entry: Tag) -> bool:
        if id(entry) not in self._parts:
            self._parts[id(entry)] = first_within(entry, (*HEADINGS, "tr", "li", "hr")) is not None
        return self._parts[id(entry)]


def _bare(piece: str) -> str:
    """Without what is neither letter nor digit at both ends."""
    held = [at for at, char in enumerate(piece) if char.isalnum()]
    return piece[held[0] : held[-1] + 1] if held else ""


def _is_mark(piece: str) -> bool:
    named = re.search(ARCHIVE_NAME, piece) is not None
    return named or (len(piece) >= _SHORTEST and any(char.isdigit() for char in piece))


def _acts(tag: Tag) -> bool:
    return tag.name in ("a", "area") or tag.has_attr("onclick") or kind_of(tag) in _BUTTONS


def _kind(tag: Tag) -> str:
    """Its text without the names of archives: then several entries have the same text."""
    said = words(tag) or attribute(tag, "value") or attribute(tag, "title")
    return " ".join("*" if marks(word) else word.casefold() for word in said.split())


def _card(tag: Tag, kind: str, held: Counter[tuple[int, str]]) -> Tag | None:
    """The widest block around it without a second of its kind; None if the page has no second."""
    block = tag
    for holder in tag.parents:
        if held[id(holder), kind] > 1:
            return block
        block = holder
    return None
