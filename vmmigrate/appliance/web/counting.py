"""Count the messages that a page lists for one queue, by its entries and by what it says. Pure functions."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from vmmigrate.appliance.web import vocabulary as words
from vmmigrate.appliance.web.pages import Page
from vmmigrate.appliance.web.parts import Part
from vmmigrate.appliance.web.scoring import LONGEST, says

_SEARCHED = ("text", "search")


@dataclass(frozen=True)
class Section:
    """The part of a page that is about one queue. `heading` is its text."""

    queue: str
    heading: str
    parts: tuple[Part, ...]

    @property
    def entries(self) -> int:
        return sum(len(part.entries) for part in self.parts)

    @property
    def totals(self) -> tuple[int, ...]:
        """What it says of its whole number."""
        said = [*_numbers(words.IN_HEADING, self.heading), *(n for text in self._said for n in _stated(text))]
        return tuple(said)

    @property
    def count(self) -> int | None:
        """None: it says nothing that can be counted. A list that is empty on this page may go on on others."""
        if self.entries or any(self.totals):
            return max(self.entries, *self.totals, 0)
        if self._pages > 1 or any(says(words.WAITING, text) or says(r"\bloading\b", text) for text in self._said):
            return None
        empty = any(says(words.EMPTY, text) for text in self._said)
        return 0 if empty or self.totals or any(part.listed for part in self.parts) else None

    @property
    def goes_on(self) -> bool:
        """Whether there may be more than is listed here."""
        return self.entries > 0 and not any(self.totals)

    @property
    def _said(self) -> list[str]:
        return [part.text for part in self.parts if part.text]

    @property
    def _pages(self) -> int:
        found = [re.search(words.PAGES, text[:LONGEST], re.IGNORECASE) for text in self._said]
        return max((int(each[3][:9]) for each in found if each), default=1)


def queue_in(text: str, *, among: bool = False) -> str:
    """The queue that a heading or a link names, "" where it says anything else, or names several.

    `among`: others are named beside it, so that a bare word will do.
    """
    bare = re.sub(rf"{words.IN_HEADING}|\d+\s*$", "", text[:LONGEST], flags=re.IGNORECASE)
    named = [queue for queue, pattern in words.QUEUES.items() if says(pattern, bare)]
    if len(named) != 1 or not says(words.QUEUE_NAME, bare):
        return ""
    return named[0] if among or says(rf"{words.MPA}|{words.QUEUE}|{words.QUEUES['mta']}", bare) else ""


def sections(page: Page, whole: str = "") -> tuple[Section, ...]:
    """What the page has of each queue. `whole`: the queue that it is about, where none of its headings names that."""
    among = is_about_queues(page)
    found = tuple(_under_headings(page, among=among))
    if whole and not any(section.queue == whole for section in found):
        taken = {id(part) for section in found for part in section.parts}
        found += (Section(whole, "", tuple(part for part in page.parts if id(part) not in taken)),)
    return found


def is_about_queues(page: Page) -> bool:
    return says(rf"{words.MPA}|{words.QUEUE}", page.title, *page.headings)


def overview(page: Page) -> dict[str, int]:
    """The number beside each queue's name, in a list of queues."""
    for part in page.parts:
        found = {queue: number for entry in part.entries for queue, number in _beside_a_name(entry)}
        if len(found) > 1:
            return found
    return {}


def is_filtered(page: Page) -> bool:
    """Whether what is listed is only what matches something that stands in a field."""
    fields = (field for form in page.forms for field in form.shown if field.kind in _SEARCHED)
    return any(field.value.strip() for field in fields if says(words.SEARCH, field.label, field.name))


def _under_headings(page: Page, *, among: bool) -> Iterator[Section]:
    named, level, heading, parts = "", 0, "", list[Part]()
    for part in (*page.parts, Part(heading=1)):
        other = queue_in(part.text, among=among) if part.heading else ""
        if named and part.heading and (other or part.heading <= level):
            yield Section(named, heading, tuple(parts))
            named = ""
        if other:
            named, level, heading, parts = other, part.heading, part.text, []
        elif named:
            parts.append(part)


def _beside_a_name(entry: str) -> Iterator[tuple[str, int]]:
    said = re.match(r"^(\D+?)[\s:]*(\d[\d.,']*)\b", entry[:LONGEST])
    queue = queue_in(said[1], among=True) if said else ""
    if said and queue:
        yield queue, _whole(said[2])


def _stated(text: str) -> Iterator[int]:
    """Of how many pages, or of how many a page, is no number of messages."""
    without = re.sub(words.PAGES, "", text[:LONGEST], flags=re.IGNORECASE)
    if says(r"\bper page\b|\ba page\b|\bselected\b|\bat most\b|\blast \d", without):
        return
    for pattern in words.TOTALS:
        yield from _numbers(pattern, without)


def _numbers(pattern: str, text: str) -> Iterator[int]:
    for found in re.finditer(pattern, text[:LONGEST], re.IGNORECASE):
        digits = next((group for group in found.groups() if group and group[0].isdigit()), "")
        if digits:
            yield _whole(digits)


def _whole(digits: str) -> int:
    return int(re.sub(r"\D", "", digits)[:18])
