"""One real migration that nobody disturbs: libvirt, QEMU, a guest's own sshd, Postfix, PostgreSQL and nft."""

import dataclasses
import resource
from pathlib import Path

import pytest
from migrating import ended_name, migrate, power, run_of, vmmigrate

from fixtures.demo.worlds import RealGuests, world_of
from fixtures.lab import Lab

pytestmark = pytest.mark.lab

MIB = 1 << 10  # ru_maxrss counts KiB


@pytest.fixture
def guests(world: Lab, tmp_path: Path) -> RealGuests:
    made = world_of(world, tmp_path)
    (tmp_path / "vmmigrate.toml").write_text(made.settings())
    return made


def test_a_gateway_is_replaced_and_the_old_one_retired(guests: RealGuests) -> None:
    before = guests.look(guests.old)
    status, events = migrate(guests)
    ended = events[-1]
    assert (status, ended.get("outcome")) == (0, "migrated"), events[-3:]
    assert (ended["old_vm"], ended["new_vm"]) == ("kept, unplugged", "live")
    assert 0 < ended["outage"] < 60
    after = guests.look(guests.new)
    assert after.host_key != before.host_key
    assert after.version != before.version
    assert dataclasses.replace(before, host_key="", version="") == dataclasses.replace(after, host_key="", version="")
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 200 * MIB

    status, events = vmmigrate(guests, "finish", run_of(events), "--yes")
    assert (status, events[-1]["outcome"]) == (0, "finished")
    assert guests.look(guests.new) == after
    assert power(guests) == {guests.old_vm: "off", ended_name(guests): "running"}
