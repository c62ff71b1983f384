"""The in-memory hypervisor with a watcher: what it promises becomes true of real listeners."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.memory import MemoryHypervisor
from fixtures.processlab import OLD_MAC, ProcessLab, process_lab, wait_booted
from hypervisors import (
    Address,
    DeploySpec,
    Network,
    NicSpec,
    NotFound,
    PowerState,
    VmRef,
    identify_image,
    no_progress,
)

NEW_MAC = "52:54:00:0a:00:02"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[ProcessLab]:
    with process_lab(tmp_path) as made:
        yield made


@pytest.fixture
def hypervisor(lab: ProcessLab) -> MemoryHypervisor:
    return MemoryHypervisor(lab.folder)


def deployed(lab: ProcessLab, hypervisor: MemoryHypervisor) -> VmRef:
    """A new machine that has booted."""
    lan, staging = Network(lab.lan, "network"), Network(lab.staging, "network")
    spec = DeploySpec(
        run_id="run1",
        name="mailgw-new",
        image=identify_image(lab.image, no_progress),
        like=hypervisor.find(lab.old_name),
        store=lab.store,
        nics=(NicSpec(lan, OLD_MAC, link_up=False), NicSpec(staging, NEW_MAC, link_up=True)),
    )
    vm = hypervisor.deploy(spec, no_progress)
    hypervisor.start(vm)
    wait_booted(lab, vm.id)
    return vm


def answers(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=30).close()
    except OSError:
        return False
    return True


def test_the_old_machine_is_found_with_address_and_agent(lab: ProcessLab, hypervisor: MemoryHypervisor) -> None:
    old = hypervisor.find(lab.old_name)
    assert hypervisor.addresses(old) == (Address(OLD_MAC, lab.address, "agent"),)
    assert hypervisor.agent_answers(old)
    assert hypervisor.read_guest_file(old, "/etc/hostname").endswith(b"\n")
    with pytest.raises(NotFound, match="there is no /etc/nothing in mailgw"):
        hypervisor.read_guest_file(old, "/etc/nothing")


def test_a_link_that_is_down_is_heard_by_nobody_when_the_call_returns(
    lab: ProcessLab, hypervisor: MemoryHypervisor
) -> None:
    old = hypervisor.find(lab.old_name)
    for up in (False, True):
        hypervisor.set_nic(old, OLD_MAC, link_up=up)
        assert answers(lab.address, lab.ssh_port) is up


def test_a_guest_shuts_down_and_starts_again(lab: ProcessLab, hypervisor: MemoryHypervisor) -> None:
    old = hypervisor.find(lab.old_name)
    hypervisor.shut_down(old, timeout=60)
    assert hypervisor.power_state(old) is PowerState.OFF
    assert not answers(lab.address, lab.ssh_port)
    hypervisor.start(old)
    wait_booted(lab, old.id)
    assert answers(lab.address, lab.ssh_port)


def test_a_new_machine_answers_at_its_lease_alone(lab: ProcessLab, hypervisor: MemoryHypervisor) -> None:
    vm = deployed(lab, hypervisor)
    leased = [one for one in hypervisor.addresses(vm) if one.source == "lease"]
    assert leased == [Address(NEW_MAC, f"{lab.staging_net}100", "lease")]
    assert answers(leased[0].address, lab.ssh_port)


def test_a_destroyed_machine_leaves_the_lab_as_it_was(lab: ProcessLab, hypervisor: MemoryHypervisor) -> None:
    before = (lab.folder / "hypervisor.json").read_text()
    vm = deployed(lab, hypervisor)
    hypervisor.destroy(vm, "run1")
    assert (lab.folder / "hypervisor.json").read_text() == before
    assert [path.name for path in (lab.folder / "vms").iterdir()] == [lab.old_id]
    assert not answers(f"{lab.staging_net}100", lab.ssh_port)


def test_a_guest_of_ours_runs_commands_as_root_without_a_network(lab: ProcessLab, hypervisor: MemoryHypervisor) -> None:
    vm = deployed(lab, hypervisor)
    for mac in (OLD_MAC, NEW_MAC):
        hypervisor.set_nic(vm, mac, link_up=False)
    ran = hypervisor.run_in_guest(vm, ("sh", "-c", "read -r l; echo $l"), "run1", given=b"said\n")
    assert (ran.status, ran.out) == (0, b"said\n")
    assert hypervisor.run_in_guest(vm, ("cat", "/etc/shadow"), "run1").status == 0
    assert hypervisor.run_in_guest(vm, ("false",), "run1").status == 1
