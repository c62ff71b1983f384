"""Score candidates by signs for and against them, and keep the reasons. Pure functions."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from vmmigrate.limits import WEB_SENTENCE

T = TypeVar("T")
LONGEST = WEB_SENTENCE.most


@dataclass(frozen=True)
class Sign(Generic[T]):
    """`points` for a candidate that has the sign; `reason` completes "it …"."""

    points: int
    reason: str
    holds: Callable[[T], object]


@dataclass(frozen=True)
class Candidate(Generic[T]):
    thing: T
    points: int
    reasons: tuple[str, ...]


def weigh(thing: T, signs: Iterable[Sign[T]]) -> Candidate[T]:
    held = [sign for sign in signs if sign.holds(thing)]
    return Candidate(thing, sum(sign.points for sign in held), tuple(sign.reason for sign in held))


def rank(things: Iterable[T], signs: Sequence[Sign[T]]) -> list[Candidate[T]]:
    """Best first; of equals the first on the page."""
    return sorted((weigh(thing, signs) for thing in things), key=lambda each: -each.points)


def outstanding(ranked: Sequence[Candidate[T]], enough: int) -> list[Candidate[T]]:
    """Those that share the first place with at least `enough` points: only a single one is a decision."""
    best = ranked[0].points if ranked else 0
    return [each for each in ranked if each.points == best and best >= enough]


def says(pattern: str, *texts: str) -> bool:
    """Whether one of the texts matches, in any case. What is longer than LONGEST is read no further."""
    return any(re.search(pattern, text[:LONGEST], re.IGNORECASE) for text in texts)
