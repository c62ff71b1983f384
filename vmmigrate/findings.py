"""What was seen and what was compared: one Finding and one Check for every room; several findings collected."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from hypervisors import Problem
from vmmigrate.errors import PlanRefused

T = TypeVar("T")


class Severity(StrEnum):
    """An `ERROR` blocks what was to be done; a `WARNING` does not; `INFO` is shown."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True)
class Finding:
    """Something that was seen. `id`: a stable kebab-case word; `remedy`: what to do, "" where nothing is to be done."""

    id: str
    severity: Severity
    seen: str
    remedy: str = ""


def error(id_: str, seen: str, remedy: str) -> Finding:
    return Finding(id_, Severity.ERROR, seen, remedy)


def warning(id_: str, seen: str, remedy: str) -> Finding:
    return Finding(id_, Severity.WARNING, seen, remedy)


def info(id_: str, seen: str) -> Finding:
    return Finding(id_, Severity.INFO, seen)


def missing(id_: str, seen: str, remedy: str, *, needed: bool) -> Finding:
    """An error where it is needed, else a warning."""
    return (error if needed else warning)(id_, seen, remedy)


class Verdict(StrEnum):
    """`UNKNOWN`: the question could not be answered. It never counts as passed."""

    PASS = "pass"  # noqa: S105 -- no password
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Check:
    """One comparison. `expected` and `seen` hold names, counts and digests, never a setting's value or a secret."""

    id: str
    what: str
    expected: str
    seen: str
    verdict: Verdict


def errors(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Those that block."""
    return tuple(finding for finding in findings if finding.severity is Severity.ERROR)


@dataclass
class Findings:
    """What was found so far."""

    all: list[Finding] = field(default_factory=list)

    def error(self, id_: str, seen: str, remedy: str) -> None:
        self.all.append(error(id_, seen, remedy))

    def warn(self, id_: str, seen: str, remedy: str) -> None:
        self.all.append(warning(id_, seen, remedy))

    def note(self, id_: str, seen: str) -> None:
        self.all.append(info(id_, seen))

    def ask(self, id_: str, question: Callable[[], T]) -> T | None:
        """The answer, or None with the Problem as a finding: one thing wrong does not hide the next."""
        try:
            return question()
        except Problem as problem:
            self.error(id_, str(problem), problem.hint)
            return None

    def refuse_if_blocked(self) -> None:
        """Raises PlanRefused with every error found by now."""
        if blocking := errors(self.all):
            raise refusal(blocking)


def refusal(blocking: tuple[Finding, ...]) -> PlanRefused:
    """One exception for all that blocks: the first remedy is the hint, each of the others stands with its finding."""
    lines = [f"{finding.id}: {finding.seen}" for finding in blocking]
    remedies = [finding.remedy for finding in blocking]
    if len(blocking) == 1:
        return PlanRefused(lines[0], hint=remedies[0])
    listed = "".join(f"\n  {line}\n    → {remedy}" for line, remedy in zip(lines, remedies, strict=True))
    return PlanRefused(
        f"{len(blocking)} things stand in the way:{listed}", hint="nothing was changed; fix these, then run it again"
    )
