"""What was seen and what was compared: one Finding and one Check for every room; several findings collected."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeVar

from hypervisors import Problem, Words
from vmmigrate.errors import ChecksFailed, PlanRefused

T = TypeVar("T")


class Severity(StrEnum):
    """An `ERROR` blocks what was to be done; a `WARNING` does not; `INFO` is shown."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True)
class Finding(Words):
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
class Check(Words):
    """One comparison. `expected` and `seen` hold names, counts and digests, never a setting's value or a secret.

    `hint`: what to do, "" where it passed.
    """

    id: str
    what: str
    expected: str
    seen: str
    verdict: Verdict
    hint: str = ""

    @property
    def passed(self) -> bool:
        """What is not known has not."""
        return self.verdict is Verdict.PASS

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
    """One exception for all errors, each with its remedy."""
    lines = [(f"{finding.id}: {finding.seen}", finding.remedy) for finding in blocking]
    message, hint = in_words("problems block this", lines)
    return PlanRefused(message, hint=hint if len(lines) == 1 else f"nothing was changed; {hint}")


def in_words(what: str, lines: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """A message and its hint: of one problem its own; several are listed, each with its remedy on the next line."""
    if len(lines) == 1:
        return lines[0]
    listed = "".join(f"\n  {line}\n    → {remedy}" for line, remedy in lines)
    return f"{len(lines)} {what}:{listed}", "fix these, then run it again"


@dataclass
class Checks:
    """What was compared so far."""

    all: list[Check] = field(default_factory=list)

    @property
    def failed(self) -> tuple[Check, ...]:
        """All that did not pass; an unknown one did not."""
        return tuple(check for check in self.all if check.verdict is not Verdict.PASS)

    def ask(self, id_: str, what: str, question: Callable[[], T]) -> T | None:
        """The answer, or None with the Problem as an unknown check: one thing wrong does not hide the next."""
        try:
            return question()
        except Problem as problem:
            self.all.append(Check(id_, what, "an answer", str(problem), Verdict.UNKNOWN, problem.hint))
            return None

    def compare(self, id_: str, what: str, hint: str, question: Callable[[], Iterable[Check]]) -> None:
        """All the checks that a question gives; those before a Problem count too.

        `hint`: of those that failed; '' leaves each its own.
        """
        self.ask(id_, what, lambda: self.all.extend(_hinted(check, hint) for check in question()))

    def refuse_if_failed(self) -> None:
        """Raises ChecksFailed with every check that did not pass."""
        if failed := self.failed:
            message, hint = in_words("checks did not pass", [(str(check), check.hint) for check in failed])
            raise ChecksFailed(message, hint=hint)


def _hinted(check: Check, hint: str) -> Check:
    return check if check.verdict is Verdict.PASS or not hint else replace(check, hint=hint)
