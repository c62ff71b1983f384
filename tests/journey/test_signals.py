"""What each signal does while something hangs for ever: real signals to a real process."""

import contextlib
import os
import re
import signal
import time
from collections.abc import Callable

import psutil
import pytest

from fixtures.appliance import config
from tests.journey.conftest import Worlds
from tests.journey.story import ATTENTION, DONE, INTERRUPTED, Story, Told, assert_same

pytestmark = pytest.mark.slow

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
PATIENCE = 300.0  # seconds on a busy machine; what is tested takes no second


def above_all(here: signal.Signals) -> pytest.MarkDecorator:
    """One signal; the other two in `make long` alone. Each of the three is the one of another test."""
    each = [pytest.param(one, marks=() if one is here else pytest.mark.long, id=one.name) for one in SIGNALS]
    return pytest.mark.parametrize("number", each)


def until(seen: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not seen():
        assert time.monotonic() < deadline, "it did not come that far"
        time.sleep(0.02)


class Hanging:
    """A story's command that hangs in that call of the hypervisor."""

    def __init__(self, story: Story, call: str, *argv: str, after: tuple[str, str] | None = None) -> None:
        """`after`: a record, before which nothing hangs."""
        story.hypervisor = "Hangs"
        self._story, self._mark = story, story.folder / "hanging"
        self._in_a_guest = call.startswith(("ssh ", "console "))
        self._mark.unlink(missing_ok=True)
        if after is None:
            (story.folder / "hangs").write_text(call)
        self._end = story.begin(*argv)
        if after is not None:
            until(lambda: _has(story, after))
            (story.folder / "hangs").write_text(call)
        until(self._mark.exists)

    def hangs_again(self, call: str) -> None:
        """In another call, from now on."""
        self._mark.unlink()
        (self._story.folder / "hangs").write_text(call)

    def is_hanging(self) -> None:
        until(self._mark.exists)

    def press(self, number: signal.Signals) -> None:
        """And wait until it was heard: two at once are one."""
        before = self._heard()
        os.kill(self._story.child.running(), number)
        until(lambda: self._heard() > before)

    def _heard(self) -> int:
        heard = self._story.folder / "heard"
        return heard.stat().st_size if heard.exists() else 0

    def let_go(self) -> None:
        (self._story.folder / "hangs").unlink(missing_ok=True)
        if self._in_a_guest:  # which may take the next one's for its own
            until(lambda: not self._mark.exists())

    def ended(self) -> Told:
        """While it still hangs."""
        return self._end()

    def told(self) -> Told:
        self.let_go()
        began = time.monotonic()
        told = self._end()
        assert time.monotonic() - began < PATIENCE
        return told


def _is_connected(story: Story) -> bool:
    """Whether the command that runs has a connection to the old guest."""
    with contextlib.suppress(ValueError, psutil.Error):  # it has not begun
        peers = psutil.Process(story.child.running()).net_connections("tcp")
        return any(each.raddr and each.raddr.ip == story.lab.address for each in peers)
    return False


def _has(story: Story, line: tuple[str, str]) -> bool:
    return bool(story.run_ids) and (story.run_folder / "journal.jsonl").exists() and line in story.recorded


def migrating(story: Story) -> tuple[str, ...]:
    return "migrate", story.lab.old_name, str(story.lab.image), "--yes"


@above_all(signal.SIGINT)
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


@above_all(signal.SIGTERM)
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


@above_all(signal.SIGHUP)
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
    said = re.sub(r"\(1 of \d+\)", "(1 of N)", told.err)
    what = "undoing 'Unplug the old VM, plug in the new' (1 of N)"
    assert f"\n{what} goes on, so that somebody takes mail. Once more leaves it as it is\n" in said
    assert f"error: left as it is: {what} did not come to its end, and perhaps nobody takes mail\n" in said
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


# What hangs, in which command, after which record, and by which signals it is ended. All of it before a live phase.
PREPARING = [
    ("ssh ifquery", "migrate", None, "SIGHUP"),
    ("console POST", "migrate", ("begin", "deploy"), "SIGINT"),
    ("ssh sha256sum", "prepare", None, "SIGTERM"),
]


@pytest.mark.parametrize(("what", "verb", "after", "number"), PREPARING)
def test_what_hangs_in_a_guest_is_ended_too(
    story: Story, undisturbed: Worlds, what: str, verb: str, after: tuple[str, str] | None, number: str
) -> None:
    """And so it is in the `resume` of that run, and in the `cutover` of one that stands prepared."""
    hanging = Hanging(story, what, verb, *migrating(story)[1:], after=after)
    _end(story, hanging, number)
    again = Hanging(story, what, "resume", story.run_id) if after is None else None
    if again is not None:
        _end(story, again, number)
    assert story.resume().status == DONE
    if verb == "prepare":
        cutover = Hanging(story, "ssh nft -f /run", "cutover", story.run_id, "--yes")
        for _time in range(2):
            cutover.press(signal.SIGTERM)
        assert (cutover.told().status, story.live()) == (INTERRUPTED, ["old"])
        assert story.resume().status == DONE
    assert_same(story.world(), undisturbed.migrated)


def _end(story: Story, hanging: Hanging, number: str) -> None:
    """By the second signal, at once: what hangs is still there, and the run can be resumed."""
    for _time in range(2):
        hanging.press(signal.Signals[number])
    began = time.monotonic()
    told = hanging.ended()
    assert time.monotonic() - began < PATIENCE / 2
    assert (told.status, story.live(), story.journal[-1]["kind"]) == (INTERRUPTED, ["old"], "paused")
    assert f"vmmigrate resume {story.run_id}" in told.err
    hanging.let_go()


def test_a_finish_and_a_rollback_that_hang(story: Story) -> None:
    """A `finish` is run again; what makes somebody live is left only by the second."""
    assert story.migrate().status == DONE
    hanging = Hanging(story, "ssh nft delete table inet vmmigrate_intake", "rollback", story.run_id, "--yes")
    for _time in range(2):
        hanging.press(signal.SIGHUP)
    told = hanging.told()
    assert (told.status, "goes on, so that somebody takes mail" in told.err) == (ATTENTION, True)
    assert story.rollback().status == DONE
    assert story.live() == ["old"]
    hanging = Hanging(story, "ssh postqueue", "finish", story.run_id, "--yes")
    for _time in range(2):
        hanging.press(signal.SIGTERM)
    told = hanging.told()
    assert (told.status, story.live()) == (INTERRUPTED, ["old"])
    assert story.finish().status == DONE


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_watch_of_a_greeting_without_end_is_ended_by_one(story: Story, number: signal.Signals) -> None:
    config.change(story.lab.root_of(story.lab.old_id).at(config.CONSOLE_TOML), {"hostile": "endless@smtp"})
    end = story.begin("watch", story.lab.address, "--ask", f"smtp:{story.lab.smtp_port}")
    until(lambda: _is_connected(story))
    os.kill(story.child.running(), number)
    began = time.monotonic()
    told = end()
    assert time.monotonic() - began < PATIENCE
    assert told.status in (DONE, ATTENTION, INTERRUPTED), told.err
    assert "Traceback" not in told.err


def test_one_signal_is_enough_before_a_run_has_begun(story: Story) -> None:
    """While the plan is made nothing was changed, so nothing is waited for."""
    before = story.everything()
    hanging = Hanging(story, "plan", "plan", story.lab.old_name, str(story.lab.image))
    hanging.press(signal.SIGTERM)
    told = hanging.told()
    assert (told.status, told.err.splitlines()[-2:]) == (INTERRUPTED, ["error: interrupted", "  → nothing was changed"])
    assert story.everything() == before
