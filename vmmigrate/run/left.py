"""What a run leaves to a person, most urgent first: undos that failed; once it has come to its end, all the rest."""

from collections.abc import Iterator
from typing import Any

from vmmigrate.findings import Severity
from vmmigrate.run.standing import Standing


def left_to_you(standing: Standing, plan: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*_troubles(standing), *afterwards(standing, plan))))


def _troubles(standing: Standing) -> Iterator[str]:
    titles = {step.name: step.title for step in standing.itinerary.steps} | dict(standing.state.titles)
    for step, text in standing.state.troubles.items():
        yield f"{titles.get(step, step)}: {text}"


def afterwards(standing: Standing, plan: Any) -> Iterator[str]:
    """Once it has come to its end: what was accepted, remedies of the plan's warnings, what follows every such run."""
    if not standing.came_to_its_end:
        return
    for check in standing.itinerary.accepted(standing.state.facts):
        yield f"accepted ({check.id}): {check}{f' → {check.hint}' if check.hint else ''}"
    for finding in plan.findings:
        if finding.severity is Severity.WARNING and finding.remedy:
            yield finding.remedy
    yield from standing.itinerary.follows(plan, standing.state.facts)
