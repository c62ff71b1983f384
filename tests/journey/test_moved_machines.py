"""Machines that others move, copy or delete at a bad moment: who is live then is one, and what is said is so."""

import json
import os
import signal

import pytest

from fixtures.appliance import state
from tests.journey import moving
from tests.journey.conftest import Worlds
from tests.journey.story import ATTENTION, DONE, KILLED, WENT_BACK, Child, Story, Told, assert_same
from vmmigrate.steps.open import BY_HAND

pytestmark = pytest.mark.slow


def killed(story: Story, step: str, kind: str = "done") -> None:
    assert story.migrate(stop=("SIGKILL", "after", (kind, step))).status == KILLED
    story.lab.settle()


def last_line(told: Told) -> str:
    return told.out.splitlines()[-1]


# ---- the new one, plugged in by hand -------------------------------------------------------------------------


def would_start_plugged_in(story: Story) -> None:
    with state.edit(story.lab.folder) as now:
        for nic in now["vms"][moving.new(story).id]["nics"]:
            nic["stored_link_up"] = nic["link_up"] = True


def test_a_new_vm_that_would_start_plugged_in_is_not_started_beside_the_old_one(story: Story) -> None:
    killed(story, "deploy")
    would_start_plugged_in(story)
    told = story.resume()
    story.lab.settle()
    assert (told.status, story.live(), story.conflicts()) == (ATTENTION, ["old"], [])  # what was prepared is kept
    assert "mailgw could be live beside the other" in told.err
    assert "MAIL: flowing through mailgw since before this run" in last_line(told)


def test_a_new_vm_that_was_plugged_in_before_its_switch_is_no_longer_there_after_a_way_back(
    story: Story, undisturbed: Worlds
) -> None:
    killed(story, "verify")
    moving.plug(story, moving.new(story))
    told = story.rollback()
    assert told.status == ATTENTION  # a VM that is live is not deleted
    assert f"mailgw AND {moving.new(story).name}, at the same address" in last_line(told)
    moving.plug(story, moving.new(story), up=False)
    told = story.rollback()
    assert told.status == DONE, told.err
    assert_same(story.world(), undisturbed.before)
    assert "MAIL: flowing through mailgw" in last_line(told)


# ---- an old one that somebody paused -------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["close-intake", "switch"])
def test_a_paused_old_vm_is_called_that_and_what_lets_it_go_on_is_said(
    story: Story, step: str, undisturbed: Worlds
) -> None:
    """No program resumes another's machine: it may be paused because its host's disk is full."""
    killed(story, step)
    moving.edit(story, moving.old(story), power="other")
    goes_on = f" resume {story.lab.old_id} (mailgw"
    for _ in range(2):
        told = story.rollback()
        assert told.status == ATTENTION
        assert "old VM: plugged in, but paused or suspended: it takes no mail" in told.out
        assert goes_on in told.err
        assert "mailgw is paused or suspended, plugged in" in last_line(told)
        assert ": now virsh -c " in last_line(told)
        assert goes_on in last_line(told)
    moving.edit(story, moving.old(story), power="running")
    story.lab.settle()
    told = story.rollback()
    assert told.status == DONE, told.err
    assert_same(story.world(), undisturbed.before)


@pytest.mark.parametrize("after", ["notes", "open"])
def test_of_a_paused_new_vm_the_command_that_lets_it_go_on_is_said_at_once(story: Story, after: str) -> None:
    assert story.migrate(stop=("SIGKILL", "after", ("done", after))).status == KILLED
    new = moving.new(story)
    moving.edit(story, new, power="other")
    goes_on = f" resume {new.id} ({new.name}"
    first = story.command("status", story.run_id).out.splitlines()[0]
    assert (first.startswith("MAIL: DOWN"), goes_on in first) == (True, True)
    before = story.recorded
    told = story.rollback()
    assert (told.status, goes_on in told.err, goes_on in last_line(told)) == (ATTENTION, True, True)
    assert story.recorded == (*before, ("looked", "rollback"))  # refused before anything was touched
    told = story.resume()
    assert (told.status, goes_on in told.err) == (ATTENTION, True)
    moving.edit(story, new, power="running")
    story.lab.settle()
    assert (story.resume().status, story.live()) == (DONE, ["new"])


# ---- names that were swapped ---------------------------------------------------------------------------------


def swap_names(story: Story) -> None:
    old, new = moving.old(story), moving.new(story)
    moving.edit(story, old, name=new.name)
    moving.edit(story, new, name=old.name)


def test_swapped_names_lead_to_no_command_for_the_wrong_machine(story: Story) -> None:
    killed(story, "switch")
    swap_names(story)
    moving.switch_off(story, moving.old(story))
    story.hypervisor = "AwayForGood"
    told = story.command("rollback", story.run_id, "--yes", limits={"reconnect": 0.3})
    new, old = moving.new(story).id, story.lab.old_id
    assert f"domif-setlink {new} " in told.err
    assert f" start {old} (" in told.err
    assert f" start {new}" not in told.err
    story.hypervisor = "MemoryHypervisor"
    told = story.rollback()
    story.lab.settle()
    [name] = moving.live_names(story)
    assert (told.status, name) == (DONE, story.lab.vm(story.lab.old_id)["name"]), told.err
    assert f"MAIL: flowing through {name}" in last_line(told)
    assert "new VM: deleted or never made" in told.out


# ---- a migration from elsewhere ------------------------------------------------------------------------------


def test_a_whole_migration_from_elsewhere_fits_between_our_plan_and_our_claim(story: Story) -> None:
    second = Child()
    other = moving.elsewhere(story, second)
    try:
        ended = other.begin(
            *("migrate", story.lab.old_name, str(story.lab.image), "--yes"),
            stop=("SIGSTOP", "after", ("begin", "claim")),
            new={"name": "too-late"},
        )
        process = moving.wait_stopped(second)
        assert story.migrate().status == DONE
        os.kill(process, signal.SIGCONT)
        told = ended()
    finally:
        second.close()
    assert told.status == WENT_BACK
    new = moving.new(story).name
    assert moving.live_names(story) == [new]
    assert f"MAIL: flowing through {new}" in last_line(told)
    assert "old VM: live" not in told.out


# ---- deleted, lost -------------------------------------------------------------------------------------------


def test_without_an_old_vm_there_is_no_way_back_and_the_new_one_stays_live(story: Story) -> None:
    assert story.migrate().status == DONE
    moving.delete(story, moving.old(story))
    told = story.rollback()
    assert told.status == ATTENTION
    assert moving.live_names(story) == [moving.new(story).name]
    assert story.answers_the_world()
    assert f"MAIL: flowing through {moving.new(story).name}" in last_line(told)
    assert offered(story) == ["finish"]
    moving.switch_off(story, moving.new(story))
    seen = story.command("status", story.run_id).out
    assert "vmmigrate rollback" not in seen.splitlines()[0]
    assert offered(story) == []
    assert "vmmigrate rollback" not in story.finish().err


def offered(story: Story) -> list[str]:
    """The commands that `status` names as what can be done next."""
    return [verb for verb, _ in json.loads(story.command("status", story.run_id, "--json").out)["next"]]


@pytest.mark.parametrize("after", ["open", "tidy", "switch"])
def test_without_an_old_vm_a_committed_run_goes_on_to_its_end_and_no_way_back_is_begun(
    story: Story, after: str
) -> None:
    """What is no longer possible is said. Before the commit nothing is done."""
    killed(story, after)
    moving.delete(story, moving.old(story))
    before = story.journal
    for flags in ((), ("--links-only",)):
        told = story.rollback(*flags)
        assert told.status == ATTENTION
        assert [record["kind"] for record in story.journal[len(before) :]] == ["looked"]  # why it was refused
        assert "the old VM mailgw: expected there; seen: deleted" in told.err
        assert "by hand, in this order" not in told.err  # a list that plugs in what is deleted
        before = story.journal
    assert offered(story) == ([] if after == "switch" else ["resume"])
    if after == "switch":
        return
    told = story.resume()
    story.lab.settle()
    assert (told.status, moving.live_names(story)) == (DONE, [moving.new(story).name]), told.err
    assert "mailgw was deleted by hand: no note is left there" in told.out
    told = story.finish()
    assert (told.status, story.answers_the_world()) == (DONE, True), told.err


def test_a_new_vm_that_is_off_and_would_start_beside_the_old_one_is_gone_back_from_at_once(story: Story) -> None:
    assert story.migrate().status == DONE
    new = moving.new(story)
    moving.wait_in_queue(story, new)
    moving.switch_off(story, new)
    moving.plug(story, moving.old(story))
    told = story.rollback()
    story.lab.settle()
    assert (told.status, moving.live_names(story)) == (DONE, ["mailgw"]), told.err
    assert "mail: 1 back in the old gateway, 0 unaccounted" in told.out


def test_an_old_vm_that_was_deleted_in_the_switch_is_named_and_nobody_is_called_live(story: Story) -> None:
    killed(story, "switch")
    moving.delete(story, moving.old(story))
    told = story.resume()
    assert told.status == ATTENTION
    assert f"restore mailgw with its disks and its id {story.lab.old_id}, then run this again" in told.err
    assert "by hand, in this order" not in told.err
    assert "MAIL: DOWN since" in last_line(told)
    assert "vmmigrate resume" not in last_line(told)
    assert f"on the screen of {moving.new(story).name}, as root: {BY_HAND}" in last_line(told)


def test_a_run_whose_key_was_lost_goes_back_and_says_what_it_cannot_compare(story: Story, undisturbed: Worlds) -> None:
    killed(story, "switch")
    story.key.unlink()
    told = story.rollback()
    assert told.status == ATTENTION
    assert "--discard-settings unseen" in told.err
    assert (story.live(), story.answers_the_world()) == (["old"], True)
    assert story.rollback("--discard-settings", "unseen").status == DONE
    assert_same(story.world(), undisturbed.before)


# ---- the host reboots ----------------------------------------------------------------------------------------


def test_after_links_only_a_host_that_reboots_brings_back_the_old_one(story: Story) -> None:
    killed(story, "autostart")
    assert story.rollback("--links-only").status == ATTENTION
    assert story.live() == ["old"]
    assert moving.reboot_the_host(story) == ["old"]
    assert story.answers_the_world()


def test_after_a_switch_back_and_after_its_end_a_host_that_reboots_brings_back_the_old_one(story: Story) -> None:
    assert story.migrate().status == DONE
    assert story.rollback().status == DONE
    assert moving.reboot_the_host(story) == ["old"]
    moving.switch_on(story, moving.new(story))
    told = story.finish()
    assert told.status == DONE, told.err
    assert story.live() == ["old"]


def test_after_finish_a_host_that_reboots_brings_back_the_new_one(story: Story) -> None:
    assert story.migrate().status == DONE
    assert story.finish().status == DONE
    assert moving.reboot_the_host(story) == ["new"]
    assert story.answers_the_world()


# ---- copies --------------------------------------------------------------------------------------------------


def test_a_copy_of_the_new_vm_that_somebody_made_is_not_deleted_with_it(story: Story) -> None:
    """A copy of a definition has our tag too; the run made one machine."""
    killed(story, "verify")
    made = moving.new(story)
    moving.clone(story, made, "somebodys-copy", power="off")
    told = story.rollback()
    assert told.status == DONE, told.err
    names = {vm["name"] for vm in state.read(story.lab.folder)[1]["vms"].values()}
    assert names == {story.lab.old_name, "somebodys-copy"}
    assert "somebodys-copy has the tag of this run" in told.out
    assert story.live() == ["old"]
