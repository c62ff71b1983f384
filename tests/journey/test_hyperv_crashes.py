"""Killed at a sample of the records of a run through the stand-in Hyper-V host: resumed, or rolled back.

What depends on the engine and the steps alone is tried at every record in tests/journey/test_crashes.py; here it is the
adapter that is looked at: each phase, each call that changes something on the host.
"""

import contextlib
from collections.abc import Iterator, Sequence

import pytest

from fixtures.hyperv import scripts, windows
from tests.journey.hyperv_story import NEEDS, HypervStory, Tell, a_hyperv_story
from tests.journey.records import MIGRATION, Line, is_committed
from tests.journey.story import DONE, KILLED, Child
from tests.journey.test_crashes import Crash, assert_ended, killed_at_each, nobody_came_too_early

pytestmark = [pytest.mark.slow, *NEEDS]

# One in each phase, where the host is changed; what lies between is the guests' alone.
FORTH: Sequence[Line] = (
    ("done", "claim"),
    ("begin", "deploy"),
    ("done", "deploy"),
    ("learnt", "switch"),
    ("done", "switch"),
    ("done", "autostart"),
    ("begin", "tidy"),
)
BACK: Sequence[Line] = (("begin", "deploy"), ("done", "deploy"), ("learnt", "switch"), ("done", "autostart"))


@pytest.fixture
def tell(child: Child) -> Iterator[Tell]:
    """`tell(2)`: an old VM of generation 2."""
    with contextlib.ExitStack() as stack:
        yield lambda generation: stack.enter_context(a_hyperv_story(child, generation))


def test_the_sample_has_steps_that_there_are() -> None:
    assert sorted(FORTH, key=MIGRATION.index) == list(FORTH)
    assert set(BACK) <= set(MIGRATION)


def test_a_run_that_is_killed_wherever_the_host_is_changed_is_resumed(tell: Tell) -> None:
    """By turns just before the record, and just after it."""
    story = tell(2)
    boot = story.old_boot()
    assert story.migrate(stop=("SIGKILL", "after", MIGRATION[1])).status == KILLED
    for number, line in enumerate(FORTH):
        killed_at_each(story.resume, ("before", "after")[number % 2], [line])
        nobody_came_too_early(story)
    assert_ended(story, story.resume(), "migrated")
    assert (story.live(), story.conflicts(), story.old_boot()) == (["new"], [], boot)
    assert story.answers_the_world()
    assert [up for _, *up in story.world()["old"]["nics"]] == [[False, False]]


@pytest.mark.parametrize("line", BACK, ids="-".join)
def test_a_crashed_run_is_rolled_back(tell: Tell, line: Line) -> None:
    """Generations, before and after by turns. Nothing of it is left but the scripts of the one that was killed."""
    number = BACK.index(line)
    story = tell(1 + number % 2)
    before, when = story.world(), ("after", "before")[number // 2 % 2]
    crash = Crash(when, MIGRATION.index(line) + 1)
    assert story.migrate(stop=("SIGKILL", when, line)).status == KILLED
    nobody_came_too_early(story)
    assert story.rollback().status == DONE
    assert (story.live(), story.conflicts(), story.answers_the_world()) == (["old"], [], True)
    after = story.world()["old"]
    assert (after["nics"], after["autostart"]) == (before["old"]["nics"], before["old"]["autostart"])
    if not is_committed(crash.past):
        assert story.world() == before
        assert left_in_store(story) == []


def left_in_store(story: HypervStory) -> list[str]:
    store = windows.place_of(story.lab.folder, scripts.STORE)
    return [path.name for path in store.iterdir() if path.name.startswith("vmmigrate-")]
