"""One real migration and one real rollback: libvirt, QEMU, a guest's own sshd, Postfix, PostgreSQL and nft."""

import dataclasses
import json
import resource
import subprocess
from pathlib import Path
from typing import Any

import pytest

from fixtures.demo.worlds import CHECKOUT, RealGuests, environment, world_of
from fixtures.lab import Lab

pytestmark = pytest.mark.lab

SIGKILLED = -9
MIB = 1 << 10  # ru_maxrss counts KiB


@pytest.fixture
def guests(world: Lab, tmp_path: Path) -> RealGuests:
    made = world_of(world, tmp_path)
    (tmp_path / "vmmigrate.toml").write_text(made.settings())
    return made


def vmmigrate(guests: RealGuests, *argv: str, driver: tuple[str, ...] = ()) -> tuple[int, list[dict[str, Any]]]:
    """Exit code and events."""
    done = subprocess.run(
        guests.command(*argv, "--json", driver=driver),
        env=environment(guests),
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def migrate(guests: RealGuests, driver: tuple[str, ...] = ()) -> tuple[int, list[dict[str, Any]]]:
    config = str(guests.folder / "vmmigrate.toml")
    return vmmigrate(guests, guests.old_vm, guests.image, "--config", config, "--yes", driver=driver)


def run_of(events: list[dict[str, Any]]) -> str:
    return next(str(event["run_id"]) for event in events if event["event"] == "RunStarted")


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


def test_a_run_killed_between_both_links_is_rolled_back(guests: RealGuests) -> None:
    before, things = guests.look(guests.old), guests.things()
    status, events = migrate(guests, driver=("--die-before-plug",))
    assert status == SIGKILLED, events[-3:]
    with pytest.raises(OSError, match=r"timed out|No route|refused|Unable to connect"):
        guests.look(guests.old)
    status, events = vmmigrate(guests, "rollback", "--yes", run_of(events))
    assert (status, events[-1]["outcome"], events[-1]["old_vm"]) == (0, "rolled-back", "live")
    assert guests.look(guests.old) == before
    assert guests.things() == things


def power(guests: RealGuests) -> dict[str, str]:
    """Each VM's power, by name."""
    words = [line.split() for line in guests.things() if line.startswith("vm ")]
    return {name: state for _, name, state in words}


def ended_name(guests: RealGuests) -> str:
    return next(name for name in power(guests) if name != guests.old_vm)
