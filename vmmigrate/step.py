"""What a step is: a name, an act that can be run again, and its undo."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypervisors import Problem

Act = Callable[[Any], None]


@dataclass(frozen=True)
class Nothing:
    """In place of an undo, where there is nothing to undo."""

    reason: str


@dataclass(frozen=True)
class Step:
    """One act on the world. Two laws: `do` looks, then acts; `undo` tolerates that nothing is there.

    A step that is not convergent names in `redo_from` the step that makes its ground anew.
    """

    name: str
    title: str
    do: Act
    undo: Act | Nothing
    redo_from: str | None = None


@dataclass(frozen=True)
class Phase:
    """Steps that belong together; the name is recorded with each."""

    name: str
    steps: tuple[Step, ...]


class UndoRefused(Problem):
    """Going back would lose something. Nothing further is undone and the run goes forward again."""
