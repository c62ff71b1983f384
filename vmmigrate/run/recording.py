"""Record what a step learns, and why it failed."""

from typing import Any

from vmmigrate.errors import describe
from vmmigrate.events import StepFailed
from vmmigrate.learnt import group_to_json, since
from vmmigrate.run.journal import Journal
from vmmigrate.run.record import Kind
from vmmigrate.step import Step


def record_learnt(journal: Journal, step: Step, value: object) -> None:
    """Raises TypeError for a group that the step does not declare. The version that began a journal can go on with it:
    a group that it does not know is left out.
    """
    group, data = group_to_json(value)
    if type(value) not in step.learns:
        raise TypeError(f"step {step.name!r} does not declare that it learns {group}")
    if journal.schema >= since(type(value)):
        journal.append(Kind.LEARNT, {"step": step.name, "group": group, "value": data})


def record_failure(journal: Journal, step: Step, error: Exception, *, undoing: bool) -> StepFailed:
    """What is to be reported of it."""
    text, hint = describe(error)
    data: dict[str, Any] = {"step": step.name, "error": text, "hint": hint, "undoing": undoing}
    journal.append(Kind.FAILED, data)
    return StepFailed(step.name, step.title, text, hint, undoing)
