"""Show what a probe found, and where a profile does not fit. Pure functions."""

from pathlib import Path

from vmmigrate.alone.probe import Checked, Probed
from vmmigrate.appliance.web.probing import Difference, Value, pins


def probed_lines(probed: Probed, target: Path) -> list[str]:
    seen = probed.seen
    return [
        f"profile     {target}, from {probed.url}",
        f"release     {seen.release or 'the pages do not say'}",
        f"found       {len(pins(seen.console))} keys; {len(seen.unknown)} are left empty",
        *(f"withheld    console.{key}: it may identify somebody or be a token" for key in seen.withheld),
        *missing_lines(probed),
    ]


def missing_lines(probed: Probed) -> list[str]:
    return [f"missing     {text}" for text in probed.missing]


def probed_json(probed: Probed, target: Path | None) -> dict[str, object]:
    return {
        "event": "Probed",
        "file": str(target) if target else None,
        "url": probed.url,
        "release": probed.seen.release,
        "family": probed.seen.family,
        "found": dict(pins(probed.seen.console)),
        "unknown": list(probed.seen.unknown),
        "withheld": list(probed.seen.withheld),
        "missing": list(probed.missing),
    }


def checked_lines(checked: Checked, file: Path) -> list[str]:
    return [
        *([f"fits        {file}: {checked.url}"] if checked.fits else []),
        *(_difference(each) for each in checked.differences),
        *(f"missing     {text}" for text in checked.missing),
        *(f"not tried   {key}: it shows only when a backup is made or restored" for key in checked.untried),
    ]


def _difference(each: Difference) -> str:
    return f"differs     {each.key}: pinned {_shown(each.pinned)}, seen {_shown(each.seen)}"


def _shown(value: Value) -> str:
    if isinstance(value, tuple):
        return " ‣ ".join(map(str, value))
    return repr(value) if value else "nothing"


def checked_json(checked: Checked, file: Path) -> dict[str, object]:
    return {
        "event": "Checked",
        "file": str(file),
        "url": checked.url,
        "fits": checked.fits,
        "differences": [{"key": e.key, "pinned": e.pinned, "seen": e.seen} for e in checked.differences],
        "missing": list(checked.missing),
        "untried": list(checked.untried),
    }
