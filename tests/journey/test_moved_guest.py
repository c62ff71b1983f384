"""A new guest that is at another address, is cut off, or was put back by somebody: it is found, or the run says so."""

import json

import pytest

from fixtures.appliance import state
from fixtures.appliance.store import FILE_STORE
from tests.journey import moving
from tests.journey.odd_hypervisors import lease_anew
from tests.journey.story import ATTENTION, DONE, KILLED, WENT_BACK, Story

pytestmark = pytest.mark.slow


def readdress(story: Story) -> None:
    """Its lease ran out, and it has another one."""
    lease_anew(story.lab.folder, moving.new(story))
    moving.restart(story, moving.new(story))


def remove_staging(story: Story) -> None:
    """As `finish` would, and somebody does by hand."""
    with state.edit(story.lab.folder) as now:
        entry = now["vms"][moving.new(story).id]
        entry["nics"] = [nic for nic in entry["nics"] if nic["network"] == story.lab.lan]
    moving.restart(story, moving.new(story))


# ---- at another address --------------------------------------------------------------------------------------


def test_a_way_back_after_the_commit_finds_the_new_guest_at_its_new_address(story: Story) -> None:
    assert story.migrate().status == DONE
    readdress(story)
    told = story.rollback()
    assert told.status == DONE, told.err
    assert "on staging now, and not" in told.out
    assert (story.live(), story.conflicts()) == (["old"], [])
    readdress(story)
    told = story.finish()  # it asks what is in the new one before it deletes it
    assert told.status == DONE, told.err


def test_a_new_guest_that_restarts_at_another_address_goes_on_from_there(story: Story) -> None:
    story.hypervisor = "LeasesAnew"
    told = story.migrate()
    assert told.status == DONE, told.err
    assert "on staging now, and not" in told.out
    story.hypervisor = "MemoryHypervisor"
    assert story.rollback().status == DONE


def test_a_switch_goes_on_at_another_address(story: Story) -> None:
    assert story.migrate(stop=("SIGKILL", "after", ("done", "switch"))).status == KILLED
    readdress(story)
    told = story.resume()
    assert told.status == DONE, told.err
    assert story.live() == ["new"]


# ---- cut off -------------------------------------------------------------------------------------------------


def test_a_way_back_that_cannot_ask_the_new_guest_is_refused_before_it_begins(story: Story) -> None:
    """The run, the notes and what can be done with both stay as they were; the refusal is recorded, and shown."""
    assert story.migrate().status == DONE
    remove_staging(story)
    before, recorded = story.everything(), len(story.recorded)
    told = story.rollback()
    assert told.status == ATTENTION
    for words in (f"vmmigrate finish {story.run_id}", "--leave-mail"):
        assert words in told.err
    assert f"{moving.new(story).name} is plugged in and answers this workstation" in told.out
    assert story.everything() == before
    assert story.recorded[recorded:] == (("looked", "rollback"),)
    assert "\nrollback was refused: 20" in story.command("status", "last").out
    assert story.finish().status == DONE
    assert (story.live(), story.answers_the_world()) == (["new"], True)


def test_with_leave_mail_it_goes_back_all_the_same(story: Story) -> None:
    assert story.migrate().status == DONE
    remove_staging(story)
    told = story.rollback("--leave-mail")
    assert told.status == DONE, told.err
    assert story.live() == ["old"]


# ---- put back, changed ---------------------------------------------------------------------------------------


def test_a_database_that_somebody_put_back_after_it_was_verified_is_seen_before_the_switch(story: Story) -> None:
    assert story.migrate(stop=("SIGKILL", "after", ("done", "address"))).status == KILLED
    root = story.lab.root_of(moving.new(story).id)
    empty = root.read(FILE_STORE)
    assert story.resume(stop=("SIGKILL", "after", ("done", "verify"))).status == KILLED
    root.write(FILE_STORE, empty)
    told = story.resume()
    assert told.status == WENT_BACK
    assert "the new gateway's database: expected as verified; seen: " in told.out
    assert "of 8 tables accounted for" in told.err
    assert (story.live(), story.answers_the_world()) == (["old"], True)


def test_a_user_that_was_added_after_it_was_verified_is_said_and_counted(story: Story) -> None:
    assert story.migrate(stop=("SIGKILL", "after", ("done", "verify"))).status == KILLED
    root = story.lab.root_of(moving.new(story).id)
    tables = json.loads(root.read(FILE_STORE))
    tables["cm_users"]["rows"].append(["dora@example.test", "internal", "2026-01-01"])
    root.write(FILE_STORE, json.dumps(tables).encode())
    told = story.resume()
    assert told.status == DONE, told.err
    assert "the new gateway's database: expected as verified; seen: changed in cm_users" in told.out
    assert story.rollback().status == DONE
    told = story.finish()
    assert told.status == ATTENTION
    assert "1 entry (1 cm_users)" in told.err
