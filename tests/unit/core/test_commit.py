"""The commit and what follows it: tried again, gone back from, or said as it is; nobody is left without a gateway."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from recorded_runs import SWITCHED, TinyHypervisor, alone, parts, record
from recorded_runs import done as recorded

from hypervisors import Clock, Pace, Problem
from vmmigrate import operations
from vmmigrate.errors import Guarded, NeedsAttention, RolledBack
from vmmigrate.events import Event, RunEnded
from vmmigrate.facts import Opened
from vmmigrate.findings import Check, Verdict
from vmmigrate.itinerary import Itinerary
from vmmigrate.run.fold import RunState, fold
from vmmigrate.run.record import read
from vmmigrate.step import UndoRefused
from vmmigrate.steps.migration import MIGRATE

ORDER = [step.name for step in MIGRATE.steps]


@dataclass
class Gateway:
    """The new one, as its steps see it. `fails`: how often an act fails before it succeeds."""

    open: bool = False
    holds_mail: bool = False
    gone: bool = False
    fails: dict[str, int] = field(default_factory=dict)
    acts: list[str] = field(default_factory=list)

    def act(self, name: str) -> None:
        self.acts.append(name)
        if self.fails.get(name, 0):
            self.fails[name] -= 1
            raise Problem(f"{name}: no answer", hint="look there")

    def do(self, run: Any) -> None:
        if run.facts.find(Opened) is None:
            run.learn(Opened(1.0))
        self.act("open")
        self.open = True

    def undo(self, run: Any) -> None:
        self.open = False  # closed first, then looked at
        self.act("close")
        if self.holds_mail and not run.leave_behind:
            raise UndoRefused("not going back: mail waits", hint="deliver it")

    def opened(self, run: Any) -> Iterator[Check]:
        yield Check("opened", "open", "open", "", Verdict.of(self.open and not self.gone))

    def there(self, run: Any) -> Iterator[Check]:
        yield Check("new-vm", "the new VM", "there", "gone", Verdict.of(not self.gone))

    def plug_back(self, run: Any) -> None:
        self.act("old plugged in")


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def go_on(tmp_path: Path, gateway: Gateway) -> Callable[[str], tuple[RunState, list[Event]]]:
    """Resume the run r1, in which all before the named step is done; how it ended, and what was heard."""

    def resume(step: str, verb: Callable[..., str] = operations.resume) -> tuple[RunState, list[Event]]:
        rundir = record(tmp_path, "r1", recorded({name: SWITCHED.get(name) for name in ORDER[: ORDER.index(step)]}))
        heard: list[Event] = []
        slept: list[float] = []
        pace = Pace(Clock(lambda: sum(slept), slept.append))
        given = parts(tmp_path, TinyHypervisor(), listen=heard.append, pace=pace, itineraries=(of(gateway),))
        try:
            verb("r1", given)
        finally:
            resume.ended = fold(read(rundir.journal)), heard  # type: ignore[attr-defined]
        return resume.ended  # type: ignore[attr-defined, no-any-return]

    return resume


def of(gateway: Gateway) -> Itinerary:
    """A migration in which that gateway alone can fail."""
    changes: dict[str, dict[str, Any]] = {
        "deploy": {"holds": gateway.there, "otherwise": MIGRATE.steps[ORDER.index("deploy")].otherwise},
        "switch": {"undo": gateway.plug_back},
        "open": {"do": gateway.do, "undo": gateway.undo, "holds": gateway.opened},
        "notes": {"do": lambda run: gateway.act("notes"), "undo": lambda run: None},
    }
    quiet = {"undo": lambda run: None}
    still = alone()
    phases = (
        replace(p, steps=tuple(replace(s, **{**quiet, **changes.get(s.name, {})}) for s in p.steps))
        for p in still.phases
    )
    return replace(still, phases=tuple(phases))


def ends(events: list[Event]) -> list[RunEnded]:
    return [event for event in events if isinstance(event, RunEnded)]


def outcomes(events: list[Event]) -> list[str]:
    return [event.outcome for event in ends(events)]


def test_an_opening_that_fails_is_tried_again(go_on: Any, gateway: Gateway) -> None:
    gateway.fails["open"] = 2
    state, heard = go_on("open")
    assert (state.ended, outcomes(heard), gateway.open) == ("migrated", ["migrated"], True)
    assert gateway.acts == ["open", "open", "open", "notes"]


def test_one_that_fails_for_good_is_gone_back_from_and_the_new_vm_is_kept(go_on: Any, gateway: Gateway) -> None:
    gateway.fails["open"] = 99
    with pytest.raises(RolledBack, match="open: no answer"):
        go_on("open")
    state, heard = go_on.ended
    assert (state.paused, outcomes(heard)) == ("switched back", ["switched-back"])
    assert gateway.acts == [*["open"] * 5, "close", "old plugged in"]


def test_where_going_back_is_refused_it_goes_forward_once_more(go_on: Any, gateway: Gateway) -> None:
    gateway.fails["open"], gateway.holds_mail = 5, True
    state, heard = go_on("open")
    assert (state.ended, outcomes(heard), gateway.open) == ("migrated", ["migrated"], True)


def test_where_neither_way_leads_on_both_reasons_are_said(go_on: Any, gateway: Gateway) -> None:
    gateway.fails["open"], gateway.holds_mail = 99, True
    with pytest.raises(NeedsAttention, match=r"(?s)open: no answer.*mail waits.*could not be done again") as stopped:
        go_on("open")
    assert str(ends(go_on.ended[1])[-1].mail).startswith("MAIL: ")
    assert re.search(r"(?s)deliver it.*vmmigrate rollback r1 --links-only", stopped.value.hint)
    assert outcomes(go_on.ended[1]) == ["needs-attention"]


def test_what_fails_behind_an_open_gateway_takes_nothing_back(go_on: Any, gateway: Gateway) -> None:
    gateway.open, gateway.fails["notes"] = True, 99
    with pytest.raises(Problem, match="notes: no answer"):
        go_on("notes")
    state, _ = go_on.ended
    assert (state.back, state.paused, gateway.open) == (None, None, True)


def test_a_new_vm_that_is_gone_after_the_commit_is_gone_back_from(go_on: Any, gateway: Gateway) -> None:
    """Nobody is live: it is not reported as live, and the old gateway serves again."""
    gateway.gone = True
    with pytest.raises(RolledBack, match="the new VM: expected there; seen: gone"):
        go_on("notes")
    assert go_on.ended[0].paused == "switched back"
    assert gateway.acts[-1] == "old plugged in"


def test_a_refused_rollback_that_lost_the_shell_opens_again(go_on: Any, gateway: Gateway, tmp_path: Path) -> None:
    gateway.open, gateway.holds_mail = True, True
    gateway.fails["open"] = 3

    def rollback(run_id: str, given: Any) -> str:
        return operations.rollback(run_id, given, yes=True)

    with pytest.raises(UndoRefused, match="mail waits"):
        go_on("notes", rollback)
    assert (gateway.open, go_on.ended[0].ended) == (True, "migrated")


def test_and_says_so_where_it_cannot(go_on: Any, gateway: Gateway) -> None:
    gateway.open, gateway.holds_mail = True, True
    gateway.fails["open"] = 99

    def rollback(run_id: str, given: Any) -> str:
        return operations.rollback(run_id, given, yes=True)

    with pytest.raises(
        NeedsAttention, match=r"(?s)^not going back: mail waits\s+and what was .* not be done again"
    ) as stopped:
        go_on("notes", rollback)
    assert gateway.open is False
    assert str(ends(go_on.ended[1])[-1].mail).startswith("MAIL: ")
    assert outcomes(go_on.ended[1]) == ["needs-attention"]
    assert re.search(r"(?s)deliver it.*vmmigrate rollback r1 --links-only", stopped.value.hint)


def test_a_prepared_thing_that_is_gone_in_the_switch_is_gone_back_from_and_the_rest_is_kept(
    go_on: Any, gateway: Gateway
) -> None:
    gateway.gone = True
    with pytest.raises(RolledBack, match="the new VM: expected there; seen: gone"):
        go_on("autostart")
    state, heard = go_on.ended
    assert (state.paused, outcomes(heard)) == ("switched back", ["switched-back"])
    assert gateway.acts == ["old plugged in"]
    assert state.back is None or state.back.scope == "switch"


def test_what_a_guard_refuses_before_the_commit_keeps_what_was_prepared(go_on: Any, gateway: Gateway) -> None:
    """Somebody else is live, or it is not known whether: neither is a fault of the new VM."""

    def guarded(run: Any) -> None:
        raise Guarded("other machines with the gateway's MAC: not known: one is inaccessible", hint="see that one")

    gateway.do = guarded  # type: ignore[method-assign]
    with pytest.raises(RolledBack, match="one is inaccessible"):
        go_on("open")
    state, heard = go_on.ended
    assert (state.paused, outcomes(heard)) == ("switched back", ["switched-back"])
    assert str(state.steps["deploy"]) == "done"
