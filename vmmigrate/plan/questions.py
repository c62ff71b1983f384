"""Ask a table of questions over one look-around: what is wrong is a finding and does not hide the next question."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar, cast

from vmmigrate.findings import Findings

T = TypeVar("T")


@dataclass(kw_only=True)
class Answers:
    """What was found and answered so far. A look-around derives from it and adds what it looks at."""

    findings: Findings = field(default_factory=Findings)
    _answers: dict[Callable[[Any], object], object] = field(default_factory=dict)

    def of(self, ask: Callable[[Any], T]) -> T:
        """The answer to a question that was asked earlier; a KeyError here is a `needs` that is missing."""
        return cast(T, self._answers[ask])

    def has(self, ask: Callable[[Any], object]) -> bool:
        return ask in self._answers

    def put(self, ask: Callable[[Any], object]) -> None:
        self._answers[ask] = ask(self)


L = TypeVar("L", bound=Answers)


@dataclass(frozen=True)
class Question(Generic[L]):
    """`ask` gives an answer or raises a Problem, which becomes an error of this `id`; it may add findings of its own.

    `needs`: the questions whose answers it reads. If one of them has no answer, it is not asked.
    """

    id: str
    what: str
    ask: Callable[[L], object]
    needs: tuple[Callable[[L], object], ...] = ()


def ask_all(table: Iterable[Question[L]], look: L) -> None:
    """In the order of the table; each is asked once."""
    for question in table:
        if all(look.has(need) for need in question.needs):
            look.findings.ask(question.id, partial(look.put, question.ask))
