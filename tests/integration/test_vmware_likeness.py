"""The new machine gets of the old one what new.like_old names; the old one keeps all of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("pyVmomi", reason="needs pyvmomi")

from pyVmomi import vim
from vsphere_world import RUN, World, world

from fixtures.vsphere import belongings, inventory
from fixtures.vsphere.proxy import cut
from hypervisors import Fate, Image, NotSupported, Unreachable, VmRef, identify_image, no_progress
from tests.unit.hypervisors.small_ova import stream_optimized

pytestmark = pytest.mark.vsphere

USUAL = {"tags", "custom-attributes", "permissions", "shares"}


@pytest.fixture
def vcenter(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, "vpx") as made:
        belongings.give(made.simulator, made.service, made.machine(made.old))
        yield made


@pytest.fixture
def disk(tmp_path: Path) -> Image:
    path = tmp_path / "image.vmdk"
    path.write_bytes(stream_optimized())
    return identify_image(path, no_progress)


def has(vsphere: World, name: str) -> dict[str, list[object]]:
    vm = vsphere.hypervisor.find(name)
    return belongings.of(vsphere.simulator, vsphere.service, vsphere.machine(vm))


def carried_over(vsphere: World, old: dict[str, list[object]]) -> set[str]:
    new = has(vsphere, "new")
    return {word for word in old if new[word] == old[word]}


@pytest.mark.parametrize(
    ("like_old", "expected"),
    [
        (None, USUAL),
        ((), set()),
        (("tags",), {"tags"}),
        (("reservations", "limits"), {"reservations", "limits"}),
        (("permissions", "shares", "limits"), {"permissions", "shares", "limits"}),
    ],
    ids=lambda value: None if isinstance(value, set) else "by default" if value is None else ",".join(value) or "none",
)
def test_what_is_named_is_carried(
    vcenter: World, disk: Image, like_old: tuple[str, ...] | None, expected: set[str]
) -> None:
    before = has(vcenter, "old")
    vcenter.hypervisor.deploy(vcenter.spec(disk, like_old=like_old), no_progress)
    assert carried_over(vcenter, before) == expected
    assert has(vcenter, "old") == before


def test_the_plan_lists_the_same(vcenter: World, disk: Image) -> None:
    listed = {
        like_old: {each.what: each.fate for each in vcenter.hypervisor.carried(vcenter.spec(disk, like_old=like_old))}
        for like_old in (None, ())
    }
    what = (f"tags[{belongings.TAG}]", f"customValue[{belongings.ATTRIBUTE}]", f"permissions[{belongings.PRINCIPAL}]")
    for each in (*what, "config.cpuAllocation.shares"):
        assert (listed[None][each], listed[()][each]) == (Fate.KEPT, Fate.DROPPED)
    assert listed[None]["config.memoryAllocation.reservation"] is Fate.DROPPED
    assert "postmaster@example.test" not in repr(listed)
    assert vcenter.names() == ["old"]


def test_a_rule_of_the_cluster_that_names_the_old_one_is_listed(tmp_path: Path, disk: Image) -> None:
    (tmp_path / "clustered").mkdir()
    with world(tmp_path / "clustered", "vpx", machines=1) as vcenter:
        [cluster] = inventory._all(vcenter.service, vim.ClusterComputeResource)
        [old] = [each for each in inventory._all(vcenter.service, vim.VirtualMachine) if each.name.startswith("DC0_C0")]
        rule = vim.cluster.AntiAffinityRuleSpec(name="gateways apart", enabled=True, vm=[old])
        change = vim.cluster.ConfigSpecEx(rulesSpec=[vim.cluster.RuleSpec(operation="add", info=rule)])
        cluster.ReconfigureComputeResource_Task(change, True)
        like = VmRef(old.config.instanceUuid, old.name)
        listed = [each.what for each in vcenter.hypervisor.carried(vcenter.spec(disk, like=like))]
        assert "configurationEx.rule[gateways apart]" in listed


def test_alarms_defined_on_the_old_one_are_listed_and_those_above_it_are_not(vcenter: World, disk: Image) -> None:
    for name, own in (("queue is long", True), ("host is hot", False), ("disk is full", True)):
        vcenter.simulator.declare_alarm(vcenter.machine(vcenter.old)._moId, name, own=own)
    listed = {each.what: each.fate for each in vcenter.hypervisor.carried(vcenter.spec(disk))}
    found = {what: fate for what, fate in listed.items() if what.startswith("alarm")}
    assert found == {"alarm[disk is full]": Fate.DROPPED, "alarm[queue is long]": Fate.DROPPED}


def test_a_bare_host_carries_what_it_has_and_refuses_the_rest(tmp_path: Path, disk: Image) -> None:
    (tmp_path / "esx").mkdir()
    with world(tmp_path / "esx", "esx") as host:
        belongings.give(host.simulator, host.service, host.machine(host.old))
        with pytest.raises(NotSupported, match="cannot carry custom-attributes, tags") as caught:
            host.hypervisor.rehearse(host.spec(disk, like_old=("tags", "shares", "custom-attributes")))
        assert "permissions, shares, reservations, limits" in caught.value.hint
        before = has(host, "old")
        host.hypervisor.deploy(host.spec(disk), no_progress)
        assert carried_over(host, before) == {"permissions", "shares"}


class TestWhatCannotBeCarried:
    """A vCenter without the service for tags."""

    @pytest.fixture
    def without_tags(self, vcenter: World) -> World:
        vcenter.proxy.refuse_path("/rest/")
        return vcenter

    def test_by_default_it_is_a_warning(
        self, without_tags: World, disk: Image, caplog: pytest.LogCaptureFixture
    ) -> None:
        before = has(without_tags, "old")
        without_tags.hypervisor.deploy(without_tags.spec(disk), no_progress)
        assert carried_over(without_tags, before) == USUAL - {"tags"}
        assert "new does not get the tags of old: the tags of virtual machines: the server answers 404" in caplog.text
        listed = {each.what: each for each in without_tags.hypervisor.carried(without_tags.spec(disk))}
        assert listed["tags"].fate is Fate.DROPPED

    def test_by_name_it_is_refused_and_nothing_is_left(self, without_tags: World, disk: Image) -> None:
        with pytest.raises(Exception, match="404") as caught:
            without_tags.hypervisor.deploy(without_tags.spec(disk, like_old=("tags",)), no_progress)
        assert "leave tags out of new.like_old" in caught.value.hint
        without_tags.assert_nothing_is_left()


def test_a_service_that_refuses_the_account_is_asked_once(vcenter: World, disk: Image) -> None:
    """Failures in a row lock an account."""
    vcenter.proxy.refuse_path("/rest/", "401 Unauthorized")
    vcenter.proxy.forget_calls()
    for _ in range(3):
        listed = {each.what: each for each in vcenter.hypervisor.carried(vcenter.spec(disk))}
        assert "answers 401" in listed["tags"].why
    vcenter.hypervisor.deploy(vcenter.spec(disk), no_progress)
    assert sum(number for name, number in vcenter.proxy.calls.items() if name.startswith("/rest/")) == 1


@pytest.mark.parametrize("method", ["SetField", "SetEntityPermissions"])
def test_an_answer_that_is_lost_costs_another_attempt(vcenter: World, disk: Image, method: str) -> None:
    before = has(vcenter, "old")
    vcenter.proxy.after_call(method, cut)
    with pytest.raises(Unreachable):
        vcenter.hypervisor.deploy(vcenter.spec(disk), no_progress)
    vm = vcenter.hypervisor.deploy(vcenter.spec(disk), no_progress)
    assert vcenter.hypervisor.find_tagged(RUN) == (vm,)
    assert vcenter.names() == ["new", "old"]
    assert carried_over(vcenter, before) == USUAL
