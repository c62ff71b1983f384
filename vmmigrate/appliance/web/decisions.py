"""Decide by the profile's pin, else by the best candidate; else report what was sought, seen, and how to settle it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from vmmigrate.appliance.profile import ConsoleProfile
from vmmigrate.appliance.web.scoring import Candidate, Sign, outstanding, rank
from vmmigrate.errors import NotDiscovered

T = TypeVar("T")
_PREFIX = "console."
_SHOWN = 3  # candidates listed in a message


@dataclass(frozen=True)
class Decision(Generic[T]):
    """One thing to find. `key`: the profile's, which pins it by the `name` of a candidate.

    `enough`: the points that make a candidate likely; `allowed`: whether it may be used at all, pinned or not.
    """

    key: str
    what: str
    name: Callable[[T], str]
    signs: tuple[Sign[T], ...]
    enough: int = 1
    hint: str = "look at the page in a browser"
    allowed: Callable[[T], bool] = lambda thing: True


class Decisions:
    """The profile, and what is known so far from it or from discovery."""

    def __init__(self, profile: ConsoleProfile) -> None:
        self._profile = profile
        self._settled: dict[str, Any] = {}

    def pinned(self, key: str) -> Any:
        """The profile's value; None if it leaves this to discovery."""
        value: Any = self._profile
        for name in key.split("."):
            value = getattr(value, name)
        return None if value == () else value

    def note(self, key: str, value: Any) -> None:
        """Remember a decision: only names, captions and paths, never typed text or a token."""
        if value:
            self._settled[key] = value

    def forget(self, *keys: str) -> None:
        for key in keys:
            self._settled.pop(key, None)

    def findings(self) -> ConsoleProfile:
        """The decisions as a profile."""
        tree: dict[str, Any] = {}
        for key, value in self._settled.items():
            section, _, name = key.rpartition(".")
            (tree.setdefault(section, {}) if section else tree)[name] = value
        return ConsoleProfile.model_validate(tree)

    def one(self, decision: Decision[T], candidates: Sequence[T], where: str) -> T:
        """Raises NotDiscovered, also where several are equally likely."""
        found = self.perhaps(decision, candidates, where)
        if found is None:
            raise _nothing(decision, candidates, where)
        return found

    def perhaps(self, decision: Decision[T], candidates: Sequence[T], where: str) -> T | None:
        """None if nothing is likely. Raises NotDiscovered if several are, or if a pinned one is missing."""
        winners = self._winners(decision, candidates, where)
        if len(winners) > 1:
            raise _several(decision, winners, where)
        return self._settle(decision, winners)

    def glance(self, decision: Decision[T], candidates: Sequence[T], where: str) -> T | None:
        """As `perhaps`, for optional knowledge: None also if several are likely."""
        winners = self._winners(decision, candidates, where)
        return self._settle(decision, winners) if len(winners) == 1 else None

    def _winners(self, decision: Decision[T], candidates: Sequence[T], where: str) -> list[Candidate[T]]:
        """The likeliest of several with the pinned name."""
        allowed = [each for each in candidates if decision.allowed(each)]
        pin = self.pinned(decision.key)
        if pin is None:
            return outstanding(rank(allowed, decision.signs), decision.enough)
        ranked = rank([each for each in allowed if same(decision.name(each), pin)], decision.signs)
        if not ranked:
            raise not_there(decision.key, pin, f"{where}; there are: {_names(decision, candidates)}")
        return ranked[:1]

    def _settle(self, decision: Decision[T], winners: Sequence[Candidate[T]]) -> T | None:
        for winner in winners:
            self.note(decision.key, decision.name(winner.thing))
        return winners[0].thing if winners else None


def full(*keys: str) -> tuple[str, ...]:
    """Keys as written in a profile's file."""
    return tuple(_PREFIX + key for key in keys)


def not_there(key: str, pin: object, where: str) -> NotDiscovered:
    """The profile names something that the console does not have."""
    return NotDiscovered(
        f"{_PREFIX}{key}: {pin!r} is not there, {where}",
        hint="the profile does not fit this console: correct the key, or remove it to have it discovered",
        keys=full(key),
    )


def same(name: str, pin: str) -> bool:
    return " ".join(name.split()).casefold() == " ".join(pin.split()).casefold()


def _nothing(decision: Decision[T], candidates: Sequence[T], where: str) -> NotDiscovered:
    return NotDiscovered(f"no {decision.what} found, {where}", hint=decision.hint, keys=full(decision.key))


def _several(decision: Decision[T], winners: Sequence[Candidate[T]], where: str) -> NotDiscovered:
    listed = ", ".join(
        f"{decision.name(each.thing) or '?'} (it {' and '.join(each.reasons) or 'is one'})" for each in winners[:_SHOWN]
    )
    return NotDiscovered(
        f"several could be the {decision.what}, {where}: {listed}", hint=decision.hint, keys=full(decision.key)
    )


def _names(decision: Decision[T], candidates: Sequence[T]) -> str:
    return ", ".join(decision.name(each) or "?" for each in candidates) or "none"
