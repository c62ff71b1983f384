"""A world of marks with the steps of a whole migration, in their phases and with their undos: for the engine."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from small_steps import VM, Bench, World

from vmmigrate.facts import Claim, ConsoleClosed, Intake, NewVm, Opened, Plugged, StartsAtBoot
from vmmigrate.findings import Check, Verdict
from vmmigrate.itinerary import Itinerary
from vmmigrate.step import Nothing, Step, UndoRefused
from vmmigrate.steps import GOES_WITH_VM, READ_ONLY, host_keys, trial
from vmmigrate.steps.migration import MIGRATE

OLD_LIVE, NEW_LIVE = "old plugged in", "new plugged in"
REAL = {step.name: step for step in MIGRATE.steps}
PHASES = {step.name: phase.name for phase in MIGRATE.phases for step in phase.steps}

# Without a mark in the world: those that read, and what a way back leaves as it is.
READING = {name for name, step in REAL.items() if step.undo in (READ_ONLY, host_keys.STEP.undo, trial.STEP.undo)}
IN_THE_VM = {name for name, step in REAL.items() if step.undo == GOES_WITH_VM}

BEFORE = frozenset({OLD_LIVE})
PREPARED = frozenset(name for name, phase in PHASES.items() if phase == "prepare") - READING
MIGRATED = frozenset(REAL) - READING - {"switch"} | {NEW_LIVE}
SWITCHED_BACK = PREPARED | BEFORE

# What the steps know, where they look at it before they act again.
LEARNT: dict[str, object] = {
    "claim": Claim("the owner's words", autostart=True),
    "deploy": VM,
    "close-console": ConsoleClosed(1_700_000_000.0, ""),
    "close-intake": Intake(1_700_000_000.0),
    "switch": Plugged("52:54:00:00:00:01", True, True, ""),
    "autostart": StartsAtBoot(new=True),
    "open": Opened(1_700_000_000.0),
}


def new_world(*marks: str) -> World:
    return World({*BEFORE, *marks})


def itinerary() -> Itinerary:
    phases = (replace(phase, steps=tuple(_modelled(step) for step in phase.steps)) for phase in MIGRATE.phases)
    return replace(MIGRATE, phases=tuple(phases))


def _modelled(real: Step) -> Step:
    undo = real.undo if isinstance(real.undo, Nothing) else _UNDO.get(real.name, _unmarking(real.name))
    holds = real.holds if isinstance(real.holds, Nothing) else _marked(real.name)
    undone = real.undone if isinstance(real.undone, Nothing) else _unmarked(real.name)
    return replace(real, do=_DO.get(real.name, _marking(real.name)), undo=undo, holds=holds, undone=undone)


def _unmarked(name: str) -> Callable[[Bench], Iterator[Check]]:
    def undone(bench: Bench) -> Iterator[Check]:
        marks = bench.world.marks
        so = OLD_LIVE in marks and NEW_LIVE not in marks if name == "switch" else name not in marks
        yield Check("mark", name, "not so", "", Verdict.of(so))

    return undone


def _marked(name: str) -> Callable[[Bench], Iterator[Check]]:
    """What the world has, not what was done."""

    def holds(bench: Bench) -> Iterator[Check]:
        marks = bench.world.marks
        plugged = NEW_LIVE in marks and OLD_LIVE not in marks
        so = name in READING or (plugged if name == "switch" else name in marks)
        yield Check("mark", name, "so", "", Verdict.of(so))

    return holds


def _marking(name: str) -> Callable[[Bench], None]:
    def do(bench: Bench) -> None:
        if name in LEARNT and bench.facts.find(type(LEARNT[name])) is None:
            bench.learn(LEARNT[name])
        if name not in READING:
            bench.world.marks.add(name)

    return do


def _unmarking(name: str) -> Callable[[Bench], None]:
    return lambda bench: bench.world.marks.discard(name)


def _deploy(bench: Bench) -> None:
    """Made first, known afterwards: a crash in between leaves a VM that the journal does not know."""
    if bench.facts.find(NewVm) is None or "deploy" not in bench.world.marks:
        bench.world.marks.add("deploy")
        bench.learn(VM)


def _destroy(bench: Bench) -> None:
    assert NEW_LIVE not in bench.world.marks, "a VM that is live is deleted"
    bench.world.marks -= {"deploy", *IN_THE_VM}


def _import(bench: Bench) -> None:
    """A second import into one VM ruins it."""
    assert "import" not in bench.world.marks, "imported twice into one VM"
    bench.world.marks.add("import")


def _plug_in(bench: Bench) -> None:
    if bench.facts.find(Plugged) is None:
        bench.learn(LEARNT["switch"])
    bench.world.marks.discard(OLD_LIVE)
    bench.world.marks.add(NEW_LIVE)


def _plug_back(bench: Bench) -> None:
    assert "open" not in bench.world.marks, "what is open to the world is unplugged"
    bench.world.marks.discard(NEW_LIVE)
    bench.world.marks.add(OLD_LIVE)


def _close(bench: Bench) -> None:
    if "mail" in bench.world.marks and "open" in bench.world.marks:
        raise UndoRefused("mail waits", hint="deliver it")
    bench.world.marks -= {"open", "tidy"}


_DO = {"deploy": _deploy, "import": _import, "switch": _plug_in}
_UNDO = {"deploy": _destroy, "switch": _plug_back, "open": _close}
