"""Walk over a parsed page by the names of its elements: those within one, and the nearest around one.

bs4's own search builds its rules again for each question and asks them of each element, at ten times the cost; what it
is asked here are names alone.
"""

from collections.abc import Collection, Iterator

from bs4 import Tag


def tags(holder: Tag) -> Iterator[Tag]:
    """All, in the page's order."""
    return (each for each in holder.descendants if isinstance(each, Tag))


def within(holder: Tag, names: Collection[str]) -> Iterator[Tag]:
    """Those of these names, in the page's order."""
    return (each for each in holder.descendants if isinstance(each, Tag) and each.name in names)


def first_within(holder: Tag, names: Collection[str]) -> Tag | None:
    return next(within(holder, names), None)


def around(tag: Tag, names: Collection[str]) -> Tag | None:
    """The nearest that holds it."""
    return next((each for each in tag.parents if each.name in names), None)
