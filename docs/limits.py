"""Print the page of limits, made from the table in the code: python docs/limits.py > docs/limits.md."""

import sys
from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter

from vmmigrate.limits import LIMITS, Limit

_BEFORE = """# What each reader takes at most

Made from `vmmigrate/limits` and `hypervisors/limits.py` by `make docs`; readers take their bounds from there and
nowhere else, but for looks of our own that wait ten seconds at most. What is longer, later, deeper or more is not
read: the command ends with an error that names the thing and the limit, except where a row says that the rest is left
out. `tests/limits` feeds each reader what would be endless without its bound, and counts the bytes and steps that it
takes.

The total times of a command are not in this table: they are the operator's, by the settings `limits.*`
(`vmmigrate config template`).
"""
_ORDER = (
    *("an image", "the folder of an image", "an archive", "a package"),
    *("an old guest", "a new guest", "a guest", "a console"),
)


def page() -> str:
    """One table for each who may be hostile."""
    ordered = sorted(LIMITS.values(), key=lambda each: (_ORDER.index(each.of) if each.of in _ORDER else 9, each.of))
    return "\n".join([_BEFORE, *_tables(ordered)])


def _tables(ordered: list[Limit]) -> Iterator[str]:
    for of, limits in groupby(ordered, key=attrgetter("of")):
        yield from (f"## From {of}", "", "| what | at most | why |", "|---|---|---|")
        yield from (f"| {each.what} | {amount(each)} | {each.why} |" for each in limits)
        yield ""


def amount(limit: Limit) -> str:
    """As a person reads it."""
    if limit.unit != "bytes":
        unit = {"seconds": "s", "times": "times"}.get(limit.unit, limit.unit)
        return f"{limit.most:,}" if limit.unit == "things" else f"{limit.most:,} {unit}"
    size, units = limit.most, ["bytes", "KiB", "MiB", "GiB", "TiB"]
    while size % 1024 == 0 and len(units) > 1:
        size, units = size // 1024, units[1:]
    return f"{size:,} {units[0]}"


if __name__ == "__main__":
    sys.stdout.write(page())
