"""What a host starts at boot: an entry that is switched off and on is as its owner left it; others' are let alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyVmomi", reason="needs pyvmomi")

from pyVmomi import vim
from vsphere_world import World, world

from hypervisors import NotSupported
from hypervisors.vmware import autostart

pytestmark = pytest.mark.vsphere

OWNERS = {
    "startOrder": 2,
    "startDelay": 300,
    "waitForHeartbeat": "yes",
    "startAction": "powerOn",
    "stopDelay": 90,
    "stopAction": "guestShutdown",
}


@pytest.fixture(params=["vpx", "esx"])
def vsphere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, request.param) as made:
        yield made


def keeper(vsphere: World) -> Any:
    return vsphere.machine(vsphere.old).runtime.host.configManager.autoStartManager


def give(vsphere: World, machine: vim.VirtualMachine | None = None, **change: Any) -> None:
    """An administrator's entry."""
    info = vim.host.AutoStartManager.AutoPowerInfo(key=machine or vsphere.machine(vsphere.old), **{**OWNERS, **change})
    keeper(vsphere).ReconfigureAutostart(vim.host.AutoStartManager.Config(powerInfo=[info]))


def enable(vsphere: World, enabled: bool) -> None:
    """The host starts what it has listed, or nothing at all."""
    defaults = vim.host.AutoStartManager.SystemDefaults(enabled=enabled)
    keeper(vsphere).ReconfigureAutostart(vim.host.AutoStartManager.Config(defaults=defaults))


def listed(vsphere: World) -> list[dict[str, Any]]:
    """Of the old one."""
    old = vsphere.machine(vsphere.old)
    return [
        {name: getattr(info, name) for name in OWNERS} for info in keeper(vsphere).config.powerInfo if info.key == old
    ]


def writes(vsphere: World) -> int:
    return vsphere.proxy.calls["ReconfigureAutostart"]


def test_off_and_on_again_leaves_it_as_it_was(vsphere: World) -> None:
    give(vsphere)
    before = vsphere.hypervisor.inventory(vsphere.old)
    assert before.autostart
    vsphere.hypervisor.set_autostart(vsphere.old, False)
    off = {**OWNERS, "startOrder": -1, "startAction": "none"}
    assert (listed(vsphere), vsphere.hypervisor.inventory(vsphere.old).autostart) == ([off], False)
    for _ in range(2):
        vsphere.hypervisor.set_autostart(vsphere.old, True, before.autostart_entry)
        assert listed(vsphere) == [OWNERS]
    assert (vsphere.hypervisor.inventory(vsphere.old), writes(vsphere)) == (before, 2)


def test_without_an_entry_it_is_as_the_hosts_defaults_are(vsphere: World) -> None:
    for _ in range(2):
        vsphere.hypervisor.set_autostart(vsphere.old, True)
    [made] = listed(vsphere)
    assert (made["startAction"], made["startOrder"], made["stopAction"]) == ("powerOn", -1, "systemDefault")
    assert writes(vsphere) == 1


def test_one_that_starts_is_not_made_to_start_otherwise(vsphere: World) -> None:
    give(vsphere)
    vsphere.hypervisor.set_autostart(vsphere.old, True)
    assert (listed(vsphere), writes(vsphere)) == ([OWNERS], 0)


def test_a_place_that_another_has_now_is_left_to_it(vsphere: World) -> None:
    give(vsphere)
    entry = vsphere.hypervisor.inventory(vsphere.old).autostart_entry
    vsphere.hypervisor.set_autostart(vsphere.old, False)
    give(vsphere, vim.VirtualMachine("vm-of-others"))
    vsphere.hypervisor.set_autostart(vsphere.old, True, entry)
    assert listed(vsphere) == [{**OWNERS, "startOrder": -1}]


class TestAHostThatStartsNothing:
    @pytest.fixture
    def idle(self, vsphere: World) -> World:
        """What it has listed is its owner's, for the day when it is switched on."""
        give(vsphere)
        enable(vsphere, False)
        return vsphere

    def test_off_changes_nothing(self, idle: World) -> None:
        before = idle.hypervisor.inventory(idle.old)
        assert (before.autostart, before.autostart_entry) == (False, "")
        idle.hypervisor.set_autostart(idle.old, False)
        assert (listed(idle), writes(idle)) == ([OWNERS], 0)

    def test_on_is_not_to_be_had(self, idle: World) -> None:
        with pytest.raises(NotSupported, match="the host of old starts nothing when it boots"):
            idle.hypervisor.set_autostart(idle.old, True)

    def test_an_entry_is_put_back_nevertheless(self, vsphere: World) -> None:
        """The host's owner switched it off in the meantime, and may switch it on again."""
        give(vsphere)
        entry = vsphere.hypervisor.inventory(vsphere.old).autostart_entry
        vsphere.hypervisor.set_autostart(vsphere.old, False)
        enable(vsphere, False)
        with pytest.raises(NotSupported):
            vsphere.hypervisor.set_autostart(vsphere.old, True, entry)
        assert listed(vsphere) == [OWNERS]


@pytest.mark.parametrize("lacking", ["names no keeper", "names one that is not there"])
def test_a_host_without_a_list(vsphere: World, monkeypatch: pytest.MonkeyPatch, lacking: str) -> None:
    """In a cluster with vSphere HA, which the simulator does not play; and as its hosts are without our amendment."""
    if lacking == "names no keeper":
        monkeypatch.setattr(autostart, "_list_of", lambda *_: (None, None))
    else:
        vsphere.proxy.rewrite(rb">ha-autostart-mgr<", b">nobody<")
    assert not vsphere.hypervisor.inventory(vsphere.old).autostart
    vsphere.hypervisor.set_autostart(vsphere.old, False)
    with pytest.raises(NotSupported, match="keeps no list of what to start at boot"):
        vsphere.hypervisor.set_autostart(vsphere.old, True)
