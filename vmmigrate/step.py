"""What a step is: a name, an act that can be run again, its undo, what it learns and needs, and whether it holds."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from hypervisors import Problem

if TYPE_CHECKING:
    from vmmigrate.findings import Check

Act = Callable[[Any], None]
Look = Callable[[Any], "Iterable[Check]"]  # of a run: does what the step left still hold?


@dataclass(frozen=True)
class Nothing:
    """In place of an undo or a look, if there is nothing to undo or to look at."""

    reason: str


class Otherwise(Enum):
    """What follows where a look sees that what a step left does not hold any more."""

    AGAIN = auto()  # it is done again: it is convergent
    FROM_HERE = auto()  # it and all steps begun after it are undone, then done again; after the commit as REFUSE
    REFUSE = auto()  # nothing is touched, and the run stops


@dataclass(frozen=True)
class Change:
    """`vm`: 'old' or 'new'. `what`: in it, or of it, for whoever audits a run."""

    vm: str
    what: str


@dataclass(frozen=True)
class Step:
    """One action on the world. Two laws: `do` checks, then acts; `undo` tolerates that there is nothing to undo.

    `learns`: the groups of facts that it may record; `needs`: those that an earlier step has recorded by then.
    A step that is not convergent names in `redo_from` the step that makes its ground again. `holds`: a look at what
    it left, by which a record is never taken for the world. `looks_back`: the steps that are looked at right before
    this one; a resumed run looks at all that are done. `remedy`: what to do where a check of it does not pass and says
    nothing itself. `changes`: what it does to either machine, for an audit. `undone`, of a step in a live phase: a look
    at what its undo left, by which a way back does not take the record of it for the world.
    """

    name: str
    title: str
    do: Act
    undo: Act | Nothing
    learns: tuple[type, ...] = ()
    needs: tuple[type, ...] = ()
    redo_from: str | None = None
    holds: Look | Nothing = Nothing("")
    otherwise: Otherwise = Otherwise.AGAIN
    looks_back: tuple[str, ...] = ()
    remedy: str = ""
    changes: tuple[Change, ...] = ()
    undone: Look | Nothing = Nothing("")


@dataclass(frozen=True)
class Phase:
    """Steps that belong together; the name is recorded with each.

    `live`: it touches what serves the world. An interrupt within it goes back first, and nothing interrupts a way
    back through it.
    """

    name: str
    steps: tuple[Step, ...]
    live: bool = False


class UndoRefused(Problem):
    """Going back would lose something. Nothing further is undone and the run goes forward again.

    `untouched`: this undo has changed nothing, so its step need not be done again.
    """

    def __init__(self, message: str, *, hint: str, untouched: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.untouched = untouched
