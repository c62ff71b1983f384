"""A connection that breaks: made again, the call repeated for so long and no longer; what is final stays final."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from fixtures.memory import MemoryHypervisor, add_vm, create_lab
from hypervisors import (
    Cancelled,
    Clock,
    GuestAgent,
    GuestCommands,
    Hypervisor,
    LoginRefused,
    Network,
    NicSpec,
    NotFound,
    Pace,
    Probed,
    Rename,
    Snapshots,
    Unreachable,
    VappProperties,
    Wait,
    lasting,
)
from hypervisors.again import REPEATABLE

MAC = "52:54:00:00:00:01"
PORT = (Hypervisor, GuestCommands, Probed, Rename, Snapshots, VappProperties)


class Moved:
    """A clock that a sleep moves on."""

    def __init__(self) -> None:
        self.at = 0.0

    def clock(self) -> Clock:
        return Clock(lambda: self.at, self.sleep)

    def sleep(self, seconds: float) -> None:
        self.at += seconds


@dataclass
class Line:
    """To a hypervisor that is away from time to time: while `cuts`, each call fails, by `lost` after its effect."""

    folder: Path
    cuts: int = 0
    lost: bool = False
    away: int = 0  # attempts to connect that will fail
    connected: int = 0
    closed: int = 0
    refuses: Exception | None = None
    said: list[Wait] = field(default_factory=list)
    moved: Moved = field(default_factory=Moved)

    def connect(self) -> Hypervisor:
        self.connected += 1
        if self.refuses:
            raise self.refuses
        if self.away:
            self.away -= 1
            raise gone()
        return Cut(self)

    def lasting(self, seconds: float = 60.0, cancelled: Callable[[], None] = lambda: None) -> Hypervisor:
        pace = Pace(self.moved.clock(), cancelled=cancelled, hears_wait=self.said.append)
        return lasting("memory://lab", self.connect, self.connect(), seconds, pace)


class Cut(MemoryHypervisor):
    """One connection of a line's: it breaks once and is of no use after that."""

    def __init__(self, line: Line) -> None:
        super().__init__(line.folder)
        self.line, self.broken = line, False

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name.startswith("_") or name not in REPEATABLE:
            return found
        return lambda *arguments, **named: self.passed(found, *arguments, **named)

    def passed(self, act: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        if self.broken:
            raise gone()
        if self.line.cuts:
            self.line.cuts -= 1
            self.broken = True
            if self.line.lost:
                act(*arguments, **named)
            raise gone()
        return act(*arguments, **named)

    def close(self) -> None:
        self.line.closed += 1
        if self.broken:
            raise gone()


def gone() -> Unreachable:
    return Unreachable("the line is cut", hint="is it plugged in?")


@pytest.fixture
def line(tmp_path: Path) -> Line:
    create_lab(tmp_path)
    add_vm(tmp_path, "old", [NicSpec(Network("lan", "network"), MAC, link_up=True)])
    return Line(tmp_path)


def link(line: Line) -> bool:
    seen = MemoryHypervisor(line.folder)
    return seen.inventory(seen.find("old")).nics[0].link_up


@pytest.mark.parametrize("lost", [False, True], ids=["not done", "done, answer lost"])
def test_a_call_that_broke_off_is_made_again_over_another_connection(line: Line, lost: bool) -> None:
    hypervisor = line.lasting()
    old = hypervisor.find("old")
    line.cuts, line.lost = 1, lost
    hypervisor.set_nic(old, MAC, link_up=False)
    assert not link(line)
    assert (line.connected, line.closed) == (2, 1)


def test_a_hypervisor_that_is_away_for_a_while_is_waited_for_and_the_wait_is_shown(line: Line) -> None:
    hypervisor = line.lasting()
    old = hypervisor.find("old")
    line.cuts, line.away = 1, 12
    hypervisor.set_nic(old, MAC, link_up=False)
    assert not link(line)
    assert 5 < line.moved.at < 30
    assert {wait.what for wait in line.said} == {"the hypervisor at memory://lab"}
    assert line.said[-1].seen == "the line is cut"


def test_one_that_stays_away_is_given_up_after_so_many_seconds(line: Line) -> None:
    hypervisor = line.lasting(seconds=20)
    old = hypervisor.find("old")
    line.cuts, line.away = 1, 1000
    with pytest.raises(
        Unreachable, match=r"waited 20 s for the hypervisor at memory://lab .*the line is cut"
    ) as caught:
        hypervisor.set_nic(old, MAC, link_up=False)
    assert caught.value.hint == "is it plugged in?"
    assert 20 <= line.moved.at < 22
    assert link(line)


def test_a_call_that_always_breaks_the_connection_is_given_up_too(line: Line) -> None:
    hypervisor = line.lasting(seconds=20)
    line.cuts = 1000
    with pytest.raises(Unreachable):
        hypervisor.find("old")
    assert line.moved.at < 22


def test_after_it_was_given_up_the_next_call_connects(line: Line) -> None:
    hypervisor = line.lasting(seconds=1)
    line.cuts, line.away = 1, 100
    with pytest.raises(Unreachable):
        hypervisor.find("old")
    line.away = 0
    assert hypervisor.find("old").name == "old"


def test_a_refused_log_in_is_final_and_is_not_tried_again(line: Line) -> None:
    hypervisor = line.lasting()
    line.cuts, line.refuses = 1, LoginRefused("no", hint="check it")
    with pytest.raises(LoginRefused):
        hypervisor.find("old")
    assert (line.connected, line.moved.at) == (2, 0)


def test_what_the_hypervisor_itself_says_is_final(line: Line) -> None:
    hypervisor = line.lasting()
    with pytest.raises(NotFound):
        hypervisor.find("nobody")
    assert line.connected == 1


def test_a_request_to_stop_ends_the_wait(line: Line) -> None:
    def stop() -> None:
        raise Cancelled("interrupted", hint="resume")

    hypervisor = line.lasting(cancelled=stop)
    line.cuts, line.away = 1, 1000
    with pytest.raises(Cancelled):
        hypervisor.find("old")


def test_who_hears_and_stops_the_wait_is_asked_at_each_wait(line: Line) -> None:
    """A run going back lets nothing stop it; that is known only later."""
    asked: list[Wait] = []
    hypervisor = line.lasting(cancelled=lambda: pytest.fail("stopped"))
    hypervisor.keep_to(lambda: Pace(line.moved.clock(), hears_wait=asked.append))  # type: ignore[attr-defined]
    line.cuts, line.away = 1, 3
    hypervisor.find("old")
    assert asked


def test_its_abilities_are_those_of_the_adapter(line: Line) -> None:
    hypervisor = line.lasting()
    assert isinstance(hypervisor, GuestAgent)
    assert isinstance(hypervisor, Rename)
    assert hypervisor.renames_running
    assert isinstance(hypervisor, Snapshots)
    assert not isinstance(hypervisor, VappProperties)


def test_each_method_of_the_port_and_of_its_abilities_says_why_it_may_be_repeated() -> None:
    named = {name for port in PORT for name, _ in inspect.getmembers(port, inspect.isfunction) if name[0] != "_"}
    assert named - {"close"} == set(REPEATABLE)
    assert all(REPEATABLE.values())
