"""A machine that a dead upload still holds is removed as soon as it is let go."""

from typing import Any

import pytest

pytest.importorskip("pyVmomi", reason="needs pyvmomi")

from pyVmomi import vim

from hypervisors import Clock, NotFound, Pace, PowerState, TimedOut
from hypervisors.vmware import power, removing, tasks
from hypervisors.vmware.faults import Busy, WrongState, problem_of

BUSY = Busy("removal of new: MethodDisabled", hint="wait")
WRONG = WrongState("removal of new: InvalidState", hint="see")
NO_FILE = NotFound("removal of new: File [ssd-1] new/new.vmx was not found", hint="see")


class Machine:
    """Its removal answers as it is told, then succeeds. `there`: what a look at it says."""

    def __init__(self, *answers: Exception, there: bool = True) -> None:
        self.answers = list(answers)
        self.there = there
        self.asked = 0

    def Destroy_Task(self) -> None:  # noqa: N802 -- pyvmomi's name
        self.asked += 1
        if self.answers:
            raise self.answers.pop(0)


@pytest.fixture(autouse=True)
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    def state_of(session: Any, machine: Machine, name: str) -> PowerState:
        if not machine.there:
            raise NotFound(f"virtual machine {name}: it is gone", hint="see")
        return PowerState.OFF

    monkeypatch.setattr(power, "state_of", state_of)
    monkeypatch.setattr(tasks, "run", lambda session, what, begin: begin())


def remove(machine: Any) -> list[float]:
    """The pauses."""
    slept: list[float] = []
    pace = Pace(Clock(now=lambda: sum(slept), sleep=slept.append))
    removing.remove(None, machine, "new", pace=pace)  # type: ignore[arg-type]
    return slept


def test_at_once_where_nobody_holds_it() -> None:
    assert remove(Machine()) == []


def test_when_the_lease_has_died() -> None:
    machine = Machine(BUSY, WRONG, BUSY)
    assert len(remove(machine)) == 3
    assert machine.asked == 4


def test_one_that_somebody_switched_on_meanwhile_is_switched_off_again() -> None:
    machine = Machine(problem_of(vim.fault.InvalidPowerState(msg="poweredOn"), "removal of new"))
    assert len(remove(machine)) == 1
    assert machine.asked == 2


def test_what_went_meanwhile_is_gone() -> None:
    assert remove(Machine(NotFound("gone", hint="see"), there=False)) == []


def test_one_whose_files_are_not_found_is_still_there() -> None:
    machine = Machine(BUSY, NO_FILE)
    with pytest.raises(NotFound, match=r"new\.vmx was not found"):
        remove(machine)
    assert machine.asked == 2


def test_it_is_given_up_after_more_than_a_leases_life() -> None:
    machine = Machine(*[BUSY] * 1000)
    with pytest.raises(TimedOut, match="for new to be removed") as caught:
        remove(machine)
    assert "run this again" in caught.value.hint
    assert machine.asked < 100
