"""A live network of a real libvirtd gets another name under a machine that runs: no link can be set then."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import libvirt
import pytest

from fixtures.lab import Folders, folders
from fixtures.lab.lab import down, start_empty
from fixtures.lab.world import socket_uri
from hypervisors import Hypervisor, Network, NotFound, Problem, VmRef, connect
from vmmigrate.findings import Verdict
from vmmigrate.steps import live_network

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("libvirtd"), reason="needs root and libvirtd"),
]

MAC = "52:54:00:c1:9a:77"
_NETWORK = "<network><name>{name}</name><bridge name='spare0' stp='off' delay='0'/></network>"
_MACHINE = f"""
<domain type='qemu'><name>spare</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <devices><interface type='network'><mac address='{MAC}'/><source network='spare'/><model type='virtio'/></interface>
  </devices></domain>
"""


def made(connection: libvirt.virConnect, name: str) -> libvirt.virNetwork:
    network = connection.networkDefineXML(_NETWORK.format(name=name))
    network.create()
    return network


def gone(network: libvirt.virNetwork) -> None:
    with contextlib.suppress(libvirt.libvirtError):
        network.destroy()
    with contextlib.suppress(libvirt.libvirtError):
        network.undefine()


@pytest.fixture
def host() -> Iterator[str]:
    """The URL of a libvirtd in namespaces of its own, apart from the lab with the old gateway."""
    place = Folders(Path(tempfile.mkdtemp(prefix="vmmigrate-")), folders().cache)
    place.lab.chmod(0o755)  # QEMU's user must come to it
    start_empty(place, print)
    try:
        yield socket_uri(place)
    finally:
        down(place)


@pytest.fixture
def place(host: str) -> Iterator[tuple[Hypervisor, VmRef, libvirt.virConnect]]:
    """A machine without a disk, which runs on a network of its own."""
    with contextlib.closing(libvirt.open(host)) as connection, contextlib.closing(connect(host)) as hypervisor:
        networks = [made(connection, "spare")]
        domain = connection.createXML(_MACHINE)
        try:
            yield hypervisor, VmRef(domain.UUIDString(), "spare"), connection
        finally:
            domain.destroy()
            networks += [each for each in connection.listAllNetworks() if each.name() == "spare-2"]
            for network in networks:
                gone(network)


def run_of(hypervisor: Hypervisor) -> Any:
    """As much of a run as the look asks."""
    identity = SimpleNamespace(network=Network("spare", "network"), mac=MAC)
    return SimpleNamespace(hypervisor=hypervisor, plan=SimpleNamespace(identity=identity, live_mac=MAC))


def test_a_machine_that_names_the_old_name(place: tuple[Hypervisor, VmRef, libvirt.virConnect]) -> None:
    hypervisor, vm, connection = place
    run = run_of(hypervisor)
    [before] = live_network.is_there(run, vm)
    assert before.verdict is Verdict.PASS
    gone(connection.networkLookupByName("spare"))
    made(connection, "spare-2")
    [card] = hypervisor.inventory(vm).nics
    assert (card.network.name, card.link_up) == ("spare", True)
    assert Network("spare-2", "network") in hypervisor.networks()
    assert "spare" not in [each.name for each in hypervisor.networks()]
    [holder] = hypervisor.holders(MAC)
    assert holder.vm.id == vm.id
    assert live_network.is_it(run, holder.network)
    [check] = live_network.is_there(run, vm)
    assert (check.verdict, check.seen) == (Verdict.FAIL, "spare is not there, or not active")
    with pytest.raises(Problem) as refused:
        hypervisor.set_nic(vm, MAC, link_up=False)
    assert "spare" in str(refused.value), refused.value
    assert not isinstance(refused.value, NotFound) or "network" in str(refused.value)
    gone(connection.networkLookupByName("spare-2"))
    made(connection, "spare")
    for up in (False, True):
        hypervisor.set_nic(vm, MAC, link_up=up)
        [holder] = hypervisor.holders(MAC)
        assert holder.link_up is up
