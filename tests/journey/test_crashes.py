"""The crash matrix: killed before and after every record, then resumed or rolled back, and killed in that too."""

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from tests.journey.conftest import Worlds
from tests.journey.records import HALF_IMPORTED, MIGRATION, Line, is_committed, redo, resumed, rolled_back
from tests.journey.story import DONE, KILLED, REFUSED, Stop, Story, Told, World, assert_same

RECORDS = 53
EDITS = 12


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


CRASHES = [Crash(when, number) for number in range(1, RECORDS + 1) for when in ("before", "after")]
BEGUN = [crash for crash in CRASHES if crash.past]
UNDER_WAY = [crash for crash in BEGUN if crash.past != MIGRATION]


def spread(crashes: Sequence[Crash], future: Callable[[Sequence[Line]], Sequence[Line]]) -> dict[Crash, Stop]:
    """Where each second process is killed: at the first record at which no other is, else by a fixed pattern."""
    hit, stops = set[Line](), dict[Crash, Stop]()
    for turn, crash in enumerate(crashes):
        lines = future(crash.past)
        fresh = [number for number, line in enumerate(lines) if line not in hit]
        chosen = fresh[0] if fresh else turn * 5 % len(lines)
        hit.add(lines[chosen])
        stops[crash] = "SIGKILL", ("before", "after")[turn // 3 % 2], chosen + 1
    return stops


RESUMED_UNTIL, BACK_UNTIL = spread(UNDER_WAY, resumed), spread(BEGUN, rolled_back)
REDONE_UNTIL: list[Stop] = [
    ("SIGKILL", when, number) for number in range(1, len(redo()) + 1) for when in ("before", "after")
]


def test_the_matrix_has_every_record(story: Story) -> None:
    assert story.migrate().status == DONE
    assert story.recorded == MIGRATION
    assert len(MIGRATION) == RECORDS


def test_every_record_of_a_resume_is_crashed_at() -> None:
    hit = {resumed(crash.past)[stop[2] - 1] for crash, stop in RESUMED_UNTIL.items()}
    assert hit | set(redo()) == {line for crash in UNDER_WAY for line in resumed(crash.past)}


def test_every_record_of_a_rollback_is_crashed_at() -> None:
    hit = {rolled_back(crash.past)[stop[2] - 1] for crash, stop in BACK_UNTIL.items()}
    assert hit == {line for crash in BEGUN for line in rolled_back(crash.past)}


@pytest.mark.slow
@pytest.mark.parametrize("crash", [crash for crash in CRASHES if not crash.past], ids=str)
def test_a_crash_before_the_first_record_leaves_no_run(story: Story, crash: Crash, undisturbed: Worlds) -> None:
    assert story.migrate(stop=crash.stop).status == KILLED
    assert story.world() == undisturbed.before
    assert story.resume().status == REFUSED
    assert story.migrate().status == DONE
    assert_same(story.world(), undisturbed.migrated)


@pytest.mark.slow
@pytest.mark.parametrize("crash", UNDER_WAY, ids=str)
def test_a_crashed_run_is_resumed(story: Story, crash: Crash, undisturbed: Worlds) -> None:
    boot = story.old_boot()
    assert story.migrate(stop=crash.stop).status == KILLED
    assert story.recorded == crash.past
    assert not (story.live() == ["new"] and story.answers_the_world() and not is_committed(crash.past))
    assert story.resume(stop=RESUMED_UNTIL[crash]).status == KILLED
    assert_ended(story, story.resume(), "migrated")
    assert_same(story.world(), undisturbed.migrated)
    assert (story.live(), story.conflicts(), story.old_boot()) == (["new"], [], boot)
    assert story.answers_the_world()


@pytest.mark.slow
@pytest.mark.parametrize("again", REDONE_UNTIL, ids=lambda stop: f"{stop[1]}-{stop[2]}-{'-'.join(redo()[stop[2] - 1])}")
def test_a_half_import_is_done_anew(story: Story, again: Stop, undisturbed: Worlds) -> None:
    assert story.migrate(stop=("SIGKILL", "after", len(HALF_IMPORTED))).status == KILLED
    half = story.new_vm()["id"]
    assert story.resume(stop=again).status == KILLED
    assert_ended(story, story.resume(), "migrated")
    assert story.new_vm()["id"] != half
    assert_same(story.world(), undisturbed.migrated)
    assert (story.live(), story.conflicts()) == (["new"], [])


@pytest.mark.slow
@pytest.mark.parametrize("crash", BEGUN, ids=str)
def test_a_crashed_run_is_rolled_back(story: Story, crash: Crash, undisturbed: Worlds) -> None:
    boot, again = story.old_boot(), BACK_UNTIL[crash]
    assert story.migrate(stop=crash.stop).status == KILLED
    assert story.rollback(stop=again).status == KILLED
    went_back = "direction" in {record["kind"] for record in story.journal}
    last = story.resume() if went_back and crash.number % 2 else story.rollback()
    if is_committed(crash.past):
        assert_ended(story, last, "switched back")
        assert_same(story.world(), as_noted(crash.past, undisturbed.switched_back))
    else:
        assert_ended(story, last, "rolled-back")
        assert_same(story.world(), undisturbed.before)
    assert (story.live(), story.conflicts(), story.old_boot()) == (["old"], [], boot)
    assert story.answers_the_world()


@pytest.mark.slow
@pytest.mark.parametrize("number", range(1, EDITS + 1))
def test_a_run_killed_after_a_change_of_the_hypervisor_is_resumed(
    story: Story, number: int, undisturbed: Worlds
) -> None:
    assert story.migrate(stop=("SIGKILL", "edit", number)).status == KILLED
    assert_ended(story, story.resume(), "migrated")
    assert_same(story.world(), undisturbed.migrated)
    assert (story.live(), story.conflicts()) == (["new"], [])


@pytest.mark.slow
@pytest.mark.parametrize("number", range(1, EDITS + 1))
def test_a_run_killed_after_a_change_of_the_hypervisor_is_rolled_back(
    story: Story, number: int, undisturbed: Worlds
) -> None:
    assert story.migrate(stop=("SIGKILL", "edit", number)).status == KILLED
    past = story.recorded
    assert story.rollback().status == DONE
    assert_same(story.world(), as_noted(past, undisturbed.switched_back) if is_committed(past) else undisturbed.before)
    assert (story.live(), story.conflicts()) == (["old"], [])


@pytest.mark.slow
def test_those_are_all_changes_of_the_hypervisor(story: Story) -> None:
    assert story.migrate(stop=("SIGKILL", "edit", EDITS + 1)).status == DONE


# ---- in other words ------------------------------------------------------------------------------------------


def as_noted(past: Sequence[Line], switched_back: World) -> World:
    """A run that had not come to its notes leaves the old VM's as it wrote them first."""
    if ("begin", "notes") in past:
        return switched_back
    claim = f"The mail gateway\n[vmmigrate] run RUN on {socket.gethostname()}: a migration is under way"
    return {**switched_back, "old": {**switched_back["old"], "notes": claim}}


def assert_ended(story: Story, last: Told, outcome: str) -> None:
    """The last process came to that end, or found that the one killed just before had."""
    assert last.status in (DONE, REFUSED), last.err
    final = story.journal[-1]
    assert final.get("outcome", final.get("reason")) == outcome
