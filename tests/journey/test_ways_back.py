"""A way back that gets through: a line that breaks, a hypervisor that is away, no guest that answers, a full disk."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.journey import moving
from tests.journey.child import NOWHERE
from tests.journey.conftest import Tell, Worlds
from tests.journey.story import ATTENTION, DONE, KILLED, REFUSED, WENT_BACK, Story, Told, assert_same
from vmmigrate.steps.intake import BY_HAND

pytestmark = pytest.mark.slow
UNPLUGGED = ("SIGKILL", "after", ("done", "switch"))  # nobody takes mail


def alone(story: Story, *argv: str) -> Told:
    """`vmmigrate ARGV` where no guest answers and no password is known."""
    secrets, story.secrets, story.only_port = story.secrets, {}, NOWHERE
    try:
        return story.command(*argv)
    finally:
        story.secrets, story.only_port = secrets, 0


# ---- the hypervisor ------------------------------------------------------------------------------------------


def test_a_migration_over_a_line_that_loses_answers(tell: Tell, undisturbed: Worlds) -> None:
    story = tell()
    story.hypervisor = "LosesAnswers"
    told = story.migrate()
    assert (told.status, told.err) == (DONE, "")
    assert_same(story.world(), undisturbed.migrated)
    assert story.conflicts() == []


def test_a_way_back_over_a_line_that_loses_answers(story: Story, undisturbed: Worlds) -> None:
    assert story.migrate(stop=UNPLUGGED).status == KILLED
    story.hypervisor = "LosesAnswers"
    assert story.rollback().status == DONE
    assert_same(story.world(), undisturbed.before)
    assert story.conflicts() == []


def test_a_hypervisor_that_is_away_for_a_second_in_the_switch(tell: Tell) -> None:
    story = tell()
    story.hypervisor = "AwayInTheSwitch"
    told = story.migrate()
    assert (told.status, told.err) == (DONE, "")
    assert story.live() == ["new"]


def test_one_that_is_away_for_longer_leaves_the_words_that_end_the_outage(tell: Tell, undisturbed: Worlds) -> None:
    story = tell()
    story.hypervisor = "AwayForGood"
    told = story.migrate(limits={"reconnect": 0.3})
    assert told.status == ATTENTION
    assert story.live() == []
    old = story.lab.old_id
    for words in (f"domif-setlink {old} ", " up --config", f"start {old}", BY_HAND):
        assert words in told.err
    story.hypervisor = "MemoryHypervisor"
    assert story.rollback().status == DONE
    assert_same(story.world(), undisturbed.before)


def test_a_link_up_that_was_given_up_and_comes_late_is_taken_back_before_the_end(
    tell: Tell, undisturbed: Worlds
) -> None:
    """A daemon that hung goes on with what it was asked, however long nobody waited for it."""
    story = tell()
    story.hypervisor = "ActsLate"
    told = story.migrate()
    assert told.status == WENT_BACK, told.err
    assert "is unplugged: expected link down" in told.out
    assert "so it is undone again" in told.out
    assert_same(story.world(), undisturbed.before)


# ---- by links alone ------------------------------------------------------------------------------------------


def test_links_only_makes_the_old_one_live_without_a_guest_and_without_a_password(story: Story) -> None:
    assert story.migrate(stop=UNPLUGGED).status == KILLED
    assert story.live() != ["old"]
    told = alone(story, "rollback", story.run_id, "--links-only", "--yes")
    assert told.status == ATTENTION, told.err  # its intake is closed
    assert story.live() == ["old"]
    assert f"on its screen, as root: {BY_HAND}" in told.out
    assert "plugged back" in alone(story, "status", story.run_id).out
    assert story.recorded[-1][0] in ("paused", "remark")


def test_it_does_so_with_nothing_of_the_run_but_its_journal(story: Story, undisturbed: Worlds) -> None:
    assert story.migrate(stop=UNPLUGGED).status == KILLED
    for name in ("plan.json", "settings.json", "given.json", "digests.json", "log.txt", "lock"):
        (story.run_folder / name).unlink()
    told = alone(story, "rollback", story.run_id, "--links-only", "--yes")
    assert told.status == ATTENTION, told.err
    assert story.live() == ["old"]
    for name in ("plan.json", "settings.json"):
        assert f"{name} cannot be read: No such file or directory; the copy in the journal is used" in told.out
    assert story.rollback().status == DONE
    assert_same(story.world(), undisturbed.before)


def test_of_a_journal_that_is_damaged_each_command_says_what_to_type(story: Story) -> None:
    assert story.migrate(stop=UNPLUGGED).status == KILLED
    journal = story.run_folder / "journal.jsonl"
    data = bytearray(journal.read_bytes())
    data[len(data) // 2] ^= 1
    journal.write_bytes(data)
    old = moving.old(story)
    for told in (story.resume(), story.rollback(), story.command("status", story.run_id)):
        assert told.status == REFUSED
        assert "how far the run came is not known; where nobody takes mail, by hand, in this order:" in told.err
        assert f"domif-setlink {old.id}" in told.err
        assert BY_HAND in told.err


def test_the_whole_way_back_does_want_them(story: Story) -> None:
    """What is shown above is not that nothing is ever asked."""
    assert story.migrate(stop=UNPLUGGED).status == KILLED
    told = alone(story, "rollback", story.run_id, "--yes")
    assert told.status in (REFUSED, ATTENTION)
    assert "SSH password of" in told.err or "is not given" in told.err


def test_after_it_the_run_can_go_on(story: Story, undisturbed: Worlds) -> None:
    assert story.migrate(stop=UNPLUGGED).status == KILLED
    assert alone(story, "rollback", story.run_id, "--links-only", "--yes").status == ATTENTION
    assert story.resume().status == DONE
    assert_same(story.world(), undisturbed.migrated)
    assert story.conflicts() == []


def test_after_it_the_run_can_go_back(story: Story, undisturbed: Worlds) -> None:
    assert story.migrate(stop=UNPLUGGED).status == KILLED
    assert alone(story, "rollback", story.run_id, "--links-only", "--yes").status == ATTENTION
    assert story.rollback().status == DONE
    assert_same(story.world(), undisturbed.before)


def test_after_the_commit_only_back_is_left(story: Story, undisturbed: Worlds) -> None:
    assert story.migrate().status == DONE
    told = alone(story, "rollback", story.run_id, "--links-only", "--yes")
    assert told.status == ATTENTION, told.err
    assert story.live() == ["old"]
    refused = story.resume()
    assert refused.status == REFUSED
    assert f"vmmigrate rollback {story.run_id}" in refused.err
    assert story.rollback().status == DONE
    assert_same(story.world(), undisturbed.switched_back)


def test_it_is_refused_where_nothing_was_unplugged(story: Story) -> None:
    assert story.migrate(stop=("SIGKILL", "after", ("done", "verify"))).status == KILLED
    told = alone(story, "rollback", story.run_id, "--links-only", "--yes")
    assert told.status == REFUSED
    assert "has nothing of that to undo" in told.err


# ---- a full disk ---------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(story: Story) -> Story:
    """The folder of the runs is on a disk of a MiB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    runs = story.folder / "runs"
    runs.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(runs)], check=False)
    if done.returncode:
        pytest.skip("no disk can be mounted here")
    return story


def unmounted(story: Story) -> None:
    """A copy of the runs takes the disk's place."""
    runs = story.folder / "runs"
    copy = shutil.copytree(runs, story.folder / "copy", ignore=shutil.ignore_patterns("hog"))
    subprocess.run(["umount", "-l", str(runs)], check=True)
    runs.rmdir()
    Path(copy).rename(runs)


def test_a_disk_that_becomes_full_in_the_switch(small_disk: Story, undisturbed: Worlds) -> None:
    story = small_disk
    story.hypervisor = "FillsTheDisk"
    try:
        told = story.migrate()
        assert told.status == WENT_BACK, told.err
        assert "has no room for the record of a way back" in told.err
    finally:
        unmounted(story)
    assert story.recorded[-1] == ("end", "")
    assert_same(story.world(), undisturbed.before)


# ---- a refusal that comes late -------------------------------------------------------------------------------


def test_a_new_guest_that_is_lost_right_before_it_is_closed_stays_as_it_is(story: Story, undisturbed: Worlds) -> None:
    """Nothing was closed, so nothing has to be opened: the run is migrated as before, at once."""
    assert story.migrate().status == DONE
    going_back = story.begin(
        *("rollback", story.run_id, "--yes"), stop=("SIGSTOP", "before", ("undo", "open")), limits={"network": 1.0}
    )
    process, began = moving.wait_stopped(story.child), time.monotonic()
    moving.plug_staging(story, moving.new(story), up=False)
    os.kill(process, signal.SIGCONT)
    told = going_back()
    assert told.status == WENT_BACK
    assert time.monotonic() - began < 120
    assert "the run stays where it was: not going back" in told.out
    assert "answers this workstation; whether its firewall lets the world in" in told.out.splitlines()[-1]
    assert story.answers_the_world()
    moving.plug_staging(story, moving.new(story), up=True)
    assert story.command("status", story.run_id).out.startswith("MAIL: flowing through")
    assert_same(story.world(), undisturbed.migrated)
    outages = story.command("status", story.run_id, "--json").out
    assert len(json.loads(outages)["outages"]) == 1
    assert f"vmmigrate finish {story.run_id}" in story.command("status", story.run_id).out
    assert story.rollback().status == DONE


def test_a_way_back_after_which_nobody_takes_mail_has_an_exit_code_of_its_own(story: Story) -> None:
    """All of it is recorded as undone, and then somebody switches the old VM off: the look at the end decides."""
    assert story.migrate().status == DONE
    going_back = story.begin("rollback", story.run_id, "--yes", stop=("SIGSTOP", "after", ("paused", "")))
    process = moving.wait_stopped(story.child)
    moving.switch_off(story, moving.old(story))
    os.kill(process, signal.SIGCONT)
    told = going_back()
    assert told.status == ATTENTION, told.err
    assert "switched back, and no mail is taken yet" in told.err
    assert told.out.splitlines()[-1].startswith("MAIL: DOWN since ")
    assert "mailgw is switched off" in told.out.splitlines()[-1]
