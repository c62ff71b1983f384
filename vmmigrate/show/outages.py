"""Say for how long nobody took mail. Pure functions."""

from collections.abc import Sequence

from vmmigrate.events import Outage


def seconds(each: Outage) -> str:
    return f"{'about ' if each.about else ''}{each.seconds or 0.0:.1f} s"


def in_all(outages: Sequence[Outage]) -> str:
    """Of those that ended: "3.2 s", or "5.0 s in all: 3.2 s, 1.8 s"; "" where there was none."""
    ended = [each for each in outages if each.seconds is not None]
    if len(ended) < 2:
        return "".join(map(seconds, ended))
    whole = Outage("", "", sum(each.seconds or 0.0 for each in ended), any(each.about for each in ended))
    return f"{seconds(whole)} in all: {', '.join(map(seconds, ended))}"


def outage_line(each: Outage) -> str:
    """One interval, with its times."""
    if each.ended is None:
        return f"outage since {clock(each.began)}, as recorded"
    return f"outage {seconds(each)}, from {clock(each.began)} to {clock(each.ended)}"


def clock(at: str) -> str:
    """A journal's time for people: 2026-11-29T20:06:10.123+00:00 → 2026-11-29 20:06:10 UTC."""
    return f"{at[:10]} {at[11:19]} UTC"
