"""What a run records, told without running it: so that a crash matrix can name every record beforehand."""

from collections.abc import Collection, Iterator, Sequence

from vmmigrate.step import Nothing
from vmmigrate.steps import PREPARE
from vmmigrate.steps.migration import MIGRATE

Line = tuple[str, str]  # kind, step ('' where it is no step's)

STEPS = tuple(step.name for step in MIGRATE.steps)
UNDONE = frozenset(step.name for step in MIGRATE.steps if not isinstance(step.undo, Nothing))
PREPARED = tuple(step.name for step in PREPARE.steps)
REDONE = STEPS[STEPS.index("deploy") : STEPS.index("import") + 1]  # what a half import costs

# Steps that learn something; those of ONCE look first whether they knew it, and then do not learn it again.
ONCE = ("claim", "deploy", "restart", "close-console", "close-intake", "carry", "switch", "open")
REMARK = ("verify",)  # those that have something to say in this lab: an edit of main.cf is missing
LOOKS = tuple(step.name for step in MIGRATE.steps if step.looks_back)  # a look is recorded right before these
SEEN = ("note-old", "ready", "verify", "decide", "verify-live")
LEARN = (*ONCE, *SEEN, "autostart", "export", "collect-tls", "install-tls", "host-keys")
TWICE = ("collect-tls", "host-keys")  # those that learn two things


def forward(steps: Sequence[str], known: Collection[str] = ()) -> Iterator[Line]:
    for step in steps:
        if step in LOOKS:
            yield "looked", step
        yield "begin", step
        if step in REMARK:
            yield "remark", step
        if step in LEARN and not (step in ONCE and step in known):
            yield from [("learnt", step)] * (2 if step in TWICE else 1)
        yield "done", step
    yield "end", ""


def back(steps: Sequence[str]) -> Iterator[Line]:
    yield "direction", ""
    for step in reversed(steps):
        yield "undo", step
        yield "undone", step


MIGRATION: tuple[Line, ...] = (("run", ""), *forward(STEPS))


HALF_IMPORTED = MIGRATION[: MIGRATION.index(("begin", "import")) + 1]


def redo() -> tuple[Line, ...]:
    """The way back from a half import to where the new VM is deployed again."""
    lines = resumed(HALF_IMPORTED)
    return lines[: lines.index(("begin", "deploy"))]


def is_committed(past: Sequence[Line]) -> bool:
    return ("learnt", "open") in past


def resumed(past: Sequence[Line]) -> tuple[Line, ...]:
    """What `resume` records after a run that went forward and left `past`."""
    done = {step for kind, step in past if kind == "done"}
    known = {step for kind, step in past if kind == "learnt"}
    if ("begin", "import") in past and "import" not in done:
        rest = STEPS[STEPS.index("deploy") :]
        return (*back(REDONE), ("direction", ""), *forward(rest, known - set(REDONE)))
    return tuple(forward([step for step in STEPS if step not in done], known))


def rolled_back(past: Sequence[Line]) -> tuple[Line, ...]:
    """What `rollback` records after a run that went forward and left `past`."""
    begun = [step for kind, step in past if kind == "begin"]
    if is_committed(past):
        return (*back([step for step in begun if step not in PREPARED]), ("paused", ""))
    return (*back(begun), ("end", ""))


def number(kind: str, step: str) -> int:
    """Which record of an undisturbed migration that is, from 1."""
    return MIGRATION.index((kind, step)) + 1
