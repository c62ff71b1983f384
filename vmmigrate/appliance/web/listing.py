"""Find out which of the archives that a console lists is the one just made or sent. Pure functions.

New text comes first, then entries that were not listed before. An archive that was there before is never taken for a
new one, unless the console says that it has been written again.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from vmmigrate.appliance.urls import path_of
from vmmigrate.appliance.web.forms import Field, Form
from vmmigrate.appliance.web.pages import Link, Page, same_place
from vmmigrate.appliance.web.rows import marks
from vmmigrate.appliance.web.scoring import says
from vmmigrate.appliance.web.vocabulary import FAILED, WAITING

Way = Link | tuple[Form, Field]  # a link to follow, a button to press

_WRITTEN = r"\b(created|made|written|saved|stored|generated|ready|uploaded|received|replaced|overwritten)\b"
_OF_OLD = r"\b(last|latest|previous(ly)?|older|oldest|earlier|existing|automatic(ally)?|scheduled?|nightly|daily|not)\b"


def caption(way: Way) -> str:
    return way.text if isinstance(way, Link) else way[1].caption


def address(way: Way) -> str:
    """The path to which it leads."""
    return path_of(way.url if isinstance(way, Link) else way[0].action)


def row(way: Way) -> str:
    """The text of its list entry; its caption if it is not in a list."""
    return (way.row if isinstance(way, Link) else way[1].row) or caption(way)


def ways(page: Page) -> list[Way]:
    """Links, and buttons of forms without fields that are not links; duplicates count once."""
    links = {(link.url, link.row): link for link in page.links}
    forms = [form for form in page.forms if not form.shown and form.method == "post"]
    return [*links.values(), *((form, button) for form in forms for button in form.buttons)]


@dataclass(frozen=True)
class Listing:
    """What `page` offers after the pages `before`."""

    page: Page
    before: Sequence[Page]

    def likely(self, offered: Sequence[Way]) -> Iterator[list[Way]]:
        """Those of the new archive, if it can be identified: the surest first, without empty lists."""
        fresh = [way for way in offered if self.is_new(way)]
        yield from filter(None, (self._named(fresh, offered), fresh, self._rewritten(offered)))

    def is_new(self, way: Way) -> bool:
        """By what distinguishes its entry from others; else by its target."""
        own = marks(row(way))
        if own:
            return not own <= self._known
        return self._places.isdisjoint(_places(way))

    def announced(self, name: str) -> str:
        """The console's name for what was sent as `name`: another one if it says so and the name is new."""
        file = PurePosixPath(name)
        stem = file.name.removesuffix("".join(file.suffixes))
        like = rf"(?<![\w.-])(\w+[_.-])?{re.escape(stem)}( ?\(\w+\)|[_.-][\w-]+)?{re.escape(name.removeprefix(stem))}"
        said = {found[0] for line in self._statements for found in re.finditer(rf"{like}(?![\w-]|\.\w)", line)}
        others = [each for each in said if each != name and not marks(each) <= self._known]
        return others[0] if len(others) == 1 else name

    def called(self, name: str, offered: Sequence[Way]) -> list[Way]:
        """The new ones in an entry with this name, if no other entry could be the same archive renamed."""
        stem = PurePosixPath(name).name.split(".")[0].casefold()
        like = [way for way in offered if self.is_new(way) and stem in row(way).casefold()]
        return like if all(marks(name) <= marks(row(way)) for way in like) else []

    def _named(self, fresh: Sequence[Way], offered: Sequence[Way]) -> list[Way]:
        return [way for way in fresh if self._own(way, offered) & marks(" ".join(self._statements))]

    def _rewritten(self, offered: Sequence[Way]) -> list[Way]:
        stated = [each for each in self.page.sentences(*self.before) if each in " ".join(self._statements)]
        if any(says(f"{FAILED}|{WAITING}", each) for each in stated):
            return []
        made = marks(" ".join(each for each in stated if says(_WRITTEN, each) and not says(_OF_OLD, each)))
        return [way for way in offered if self._own(way, offered) & made]

    def _own(self, way: Way, offered: Sequence[Way]) -> frozenset[str]:
        """What no other entry contains."""
        others = {row(each) for each in offered} - {row(way)}
        return marks(row(way)).difference(*map(marks, others))

    @cached_property
    def _places(self) -> frozenset[object]:
        return frozenset(place for page in self.before for way in ways(page) for place in _places(way))

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset().union(*(marks(_all_words(page)) for page in self.before))

    @cached_property
    def _statements(self) -> list[str]:
        """New text outside the list itself."""
        rows = {row(way) for way in ways(self.page)}
        return [line for line in self.page.news(*self.before) if not any(line in each for each in rows)]


def _places(way: Way) -> tuple[object, ...]:
    """What identifies it: a link's query may contain a token that is new each time."""
    if isinstance(way, Link):
        return same_place(way.url), (path_of(way.url), way.text or way.url)
    return ((path_of(way[0].action), way[0].describe(), way[1].name),)


def _all_words(page: Page) -> str:
    return " ".join([page.text, *(f"{button.caption} {button.row}" for form in page.forms for button in form.buttons)])
