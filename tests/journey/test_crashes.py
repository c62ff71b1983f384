"""Killed at every record of a run, of its way back and of what follows a half import: it ends as it should.

A process that goes on knows only the journal and what it sees. So one story is killed at record after record, by
SIGKILL, each process where the one before it had come to; each place that a run goes back from is a story of its own.
That a run comes to the same end by every other sequence of kills, resumes and rollbacks is proved without processes, in
tests/unit/core/test_every_crash.py and by the model (tests/faults). So `make test` kills at each record once, where its
step is half done; `make long` on both sides of each, and goes back from each place that there is.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from tests.journey.conftest import Worlds
from tests.journey.records import (
    HALF_IMPORTED,
    MIGRATION,
    UNDONE,
    Line,
    is_committed,
    redo,
    rolled_back,
)
from tests.journey.story import DONE, KILLED, REFUSED, Stop, Story, Told, assert_same

EDITS = 12

IN_A_STEP = "in a step"  # at each record on that side of it on which its step is half done
BOTH = pytest.mark.parametrize(
    "when", [IN_A_STEP, *(pytest.param(when, marks=pytest.mark.long) for when in ("before", "after"))]
)


def side(line: Line) -> str:
    """Where a step is half done: right before it counts as done or undone; right after it began, or knew something."""
    return "before" if line[0] in ("done", "undone", "end") else "after"


def one_side(lines: Sequence[Line]) -> list[Any]:
    """For parameters `line` and `when`: both sides of each record, one of them in `make long` alone."""
    sides = [(line, when) for line in lines for when in ("before", "after")]
    return [pytest.param(*each, marks=() if side(each[0]) == each[1] else pytest.mark.long) for each in sides]


@dataclass(frozen=True)
class Crash:
    """Killed before or after the `number`th record of a migration."""

    when: str
    number: int

    @property
    def past(self) -> tuple[Line, ...]:
        """What is in the journal then. The journal gets its name after its first record, and exists by that."""
        there = self.number - (self.when == "before")
        return () if self == Crash("after", 1) else MIGRATION[:there]

    @property
    def stop(self) -> Stop:
        return "SIGKILL", self.when, self.number

    def __str__(self) -> str:
        return "-".join((self.when, str(self.number), *filter(None, MIGRATION[self.number - 1])))


CRASHES = [Crash(when, number) for number in range(1, len(MIGRATION) + 1) for when in ("before", "after")]
BEGUN = [crash for crash in CRASHES if crash.past]


def _is_gone_back_from(crash: Crash) -> bool:
    """Each act done of which nothing is recorded, or not its end; those that have an undo also begun and not done.

    Between two steps, and from a look or a remark, a run goes back as from the end of the step before: the model
    (tests/faults) and tests/unit/core/test_every_crash.py are killed there too.
    """
    kind, step = MIGRATION[crash.number - 1]
    if crash.when == "before":
        return kind in ("learnt", "done")
    return (kind == "begin" and step in UNDONE) or crash.past == MIGRATION


GONE_BACK = [crash for crash in BEGUN if _is_gone_back_from(crash)]


def _has_all_to_undo(crash: Crash) -> bool:
    """A step that has an undo did its act, of which nothing is recorded; or all of them did."""
    kind, step = MIGRATION[crash.number - 1]
    return crash.past == MIGRATION or (crash.when == "before" and kind == "done" and step in UNDONE)


def spread(crashes: Sequence[Crash], future: Callable[[Sequence[Line]], Sequence[Line]]) -> dict[Crash, Stop]:
    """Where each second process is killed: at the rarest record at which no other is, else by a fixed pattern."""
    hit, stops = set[Line](), dict[Crash, Stop]()
    often = Counter(line for crash in crashes for line in future(crash.past))
    for turn, crash in enumerate(crashes):
        lines = future(crash.past)
        fresh = [number for number, line in enumerate(lines) if line not in hit]
        chosen = min(fresh, key=lambda number: often[lines[number]]) if fresh else turn * 5 % len(lines)
        hit.add(lines[chosen])
        stops[crash] = "SIGKILL", ("before", "after")[turn // 3 % 2], chosen + 1
    return stops


BACK_UNTIL = spread(GONE_BACK, rolled_back)


@pytest.mark.slow
def test_the_matrix_has_every_record(story: Story) -> None:
    assert story.migrate().status == DONE
    assert story.recorded == MIGRATION


def test_every_record_of_a_rollback_is_crashed_at() -> None:
    hit = {rolled_back(crash.past)[stop[2] - 1] for crash, stop in BACK_UNTIL.items() if isinstance(stop[2], int)}
    assert hit == {line for crash in BEGUN for line in rolled_back(crash.past)}
    assert {crash.past[-1] for crash in GONE_BACK} >= {("begin", step) for step in UNDONE}


@pytest.mark.slow
@pytest.mark.parametrize("crash", [crash for crash in CRASHES if not crash.past], ids=str)
def test_a_crash_before_the_first_record_leaves_no_run(story: Story, crash: Crash, undisturbed: Worlds) -> None:
    assert story.migrate(stop=crash.stop).status == KILLED
    assert story.world() == undisturbed.before
    assert story.resume().status == REFUSED
    assert story.migrate().status == DONE
    assert_same(story.world(), undisturbed.migrated)


# ---- forward -------------------------------------------------------------------------------------------------


@pytest.mark.slow
@BOTH
def test_a_run_that_is_killed_at_every_record_is_resumed(story: Story, when: str, undisturbed: Worlds) -> None:
    boot = story.old_boot()
    assert story.migrate(stop=("SIGKILL", "after", MIGRATION[1])).status == KILLED
    killed_at_each(story.resume, when, MIGRATION[2:], look=lambda: nobody_came_too_early(story))
    assert_ended(story, story.resume(), "migrated")
    assert_same(story.world(), undisturbed.migrated)
    assert (story.live(), story.conflicts(), story.old_boot()) == (["new"], [], boot)
    assert story.answers_the_world()
    assert set(story.recorded) >= set(MIGRATION)


@pytest.mark.slow
@BOTH
def test_a_half_import_is_done_anew(story: Story, when: str, undisturbed: Worlds) -> None:
    assert story.migrate(stop=("SIGKILL", "after", len(HALF_IMPORTED))).status == KILLED
    half = story.new_vm()["id"]
    killed_at_each(story.resume, when, redo())
    assert_ended(story, story.resume(), "migrated")
    assert story.new_vm()["id"] != half
    assert_same(story.world(), undisturbed.migrated)
    assert (story.live(), story.conflicts()) == (["new"], [])


@pytest.mark.slow
def test_a_run_that_is_killed_after_every_change_of_the_hypervisor_is_resumed(
    story: Story, undisturbed: Worlds
) -> None:
    kills, told = killed_at_each_edit(story)
    assert_ended(story, told, "migrated")
    assert kills >= EDITS
    assert_same(story.world(), undisturbed.migrated)
    assert (story.live(), story.conflicts()) == (["new"], [])


# ---- back ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "crash",
    [pytest.param(each, marks=() if _has_all_to_undo(each) else pytest.mark.long, id=str(each)) for each in GONE_BACK],
)
def test_a_crashed_run_is_rolled_back(story: Story, crash: Crash, undisturbed: Worlds) -> None:
    boot, again = story.old_boot(), BACK_UNTIL[crash]
    assert story.migrate(stop=crash.stop).status == KILLED
    assert story.recorded == crash.past
    assert story.rollback(stop=again).status == KILLED
    went_back = "direction" in {record["kind"] for record in story.journal}
    last = story.resume() if went_back and crash.number % 2 else story.rollback()
    if is_committed(crash.past):
        assert_ended(story, last, "switched back")
        assert_same(story.world(), undisturbed.switched_back)
    else:
        assert_ended(story, last, "rolled-back")
        assert_same(story.world(), undisturbed.before)
    assert (story.live(), story.conflicts(), story.old_boot()) == (["old"], [], boot)
    assert story.answers_the_world()


@pytest.mark.slow
@BOTH
def test_a_way_back_that_is_killed_at_every_record_ends_as_before(story: Story, when: str, undisturbed: Worlds) -> None:
    """From the last moment before the commit, when there is most to undo."""
    boot, past = story.old_boot(), MIGRATION[: MIGRATION.index(("learnt", "open"))]
    assert story.migrate(stop=("SIGKILL", "before", ("learnt", "open"))).status == KILLED
    killed_at_each(story.rollback, when, rolled_back(past))
    assert_ended(story, story.rollback(), "rolled-back")
    assert_same(story.world(), undisturbed.before)
    assert (story.live(), story.conflicts(), story.old_boot()) == (["old"], [], boot)
    assert story.answers_the_world()


@pytest.mark.slow
@BOTH
def test_a_switch_back_that_is_killed_at_every_record_ends_the_same(
    story: Story, when: str, undisturbed: Worlds
) -> None:
    boot = story.old_boot()
    assert story.migrate().status == DONE
    killed_at_each(story.rollback, when, rolled_back(MIGRATION))
    assert_ended(story, story.rollback(), "switched back")
    assert_same(story.world(), undisturbed.switched_back)
    assert (story.live(), story.conflicts(), story.old_boot()) == (["old"], [], boot)
    assert story.answers_the_world()


@pytest.mark.slow
@pytest.mark.parametrize("step", ["open", "switch"])
def test_nothing_interrupts_a_switch_back(story: Story, step: str, undisturbed: Worlds) -> None:
    assert story.migrate().status == DONE
    assert_ended(story, story.rollback(stop=("SIGINT", "after", ("undo", step))), "switched back")
    assert_same(story.world(), undisturbed.switched_back)
    assert (story.live(), story.conflicts()) == (["old"], [])
    assert story.answers_the_world()


@pytest.mark.slow
@pytest.mark.parametrize("number", range(1, EDITS + 1))
def test_a_run_killed_after_a_change_of_the_hypervisor_is_rolled_back(
    story: Story, number: int, undisturbed: Worlds
) -> None:
    assert story.migrate(stop=("SIGKILL", "edit", number)).status == KILLED
    past = story.recorded
    assert story.rollback().status == DONE
    assert_same(story.world(), undisturbed.switched_back if is_committed(past) else undisturbed.before)
    assert (story.live(), story.conflicts()) == (["old"], [])


@pytest.mark.slow
def test_those_are_all_changes_of_the_hypervisor(story: Story) -> None:
    assert story.migrate(stop=("SIGKILL", "edit", EDITS + 1)).status == DONE


# ---- in other words ------------------------------------------------------------------------------------------


def killed_at_each(
    go_on: Callable[..., Told], when: str, lines: Iterable[Line], look: Callable[[], None] = lambda: None
) -> None:
    """Go on from where the last process was killed, until just before or after the next of these records."""
    for line in lines:
        told = go_on(stop=("SIGKILL", side(line) if when == IN_A_STEP else when, line))
        assert told.status == KILLED, f"not killed {when} {line}: {told}"
        look()


def killed_at_each_edit(story: Story) -> tuple[int, Told]:
    """How many processes were killed just after a change of the hypervisor, and the first that was not.

    A step begins from its start again and makes its first changes again: so where nothing more is recorded than before,
    the next process is killed one change later.
    """
    kills, change, known = 0, 1, set[Line]()
    told = story.migrate(stop=("SIGKILL", "edit", change))
    while told.status == KILLED:
        kills, recorded = kills + 1, set(story.recorded)
        change, known = (change + 1 if recorded == known else 1), recorded
        told = story.resume(stop=("SIGKILL", "edit", change))
    return kills, told


def nobody_came_too_early(story: Story) -> None:
    assert not (story.live() == ["new"] and story.answers_the_world() and not is_committed(story.recorded))


def assert_ended(story: Story, last: Told, outcome: str) -> None:
    """The last process came to that end, or found that the one killed just before had."""
    assert last.status in (DONE, REFUSED), last.err
    final = story.journal[-1]
    assert final.get("outcome", final.get("reason")) == outcome, f"{last.out}\n{last.err}"
