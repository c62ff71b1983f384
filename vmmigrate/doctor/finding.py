"""What one check of the workstation found, and what mends it."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    OK = "ok"
    WARN = "warn"  # a migration can be run; something is worse than it could be
    LACKS = "lacks"  # without it none can be run


@dataclass(frozen=True)
class Finding:
    """`mend`: the command or act that settles it, '' where nothing is to be done."""

    check: str
    verdict: Verdict
    seen: str
    mend: str = ""


def ok(check: str, seen: str) -> Finding:
    return Finding(check, Verdict.OK, seen)


def missing(check: str, seen: str, mend: str, *, needed: bool) -> Finding:
    """Lacking where it is needed, else worth a word."""
    return Finding(check, Verdict.LACKS if needed else Verdict.WARN, seen, mend)
