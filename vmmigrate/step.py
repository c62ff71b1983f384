"""What a step is: a name, an act that can be run again, its undo, and what it learns and needs to know."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypervisors import Problem

Act = Callable[[Any], None]


@dataclass(frozen=True)
class Nothing:
    """In place of an undo, if there is nothing to undo."""

    reason: str


@dataclass(frozen=True)
class Step:
    """One action on the world. Two laws: `do` checks, then acts; `undo` tolerates that there is nothing to undo.

    `learns`: the groups of facts that it may record; `needs`: those that an earlier step has recorded by then.
    A step that is not convergent names in `redo_from` the step that makes its ground again.
    """

    name: str
    title: str
    do: Act
    undo: Act | Nothing
    learns: tuple[type, ...] = ()
    needs: tuple[type, ...] = ()
    redo_from: str | None = None


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
    """Going back would lose something. Nothing further is undone and the run goes forward again."""
