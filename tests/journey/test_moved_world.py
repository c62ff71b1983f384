"""Somebody else acts between two records: claims, copies, tags, names, links. Nobody becomes live beside another."""

import os
import shutil
import signal

import pytest

from tests.journey import moving
from tests.journey.story import ATTENTION, DONE, KILLED, REFUSED, WENT_BACK, Child, Stop, Story

pytestmark = pytest.mark.slow
PREPARED: Stop = ("SIGKILL", "after", ("done", "verify"))
CLOSED: Stop = ("SIGKILL", "after", ("done", "close-intake"))
SWITCHED: Stop = ("SIGKILL", "after", ("done", "switch"))
COMMITTED: Stop = ("SIGKILL", "after", ("done", "open"))
BETWEEN: Stop = ("SIGSTOP", "after", ("learnt", "claim"))
OTHER_RUN = "20260101-000000-beef"


def killed(story: Story, stop: Stop) -> None:
    assert story.migrate(stop=stop).status == KILLED
    story.lab.settle()


# ---- a claim -------------------------------------------------------------------------------------------------


def test_a_run_that_another_has_overtaken_touches_nothing(story: Story) -> None:
    """Run A died after the switch; the old VM was plugged in by hand and the claim removed; B migrated elsewhere."""
    killed(story, SWITCHED)
    moving.plug(story, moving.new(story), up=False)
    moving.plug(story, moving.old(story))
    moving.restart(story, moving.old(story))
    moving.remove_the_claim(story)
    told = moving.elsewhere(story).migrate(new={"name": "gateway-of-b"})
    assert told.status == DONE, told.err
    before = story.everything()
    for verb in (story.rollback, story.resume, story.finish):
        told = verb()
        assert told.status in (REFUSED, ATTENTION)
        assert story.everything() == before
    assert (moving.live_names(story), story.conflicts()) == (["gateway-of-b"], [])
    assert story.answers_the_world()


def test_of_two_workstations_that_claim_at_the_same_moment_one_passes(story: Story) -> None:
    """The first one stands still between its look at the notes and its write."""
    second = Child()
    other = moving.elsewhere(story, second)
    try:
        ended = other.begin("migrate", story.lab.old_name, str(story.lab.image), "--yes", stop=BETWEEN)
        process = moving.wait_stopped(second)
        killed(story, PREPARED)
        os.kill(process, signal.SIGCONT)
        told = ended()
    finally:
        second.close()
    assert told.status == WENT_BACK, told.err
    assert f"another run has claimed this VM: [vmmigrate] run {story.run_id} begun" in told.err
    assert (moving.live_names(story), moving.notes(story).count(story.run_id)) == ([story.lab.old_name], 1)


def test_a_claim_that_was_removed_is_made_again(story: Story) -> None:
    killed(story, PREPARED)
    moving.remove_the_claim(story)
    told = story.resume()
    assert told.status == DONE
    assert "claimed again" in told.out
    assert story.live() == ["new"]


@pytest.mark.parametrize("stop", [PREPARED, CLOSED, SWITCHED, COMMITTED], ids=lambda stop: stop[2][1])
def test_under_another_runs_claim_nothing_is_touched(story: Story, stop: Stop) -> None:
    killed(story, stop)
    moving.claim_for(story, OTHER_RUN)
    before = story.everything()
    for verb in (story.resume, story.rollback):
        told = verb()
        assert told.status in (REFUSED, ATTENTION)
        assert OTHER_RUN in told.err
        assert story.everything() == before


# ---- a third machine -----------------------------------------------------------------------------------------


def test_beside_a_copy_that_is_plugged_in_nothing_is_plugged_in(story: Story) -> None:
    killed(story, ("SIGKILL", "after", ("begin", "switch")))
    moving.plug(story, moving.old(story), up=False)
    moving.plug(story, moving.clone(story, moving.old(story), "restored-from-backup"))
    for verb in (story.resume, story.rollback):
        told = verb()
        assert told.status == ATTENTION
        assert "restored-from-backup" in told.err
        assert moving.live_names(story) == ["restored-from-backup"]


def test_a_copy_that_is_off_is_no_obstacle(story: Story) -> None:
    killed(story, PREPARED)
    moving.clone(story, moving.old(story), "copy", power="off")
    assert story.resume().status == DONE
    assert moving.live_names(story) == [moving.new(story).name]


# ---- names and tags ------------------------------------------------------------------------------------------


def test_an_old_vm_that_was_renamed_is_the_same(story: Story) -> None:
    killed(story, SWITCHED)
    moving.edit(story, moving.old(story), name="mailgw-old")
    told = story.rollback()
    assert told.status == DONE, told.err
    assert moving.live_names(story) == ["mailgw-old"]


def test_a_new_vm_without_our_tag_is_not_plugged_in(story: Story) -> None:
    killed(story, PREPARED)
    moving.edit(story, moving.new(story), tag=None)
    told = story.resume()
    assert told.status != DONE, told.out
    assert (moving.live_names(story), story.conflicts()) == ([story.lab.old_name], [])


def test_one_that_lost_its_tag_while_it_is_live_stays_alone_until_it_is_unplugged(story: Story) -> None:
    killed(story, SWITCHED)
    moving.edit(story, moving.new(story), tag=None)
    story.rollback()
    assert len(moving.live_names(story)) == 1
    assert story.conflicts() == []


# ---- a folder that is older than the world -------------------------------------------------------------------


def copied(story: Story) -> Story:
    """Another workstation has the run's folder and key as they are now."""
    other = moving.elsewhere(story)
    for name in ("runs", "keys"):
        shutil.copytree(story.folder / name, story.folder / "elsewhere" / name)
    return other


def refused_by_all(story: Story, other: Story) -> None:
    """The older copy touches nothing, says that the run went on, and calls nobody down who is live."""
    before, live = story.everything(), moving.live_names(story)
    for verb in (other.resume, other.rollback):
        told = verb()
        assert told.status == ATTENTION
        assert "went on elsewhere, and its folder here is older than the world" in told.err
        assert "MAIL: DOWN" not in told.out
        assert "begun on workstation" not in moving.notes(story)
        assert (story.everything(), moving.live_names(story)) == (before, live)
    assert story.answers_the_world()


@pytest.mark.parametrize("stop", [PREPARED, CLOSED, SWITCHED], ids=lambda stop: stop[2][1])
def test_an_older_copy_of_the_folder_undoes_nothing_of_a_run_that_went_on(story: Story, stop: Stop) -> None:
    killed(story, stop)
    other = copied(story)
    assert story.resume().status == DONE
    story.lab.settle()
    moving.send(story)
    refused_by_all(story, other)
    assert story.finish().status == DONE
    refused_by_all(story, other)


def test_it_undoes_nothing_where_the_run_was_killed_right_after_the_commit(story: Story) -> None:
    """No note says so yet: the new guest does, by the rules that it no longer has."""
    killed(story, SWITCHED)
    other = copied(story)
    assert story.resume(stop=COMMITTED).status == KILLED
    story.lab.settle()
    before = story.everything()
    for verb in (other.rollback, other.resume):
        told = verb()
        assert told.status == ATTENTION
        assert f"{moving.new(story).name} is live, and open to all" in told.err
        assert f"MAIL: flowing through {moving.new(story).name}" in told.out
        assert story.everything() == before
    assert story.resume().status == DONE


def test_it_undoes_nothing_of_a_run_that_went_back_elsewhere(story: Story) -> None:
    """The new VM was open, and may hold mail that only it has."""
    killed(story, SWITCHED)
    other = copied(story)
    assert story.resume().status == DONE
    assert story.rollback().status == DONE
    story.lab.settle()
    refused_by_all(story, other)


def test_a_switch_by_hand_is_not_isolated_by_a_resume(story: Story) -> None:
    killed(story, PREPARED)
    name = moving.new(story).name
    moving.plug(story, moving.old(story), up=False)
    moving.plug(story, moving.new(story))
    before = story.everything()
    for verb in (story.resume, story.rollback):
        told = verb()
        assert told.status == ATTENTION
        assert f"{name} is live, and this journal has not plugged it in" in told.err
        assert story.everything() == before


def test_an_isolation_that_was_lifted_by_hand_is_not_called_down(story: Story) -> None:
    killed(story, ("SIGKILL", "after", ("done", "verify-live")))
    moving.lose_at_boot(
        story, moving.new(story), "/etc/systemd/system/sysinit.target.wants/vmmigrate-isolation.service"
    )
    assert story.answers_the_world()
    assert (
        f"MAIL: flowing through {moving.new(story).name} since an unknown time" in story.command("status", "last").out
    )
    assert story.rollback("--discard-mail", "0").status == DONE
    assert story.live() == ["old"]
