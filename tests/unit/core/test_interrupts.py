"""Signals that come at any moment: what must be whole is whole, and what makes somebody live is known as such."""

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from vmmigrate.interrupts import Interrupts


class Stopped(Exception):
    """What a handler raises."""


@pytest.fixture
def interrupts() -> Iterator[Interrupts]:
    made = Interrupts()
    before = signal.signal(signal.SIGUSR1, lambda *_: made.raise_at_once(Stopped()))
    yield made
    signal.signal(signal.SIGUSR1, before)


def press() -> None:
    """The handler runs between this step and the next one."""
    os.kill(os.getpid(), signal.SIGUSR1)
    time.sleep(0)


def test_it_is_raised_in_the_midst_of_a_wait(interrupts: Interrupts) -> None:
    with pytest.raises(Stopped):  # noqa: PT012 -- it may come as soon as it is asked for
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        threading.Event().wait(60)


def test_what_must_be_whole_is_done_first(interrupts: Interrupts) -> None:
    done = []

    def write() -> None:
        with interrupts.whole():
            with interrupts.whole():
                press()
                done.append("inner")
            done.append("outer")

    with pytest.raises(Stopped):
        write()
    assert done == ["inner", "outer"]
    with interrupts.whole():
        done.append("again")  # it is raised once


def test_an_error_of_its_own_is_its_context(interrupts: Interrupts) -> None:
    def fail() -> None:
        with interrupts.whole():
            press()
            raise ValueError("a full disk")

    with pytest.raises(Stopped) as caught:
        fail()
    assert isinstance(caught.value.__context__, ValueError)


def test_another_thread_does_not_hold_it_off(interrupts: Interrupts) -> None:
    inside, over = threading.Event(), threading.Event()

    def write() -> None:
        with interrupts.whole():
            inside.set()
            over.wait(20)

    thread = threading.Thread(target=write)
    thread.start()
    inside.wait(20)
    with pytest.raises(Stopped):
        press()
    over.set()
    thread.join()


def test_what_ends_by_itself_is_known(interrupts: Interrupts) -> None:
    def undo() -> None:
        with interrupts.to_its_end():
            seen.append(interrupts.ends_by_itself)
            raise ZeroDivisionError

    seen = [interrupts.ends_by_itself]
    with pytest.raises(ZeroDivisionError):
        undo()
    assert seen == [False, True]
    assert not interrupts.ends_by_itself
