"""The new VM gets the old one's name on vSphere, which renames what runs: also where `finish` is killed in between."""

import pytest

from tests.journey.story import DONE, KILLED
from tests.journey.vsphere.conftest import Tell
from tests.journey.vsphere.story import VsphereStory

pytestmark = [pytest.mark.vsphere, pytest.mark.slow]

RENAME = {"rename": "true"}
WRITES = 5  # of a `finish`: shut down, a name each, a note, the staging NIC


def retired(story: VsphereStory) -> str:
    return f"{story.lab.old_name}-old-{story.run_id.partition('-')[0]}"


def assert_renamed(story: VsphereStory) -> None:
    assert story.machines() == {retired(story): "poweredOff", story.lab.old_name: "poweredOn"}
    assert story.answers_the_world()


@pytest.mark.parametrize("kind", ["vpx", "esx"])
def test_both_are_renamed_at_finish_while_the_new_one_runs(tell: Tell, kind: str) -> None:
    story = tell(kind)
    assert story.migrate(new=RENAME).status == DONE
    assert story.lab.old_name in story.machines()
    story.lab.proxy.forget_calls()
    told = story.finish()
    assert (told.status, told.err) == (DONE, "")
    assert story.lab.proxy.writes()["Rename_Task"] == 2
    assert story.lab.proxy.writes().total() == WRITES
    assert_renamed(story)


@pytest.mark.parametrize("number", range(1, WRITES + 1))
def test_a_finish_that_is_killed_after_a_write_is_run_again(story: VsphereStory, number: int) -> None:
    assert story.migrate(new=RENAME).status == DONE
    story.lab.proxy.after_write(number, story.kill)
    assert story.finish().status == KILLED
    assert story.finish().status == DONE
    assert_renamed(story)
