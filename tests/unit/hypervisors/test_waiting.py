"""wait_for: patience with a growing pause, a limit that says what was waited for."""

import pytest

from hypervisors import Clock, NotYet, TimedOut, Wait, wait_for


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def clock(self) -> Clock:
        return Clock(lambda: sum(self.slept), self.slept.append)


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
    assert wait_for("it", after(0), timeout=5, clears="x", clock=time.clock()) == "there"
    assert time.slept == []


def test_pause_grows_by_half_up_to_its_limit() -> None:
    time = Time()
    wait_for("it", after(4), timeout=50, clears="x", clock=time.clock(), pause=1, max_pause=2)
    assert time.slept == [1, 1.5, 2, 2]


def test_says_what_was_waited_for_and_seen_last() -> None:
    time = Time()
    with pytest.raises(TimedOut) as caught:
        wait_for("the guest", after(99), timeout=3, clears="look inside", clock=time.clock(), pause=1)
    assert str(caught.value) == "waited 3 s for the guest (last seen: seen 3)"
    assert caught.value.hint == "look inside"


def test_the_last_probe_is_at_the_limit() -> None:
    time = Time()
    assert wait_for("it", after(2), timeout=2, clears="x", clock=time.clock(), pause=1.5) == "there"
    assert time.slept == [1.5, 0.5]


def test_tick_hears_of_each_fruitless_probe_and_may_cancel() -> None:
    time, heard = Time(), []

    def tick(wait: Wait) -> None:
        heard.append(wait)
        if len(heard) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        wait_for("it", after(9), timeout=9, clears="x", clock=time.clock(), pause=1, tick=tick)
    assert heard == [Wait("it", 0, 9, "seen 0"), Wait("it", 1, 9, "seen 1")]


def test_any_other_exception_ends_the_wait() -> None:
    with pytest.raises(ZeroDivisionError):
        wait_for("it", lambda: 1 // 0, timeout=9, clears="x")
