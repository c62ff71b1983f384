"""Others act on real guests and on libvirt between two commands: ten schedules, all but the first in one migration.

Deploying and booting a guest under emulation is what costs, so that migration is killed and taken up again from one
schedule to the next: a test begins where the one before it ended, and all fail after one that does. One that nobody
interrupts is what `make demo` and `make matrix` run.
"""

import dataclasses
import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from migrating import PEAK, SIGKILLED, ended_name, migrate, power, run_of, vmmigrate
from moving_guests import Hands, hung_libvirtd, restart_libvirtd, until_it_stands

from fixtures import lab as labs
from fixtures.demo.proof import Seen
from fixtures.demo.worlds import world_of
from fixtures.lab import Lab
from hypervisors import NotYet, wait_for

pytestmark = pytest.mark.lab
MIB = 1 << 10  # ru_maxrss counts KiB


def killed_after(step: str, kind: str = "done") -> tuple[str, ...]:
    return ("--after", kind, step, "SIGKILL")


class Migration:
    """One run, from test to test."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.guests, self.hands, self.run = world_of(lab, folder), Hands(lab.socket_uri), ""
        (folder / "vmmigrate.toml").write_text(self.guests.settings())
        self.before, self.things = self.guests.look(self.guests.old), self.guests.things()

    @property
    def old(self) -> str:
        return self.guests.old_vm

    @property
    def new(self) -> str:
        return ended_name(self.guests)

    def begin(self, driver: tuple[str, ...]) -> None:
        status, events = migrate(self.guests, driver)
        assert status == SIGKILLED, events[-3:]
        self.run = run_of(events)

    @property
    def recorded(self) -> list[str]:
        """Each record as "kind step", and what a look saw that did not hold."""
        journal = (self.guests.folder / "runs" / self.run / "journal.jsonl").read_text().splitlines()
        return [_in_words(json.loads(line)) for line in journal]

    def resume(self, *driver: str) -> tuple[int, str]:
        """Exit code, and all that was shown and recorded."""
        status, events = vmmigrate(self.guests, "resume", self.run, driver=driver)
        return status, "\n".join(map(str, events))


def _in_words(record: dict[str, Any]) -> str:
    seen = [check["seen"] for check in record.get("checks", ()) if check["verdict"] != "pass"]
    return " ".join(filter(None, (record["kind"], record.get("step", ""), *seen)))


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


def test_a_libvirtd_that_is_restarted_in_the_switch(first: Migration) -> None:
    driver = ("--after", "begin", "switch", "SIGSTOP", *killed_after("verify-live"))
    standing = until_it_stands(first.guests, "resume", first.run, driver=driver)
    restart_libvirtd(first.hands.uri)
    standing.go_on()
    status, shown = standing.ended()
    assert status in (SIGKILLED, 128 + signal.SIGKILL), (shown[-1000:], first.recorded[-20:])
    assert first.hands.live() == [first.new]


def test_a_libvirtd_that_hangs_for_seconds_in_the_way_back_of_the_switch(first: Migration) -> None:
    """Gone back from between both links and the commit: the old gateway is the one it was."""
    driver = ("--after", "direction", "", "SIGSTOP")
    standing = until_it_stands(first.guests, "rollback", first.run, "--scope", "switch", "--yes", driver=driver)
    with hung_libvirtd():
        standing.go_on()
        time.sleep(5)
    status, shown = standing.ended()
    assert status == 0, (shown[-1000:], first.recorded[-20:])
    assert "MAIL: flowing through" in shown.splitlines()[-1]
    assert (first.guests.look(first.guests.old), first.hands.live()) == (first.before, [first.old])


def test_a_gateway_is_replaced(first: Migration) -> None:
    status, events = vmmigrate(first.guests, "resume", first.run)
    ended = events[-1]
    assert (status, ended.get("outcome")) == (0, "migrated"), events[-3:]
    assert (ended["old_vm"], ended["new_vm"]) == ("kept, unplugged", "live")
    assert ended["outage"] > 0
    before, after = first.before, first.guests.look(first.guests.new)
    assert after.host_key == before.host_key  # kept
    assert after.version != before.version
    assert dataclasses.replace(before, host_key="", version="") == dataclasses.replace(after, host_key="", version="")
    assert 0 < max(map(int, (first.guests.folder / PEAK).read_text().split())) < 200 * MIB


def test_a_host_that_reboots_brings_back_the_new_one_alone_and_it_takes_mail(first: Migration) -> None:
    seen = first.guests.look(first.guests.new)
    assert first.hands.reboot_the_host() == [first.new]
    wait_for("the new gateway", lambda: answers(first, seen), timeout=180, clears="does it boot?", pause=3)
    assert first.hands.live() == [first.new]


def answers(first: Migration, expected: Seen) -> None:
    try:
        assert first.guests.look(first.guests.new) == expected
    except OSError as error:
        raise NotYet(str(error)) from error


def test_it_is_not_finished_while_the_old_vm_would_start_plugged_in(first: Migration) -> None:
    first.hands.plug(first.old, up=True)
    status, events = vmmigrate(first.guests, "finish", first.run, "--yes")
    assert status == 3, events[-3:]
    first.hands.plug(first.old, up=False)


def test_the_old_gateway_is_retired(first: Migration) -> None:
    before = first.guests.look(first.guests.new)
    status, events = vmmigrate(first.guests, "finish", first.run, "--yes")
    assert (status, events[-1].get("outcome")) == (0, "finished"), events[-3:]
    assert first.guests.look(first.guests.new) == before
    assert power(first.guests) == {first.old: "off", first.new: "running"}
