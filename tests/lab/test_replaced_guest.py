"""A gateway is replaced on real guests: killed before the switch, libvirtd restarted in it, the host rebooted after it.

One migration: a test begins where the one before it ended. What others do to guests meanwhile: test_moved_guests.py.
"""

import dataclasses
import signal
from collections.abc import Iterator

import pytest
from migrating import PEAK, SIGKILLED, power, vmmigrate
from moving_guests import Migration, killed_after, restart_libvirtd, until_it_stands

from fixtures import lab as labs
from fixtures.demo.proof import Seen
from fixtures.lab import Lab
from hypervisors import NotYet, wait_for

pytestmark = pytest.mark.lab
MIB = 1 << 10  # ru_maxrss counts KiB


@pytest.fixture(scope="module")
def first(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Migration]:
    """Killed right before its switch."""
    made = Migration(lab, tmp_path_factory.mktemp("replaced"))
    made.hands.start_with_the_host(made.old)
    made.begin(killed_after("verify"))
    yield made
    labs.reset(labs.folders())


def test_a_libvirtd_that_is_restarted_in_the_switch(first: Migration) -> None:
    driver = ("--after", "begin", "switch", "SIGSTOP", *killed_after("verify-live"))
    standing = until_it_stands(first.guests, "resume", first.run, driver=driver)
    restart_libvirtd(first.hands.uri)
    standing.go_on()
    status, shown = standing.ended()
    assert status in (SIGKILLED, 128 + signal.SIGKILL), (shown[-1000:], first.recorded[-20:])
    assert first.hands.live() == [first.new]


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


def test_the_old_gateway_is_retired(first: Migration) -> None:
    before = first.guests.look(first.guests.new)
    status, events = vmmigrate(first.guests, "finish", first.run, "--yes")
    assert (status, events[-1].get("outcome")) == (0, "finished"), events[-3:]
    assert first.guests.look(first.guests.new) == before
    assert power(first.guests) == {first.old: "off", first.new: "running"}
