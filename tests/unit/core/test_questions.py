"""The plan's questions: what is missing leaves out what needs it and nothing else; each question names all it reads."""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from hypervisors import Problem
from vmmigrate.findings import Finding, Severity
from vmmigrate.plan.preflight import DECISIONS, FIRST, LAST, LOOKS
from vmmigrate.plan.questions import Answers, Question, ask_all


@dataclass
class Small(Answers):
    number: int


def half(look: Small) -> float | None:
    if look.number % 2:
        raise Problem(f"{look.number} is odd", hint="take an even one")
    return look.number / 2


def quarter(look: Small) -> float:
    half_of_it = look.of(half)
    assert half_of_it is not None
    look.findings.note("quarter", f"a half is {half_of_it}")
    return half_of_it / 2


def square(look: Small) -> int:
    return look.number**2


TABLE = (
    Question("half", "What is a half of it?", half),
    Question("quarter", "What is a quarter of it?", quarter, (half,)),
    Question("square", "What is its square?", square),
)


def test_each_answer_can_be_read_by_later_questions() -> None:
    look = Small(8)
    ask_all(TABLE, look)
    assert (look.of(half), look.of(quarter), look.of(square)) == (4, 2, 64)
    assert look.findings.all == [Finding("quarter", Severity.INFO, "a half is 4.0")]


def test_a_question_without_an_answer_leaves_out_only_what_needs_it() -> None:
    look = Small(7)
    ask_all(TABLE, look)
    assert look.findings.all == [Finding("half", Severity.ERROR, "7 is odd", "take an even one")]
    assert not look.has(quarter)
    assert look.of(square) == 49
    with pytest.raises(KeyError):
        look.of(half)


def test_an_answer_of_none_is_an_answer() -> None:
    look = Small(8)
    ask_all([Question("none", "Nothing?", lambda look: None)], look)
    assert look.findings.all == []
    nothing: Callable[[Small], None] = lambda look: None  # noqa: E731 -- a question of its own
    ask_all([Question("none", "Nothing?", nothing), Question("square", "", square, (nothing,))], look)
    assert look.of(square) == 64


# ---- the table of a migration --------------------------------------------------------------------------------

TABLES: tuple[tuple[Question[Any], ...], ...] = (FIRST, LOOKS, DECISIONS, LAST)


def read_by(ask: Callable[..., object]) -> Iterator[Callable[..., object]]:
    """The questions whose answers a function reads, also through a function of its own file that it gives `look`."""
    known = inspect.getmodule(ask).__dict__
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(ask)))):
        if isinstance(node, ast.Call) and node.args:
            named = eval(ast.unparse(node.args[0]), known) if ast.unparse(node.func) == "look.of" else None  # noqa: S307
            if named is not None:
                yield named
            elif ast.unparse(node.args[0]) == "look" and isinstance(node.func, ast.Name):
                yield from read_by(known[node.func.id])


@pytest.mark.parametrize("number", range(len(TABLES)))
def test_each_question_names_what_it_reads(number: int) -> None:
    """Of earlier tables everything is answered; of its own, what its needs need is answered too."""
    answered = {question.ask for table in TABLES[:number] for question in table}
    needs: dict[Callable[..., object], set[Callable[..., object]]] = {}
    for question in TABLES[number]:
        needs[question.ask] = {*question.needs, *(more for need in question.needs for more in needs.get(need, ()))}
        assert set(question.needs) <= {*answered, *needs}, f"{question.id} needs what is asked later"
        assert set(read_by(question.ask)) <= {*answered, *needs[question.ask]}, question.id


def test_what_is_read_is_found_out() -> None:
    assert {each.__name__ for each in read_by(LAST[0].ask)} == {"plan"}
    [console] = [each for each in LOOKS if each.id == "console"]
    assert {each.__name__ for each in read_by(console.ask)} == {"address"}


def test_the_ids_are_unique() -> None:
    ids = [question.id for table in TABLES for question in table]
    assert sorted(set(ids)) == sorted(ids)
