"""A live network of vSphere gets another name while a run stands: cards follow a distributed portgroup, by its key."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("pyVmomi", reason="needs pyvmomi")

from pyVmomi import vim
from vsphere_world import OLD_MAC, World, world

from fixtures.vsphere import inventory as furniture
from hypervisors import Network
from vmmigrate.findings import Verdict
from vmmigrate.steps import live_network

pytestmark = pytest.mark.vsphere


@pytest.fixture(params=["vpx", "esx"])
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    with world(tmp_path, request.param) as made:
        yield made


def run_of(place: World, planned: Network) -> Any:
    """As much of a run as the look asks."""
    identity = SimpleNamespace(network=planned, mac=OLD_MAC)
    return SimpleNamespace(hypervisor=place.hypervisor, plan=SimpleNamespace(identity=identity, live_mac=OLD_MAC))


def test_it_is_followed_where_the_card_follows_it_and_missed_where_it_does_not(place: World) -> None:
    planned, distributed = place.lan, place.lan.kind == "dvportgroup"
    rename(place, distributed=distributed)
    [card] = place.hypervisor.inventory(place.old).nics
    listed = place.hypervisor.networks()
    assert (planned in listed, Network("lan-2", planned.kind) in listed) == (False, True)
    assert card.network.name == ("lan-2" if distributed else "lan")
    run = run_of(place, planned)
    assert live_network.is_it(run, card.network)  # whoever is plugged in there is live still
    [check] = live_network.is_there(run, place.old)
    assert (check.verdict is Verdict.PASS) is distributed, check
    if distributed:
        for up in (False, True):
            place.hypervisor.set_nic(place.old, OLD_MAC, link_up=up)
            [holder] = place.hypervisor.holders(OLD_MAC)
            assert (holder.link_up, holder.stored_link_up, holder.network.name) == (up, up, "lan-2")
    else:
        assert "lan is not there" in check.seen
        assert "give that network its name back" in check.hint


def rename(place: World, *, distributed: bool) -> None:
    """A distributed one keeps its key. A standard one is made again."""
    if distributed:
        place.simulator.rename_portgroup("lan", "lan-2")
        return
    system = furniture._all(place.service, vim.HostSystem)[0].configManager.networkSystem
    policy = vim.host.NetworkPolicy()
    system.AddPortGroup(vim.host.PortGroup.Specification(name="lan-2", vlanId=0, vswitchName="vSwitch0", policy=policy))
    system.RemovePortGroup("lan")
