"""Record what a step learns: a group that it declares, in a journal whose schema has it."""

from vmmigrate.facts import group_to_json, since
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
