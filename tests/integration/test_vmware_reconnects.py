"""vSphere over a line that breaks: each call is made again, whether it had its effect or not, and nothing twice."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyVmomi", reason="needs pyvmomi")

from vsphere_world import NEW_MAC, OLD_MAC, RUN, World, world

from fixtures.vsphere.proxy import cut
from hypervisors import Hypervisor, Rename, Snapshots, Unreachable, VmRef, identify_image, lasting, no_progress
from tests.unit.hypervisors.small_ova import stream_optimized

pytestmark = pytest.mark.vsphere


@pytest.fixture
def vcenter(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, "vpx") as made:
        yield made


def over(vcenter: World, seconds: float = 20.0) -> Any:
    made = lasting("vsphere://vc", vcenter.connect, vcenter.connect(), seconds)
    vcenter.proxy.forget_calls()
    return made


def ours(vcenter: World, hypervisor: Hypervisor, folder: Path) -> VmRef:
    disk = folder / "disk.vmdk"
    disk.write_bytes(stream_optimized())
    return hypervisor.deploy(vcenter.spec(identify_image(disk, no_progress)), no_progress)


ACTS: dict[str, tuple[Callable[[Any, VmRef], object], Callable[[Any, VmRef], object]]] = {
    "set_nic": (
        lambda h, vm: h.set_nic(vm, OLD_MAC, link_up=True),
        lambda h, vm: [nic.stored_link_up for nic in h.inventory(vm).nics if nic.mac == OLD_MAC] == [True],
    ),
    "set_notes": (lambda h, vm: h.set_notes(vm, "kept"), lambda h, vm: h.inventory(vm).notes == "kept"),
    "set_notes over": (
        lambda h, vm: h.set_notes(vm, "kept", over=h.inventory(vm).notes),
        lambda h, vm: h.inventory(vm).notes == "kept",
    ),
    "start": (lambda h, vm: h.start(vm), lambda h, vm: h.power_state(vm).value == "running"),
    "set_autostart": (lambda h, vm: h.set_autostart(vm, True), lambda h, vm: h.inventory(vm).autostart),
    "remove_nic": (
        lambda h, vm: h.remove_nic(vm, NEW_MAC, RUN),
        lambda h, vm: NEW_MAC not in [nic.mac for nic in h.inventory(vm).nics],
    ),
    "rename": (lambda h, vm: h.rename(vm, "renamed"), lambda h, vm: h.find("renamed").id == vm.id),
    "create_snapshot": (
        lambda h, vm: h.create_snapshot(vm, "before", "ours"),
        lambda h, vm: [one.name for one in h.snapshots(vm)] == ["before"],
    ),
    "destroy": (lambda h, vm: h.destroy(vm, RUN), lambda h, vm: h.find_tagged(RUN) == ()),
}


@pytest.mark.parametrize("name", ACTS)
def test_a_change_whose_answer_is_lost_is_there_once(vcenter: World, tmp_path: Path, name: str) -> None:
    do, done = ACTS[name]
    hypervisor = over(vcenter)
    vm = ours(vcenter, hypervisor, tmp_path)
    before = vcenter.proxy.writes()
    vcenter.proxy.after_write(1, cut)
    do(hypervisor, vm)
    assert vcenter.proxy.faults_are_over()
    assert done(hypervisor, vm)
    changed = {method: n for method, n in (vcenter.proxy.writes() - before).items() if method.endswith("_Task")}
    assert set(changed.values()) <= {1}, changed
    hypervisor.close()


@pytest.mark.parametrize("write", range(1, 8))
def test_a_deployment_cut_at_any_of_its_changes_ends_with_one_machine(
    vcenter: World, tmp_path: Path, write: int
) -> None:
    hypervisor = over(vcenter)
    vcenter.proxy.after_write(write, cut)
    vm = ours(vcenter, hypervisor, tmp_path)
    assert hypervisor.find_tagged(RUN) == (vm,)
    assert vcenter.names() == ["new", "old"]
    hypervisor.destroy(vm, RUN)
    vcenter.assert_nothing_is_left()


def test_a_deployment_whose_upload_breaks_off_is_made_again(vcenter: World, tmp_path: Path) -> None:
    hypervisor = over(vcenter)
    vcenter.proxy.in_upload(1, cut)
    vm = ours(vcenter, hypervisor, tmp_path)
    assert vcenter.proxy.faults_are_over()
    assert hypervisor.find_tagged(RUN) == (vm,)
    assert vcenter.names() == ["new", "old"]


def test_a_server_that_is_away_for_two_seconds_is_waited_for(vcenter: World) -> None:
    hypervisor = over(vcenter)
    for _ in range(12):
        for method in ("ReconfigVM_Task", "RetrieveServiceContent"):
            vcenter.proxy.answer_503(method)
    threading.Timer(2.0, vcenter.proxy._busy.clear).start()
    hypervisor.set_nic(vcenter.old, OLD_MAC, link_up=False)
    assert [nic.link_up for nic in hypervisor.inventory(vcenter.old).nics] == [False]


def test_a_session_that_is_lost_again_and_again_is_no_refused_password(vcenter: World) -> None:
    """As while a vCenter starts. Without the wrapper it is a lost connection; with it another one is made."""
    vcenter.end_sessions()
    vcenter.proxy.after_call("Login", vcenter.end_sessions)
    with pytest.raises(Unreachable, match="NotAuthenticated"):
        vcenter.hypervisor.find("old")
    hypervisor = over(vcenter)
    vcenter.end_sessions()
    vcenter.proxy.after_call("Login", vcenter.end_sessions)
    assert hypervisor.find("old") == vcenter.old


def test_a_server_that_forgot_its_task_is_asked_again_and_the_change_is_there(vcenter: World) -> None:
    """As after its restart: whether the task was done is seen by a look, not by the task."""
    hypervisor = over(vcenter)
    vcenter.proxy.rewrite(rb'(type="Task"[^>]*>)task-\d+', rb"\1task-999999")
    with pytest.raises(Unreachable, match="does not know its task any more"):
        vcenter.hypervisor.set_notes(vcenter.old, "kept")
    hypervisor.set_nic(vcenter.old, OLD_MAC, link_up=False)
    assert [nic.link_up for nic in hypervisor.inventory(vcenter.old).nics] == [False]
    assert vcenter.proxy.calls["ReconfigVM_Task"] == 2


def test_its_abilities_stay(vcenter: World) -> None:
    hypervisor = over(vcenter)
    assert isinstance(hypervisor, Rename)
    assert isinstance(hypervisor, Snapshots)
