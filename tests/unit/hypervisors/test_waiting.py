"""wait_for: patience with a growing pause, a limit that says what was waited for."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from hypervisors import (
    Cancelled,
    Clock,
    LoginRefused,
    NotYet,
    Pace,
    Progress,
    TimedOut,
    Unreachable,
    Wait,
    once_reachable,
    patient,
    wait_for,
)


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def pace(self) -> Pace:
        return Pace(Clock(lambda: sum(self.slept), self.slept.append))


def after(fruitless: int):  # type: ignore[no-untyped-def]
    """A probe that finds something after so many times."""
    times = iter(range(fruitless + 1))

    def probe() -> str:
        number = next(times)
        if number < fruitless:
            raise NotYet(f"seen {number}")
        return "there"

    return probe


def test_returns_at_once_what_the_probe_finds() -> None:
    time = Time()
    assert wait_for("it", after(0), timeout=5, clears="x", pace=time.pace()) == "there"
    assert time.slept == []


def test_pause_grows_by_half_up_to_its_limit() -> None:
    time = Time()
    wait_for("it", after(4), timeout=50, clears="x", pace=time.pace(), pause=1, max_pause=2)
    assert time.slept == [1, 1.5, 2, 2]


def test_says_what_was_waited_for_and_seen_last() -> None:
    time = Time()
    with pytest.raises(TimedOut) as caught:
        wait_for("the guest", after(99), timeout=3, clears="look inside", pace=time.pace(), pause=1)
    assert str(caught.value) == "waited 3 s for the guest (last seen: seen 3)"
    assert caught.value.hint == "look inside"


def test_the_last_probe_is_at_the_limit() -> None:
    time = Time()
    assert wait_for("it", after(2), timeout=2, clears="x", pace=time.pace(), pause=1.5) == "there"
    assert time.slept == [1.5, 0.5]


def stopped_after(times: int) -> Callable[[], None]:
    """Asked so often, the operator has asked to stop."""
    asked = iter(range(times))

    def cancelled() -> None:
        if next(asked, None) is None:
            raise Cancelled("interrupted", hint="resume")

    return cancelled


def test_each_fruitless_probe_is_heard_of_and_a_wait_can_be_stopped() -> None:
    heard: list[Wait] = []
    pace = replace(Time().pace(), hears_wait=heard.append, cancelled=stopped_after(2))
    with pytest.raises(Cancelled):
        wait_for("it", after(9), timeout=9, clears="x", pace=pace, pause=1)
    assert heard == [Wait("it", 0, 9, "seen 0"), Wait("it", 1, 9, "seen 1")]


def test_a_transfer_is_heard_of_and_can_be_stopped() -> None:
    heard: list[Progress] = []
    pace = Pace(hears_progress=heard.append, cancelled=stopped_after(1))
    pace.moves(Progress(1, 2))
    with pytest.raises(Cancelled):
        pace.moves(Progress(2, 2))
    assert heard == [Progress(1, 2)]


def test_nothing_stops_what_goes_on_undisturbed() -> None:
    heard: list[Wait] = []
    pace = replace(Time().pace(), hears_wait=heard.append, cancelled=stopped_after(0)).undisturbed()
    assert wait_for("it", after(2), timeout=9, clears="x", pace=pace, pause=1) == "there"
    assert len(heard) == 2


def test_what_is_not_reachable_yet_is_asked_again_and_a_refusal_is_final() -> None:
    said = iter([Unreachable("no route", hint="x"), LoginRefused("no", hint="y")])

    def look() -> None:
        raise next(said)

    heard: list[Wait] = []
    with pytest.raises(LoginRefused):
        wait_for(
            "it", once_reachable(look), timeout=9, clears="x", pace=replace(Time().pace(), hears_wait=heard.append)
        )
    assert [wait.seen for wait in heard] == ["no route"]


def test_any_other_exception_ends_the_wait() -> None:
    with pytest.raises(ZeroDivisionError):
        wait_for("it", lambda: 1 // 0, timeout=9, clears="x")


@pytest.mark.parametrize(
    ("first", "total", "given"),
    [(3, 60, [3, 28.5, 14.25]), (5, 300, [5, 30, 30]), (3, 8, [3, 3, 3]), (20, 10, [20, 20, 20])],
)
def test_one_that_is_slow_is_given_more_of_what_is_left(first: float, total: float, given: list[float]) -> None:
    time, asked = Time(), list[float]()

    def silent(seconds: float) -> str:
        asked.append(seconds)
        time.slept.append(seconds)
        raise NotYet("nothing")

    look = patient(silent, first=first, timeout=total, clock=time.pace().clock)
    for _ in given:
        with pytest.raises(NotYet):
            look()
    assert asked == given


def test_one_that_refuses_at_once_is_asked_as_before() -> None:
    time, asked = Time(), list[float]()

    def refuses(seconds: float) -> str:
        asked.append(seconds)
        time.slept.append(0.1)
        raise Unreachable("refused", hint="")

    look = patient(refuses, first=3, timeout=60, clock=time.pace().clock)
    for _ in range(3):
        with pytest.raises(Unreachable):
            look()
    assert asked == [3, 3, 3]
