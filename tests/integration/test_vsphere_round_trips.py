"""How often the VMware adapter asks: the same number of times however large the inventory is."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyVmomi", reason="needs pyvmomi")

from fixtures.vsphere import inventory
from fixtures.vsphere.building import program
from fixtures.vsphere.proxy import Proxy, proxy
from fixtures.vsphere.simulator import PASSWORD, simulator
from hypervisors import Access, Secret, TlsTrust, connect

pytestmark = [pytest.mark.vsphere, pytest.mark.slow]

CONTINUED = "ContinueRetrievePropertiesEx"
POOLS = 2  # of the model, each with so many machines as are asked for


@contextmanager
def connected(folder: Path, machines: int) -> Iterator[tuple[Any, Proxy]]:
    """An adapter, and the proxy that counts its calls from here on."""
    folder.mkdir()
    with (
        simulator(program(), folder, "vpx", machines=machines // POOLS) as running,
        proxy(running.api, folder) as between,
    ):
        with inventory.administrator(running) as service:
            inventory.add_networks(service, distributed=(inventory.LAN,))
            inventory.add_machine(service, "old", "00:50:56:0a:00:01")
        trust = TlsTrust(ca_file=running.ca_file)
        hypervisor = connect(running.url_at(between.api), Access(lambda: Secret(PASSWORD), trust))
        between.forget_calls()
        yield hypervisor, between
        hypervisor.close()


def calls(folder: Path, machines: int) -> dict[str, Counter[str]]:
    """By what was asked."""
    counted = {}
    with connected(folder, machines) as (hypervisor, between):
        old = hypervisor.find("old")
        asked = {
            "find": lambda: hypervisor.find("old"),
            "inventory": lambda: hypervisor.inventory(old),
            "holders": lambda: hypervisor.holders("00:50:56:0a:00:01"),
            "tagged": lambda: hypervisor.find_tagged("nobody's"),
        }
        for name, ask in asked.items():
            between.forget_calls()
            ask()
            counted[name] = Counter(between.calls)
            pages = counted[name].pop(CONTINUED, 0)
            assert pages <= machines // 500, f"{name}: {pages} pages more"
        assert between.writes() == {}
    return counted


def test_among_a_thousand_machines_it_asks_as_often_as_among_ten(tmp_path: Path) -> None:
    few, many = calls(tmp_path / "few", 10), calls(tmp_path / "many", 1000)
    assert many == few
    assert many["find"].total() <= 4
    assert many["inventory"].total() <= 6


def test_a_network_that_its_machine_does_not_list_is_looked_for_among_all(tmp_path: Path) -> None:
    with connected(tmp_path / "few", 2) as (hypervisor, between):
        old = hypervisor.find("old")
        listed = hypervisor.inventory(old).nics
        assert {nic.network.kind for nic in listed} == {"dvportgroup"}
        between.rewrite(rb"(<name>network</name><val[^>]*>).*?</val>", rb"\1</val>")
        between.forget_calls()
        assert hypervisor.inventory(old).nics == listed
        assert between.calls["CreateContainerView"]


def test_who_holds_a_mac_is_read_in_a_fraction_of_the_bytes(tmp_path: Path) -> None:
    """Of 200 machines, against the answers that hold all of their devices."""
    from pyVmomi import vim

    from hypervisors.vmware import properties

    with connected(tmp_path / "some", 200) as (hypervisor, between):
        session, before = hypervisor._session, between.bytes
        [holder] = hypervisor.holders("00:50:56:0a:00:01")
        narrow, before = between.bytes - before, between.bytes
        whole = ("name", "config.hardware.device")
        rows = properties.of_all(session, vim.VirtualMachine, whole, session.content.rootFolder)
        assert (holder.vm.name, len(rows)) == ("old", 201)
        assert narrow < (between.bytes - before) / 4
