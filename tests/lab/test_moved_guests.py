"""Others act on real guests and on libvirt between two commands: eight schedules, all but the first in one migration.

Deploying and booting a guest under emulation is what costs, so that migration is killed and taken up again from one
schedule to the next: a test begins where the one before it ended, and all fail after one that does. On the process lab
`tests/journey/test_moved_*` shows the same in every test; what only a real libvirt shows is in test_replaced_guest.py.
"""

import time
from collections.abc import Iterator

import pytest
from migrating import SIGKILLED, vmmigrate
from moving_guests import Migration, hung_libvirtd, killed_after, until_it_stands

from fixtures import lab as labs
from fixtures.lab import Lab

pytestmark = [pytest.mark.lab, pytest.mark.long]


@pytest.fixture(scope="module")
def migration(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Migration]:
    made = Migration(lab, tmp_path_factory.mktemp("moved"))
    made.hands.start_with_the_host(made.old)
    yield made
    labs.reset(labs.folders())


def test_one_that_goes_back_from_its_first_half_leaves_nothing(migration: Migration) -> None:
    migration.begin(killed_after("deploy"))
    status, events = vmmigrate(migration.guests, "rollback", migration.run, "--yes")
    assert (status, events[-1].get("outcome")) == (0, "rolled-back"), events[-3:]
    assert (migration.guests.look(migration.guests.old), migration.guests.things()) == (
        migration.before,
        migration.things,
    )


# ---- taken up again and again --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def first(migration: Migration) -> Migration:
    """Killed right before its switch."""
    migration.begin(killed_after("verify"))
    return migration


def test_a_claim_that_was_removed_and_a_new_guest_that_was_reset_before_the_switch(first: Migration) -> None:
    first.hands.remove_the_claim(first.old)
    first.hands.reset(first.new)
    status, shown = first.resume(*killed_after("close-intake"))
    assert status == SIGKILLED, (shown[-1000:], first.recorded[-20:])
    assert "claimed again" in shown
    assert first.hands.live() == [first.old]


def test_an_old_guest_that_was_reset_after_its_intake_was_closed(first: Migration) -> None:
    first.hands.reset(first.old)
    status, shown = first.resume(*killed_after("switch"))
    assert status == SIGKILLED, (shown[-1000:], first.recorded[-20:])
    assert first.recorded.count("done close-intake") == 2, first.recorded[-20:]
    assert first.hands.live() == [first.new]


def test_an_old_vm_that_was_plugged_in_by_hand_before_a_resume(first: Migration) -> None:
    first.hands.plug(first.old, up=True)
    status, shown = first.resume(*killed_after("switch"))
    assert status == SIGKILLED, (shown[-1000:], first.recorded[-20:])
    assert "undone switch" in first.recorded
    assert first.hands.live() == [first.new]


def test_killed_in_the_switch_the_old_vm_is_plugged_in_by_its_links_alone(first: Migration) -> None:
    status, events = vmmigrate(first.guests, "rollback", first.run, "--links-only", "--yes")
    assert status == 3, events[-3:]  # its intake is closed
    assert first.hands.live() == [first.old], first.recorded[-20:]


def test_a_libvirtd_that_hangs_for_seconds_in_the_way_back_of_the_switch(first: Migration) -> None:
    """Gone back from between both links and the commit: the old gateway is the one it was."""
    status, shown = first.resume(*killed_after("verify-live"))
    assert (status, first.hands.live()) == (SIGKILLED, [first.new]), (shown[-1000:], first.recorded[-20:])
    driver = ("--after", "direction", "", "SIGSTOP")
    standing = until_it_stands(first.guests, "rollback", first.run, "--scope", "switch", "--yes", driver=driver)
    with hung_libvirtd():
        standing.go_on()
        time.sleep(5)
    status, shown = standing.ended()
    assert status == 0, (shown[-1000:], first.recorded[-20:])
    assert "MAIL: flowing through" in shown.splitlines()[-1]
    assert (first.guests.look(first.guests.old), first.hands.live()) == (first.before, [first.old])


def test_it_is_not_finished_while_the_old_vm_would_start_plugged_in(first: Migration) -> None:
    status, events = vmmigrate(first.guests, "resume", first.run)
    assert (status, events[-1].get("outcome")) == (0, "migrated"), events[-3:]
    first.hands.plug(first.old, up=True)
    status, events = vmmigrate(first.guests, "finish", first.run, "--yes")
    assert status == 3, events[-3:]
