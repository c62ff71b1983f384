"""What was seen and what was compared: one Finding and one Check for every room; several findings collected."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from hypervisors import Problem, redacted
from vmmigrate.errors import ChecksFailed, PlanRefused

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
    """An error if it is needed, else a warning."""
    return (error if needed else warning)(id_, seen, remedy)


class Verdict(StrEnum):
    """`UNKNOWN`: the question could not be answered. It never counts as passed."""

    PASS = "pass"  # noqa: S105 -- no password
    FAIL = "fail"
    UNKNOWN = "unknown"

    @classmethod
    def of(cls, passed: object) -> "Verdict":
        return cls.PASS if passed else cls.FAIL


@dataclass(frozen=True)
class Check:
    """One comparison. `expected` and `seen` hold names, counts and digests, never a setting's value or a secret."""

    id: str
    what: str
    expected: str
    seen: str
    verdict: Verdict

    def __str__(self) -> str:
        """What was proved, or what was expected and what was seen instead."""
        match self.verdict:
            case Verdict.PASS:
                return f"{self.what}: {self.seen}" if self.seen else self.what
            case Verdict.FAIL:
                return f"{self.what}: expected {self.expected}; seen: {self.seen}"
            case Verdict.UNKNOWN:
                return f"{self.what}: not known: {self.seen}"


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
        """The answer, or None with the Problem as a finding: one problem does not hide the next."""
        try:
            return question()
        except Problem as problem:
            self.error(id_, str(problem), problem.hint)
            return None

    def refuse_if_blocked(self) -> None:
        """Raises PlanRefused with every error found so far."""
        if blocking := errors(self.all):
            raise refusal(blocking)


def refusal(blocking: tuple[Finding, ...]) -> PlanRefused:
    """One exception for all errors: the first remedy is the hint, the others are shown with their findings."""
    lines = [(f"{finding.id}: {finding.seen}", finding.remedy) for finding in blocking]
    if len(lines) == 1:
        return PlanRefused(lines[0][0], hint=lines[0][1])
    return PlanRefused(
        f"{len(lines)} problems block this:{_listed(lines)}",
        hint="nothing was changed; fix these, then run it again",
    )


def _listed(lines: Iterable[tuple[str, str]]) -> str:
    """Each with its remedy on a line of its own."""
    return "".join(f"\n  {line}\n    → {remedy}" for line, remedy in lines)


@dataclass
class Checks:
    """What was compared so far. `hints`: by a check's id, what to do where it did not pass."""

    all: list[Check] = field(default_factory=list)
    hints: dict[str, str] = field(default_factory=dict)

    @property
    def failed(self) -> tuple[Check, ...]:
        """All that did not pass; an unknown one did not."""
        return tuple(check for check in self.all if check.verdict is not Verdict.PASS)

    def ask(self, id_: str, what: str, question: Callable[[], T]) -> T | None:
        """The answer, or None with the Problem as an unknown check: one thing wrong does not hide the next."""
        try:
            return question()
        except Problem as problem:
            self.all.append(Check(id_, what, "an answer", redacted(str(problem)), Verdict.UNKNOWN))
            self.hints[id_] = problem.hint
            return None

    def compare(self, id_: str, what: str, hint: str, question: Callable[[], Iterable[Check]]) -> None:
        """All the checks that a question gives; those before a Problem count too."""
        self.hints[id_] = hint
        self.ask(id_, what, lambda: self.all.extend(question()))

    def refuse_if_failed(self) -> None:
        """Raises ChecksFailed with every check that did not pass."""
        if lines := [(str(check), self.hints.get(check.id, "")) for check in self.failed]:
            raise _failure(lines)


def _failure(lines: list[tuple[str, str]]) -> ChecksFailed:
    if len(lines) == 1:
        return ChecksFailed(lines[0][0], hint=lines[0][1])
    return ChecksFailed(f"{len(lines)} checks did not pass:{_listed(lines)}", hint="fix these, then run it again")
