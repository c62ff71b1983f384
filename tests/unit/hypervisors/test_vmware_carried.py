"""Nothing that an old machine of vSphere has is without a line: devices, parameters, what vCenter knows of it."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyVmomi", reason="needs pyvmomi")

from pyVmomi import VmomiSupport, vim

from hypervisors import Carried, DeploySpec, Fate, Image, Network, NicSpec, VmRef
from hypervisors.vmware import carrying, known, likeness
from hypervisors.vmware.carrying import Around

MAC = "00:50:56:00:00:01"
NICS = (NicSpec(Network("lan", "portgroup"), MAC, link_up=False),)
SPEC = DeploySpec("run", "new", Image(Path("new.vmdk"), "vmdk", 1, 1, "0" * 64), VmRef("id", "old"), "ssd-1", NICS)
device = vim.vm.device


def config(*devices: Any, **more: Any) -> Any:
    made = vim.vm.ConfigInfo(firmware="bios", guestId="debian12_64Guest", version="vmx-19", **more)
    made.hardware = vim.vm.VirtualHardware(numCPU=2, memoryMB=1024, device=list(devices))
    return made


def lines(made: Any, *words: str, **around: Any) -> dict[str, Carried]:
    found = carrying.carried(made, SPEC, Around(words, **around))
    assert len({each.what for each in found}) == len(found)
    assert all(each.why for each in found if each.fate is not Fate.KEPT)
    return {each.what: each for each in found}


def described(label: str) -> Any:
    return vim.Description(label=label, summary="")


def test_every_class_of_device_of_the_api_has_a_line() -> None:
    """Also those that nobody thought of, and those of releases to come."""
    names = [each for each in VmomiSupport._dataDefMap if each.startswith("vim.vm.device.Virtual")]
    kinds = {each: VmomiSupport.GetVmodlType(each) for each in names}
    devices = [kind for kind in kinds.values() if issubclass(kind, device.VirtualDevice)]
    assert len(devices) > 40
    for kind in devices:
        found = lines(config(kind(key=77)))
        assert [each for each in found if each.startswith("config.hardware.device[77]")], kind


def test_the_table_names_classes_that_there_are() -> None:
    assert [name for name in known.DEVICES if not hasattr(device, name)] == []


def test_every_property_of_a_configuration_that_says_something_has_a_line() -> None:
    """Each is given a value that nobody has by default."""
    above = {"hardware", "extraConfig", "annotation", "cpuAllocation", "memoryAllocation"}
    for info in vim.vm.ConfigInfo()._GetPropertyList():
        value = {bool: True, int: 7, str: "odd", VmomiSupport.long: 7}.get(info.type)
        if value is None or info.name in known.IDENTITY | above or info.name.startswith("dynamic"):
            continue
        made = config()
        setattr(made, info.name, value)
        assert f"config.{info.name}" in lines(made), info.name


def test_the_table_names_properties_that_some_release_has() -> None:
    names = {info.name for info in vim.vm.ConfigInfo()._GetPropertyList()}
    assert set(known.CONFIG) - names == set()


def test_what_every_vm_has_is_one_line() -> None:
    usual = (device.VirtualKeyboard(key=600), device.VirtualPCIController(key=100), device.VirtualVideoCard(key=500))
    assert lines(config(*usual))["config.hardware.device[600, 100, 500]"].fate is Fate.CHANGED


def test_a_drive_with_a_disc_a_card_of_the_host_and_a_tpm() -> None:
    found = lines(
        config(
            device.VirtualCdrom(key=3002, deviceInfo=described("CD/DVD drive 1")),
            device.VirtualPCIPassthrough(key=13000, deviceInfo=described("PCI device 0")),
            device.VirtualTPM(key=11000),
        )
    )
    assert found["config.hardware.device[3002] (CD/DVD drive 1)"].fate is Fate.DROPPED
    assert found["config.hardware.device[13000] (PCI device 0)"].fate is Fate.DROPPED
    assert found["config.hardware.device[11000] (VirtualTPM)"].fate is Fate.NOT_POSSIBLE


def test_the_nic_with_the_old_mac_and_another() -> None:
    cards = (device.VirtualVmxnet3(key=4000, macAddress=MAC.upper()), device.VirtualE1000(key=4001, macAddress="x"))
    found = lines(config(*cards))
    assert found["config.hardware.device[4000]"].fate is Fate.CHANGED
    assert found["config.hardware.device[4001]"].fate is Fate.DROPPED


def test_an_encrypted_vm_and_an_encrypted_disk_are_said_to_be_so() -> None:
    """The new one is not: nobody may take it for as safe as the old one."""
    key = vim.encryption.CryptoKeyId(keyId="k", providerId=vim.encryption.KeyProviderId(id="kms"))
    backing = device.VirtualDisk.FlatVer2BackingInfo(fileName="[ssd] old.vmdk", keyId=key)
    found = lines(config(device.VirtualDisk(key=2000, backing=backing), keyId=key))
    for what in ("config.keyId", "config.hardware.device[2000].backing.keyId"):
        assert found[what].fate is Fate.NOT_POSSIBLE
        assert found[what].why.startswith("the old VM is encrypted")
    assert "kms" not in str(found)


def test_a_card_on_an_opaque_network_is_carried_without_its_port() -> None:
    """NSX makes the new NIC a port of its own: what is bound to the old one's is said."""
    segment = device.VirtualEthernetCard.OpaqueNetworkBackingInfo(opaqueNetworkId="nsx", opaqueNetworkType="nsx")
    card = device.VirtualVmxnet3(key=4000, macAddress=MAC, backing=segment, externalId="port-7")
    found = lines(config(card))
    assert found["config.hardware.device[4000]"].fate is Fate.CHANGED
    assert found["config.hardware.device[4000].externalId"].fate is Fate.DROPPED


def test_a_second_disk_and_a_limit_of_the_first() -> None:
    limited = device.VirtualDisk(
        iofilter=["backup"], key=2000, storageIOAllocation=vim.StorageResourceManager.IOAllocationInfo(limit=500)
    )
    found = lines(config(limited, device.VirtualDisk(key=2001)))
    assert found["config.hardware.device[2000]"].fate is Fate.CHANGED
    assert found["config.hardware.device[2000].storageIOAllocation"].fate is Fate.DROPPED
    assert found["config.hardware.device[2000].iofilter"].fate is Fate.DROPPED
    assert found["config.hardware.device[2001]"].fate is Fate.DROPPED


def test_parameters_are_named_and_their_values_are_not_shown() -> None:
    options = [
        vim.option.OptionValue(key=key, value="a-secret-value")
        for key in ("guestinfo.token", "disk.EnableUUID", "nvram", "pciBridge0.present")
    ]
    made = config()
    made.extraConfig = options
    found = lines(made)
    assert found['config.extraConfig["guestinfo.token"]'].fate is Fate.DROPPED
    assert found['config.extraConfig["disk.EnableUUID"]'].fate is Fate.DROPPED
    assert found["config.extraConfig, 2 of vSphere's own"].fate is Fate.CHANGED
    assert "a-secret-value" not in repr(found)


def test_boot_options_one_by_one_and_none_that_everybody_has() -> None:
    options = vim.vm.BootOptions(bootDelay=0, enterBIOSSetup=False, bootRetryDelay=10000, efiSecureBootEnabled=True)
    found = [each for each in lines(config(bootOptions=options)) if "bootOptions" in each]
    assert found == ["config.bootOptions.efiSecureBootEnabled"]


def test_secure_boot_has_words_of_its_own() -> None:
    found = lines(config(bootOptions=vim.vm.BootOptions(efiSecureBootEnabled=True)))
    assert "an unsigned image would not boot" in found["config.bootOptions.efiSecureBootEnabled"].why


def test_what_an_administrator_sets_of_the_tools() -> None:
    """Not their version; and of scripts that everybody has, the one that is switched off."""
    tools = vim.vm.ToolsConfigInfo(toolsVersion=12325, syncTimeWithHost=True, toolsUpgradePolicy="upgradeAtPowerCycle")
    tools.afterPowerOn, tools.beforeGuestShutdown = True, False
    found = [each for each in lines(config(tools=tools)) if "tools" in each]
    names = ("toolsUpgradePolicy", "syncTimeWithHost", "beforeGuestShutdown")
    assert found == [f"config.tools.{name}" for name in names]


def test_what_the_hardware_says_beside_its_devices() -> None:
    made = config()
    made.hardware.motherboardLayout, made.hardware.simultaneousThreads = "acpiHostBridges", 2
    assert {"config.hardware.motherboardLayout", "config.hardware.simultaneousThreads"} <= set(lines(made))
    made.hardware.motherboardLayout, made.hardware.simultaneousThreads = "i440bxHostBridge", 1
    assert [each for each in lines(made) if "motherboard" in each or "Threads" in each] == []


def test_an_ordinary_machine_has_no_line_about_what_everybody_has() -> None:
    made = config(swapPlacement="inherit", migrateEncryption="opportunistic", changeVersion="7", uuid="4", name="old")
    made.latencySensitivity = vim.LatencySensitivity(level="normal")
    assert [each.what for each in lines(made).values() if each.fate is Fate.DROPPED] == ["storage policy"]


class TestWhatVcenterKnows:
    def test_is_kept_where_it_is_asked_for(self) -> None:
        around = {"tags": ("backup", "gold"), "attributes": ("owner",), "permissions": ("VSPHERE.LOCAL\\mail",)}
        kept = lines(config(), *likeness.DEFAULT, **around)
        dropped = lines(config(), **around)
        for what in ("tags[backup]", "tags[gold]", "customValue[owner]", "permissions[VSPHERE.LOCAL\\mail]"):
            assert (kept[what].fate, dropped[what].fate) == (Fate.KEPT, Fate.DROPPED)

    def test_what_could_not_be_read_is_a_line(self) -> None:
        found = lines(config(), unread={"tags": "the server answers 404"})
        assert (found["tags"].fate, "404" in found["tags"].why) == (Fate.DROPPED, True)

    def test_rules_snapshots_evc_and_the_hand_over(self) -> None:
        rule = "configurationEx.rule[gateways apart]"
        found = lines(
            config(), cluster=(rule,), alarms=("full",), snapshots=("before 5.3",), evc="intel-broadwell", in_vapp=True
        )
        assert found[rule].fate is Fate.DROPPED
        assert found["alarm[full]"].fate is Fate.DROPPED
        assert found["snapshot[before 5.3]"].fate is Fate.NOT_POSSIBLE
        assert {"runtime.minRequiredEVCModeKey", "parentVApp", "storage policy"} <= set(found)
        assert "backup jobs" in found["id of the old VM"].why


class TestShares:
    ODD = vim.ResourceAllocationInfo(reservation=512, limit=2048, shares=vim.SharesInfo(level="high", shares=4000))

    @pytest.mark.parametrize(("words", "kept"), [((), 0), (("shares",), 1), (("shares", "reservations", "limits"), 3)])
    def test_each_has_its_line(self, words: tuple[str, ...], kept: int) -> None:
        found = [each for each in lines(config(memoryAllocation=self.ODD), *words).values() if "Alloc" in each.what]
        assert (len(found), sum(each.fate is Fate.KEPT for each in found)) == (3, kept)

    def test_what_everybody_has_has_none(self) -> None:
        usual = vim.ResourceAllocationInfo(reservation=0, limit=-1, shares=vim.SharesInfo(level="normal", shares=4000))
        assert [each for each in lines(config(cpuAllocation=usual)) if "Alloc" in each] == []

    def test_no_more_memory_is_reserved_than_the_new_one_has(self) -> None:
        made = likeness.allocation(self.ODD, ("reservations",), 256)
        assert (made.reservation, made.limit, made.shares) == (256, None, None)
