"""Look at what a done step left: a record says that something was done, only a look says that it is so."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from hypervisors import Pace, Problem
from vmmigrate.errors import NoLonger
from vmmigrate.findings import Check, Verdict
from vmmigrate.itinerary import Itinerary
from vmmigrate.learnt import Facts
from vmmigrate.run.fold import RunState, Status
from vmmigrate.run.journal import Journal
from vmmigrate.run.outside import Outside
from vmmigrate.run.persistent import persistently
from vmmigrate.run.record import Kind
from vmmigrate.run.standing import Standing
from vmmigrate.step import Look, Nothing, Otherwise, Step

OFTEN = 2  # so many times a process goes back because of a look and forward again; then it goes back for good


class Stage(Protocol):
    """Where a step acts: the engine sets its facts and the way to learn before each act.

    `pace`: what may stop the run, also between steps. `onward`: as of `Standing`. `steps`: those
    that the run was begun with. `accepts_outage`: whether what was prepared may be prepared once
    more while nobody serves.
    """

    facts: Facts
    pace: Pace
    onward: str
    steps: Collection[str]

    @property
    def accepts_outage(self) -> bool: ...

    def enter(self, step: str, learn: Callable[[object], None], *, leave_behind: bool) -> None: ...

    def watch(self, outside: Callable[[Any], Outside | None], *, alone: bool) -> None:
        """See from here what the world sees. `alone`: who is plugged in lets only this workstation in."""


@dataclass(frozen=True)
class Seen:
    """What the look at one step showed. All that did not pass is wrong: unknown is no pass."""

    step: Step
    checks: tuple[Check, ...]
    problem: Problem | None = None  # why there is no answer

    @property
    def wrong(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.verdict is not Verdict.PASS)

    @property
    def failed(self) -> bool:
        """Whether it was seen that something is not so."""
        return any(check.verdict is Verdict.FAIL for check in self.checks)

    @property
    def otherwise(self) -> Otherwise:
        """Nothing is undone because it could not be looked at."""
        return self.step.otherwise if self.failed or self.step.otherwise is Otherwise.AGAIN else Otherwise.REFUSE

    def __str__(self) -> str:
        return "; ".join(map(str, self.wrong))

    def no_longer(self, standing: Standing, words: str = "") -> NoLonger:
        """What stops the run, and what to do."""
        run_id = standing.state.run_id
        hints = dict.fromkeys(check.hint or self.step.remedy for check in self.wrong)
        known = "; ".join(filter(None, hints)) or "see what changed it"
        hint = (
            known
            if run_id in known
            else f"{known}; then: vmmigrate {standing.onward} {run_id}, or vmmigrate rollback {run_id}"
        )
        return NoLonger(f"{words}{self}", hint=hint)


def look_persistently(step: Step, run: Any, look: Look | Nothing | None = None) -> Seen:
    """Where perhaps nobody serves: what is only unknown is asked again, before anything is undone because of it."""
    seen: list[Seen] = []

    def attempt() -> None:
        seen.append(look_at(step, run, look))
        if seen[-1].wrong and not seen[-1].failed:
            raise seen[-1].problem or Problem(str(seen[-1]), hint="")

    with suppress(Problem):
        persistently(f"a look at {step.title!r}", attempt, run.pace)
    return seen[-1]


def look_at(step: Step, run: Any, look: Look | Nothing | None = None) -> Seen:
    """A look that fails is an answer too: not known. Nothing is learnt by it. `look`: in place of `holds`."""
    look = look or step.holds
    run.enter(step.name, _learns_nothing, leave_behind=False)
    checks: list[Check] = []
    failed: Problem | None = None
    if not isinstance(look, Nothing):
        try:
            checks.extend(look(run))
        except Problem as problem:
            unseen = Check("not-looked-at", step.title, "an answer", str(problem), Verdict.UNKNOWN, problem.hint)
            checks.append(unseen)
            failed = problem
    return Seen(step, tuple(checks), failed)


def record(journal: Journal, cause: str, checks: Collection[Check]) -> None:
    """`cause`: the step before which they were looked at; the verb that they refused; "" where a run is resumed or
    goes back.
    """
    if checks and journal.schema >= Kind.LOOKED.since:
        journal.append(Kind.LOOKED, {"step": cause, "checks": [dict(vars(check)) for check in checks]})


def undone_looked_at(itinerary: Itinerary, state: RunState, steps: Sequence[Step], run: Any) -> Iterator[Seen]:
    """What was undone of these steps, in the live phases, the last one first: does it hold?

    Each is looked at when it is asked for: what is undone again meanwhile may be what the next one lacks.
    """
    for step in reversed(steps):
        if step.name in state.undone and state.phases[step.name] in itinerary.live:
            yield look_persistently(step, run, step.undone)


def amiss(itinerary: Itinerary, state: RunState, run: Any) -> list[Seen]:
    """What is done and does not hold any more. Nothing follows from it."""
    done = (step for step in itinerary.steps if state.steps.get(step.name) is Status.DONE)
    return [seen for step in done if (seen := look_at(step, run)).wrong]


def serves(itinerary: Itinerary, steps: Iterable[Step], state: RunState, run: Any) -> bool:
    """Whether the new side serves, after the commit. What was not seen to fail may serve where we cannot see it."""
    done = [step for step in steps if state.steps[step.name] is Status.DONE and step.name in itinerary.relied_on]
    commit = next((step for step in done if step.name == itinerary.commit), None)
    if commit is None:
        return False
    return not look_at(commit, run).wrong or not any(look_at(step, run).failed for step in done)


def _learns_nothing(value: object) -> None:
    raise TypeError(f"a look learns nothing, and not {type(value).__name__}")
