"""Show what becomes of the old VM's things in the new one, at most a screen. Pure functions."""

from collections.abc import Iterable
from textwrap import wrap

from hypervisors import Carried, Fate

ROWS, _COLUMNS, _INDENT = 23, 100, 16
_HEADING = "What the old VM has, in the new one:"
_ORDER = (Fate.NOT_POSSIBLE, Fate.DROPPED, Fate.CHANGED, Fate.KEPT)


def carried_lines(carried: Iterable[Carried]) -> list[str]:
    """What asks for attention first. Things of one fate for one reason share a line."""
    listed = tuple(carried)
    lines = [line for fate in _ORDER for line in _of(fate, [one for one in listed if one.fate is fate])]
    return _cut([_HEADING, *lines], listed) if lines else []


def _of(fate: Fate, things: list[Carried]) -> list[str]:
    reasons = dict.fromkeys(one.why for one in things)
    groups = (_joined([one.what for one in things if one.why == why], why) for why in reasons)
    lines = [line for group in groups for line in _wrapped(group)]
    return [f"{'' if number else '  ' + fate:<{_INDENT}}{line}" for number, line in enumerate(lines)]


def _joined(things: list[str], why: str) -> str:
    return ", ".join(things) + (f": {why}" if why else "")


def _wrapped(text: str) -> list[str]:
    return wrap(text, _COLUMNS - _INDENT, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _cut(lines: list[str], listed: tuple[Carried, ...]) -> list[str]:
    if len(lines) <= ROWS:
        return lines
    more = f"{'':<{_INDENT}}… and {len(lines) - ROWS + 1} lines more, of {len(listed)} things: vmmigrate plan --json"
    return [*lines[: ROWS - 1], more]
