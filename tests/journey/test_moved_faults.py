"""Faults that the model of the world found, each played once more with real processes and a real SIGKILL."""

import pytest

from tests.journey import moving
from tests.journey.story import ATTENTION, DONE, KILLED, Story, Told

pytestmark = pytest.mark.slow


def killed(story: Story, step: str, kind: str = "done") -> None:
    assert story.migrate(stop=("SIGKILL", "after", (kind, step))).status == KILLED
    story.lab.settle()


def last_line(told: Told) -> str:
    return told.out.splitlines()[-1]


def test_a_new_vm_without_our_tag_stays_alone_where_it_is_live(story: Story) -> None:
    """It cannot be unplugged as ours, so the old one is not plugged in beside it."""
    killed(story, "switch")
    new = moving.new(story)
    moving.edit(story, new, tag=None)
    told = story.rollback()
    assert told.status == ATTENTION
    assert f"seen: {new.name} ({new.id}" in told.err
    assert (moving.live_names(story), story.conflicts()) == ([new.name], [])
    assert "MAIL: DOWN" in last_line(told)  # it is isolated still


@pytest.mark.parametrize("verb", ["resume", "rollback"])
def test_a_new_vm_that_was_renamed_is_still_the_runs(story: Story, verb: str) -> None:
    killed(story, "verify")
    moving.edit(story, moving.new(story), name="gateway-2026")
    told = getattr(story, verb)()
    assert told.status == DONE, told.err
    assert moving.live_names(story) == (["gateway-2026"] if verb == "resume" else ["mailgw"])
    assert f"MAIL: flowing through {moving.live_names(story)[0]}" in last_line(told)
    assert story.conflicts() == []


def test_an_old_vm_that_was_switched_off_by_hand_is_not_called_live(story: Story) -> None:
    killed(story, "verify")
    moving.switch_off(story, moving.old(story))
    told = story.rollback()
    assert (told.status, story.live()) == (ATTENTION, [])
    assert "old VM: kept, switched off" in told.out
    assert last_line(told).startswith("MAIL: DOWN")
    assert f" start {story.lab.old_id} (mailgw)" in last_line(told)


def test_a_new_vm_that_is_off_is_not_started_beside_an_old_one_that_was_plugged_in(story: Story) -> None:
    assert story.migrate().status == DONE
    moving.switch_off(story, moving.new(story))
    moving.plug(story, moving.old(story))
    moving.restart(story, moving.old(story))
    told = story.rollback()
    assert story.conflicts() == []
    assert (told.status, story.live()) == (DONE, ["old"])
    assert "MAIL: flowing through mailgw" in last_line(told)


def test_a_rollback_right_after_the_host_rebooted_gets_through(story: Story) -> None:
    """Its new guest still boots when it is asked."""
    assert story.migrate().status == DONE
    for vm in (moving.old(story), moving.new(story)):
        moving.switch_off(story, vm)
    moving.begin_to_switch_on(story, moving.new(story))
    told = story.rollback()
    assert told.status == DONE, told.err
    assert (story.live(), story.answers_the_world()) == (["old"], True)
    assert story.conflicts() == []


def test_a_new_vm_that_was_deleted_after_the_commit_is_not_called_kept(story: Story) -> None:
    assert story.migrate().status == DONE
    moving.delete(story, moving.new(story))
    told = story.rollback()
    assert (told.status, story.live(), story.answers_the_world()) == (DONE, ["old"], True)
    assert "new VM: deleted or never made" in told.out
    assert "MAIL: flowing through mailgw since" in last_line(told)


def test_a_new_vm_without_our_tag_is_not_called_deleted_where_it_is_kept(story: Story) -> None:
    killed(story, "verify")
    moving.edit(story, moving.new(story), tag=None)
    told = story.rollback()
    assert "new VM: kept, unplugged" in told.out
    assert (story.live(), len(story.world())) == (["old"], 2)


def test_the_notes_of_a_new_vm_that_is_no_longer_ours_are_not_written(story: Story) -> None:
    killed(story, "tidy")
    new = moving.new(story)
    moving.edit(story, new, tag=None, notes="whose is this?")
    told = story.resume()
    assert story.lab.vm(new.id)["notes"] == "whose is this?"
    assert told.status == ATTENTION
    assert f"MAIL: flowing through {new.name}" in last_line(told)
