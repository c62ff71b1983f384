"""A small world, five steps that act on it, and a process that can be killed at any record: for the engine."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hypervisors import Clock, Pace, Problem, VmRef
from vmmigrate.events import Event
from vmmigrate.facts import Claim, NewVm, Opened
from vmmigrate.findings import Check, Verdict
from vmmigrate.itinerary import Finish, Itinerary, Scope
from vmmigrate.learnt import Facts
from vmmigrate.run.engine import Engine
from vmmigrate.run.journal import Journal
from vmmigrate.run.record import Kind, Record
from vmmigrate.step import Nothing, Phase, Step, UndoRefused

VM = NewVm(VmRef("id-1", "new"), "52:54:00:00:00:01", "52:54:00:00:00:02")


HASTY = Pace(Clock(sleep=lambda seconds: None))  # real time, without a pause


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the program catches it."""


@dataclass
class World:
    """What outlives a process: marks that steps set, and every act in order."""

    marks: set[str] = field(default_factory=set)
    acts: list[str] = field(default_factory=list)
    die_in_import: bool = False
    refuses: dict[str, Exception] = field(default_factory=dict)  # act → what it raises


@dataclass
class Bench:
    """The stage of one process."""

    world: World
    facts: Facts = field(default_factory=Facts)
    pace: Pace = HASTY
    leave_behind: bool = False
    accepts_outage: bool = False
    permitted_outage: float | None = None
    budget: float | None = None
    learn: Callable[[object], None] = lambda value: None
    watched: list[bool] = field(default_factory=list)

    def watch(self, outside: object, *, alone: bool) -> None:
        self.watched.append(alone)

    def enter(self, step: str, learn: Callable[[object], None], *, leave_behind: bool) -> None:
        self.learn, self.leave_behind = learn, leave_behind

    def act(self, name: str) -> None:
        self.world.acts.append(name)
        if name in self.world.refuses:
            raise self.world.refuses[name]


def claim(bench: Bench) -> None:
    bench.act("claim")
    if bench.facts.find(Claim) is None:
        bench.learn(Claim("the owner's words", autostart=True))
    bench.world.marks.add("claimed")


def unclaim(bench: Bench) -> None:
    bench.act("undo claim")
    bench.world.marks.discard("claimed")


def deploy(bench: Bench) -> None:
    bench.act("deploy")
    if bench.facts.find(NewVm) is None or "vm" not in bench.world.marks:
        bench.world.marks.add("vm")
        bench.learn(VM)


def destroy(bench: Bench) -> None:
    bench.act("undo deploy")
    bench.pace.cancelled()
    bench.world.marks -= {"vm", "half imported", "imported"}


def import_once(bench: Bench) -> None:
    """Not convergent, as the real one: a second import into the same virtual machine ruins it."""
    bench.act("import")
    if bench.world.marks & {"half imported", "imported"}:
        bench.world.marks.add("ruined")
    bench.world.marks.add("half imported")
    if bench.world.die_in_import:
        bench.world.die_in_import = False
        raise Killed
    bench.world.marks.discard("half imported")
    bench.world.marks.add("imported")


def open_(bench: Bench) -> None:
    bench.act("open")
    if bench.facts.find(Opened) is None:
        bench.learn(Opened(1_700_000_000.0))
    bench.world.marks.add("open")


def close(bench: Bench) -> None:
    bench.act("undo open")
    bench.pace.cancelled()  # it waits for what is still under way
    if "mail" in bench.world.marks and not bench.leave_behind:
        raise UndoRefused("mail waits", hint="deliver it")
    bench.world.marks.discard("open")


def note(bench: Bench) -> None:
    bench.act("notes")
    bench.world.marks.add("noted")


def unnote(bench: Bench) -> None:
    bench.act("undo notes")
    bench.world.marks.discard("noted")


PREPARE = Phase(
    "prepare",
    (
        Step("claim", "Claim", claim, unclaim, learns=(Claim,)),
        Step("deploy", "Deploy", deploy, destroy, learns=(NewVm,)),
        Step("import", "Import", import_once, Nothing("goes with the VM"), redo_from="deploy"),
    ),
)
SWITCH = Phase("switch", (Step("open", "Open", open_, close, learns=(Opened,)),), live=True)
CLOSE = Phase("close", (Step("notes", "Note", note, unnote),), live=True)
ALL = Scope("all", "undoing everything")
SWITCH_BACK = Scope("switch", "keeping the new VM", keeps=("prepare",), pauses_as="switched back")
SMALL = Itinerary(
    name="small",
    outcome="migrated",
    doing="migrating",
    phases=(PREPARE, SWITCH, CLOSE),
    commit="open",
    relied_on=("claim", "deploy", "open"),
    scopes=(ALL, SWITCH_BACK),
    interrupted=SWITCH_BACK,
    outage_from=Claim,
    finish=Finish("ends it", lambda plan: "it will be ended"),
    rollback_does="to go back to the old VM",
    once="was open",
    read_plan=lambda text: text,
    machines=lambda state, outcome: {},
    checks=lambda facts: (),
    secrets=lambda doors, plan, state: (),
    secrets_back=lambda doors, steps: (),
)


def unplug(bench: Bench) -> None:
    bench.act("unplug")
    bench.world.marks.add("unplugged")


def plug(bench: Bench) -> None:
    bench.act("undo unplug")
    bench.world.marks.discard("unplugged")


def is_plugged(bench: Bench) -> Iterator[Check]:
    yield Check("plugged", "the old VM", "plugged in", "", Verdict.of("unplugged" not in bench.world.marks))


# Nobody is live between the two steps of its switch.
UNPLUG = Phase("switch", (Step("unplug", "Unplug", unplug, plug, undone=is_plugged), *SWITCH.steps), live=True)
LIVE = replace(SMALL, phases=(PREPARE, UNPLUG, CLOSE))
STEPS = SMALL.steps
NAMES = tuple(step.name for step in STEPS)
MIGRATED = {"claimed", "vm", "imported", "open", "noted"}

HEADER = {
    "run_id": "r1",
    "version": "0.1.0",
    "plan_sha256": "ab" * 32,
    "itinerary": "small",
    "steps": [
        {"name": step.name, "phase": phase.name, "title": step.title} for phase in SMALL.phases for step in phase.steps
    ],
}


def with_steps(*steps: Step) -> Itinerary:
    """The same with other steps; their phases are those that the journal recorded."""
    return replace(SMALL, phases=(Phase("prepare", steps),))


class MortalJournal(Journal):
    """Its process dies at a chosen moment: `lives` counts down, two a record (before it, after it)."""

    lives = -1

    def append(self, kind: Kind, data: Mapping[str, Any] | None = None) -> Record:
        self._age()
        record = super().append(kind, data)
        self._age()
        return record

    def _age(self) -> None:
        if self.lives == 0:
            raise Killed
        self.lives -= 1


@dataclass
class Process:
    """One process at work on a run."""

    engine: Engine
    bench: Bench
    events: list[Event]

    @property
    def kinds(self) -> list[str]:
        """The journal after its first record, as 'kind step'."""
        return [f"{r.kind} {r.data.get('step', '')}".strip() for r in self.engine.journal.records[1:]]


def start(path: Path, world: World, *, lives: int = -1, itinerary: Itinerary = SMALL) -> Process:
    """A process that begins the run, or goes on where an earlier one left it."""
    steps = [{"name": s.name, "phase": p.name, "title": s.title} for p in itinerary.phases for s in p.steps]
    header = {**HEADER, "steps": steps} if itinerary is not SMALL and UNPLUG in itinerary.phases else HEADER
    journal = MortalJournal.resume(path) if path.exists() else MortalJournal.create(path, header)
    assert isinstance(journal, MortalJournal)
    journal.lives = lives
    bench, events = Bench(world), list[Event]()
    return Process(Engine(journal, itinerary, bench, events.append), bench, events)


def trouble(words: str = "no luck") -> Problem:
    return Problem(words, hint="try another day")
