"""Every kind of run is whole: a step needs what an earlier one learns, reads no more, and the commit has a mark."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from types import FunctionType, ModuleType
from typing import Any

import pytest
from small_steps import SMALL

from vmmigrate.facts import Opened, Reboot
from vmmigrate.itineraries import ITINERARIES
from vmmigrate.itinerary import Itinerary
from vmmigrate.run.fold import RunState
from vmmigrate.run.stage import Run
from vmmigrate.run.standing import Standing
from vmmigrate.step import Nothing, Phase, Step

STEPS = [(itinerary, step) for itinerary in ITINERARIES for step in itinerary.steps]
each_itinerary = pytest.mark.parametrize("itinerary", ITINERARIES, ids=lambda itinerary: itinerary.name)
each_step = pytest.mark.parametrize(("itinerary", "step"), STEPS, ids=lambda value: value.name)


def test_names_are_unique() -> None:
    names = [itinerary.name for itinerary in ITINERARIES]
    assert len(set(names)) == len(names)
    for itinerary in ITINERARIES:
        for things in (itinerary.steps, itinerary.phases, itinerary.scopes):
            assert len({thing.name for thing in things}) == len(things)


@each_step
def test_what_a_step_needs_an_earlier_one_learns(itinerary: Itinerary, step: Step) -> None:
    earlier = itinerary.steps[: itinerary.steps.index(step)]
    assert set(step.needs) <= {group for each in earlier for group in each.learns}


@each_itinerary
def test_a_group_is_learnt_by_one_step(itinerary: Itinerary) -> None:
    learnt = [group for step in itinerary.steps for group in step.learns]
    assert len(set(learnt)) == len(learnt)


@each_itinerary
def test_the_commit_is_a_step_of_a_live_phase_that_leaves_a_mark(itinerary: Itinerary) -> None:
    (phase,) = [phase for phase in itinerary.phases if itinerary.commit in [step.name for step in phase.steps]]
    assert phase.live
    assert itinerary.commit_marks
    assert itinerary.outage_from in {group for step in itinerary.steps for group in step.learns}


def test_any_group_of_the_commit_is_its_mark() -> None:
    """Also one that it would learn early: what may have been seen by the world is never deleted."""
    steps = [replace(step, learns=(Opened, Reboot)) if step.name == "open" else step for step in SMALL.steps]
    itinerary = replace(SMALL, phases=(Phase("all", tuple(steps)),))
    state = RunState("r1", "1", "", phases={}, steps={})
    assert not Standing(itinerary, state).committed
    for group in ("Opened", "Reboot"):
        assert Standing(itinerary, replace(state, ever_learnt=frozenset({group}))).committed


@each_itinerary
def test_the_first_scope_undoes_everything_and_one_is_open_after_the_commit(itinerary: Itinerary) -> None:
    assert (itinerary.everything.keeps, itinerary.everything.pauses_as) == ((), "")
    assert not all(scope.refused for scope in itinerary.scopes)
    assert itinerary.interrupted in itinerary.scopes
    assert all(scope.finish for scope in itinerary.scopes if scope.pauses_as and not scope.only)
    assert not [scope for scope in itinerary.scopes if scope.only and scope.finish]  # a part of a way back ends nothing
    assert all(set(scope.only) <= {step.name for step in itinerary.steps} for scope in itinerary.scopes)


@each_itinerary
def test_what_is_relied_on_after_the_commit_are_steps_with_looks_and_the_commit(itinerary: Itinerary) -> None:
    steps = {step.name: step for step in itinerary.steps}
    assert itinerary.commit in itinerary.relied_on
    assert not [name for name in itinerary.relied_on if isinstance(steps[name].holds, Nothing)]


@each_step
def test_a_look_that_does_not_pass_has_a_remedy(itinerary: Itinerary, step: Step) -> None:
    own = {"claim", "deploy", "verify-live"}  # their checks have hints
    assert bool(step.remedy) == (not isinstance(step.holds, Nothing) and step.name not in own)


@each_itinerary
def test_what_is_done_again_begins_at_an_earlier_step(itinerary: Itinerary) -> None:
    names = [step.name for step in itinerary.steps]
    for step in itinerary.steps:
        assert step.redo_from is None or names.index(step.redo_from) < names.index(step.name)


@each_step
def test_what_a_step_left_can_be_looked_at_or_it_is_said_why_not(itinerary: Itinerary, step: Step) -> None:
    assert not isinstance(step.holds, Nothing) or step.holds.reason


@each_step
def test_a_step_looks_back_at_earlier_ones(itinerary: Itinerary, step: Step) -> None:
    names = [each.name for each in itinerary.steps]
    assert set(step.looks_back) <= set(names[: names.index(step.name)])


@each_itinerary
def test_a_live_phase_begins_with_a_look_at_all_that_was_prepared(itinerary: Itinerary) -> None:
    """What is done beyond the stop was done moments before, or looked at when the run was resumed."""
    first = next(number for number, step in enumerate(itinerary.steps) if step.looks_back)
    phases = [phase for phase in itinerary.phases if not itinerary.stop or phase.name in itinerary.prepares]
    prepared = {step.name for phase in phases for step in phase.steps}
    assert set(itinerary.steps[first].looks_back) == {step.name for step in itinerary.steps[:first]} & prepared
    assert itinerary.steps[first] in next(phase for phase in itinerary.phases if phase.live).steps


# ---- what a step reads, by its source ------------------------------------------------------------------------


@each_step
def test_a_step_reads_no_facts_but_those_it_needs_or_learns(itinerary: Itinerary, step: Step) -> None:
    assert isinstance(step.do, FunctionType)
    assert _read(step.do, set()) <= {group.__name__ for group in (*step.needs, *step.learns)}


@each_step
def test_a_look_reads_no_facts_but_those_that_are_known_by_then(itinerary: Itinerary, step: Step) -> None:
    if isinstance(step.holds, FunctionType):
        known = {group for each in itinerary.steps[: itinerary.steps.index(step) + 1] for group in each.learns}
        assert _read(step.holds, set()) <= {group.__name__ for group in known}


def test_the_source_is_followed() -> None:
    """Into helpers, other steps' files, and what the run does with facts on its own."""
    reads = {step.name: _read(step.do, set()) for _, step in STEPS if isinstance(step.do, FunctionType)}
    assert reads["isolate"] == {"NewGuest", "OldState"}
    assert reads["switch"] == {"NewVm", "NewGuest", "OldState"}
    assert "NewVm" in reads["restart"]


def _read(function: Any, seen: set[Any]) -> set[str]:
    """The groups that it may ask for with `facts.of`, in itself and in what it refers to."""
    if function in seen:
        return set()
    seen.add(function)
    found = {ast.unparse(group) for group in _asked_for(_tree(function))}
    for other in _referred_to(function):
        found |= _read(other, seen)
    return found


@cache
def _tree(function: Any) -> ast.AST:
    return ast.parse(textwrap.dedent(inspect.getsource(function)))


def _asked_for(tree: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("facts.of"):
            yield node.args[0]


def _referred_to(function: Any) -> Iterator[Any]:
    """Functions of the steps' own files, and methods of the run."""
    names = function.__globals__
    for node in ast.walk(_tree(function)):
        thing: Any = None
        if isinstance(node, ast.Name):
            thing = names.get(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner = names.get(node.value.id)
            if isinstance(owner, ModuleType):
                thing = getattr(owner, node.attr, None)
            elif node.value.id in ("run", "self"):
                thing = inspect.getattr_static(Run, node.attr, None)
        thing = thing.fget if isinstance(thing, property) else thing
        if isinstance(thing, FunctionType) and thing.__module__.startswith(("vmmigrate.steps", "vmmigrate.run.stage")):
            yield thing
