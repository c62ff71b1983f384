"""What cannot be continued, and from which step it is done again; what a refused way back has left as it was."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from vmmigrate.itinerary import REDO
from vmmigrate.run.fold import Back, RunState, Status, fold
from vmmigrate.run.record import Kind, Record
from vmmigrate.step import Nothing, Step


def half_done(steps: Sequence[Step], state: RunState) -> Back | None:
    """An act that was begun and is not convergent is undone, back to the step from which it can be done again."""
    for step in steps:
        undone = state.steps[step.name] is not Status.DONE
        if step.redo_from and undone and state.attempted(step.name, step.redo_from):
            return redo(state, step.redo_from, f"{step.title!r} was interrupted and cannot be continued")
    return None


def redo(state: RunState, first: str, reason: str, keeps: Collection[str] = ()) -> Back:
    """Back to that step, over all that was begun since, but for the phases that it `keeps`."""
    names = list(state.steps)
    later = (name for name in names[names.index(first) + 1 :] if state.phases[name] not in keeps)
    return Back(REDO.name, reason, (first, *(name for name in later if state.steps[name] is not Status.PENDING)))


def left_as_it_was(steps: Sequence[Step], state: RunState, records: Sequence[Record]) -> Iterator[Step]:
    """Where an undo was refused before it changed anything: that step, and those that this way back only recorded as
    undone, because there is nothing to undo. Of those that were done before: one that was only begun is not done by it.
    Nor is one whose undo an earlier process had begun: that one may have changed something.
    """
    turned = max(at for at, record in enumerate(records) if record.kind is Kind.DIRECTION)
    before, since = fold(records[:turned]), records[turned:]
    undone = {record.data["step"] for record in since if record.kind is Kind.UNDONE}
    begun = Counter(record.data["step"] for record in since if record.kind is Kind.UNDO)
    for step in steps:
        idle = step.name in undone and isinstance(step.undo, Nothing) and not step.learns
        refused = state.steps[step.name] is Status.UNDOING and begun[step.name] == 1
        if before.steps[step.name] is Status.DONE and (idle or refused):
            yield step
