"""One network only, on real guests: the new one is prepared on the live network, where nobody else ever hears it."""

import json
from contextlib import ExitStack

import libvirt
import pytest
from migrating import SIGKILLED, ended_name, migrate, run_of, vmmigrate
from moving_guests import Hands

from fixtures import lab as labs
from fixtures.demo.worlds import RealGuests, world_of
from fixtures.lab import Lab, third_host
from fixtures.lab.accounted import numbered_mail
from fixtures.lab.agent import Agent
from fixtures.lab.places import OLD_ADDRESS, OLD_VM
from tests.journey.story import ATTENTION, DONE, REFUSED
from vmmigrate.appliance.net.beside import FILES

pytestmark = pytest.mark.lab
GIVEN, WATCHER, TAKEN = "192.0.2.88", "192.0.2.78", third_host.ADDRESS


def on_one_network(lab: Lab, address: str) -> RealGuests:
    """Nothing is known of a staging network; the new guest is given that address."""
    guests = world_of(lab, labs.folders().lab)
    one = f'staging = "same-lan"\nstaging_address = "{address}"\n'
    text = guests.settings().replace(f'staging = "{guests.staging}"\n', one)
    (guests.folder / "vmmigrate.toml").write_text(text)
    return guests


def has_the_live_mac(lab: Lab) -> list[str]:
    """Names of the machines that run and are plugged in with the old gateway's MAC."""
    with Hands(lab.socket_uri).hypervisor() as hypervisor:
        live = hypervisor.inventory(hypervisor.find(OLD_VM)).nics[0].mac
        return sorted(one.vm.name for one in hypervisor.holders(live) if one.is_live)


def macs(lab: Lab, name: str) -> list[str]:
    with Hands(lab.socket_uri).hypervisor() as hypervisor:
        return [nic.mac for nic in hypervisor.inventory(hypervisor.find(name)).nics]


def test_an_address_that_somebody_has_is_refused(world: Lab) -> None:
    """By the plan: a real kernel answers the old gateway's ARP."""
    guests = on_one_network(world, TAKEN)
    before = guests.things()
    with third_host.running(labs.folders(), "fixtures.lab.greeted", OLD_ADDRESS, at=TAKEN):
        code, events = migrate(guests)
    assert code == REFUSED, events[-3:]
    assert f"{TAKEN} is taken: " in json.dumps(events)
    assert guests.things() == before


@pytest.mark.long
def test_a_whole_migration_that_nobody_there_hears_until_the_switch(world: Lab) -> None:
    """Under mail, with somebody who takes its address once the archive is in: it goes on when that one is gone."""
    guests, place = on_one_network(world, GIVEN), labs.folders()
    old = Agent(libvirt.open(world.socket_uri), OLD_VM)
    with ExitStack() as others:
        heard = others.enter_context(third_host.running(place, "fixtures.lab.greeted", GIVEN, at=WATCHER))
        sent = others.enter_context(numbered_mail(place, OLD_ADDRESS, lambda: old.run("postqueue -f")))
        code, events = migrate(guests, ("--after", "done", "import", "SIGKILL"))
        assert code == SIGKILLED, events[-3:]
        run = run_of(events)
        with third_host.running(place, "fixtures.lab.greeted", OLD_ADDRESS, at=GIVEN):
            code, events = vmmigrate(guests, "resume", run)
            assert code == ATTENTION, events[-3:]
            assert f"{GIVEN} is taken by now: " in json.dumps(events)
            assert has_the_live_mac(world) == [OLD_VM]
        code, events = vmmigrate(guests, "resume", run)
        assert code == DONE, events[-3:]
    assert heard["greeted"] == []  # also once it takes mail: that address leads to the workstation alone
    assert sent.is_closed, sent
    new = ended_name(guests)
    assert has_the_live_mac(world) == [new]
    assert len(macs(world, new)) == 2
    code, events = vmmigrate(guests, "finish", run, "--yes")
    assert code == DONE, events[-3:]
    assert len(macs(world, new)) == 1
    left = Agent(libvirt.open(world.socket_uri), new).run(f"ls -d {' '.join(FILES)} 2>/dev/null || true")
    assert left == ""
