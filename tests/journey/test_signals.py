"""What each signal does while something hangs for ever: real signals to a real process."""

import os
import signal
import time
from collections.abc import Callable

import pytest

from tests.journey.conftest import Worlds
from tests.journey.story import ATTENTION, DONE, INTERRUPTED, Story, Told, assert_same

pytestmark = pytest.mark.slow

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
PATIENCE = 20.0  # seconds on a busy machine; what is tested takes no second


def until(seen: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not seen():
        assert time.monotonic() < deadline, "it did not come that far"
        time.sleep(0.02)


class Hanging:
    """A story's command that hangs in that call of the hypervisor."""

    def __init__(self, story: Story, call: str, *argv: str) -> None:
        story.hypervisor = "Hangs"
        self._story, self._mark = story, story.folder / "hanging"
        (story.folder / "hangs").write_text(call)
        self._end = story.begin(*argv)
        until(self._mark.exists)

    def hangs_again(self, call: str) -> None:
        """In another call, from now on."""
        self._mark.unlink()
        (self._story.folder / "hangs").write_text(call)

    def is_hanging(self) -> None:
        until(self._mark.exists)

    def press(self, number: signal.Signals) -> None:
        os.kill(self._story.child.running(), number)
        time.sleep(0.2)  # two at once are one

    def told(self) -> Told:
        (self._story.folder / "hangs").unlink(missing_ok=True)
        began = time.monotonic()
        told = self._end()
        assert time.monotonic() - began < PATIENCE
        return told


def migrating(story: Story) -> tuple[str, ...]:
    return "migrate", story.lab.old_name, str(story.lab.image), "--yes"


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_while_preparing_the_second_one_ends_what_hangs(
    story: Story, undisturbed: Worlds, number: signal.Signals
) -> None:
    hanging = Hanging(story, "start", *migrating(story))
    hanging.press(number)
    assert story.child.running()
    hanging.press(number)
    told = hanging.told()
    assert (told.status, story.live()) == (INTERRUPTED, ["old"])
    assert told.err.endswith(
        f"error: interrupted\n  → vmmigrate resume {story.run_id}, or vmmigrate rollback {story.run_id}\n"
    )
    assert story.journal[-1]["kind"] == "paused"
    assert story.resume().status == DONE
    assert_same(story.world(), undisturbed.migrated)


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_in_a_live_phase_the_second_one_begins_the_way_back(
    story: Story, undisturbed: Worlds, number: signal.Signals
) -> None:
    hanging = Hanging(story, "link up", *migrating(story))  # of the new VM, with the old one unplugged
    (story.folder / "hangs").unlink()
    for _time in range(2):
        hanging.press(number)
    told = hanging.told()
    assert (told.status, story.live()) == (INTERRUPTED, ["old"])
    assert "old VM: live\nnew VM: kept, unplugged\n" in told.out
    assert story.resume().status == DONE
    assert_same(story.world(), undisturbed.migrated)


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_on_the_way_back_one_more_says_what_is_left_and_the_next_leaves_it(
    story: Story, undisturbed: Worlds, number: signal.Signals
) -> None:
    hanging = Hanging(story, "link up", *migrating(story))
    hanging.press(number)
    hanging.hangs_again("link down")  # the way back's first call
    hanging.press(number)
    hanging.is_hanging()
    hanging.press(number)
    assert story.child.running()
    hanging.press(number)
    told = hanging.told()
    assert told.status == ATTENTION
    what = "undoing 'Unplug the old VM, plug in the new' (1 of 3)"
    assert f"\n{what} goes on, so that somebody takes mail. Once more leaves it as it is\n" in told.err
    assert f"error: left as it is: {what} did not come to its end, and perhaps nobody takes mail\n" in told.err
    assert f"vmmigrate status {story.run_id} says what stands where" in told.err
    assert "MAIL: " in told.out
    assert "Traceback" not in told.out + told.err
    assert story.rollback().status == DONE
    assert story.live() == ["old"]


def test_a_rollback_that_hangs_is_left_by_the_second_one(story: Story) -> None:
    assert story.migrate().status == DONE
    hanging = Hanging(story, "link up", "rollback", story.run_id, "--yes", "--leave-mail")
    for _time in range(2):
        hanging.press(signal.SIGTERM)
    told = hanging.told()
    assert (told.status, "goes on, so that somebody takes mail" in told.err) == (ATTENTION, True)
    assert story.rollback("--leave-mail").status == DONE
    assert story.live() == ["old"]


def test_one_signal_is_enough_before_a_run_has_begun(story: Story) -> None:
    """While the plan is made nothing was changed, so nothing is waited for."""
    before = story.everything()
    hanging = Hanging(story, "plan", "plan", story.lab.old_name, str(story.lab.image))
    hanging.press(signal.SIGTERM)
    told = hanging.told()
    assert (told.status, told.err.splitlines()[-2:]) == (INTERRUPTED, ["error: interrupted", "  → nothing was changed"])
    assert story.everything() == before
