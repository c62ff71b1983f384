"""A kind of run as a value: its phases, its commit, how far it can go back, and the words for its ends."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from vmmigrate.findings import Check, Finding
from vmmigrate.step import Act, Look, Phase, Step

if TYPE_CHECKING:
    from vmmigrate.events import Outage, Service
    from vmmigrate.learnt import Facts
    from vmmigrate.run.fold import RunState
    from vmmigrate.run.outside import Outside


class Plan(Protocol):
    """What every kind of plan can say of itself. The rest of it is between the plan and the steps."""

    @property
    def names(self) -> Mapping[str, str]:
        """What the run is about, in the order of the words "mailgw → mailgw-2"."""

    @property
    def concerns(self) -> tuple[str, ...]:
        """Names and ids of what it is about, by which a person asks for its runs."""

    @property
    def insecure(self) -> tuple[str, ...]:
        """Every flag that gives up a check, for the report to repeat."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What planning saw."""


def unguarded(run: Any) -> Iterable[Check]:
    """Of a kind of run for which nobody else can move anything."""
    return ()


@dataclass(frozen=True)
class Finish:
    """The end that cannot be undone. `question` is asked before it; without `acts`, everything is undone.

    `doing`: what that undoing is in words. `guard`: may it be? in place of the itinerary's.
    """

    does: str
    question: Callable[[Any], str]
    acts: tuple[Act, ...] = ()
    doing: str = ""
    guard: Look | None = None


@dataclass(frozen=True)
class Scope:
    """How far a way back goes. `keeps` names the phases that are not undone.

    With `pauses_as` the run stands still after it, in those words, until `finish` or, before its commit, `resume`.
    Without, the run is over: rolled back. `refused`: why it is refused after the commit, "" where it is not.
    `only` names the steps that are undone, in place of all but `keeps`; the commit is left out once it was made.
    `leaves`: what it leaves to a person, a sentence each, by the facts and whether it was ever committed.
    `needless`: why it is refused where there is nothing to undo.
    `takes`: what a person loses or gets back by it, a sentence each; the way back is confirmed by a yes to them.
    `guard`: may it go back that far? asked before a person's way back is begun.
    """

    name: str
    words: str
    keeps: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    pauses_as: str = ""
    finish: Finish | None = None
    refused: str = ""
    takes: Callable[[Any, "RunState"], Iterable[str]] = lambda plan, state: ()
    leaves: Callable[["Facts", bool], tuple[str, ...]] = lambda facts, committed: ()
    needless: str = ""
    guard: Look = unguarded


@dataclass(frozen=True)
class Stop:
    """A place after a phase at which a run may stand still: nothing that serves the world has been touched.

    `stands_as`: what it is called there, in the journal too. `verb`: the command that goes on from there, and what it
    `does`. `question` is asked before that: the plan, the run's state. `valid`: of a run, the seconds that it may stand
    so. `words`: what a person hears beside the name.
    """

    after: str
    stands_as: str
    verb: str
    does: str
    question: Callable[[Any, "RunState"], str]
    valid: Callable[[Any], float]
    words: str = ""
    says: Callable[[Any], Iterable[str]] = lambda run: ()  # measured there, for who decides when to go on
    rehearsed: str = ""  # how a rehearsal of the way there ends, which undoes everything


REDO = Scope("redo", "going back a few steps, to do them again")  # of every kind: the engine's own, then forward again


@dataclass(frozen=True)
class Itinerary:
    """One kind of run. `name` and the names of its steps stand in the journal; renaming one orphans recorded runs.

    `commit` names the step after which the new side may have served the world. The first group that it records, of
    those that it learns, is the mark of that in the journal: it learns right before it acts. The first of `scopes`
    undoes everything. `interrupted` is the scope that an interrupt within a live phase undoes. The outage is from
    learning `outage_from` to the commit. `relied_on`: the steps that are looked at after the commit too; what the
    others left is the administrator's by then. `unplugs`: the steps whose undo alone takes the new side off the world.
    """

    name: str
    outcome: str  # the word for its good end
    doing: str  # what it is doing until then: "migrating"
    phases: tuple[Phase, ...]
    commit: str
    relied_on: Collection[str]
    scopes: tuple[Scope, ...]
    interrupted: Scope
    outage_from: type
    finish: Finish
    rollback_does: str
    once: str  # why a committed run that went back does not go forward again
    read_plan: Callable[[str], Any]  # → a Plan, of the type that its steps know
    machines: Callable[["RunState", str], Mapping[str, str]]  # by label, what stands where; the second is the outcome
    checks: Callable[["Facts"], tuple[Check, ...]]  # what was compared, in the order of the run
    # What is asked for before the run goes on: doors, plan, state (None: new); or goes back: doors, steps to be undone.
    secrets: Callable[[Any, Any, "RunState | None"], Iterable[str]]
    secrets_back: Callable[[Any, Collection[str]], Iterable[str]]
    unplugs: Collection[str] = ()
    # What became of what was under way at the switch, in one line; "" where nothing was. Of what was known last.
    account: Callable[["Facts"], str] = lambda facts: ""
    # What did not pass, and the operator accepted; what follows every such run, for a person: plan, facts.
    accepted: Callable[["Facts"], tuple[Check, ...]] = lambda facts: ()
    follows: Callable[[Any, "Facts"], Iterable[str]] = lambda plan, facts: ()
    # Whether the world is served now: the run, its standing, its outages. None: it is a kind that serves nobody.
    service: Callable[[Any, Any, Sequence["Outage"]], "Service"] | None = None
    # A command of this program that may do in place of those that follow: state.
    shortcut: Callable[["RunState"], Iterable[str]] = lambda state: ()
    # What a person types to make the old side live: plan, the hypervisor's URL, state.
    by_hand: Callable[[Any, str, "RunState"], Iterable[str]] = lambda plan, url, state: ()
    # The same where the plan is lost: the hypervisor's URL, "" where it is too, state.
    by_hand_unplanned: Callable[[str, "RunState"], Iterable[str]] = lambda url, state: ()
    vms: Callable[[Any, "RunState"], Mapping[str, str]] = lambda plan, state: {}  # ids of what it is about, for events
    # Whether the side that is plugged in lets only this workstation in: what it answers here says nothing of the world.
    alone: Callable[["RunState"], bool] = lambda state: False
    # Who watches the services from here in its live phases, of a run; None: nobody.
    outside: Callable[[Any], "Outside | None"] = lambda run: None
    guard: Look = unguarded  # may this run act at all? asked before a recorded run is touched
    stop: Stop | None = None  # where a run that was begun so stands still
    budgeted: bool = False  # the setting `switch.budget` is for it; else only what a command is given for that run

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        return tuple(step for phase in self.phases for step in phase.steps)

    @cached_property
    def groups(self) -> tuple[type, ...]:
        """All that a run of this kind can learn."""
        return tuple(group for step in self.steps for group in step.learns)

    @property
    def everything(self) -> Scope:
        return self.scopes[0]

    @property
    def prepares(self) -> tuple[str, ...]:
        """The names of the phases up to its stop."""
        names = [phase.name for phase in self.phases]
        return tuple(names[: names.index(self.stop.after) + 1]) if self.stop else ()

    @cached_property
    def live(self) -> frozenset[str]:
        """The names of the live phases."""
        return frozenset(phase.name for phase in self.phases if phase.live)

    @cached_property
    def commit_marks(self) -> frozenset[str]:
        """The groups that the commit can record: any of them, once learnt, says that the run is committed."""
        step = next(step for step in self.steps if step.name == self.commit)
        return frozenset(group.__name__ for group in step.learns)
