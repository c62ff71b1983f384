"""Look at what a done step left: a record says that something was done, only a look says that it is so."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from hypervisors import Problem
from vmmigrate.findings import Check, Verdict
from vmmigrate.step import Nothing, Otherwise, Step

OFTEN = 2  # so many times a process goes back because of a look and forward again; then it goes back for good


@dataclass(frozen=True)
class Seen:
    """What the look at one step showed. All that did not pass is wrong: unknown is no pass."""

    step: Step
    checks: tuple[Check, ...]

    @property
    def wrong(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.verdict is not Verdict.PASS)

    @property
    def otherwise(self) -> Otherwise:
        """Nothing is undone because it could not be looked at."""
        failed = any(check.verdict is Verdict.FAIL for check in self.checks)
        return self.step.otherwise if failed or self.step.otherwise is Otherwise.AGAIN else Otherwise.REFUSE

    def __str__(self) -> str:
        return "; ".join(map(str, self.wrong))

    @property
    def hint(self) -> str:
        return "; ".join(dict.fromkeys(check.hint for check in self.wrong if check.hint))


def look_at(step: Step, run: Any) -> Seen:
    """A look that fails is an answer too: not known."""
    checks: list[Check] = []
    if not isinstance(step.holds, Nothing):
        try:
            checks.extend(step.holds(run))
        except Problem as problem:
            unseen = Check("not-looked-at", step.title, "an answer", str(problem), Verdict.UNKNOWN, problem.hint)
            checks.append(unseen)
    return Seen(step, tuple(checks))


def as_json(checks: Iterable[Check]) -> list[dict[str, str]]:
    """As a record has them."""
    return [asdict(check) for check in checks]
