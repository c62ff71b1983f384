"""What cannot be continued, and from which step it is done again."""

from collections.abc import Sequence

from vmmigrate.itinerary import REDO
from vmmigrate.run.fold import Back, RunState, Status
from vmmigrate.step import Step


def half_done(steps: Sequence[Step], state: RunState) -> Back | None:
    """An act that was begun and is not convergent is undone, back to the step from which it can be done again."""
    for step in steps:
        undone = state.steps[step.name] is not Status.DONE
        if step.redo_from and undone and state.attempted(step.name, step.redo_from):
            return redo(state, step.redo_from, f"{step.title!r} was interrupted and cannot be continued")
    return None


def redo(state: RunState, first: str, reason: str) -> Back:
    """Back to that step, over all that was begun since."""
    names = list(state.steps)
    later = names[names.index(first) + 1 :]
    return Back(REDO.name, reason, (first, *(name for name in later if state.steps[name] is not Status.PENDING)))
