"""What is asked of vSphere and what is read of it, without a server: pure functions over pyvmomi's types."""

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from small_ova import write_ova

pytest.importorskip("pyVmomi", reason="needs pyvmomi")

from pyVmomi import vim

from hypervisors import (
    Address,
    Ambiguous,
    BadImage,
    DeploySpec,
    Extent,
    HypervisorError,
    Image,
    Network,
    Nic,
    NicSpec,
    NotFound,
    NotOurs,
    OvfProperty,
    Secret,
    VmRef,
    identify_image,
    no_progress,
)
from hypervisors.tag import Tag
from hypervisors.vmware import (
    building,
    comparing,
    controllers,
    describing,
    lease,
    macs,
    networks,
    reading,
    tags,
    tools,
    vapp,
    versions,
)
from hypervisors.vmware.building import Like
from hypervisors.vmware.target import Target, in_url, target_of

Device = vim.vm.device
LAN, STAGING = Network("lan", "dvportgroup"), Network("staging", "portgroup")
MAC = "52:54:00:c0:00:10"
NICS = (NicSpec(LAN, MAC, link_up=False), NicSpec(STAGING, None, link_up=True))
LIKE = Like(1, 512, "vmx-13", "debian11_64Guest", "bios", "pvscsi", "e1000e")
BACKINGS = (
    Device.VirtualEthernetCard.DistributedVirtualPortBackingInfo(
        port=vim.dvs.PortConnection(portgroupKey="dvportgroup-7", switchUuid="50 2e")
    ),
    Device.VirtualEthernetCard.NetworkBackingInfo(deviceName="staging"),
)


@pytest.fixture
def image(tmp_path: Path) -> Image:
    return identify_image(write_ova(tmp_path / "mailgw.ova"), no_progress)


def spec_of(image: Image, **change: Any) -> DeploySpec:
    given: dict[str, Any] = {"run_id": "run-1", "name": "new", "image": image, "like": VmRef("u", "old")}
    return DeploySpec(**{**given, "store": "store", "nics": NICS, **change})


def devices(config: Any, kind: type) -> list[Any]:
    return [change.device for change in config.deviceChange if isinstance(change.device, kind)]


def cards(config: Any) -> list[tuple[Any, ...]]:
    return [
        (
            type(card).__name__.rpartition(".")[2],
            card.macAddress,
            card.addressType,
            card.connectable.startConnected,
            card.connectable.connected,
            card.connectable.allowGuestControl,
        )
        for card in devices(config, Device.VirtualEthernetCard)
    ]


class TestUrls:
    @pytest.mark.parametrize(
        ("url", "target"),
        [
            ("vsphere://root@esx1", Target("esx1", 443, "root", "", "", "")),
            ("vsphere://a@b@vc/DC", Target("vc", 443, "a@b", "DC", "", "")),
            ("vsphere://a%40b@vc:8443/D%2FC/C1/P1", Target("vc", 8443, "a@b", "D/C", "C1", "P1")),
            ("vsphere://EXAMPLE%5Cme@[2001:db8::1]/DC/C", Target("2001:db8::1", 443, "EXAMPLE\\me", "DC", "C", "")),
        ],
    )
    def test_what_they_say(self, url: str, target: Target) -> None:
        assert target_of(url) == target

    @pytest.mark.parametrize(
        "url",
        ["vsphere://vc/DC", "vsphere://me@/DC", "vsphere://me@vc/a/b/c/d", "vsphere://me@vc:x", "vsphere://a:b@vc"],
    )
    def test_those_that_say_nothing(self, url: str) -> None:
        with pytest.raises(HypervisorError) as caught:
            target_of(url)
        assert caught.value.hint

    @pytest.mark.parametrize(
        ("url", "found"),
        [
            ("https://*/nfc/1/disk-0.vmdk", "https://vc.example:8443/nfc/1/disk-0.vmdk"),
            ("https://esx1/nfc/1/disk-0.vmdk", "https://esx1/nfc/1/disk-0.vmdk"),
            ("https://10.0.0.7:902/nfc/1/x", "https://10.0.0.7:902/nfc/1/x"),
        ],
    )
    def test_a_star_is_the_server_with_its_port(self, url: str, found: str) -> None:
        """The fifth trap."""
        assert lease.at(url, Target("vc.example", 8443, "me", "", "", "")) == found

    @pytest.mark.parametrize(
        "url",
        ["https://[x/", "https://h:99999/x", "https:///x", "http://esx1/x", "https://\u2100/x", "https://*/\u1234"],
    )
    def test_what_is_no_place_is_refused(self, url: str) -> None:
        with pytest.raises(HypervisorError, match="the server names"):
            lease.at(url, Target("vc.example", 8443, "me", "", "", ""))

    def test_a_star_may_be_an_address_of_ipv6(self) -> None:
        assert (
            lease.at("https://*/nfc/1", Target("2001:db8::1", 443, "me", "", "", ""))
            == "https://[2001:db8::1]:443/nfc/1"
        )

    def test_only_disks_are_slots(self) -> None:
        url = vim.HttpNfcLease.DeviceUrl
        info = vim.HttpNfcLease.Info(
            deviceUrl=[
                url(key="a", importKey="a", url="https://*/a", disk=True, sslThumbprint="AA:BB"),
                url(key="b", importKey="b", url="https://*/b.nvram", disk=False),
            ]
        )
        assert lease.slots_of(info, Target("vc", 443, "me", "", "", "")) == (lease.Slot("https://vc:443/a", "AA:BB"),)


@pytest.mark.parametrize(
    ("api", "version"),
    [
        ("6.0", "vim.version.version10"),
        ("6.5", "vim.version.version11"),
        ("6.7.3", "vim.version.version15"),
        ("7.0.3.0", "vim.version.v7_0_3_0"),
        ("8.0.2.1", "vim.version.v8_0_2_0"),
        ("5.5", "vim.version.version10"),
        ("x", "vim.version.version10"),
    ],
)
def test_the_newest_release_that_both_speak(api: str, version: str) -> None:
    assert versions.newest_common(api) == version


@pytest.mark.parametrize(
    ("mac", "manual"),
    [
        ("00:50:56:00:00:00", True),
        ("00:50:56:3F:FF:FF", True),
        ("00:50:56:40:00:00", False),
        ("00:50:56:bf:00:01", False),
        ("00:0c:29:00:00:01", False),
        ("00:05:69:00:00:01", False),
        ("52:54:00:00:00:01", True),
        ("00:1b:21:00:00:01", True),
        ("01:00:5e:00:00:01", False),
        ("ff:ff:ff:ff:ff:ff", False),
        ("00:00:00:00:00:00", False),
        ("52-54-00-00-00-01", False),
        ("", False),
    ],
)
def test_macs_that_may_be_given_by_hand(mac: str, manual: bool) -> None:
    assert macs.is_manual(mac) is manual


@pytest.mark.parametrize("name", ["Mail", "A/B", "50%", "a%2fb", "what? #1", "Büro Ö", "a@b:c;d"])
def test_a_name_in_a_hint_can_be_pasted_into_the_url(name: str) -> None:
    assert target_of(f"vsphere://root@vc/{in_url(name)}").datacenter == name


class TestABareDisk:
    def test_shape_tag_and_store(self, image: Image) -> None:
        config = building.bare(spec_of(image), LIKE, BACKINGS)
        assert (config.name, config.numCPUs, config.memoryMB, config.version) == ("new", 1, 512, "vmx-13")
        assert (config.guestId, config.firmware) == ("debian11_64Guest", "bios")
        assert config.files.vmPathName == "[store]"
        assert tags.tag_of(reading.extra_of(config.extraConfig)) == Tag("run-1", complete=False)

    def test_its_disk_is_thin_and_named_by_the_server(self, image: Image) -> None:
        [disk] = devices(building.bare(spec_of(image), LIKE, BACKINGS), Device.VirtualDisk)
        assert (disk.capacityInKB, disk.backing.thinProvisioned, disk.backing.fileName) == (4096, True, "[store]")

    def test_its_cards(self, image: Image) -> None:
        assert cards(building.bare(spec_of(image), LIKE, BACKINGS)) == [
            ("VirtualE1000e", MAC, "manual", False, False, False),
            ("VirtualE1000e", None, "generated", True, True, False),
        ]

    @pytest.mark.parametrize(
        ("mac", "models"),
        [(MAC, ["VirtualVmxnet3", "VirtualVmxnet3"]), ("00:50:56:00:00:09", ["VirtualE1000", "VirtualE1000"])],
        ids=["of the NIC replaced", "of the first that is connected"],
    )
    def test_its_cards_are_not_those_of_the_first_unplugged_one(
        self, image: Image, mac: str, models: list[str]
    ) -> None:
        def card(kind: type, mac: str, *, up: bool) -> Any:
            link = Device.VirtualDevice.ConnectInfo(startConnected=up, connected=up, allowGuestControl=False)
            backing = Device.VirtualEthernetCard.NetworkBackingInfo(deviceName="lan")
            return kind(key=4000, macAddress=mac, connectable=link, backing=backing)

        old = {
            "config.hardware.device": [
                card(Device.VirtualPCNet32, "00:50:56:00:00:01", up=False),
                card(Device.VirtualE1000, "00:50:56:00:00:02", up=True),
                card(Device.VirtualVmxnet3, MAC.upper(), up=True),
            ],
            "config.hardware.numCPU": 1,
            "config.hardware.memoryMB": 512,
        }
        nics = (NicSpec(LAN, mac, link_up=False), NicSpec(STAGING, None, link_up=True))
        config = building.bare(spec_of(image, nics=nics), building.like_of(old), BACKINGS)
        assert [name for name, *_ in cards(config)] == models

    def test_what_the_plan_says_goes_before_the_old_one(self, image: Image) -> None:
        config = building.bare(spec_of(image, vcpus=4, memory=2 << 30, firmware="efi", disk_bus="sata"), LIKE, BACKINGS)
        assert (config.numCPUs, config.memoryMB, config.firmware) == (4, 2048, "efi")
        assert devices(config, Device.VirtualAHCIController)

    @pytest.mark.parametrize(
        ("bus", "kind"),
        [
            ("virtio", Device.ParaVirtualSCSIController),
            ("scsi", Device.VirtualLsiLogicController),
            ("ide", Device.VirtualIDEController),
            ("nvme", Device.VirtualNVMEController),
        ],
    )
    def test_buses(self, bus: str, kind: type) -> None:
        assert type(controllers.controller(bus, -1)) is kind


def server_made() -> vim.vm.ConfigSpec:
    """What a vCenter makes of an OVF: a SCSI controller, a disk, a disc with a file, two cards, properties."""
    change = building.Change
    info = vim.vApp.PropertyInfo(key=0, classId="net", id="ip", instanceId="0", type="string")
    return vim.vm.ConfigSpec(
        name="mailgw",
        numCPUs=2,
        memoryMB=4096,
        guestId="debian12_64Guest",
        version="vmx-14",
        deviceChange=[
            change(operation="add", device=Device.VirtualLsiLogicController(key=-1, busNumber=0)),
            change(operation="add", device=Device.VirtualDisk(key=-2, controllerKey=-1)),
            change(operation="add", device=Device.VirtualCdrom(key=-3, backing=Device.VirtualCdrom.IsoBackingInfo())),
            change(operation="add", device=Device.VirtualVmxnet3(key=-4)),
            change(operation="add", device=Device.VirtualE1000(key=-500)),
        ],
        vAppConfig=vim.vApp.VmConfigSpec(property=[vim.vApp.PropertySpec(operation="add", info=info)]),
    )


class TestAnOvf:
    def adapted(self, image: Image, **change: Any) -> vim.vm.ConfigSpec:
        config = server_made()
        describing.adapt(config, spec_of(image, **change), LIKE, BACKINGS)
        return config

    def test_our_cards_are_in_place_of_its_own(self, image: Image) -> None:
        config = self.adapted(image)
        assert cards(config) == [
            ("VirtualVmxnet3", MAC, "manual", False, False, False),
            ("VirtualE1000", None, "generated", True, True, False),
        ]
        assert [card.backing for card in devices(config, Device.VirtualEthernetCard)] == list(BACKINGS)

    def test_keys_are_told_apart(self, image: Image) -> None:
        keys = [change.device.key for change in self.adapted(image).deviceChange]
        assert len(set(keys)) == len(keys)

    def test_a_third_card_is_of_its_last_model(self) -> None:
        changes = server_made().deviceChange
        assert describing._kinds(changes, 3) == [Device.VirtualVmxnet3, Device.VirtualE1000, Device.VirtualE1000]
        assert describing._kinds([], 1) == [Device.VirtualVmxnet3]

    def test_size_and_tag_are_ours_the_rest_the_servers(self, image: Image) -> None:
        config = self.adapted(image)
        assert (config.name, config.numCPUs, config.memoryMB) == ("new", 1, 512)
        assert (config.guestId, config.version, config.firmware) == ("debian12_64Guest", "vmx-14", "efi")
        assert tags.tag_of(reading.extra_of(config.extraConfig)) == Tag("run-1", complete=False)

    def test_what_the_plan_says(self, image: Image) -> None:
        config = self.adapted(image, vcpus=3, memory=1 << 30, firmware="bios", disk_bus="virtio")
        assert (config.numCPUs, config.memoryMB, config.firmware) == (3, 1024, "bios")
        [controller] = devices(config, Device.ParaVirtualSCSIController)
        [disk] = devices(config, Device.VirtualDisk)
        assert (controller.key, devices(config, Device.VirtualLsiLogicController)) == (disk.controllerKey, [])

    def test_a_disc_whose_file_is_left_out_goes(self, image: Image) -> None:
        assert devices(self.adapted(image), Device.VirtualCdrom) == []

    def test_values_of_properties(self, image: Image) -> None:
        config = self.adapted(image, properties={"net.ip.0": "192.0.2.7"})
        assert config.vAppConfig.property[0].info.value == "192.0.2.7"

    def test_what_the_server_is_asked(self, image: Image) -> None:
        assert image.ovf is not None
        place: Any = type("Place", (), {"host": vim.HostSystem("host-1")})
        asked = describing.parameters(
            spec_of(image, properties={"net.ip.0": "192.0.2.7"}), image.ovf, place, vim.Network("network-1")
        )
        assert (asked.entityName, asked.diskProvisioning) == ("new", "thin")
        assert [each.name for each in asked.networkMapping] == ["Mail", "Management"]
        assert [(each.key, each.value) for each in asked.propertyMapping] == [("net.ip.0", "192.0.2.7")]

    def test_its_text_is_read_where_it_lies(self, image: Image) -> None:
        assert image.ovf is not None
        assert describing.read_text(image.ovf.descriptor).startswith("<?xml")
        with pytest.raises(BadImage, match="is not what it was"):
            describing.read_text(Extent(image.path, 0, 100, "0" * 64))

    def test_a_wide_text(self, tmp_path: Path) -> None:
        path = tmp_path / "wide.ovf"
        path.write_bytes("<Envelope>ü</Envelope>".encode("utf-16"))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert describing.read_text(Extent(path, 0, path.stat().st_size, digest)) == "<Envelope>ü</Envelope>"


class TestWhatTheServerSaysOfAnOvf:
    Result = vim.OvfManager.CreateImportSpecResult

    def test_errors_refuse_in_its_words(self, image: Image) -> None:
        error = vim.fault.OvfUnsupportedPackage(msg="Line 7: Unsupported element 'Foo'")
        with pytest.raises(HypervisorError, match="the server refuses: Line 7: Unsupported element 'Foo'"):
            describing.checked(self.Result(error=[error]), "import spec of x.ova", spec_of(image))

    def test_nothing_made_refuses(self, image: Image) -> None:
        with pytest.raises(HypervisorError, match="it makes no virtual machine of it"):
            describing.checked(self.Result(), "import spec of x.ova", spec_of(image))

    def test_warnings_are_told(self, image: Image, caplog: pytest.LogCaptureFixture) -> None:
        config = vim.vm.ConfigSpec()
        warning = vim.fault.OvfUnsupportedPackage(msg="No manifest file found")
        made = self.Result(warning=[warning], importSpec=vim.vm.VmImportSpec(configSpec=config))
        assert describing.checked(made, "import spec of x.ova", spec_of(image)) is config
        assert caplog.messages == ["import spec of x.ova: the server warns: No manifest file found"]

    def test_a_secret_among_the_properties_is_not_logged(self, image: Image, caplog: pytest.LogCaptureFixture) -> None:
        warning = vim.fault.OvfInvalidValue(msg="Value 'hunter2' of net.secret.0, beside '192.0.2.7'")
        made = self.Result(warning=[warning], importSpec=vim.vm.VmImportSpec(configSpec=vim.vm.ConfigSpec()))
        asked = spec_of(image, properties={"net.ip.0": "192.0.2.7", "net.secret.0": Secret("hunter2")})
        describing.checked(made, "x", asked)
        assert caplog.messages == ["x: the server warns: Value '…' of net.secret.0, beside '192.0.2.7'"]


class TestProperties:
    """Those of the image: net.ip.0 (an address, wanted), net.mtu.0 (fixed), net.secret.0 (a password)."""

    def test_all_is_well(self, image: Image) -> None:
        vapp.check(image, {"net.ip.0": "192.0.2.7", "net.secret.0": "a-secret-value"})

    def test_one_that_there_is_not(self, image: Image) -> None:
        with pytest.raises(NotFound, match=r"mailgw\.ova has no property 'ip'") as caught:
            vapp.check(image, {"ip": "192.0.2.7"})
        assert caught.value.hint == "those it has: net.ip.0, net.mtu.0, net.secret.0"

    def test_one_that_is_fixed(self, image: Image) -> None:
        with pytest.raises(HypervisorError, match=r"the property net\.mtu\.0 of mailgw\.ova cannot be set"):
            vapp.check(image, {"net.ip.0": "192.0.2.7", "net.mtu.0": "9000"})

    @pytest.mark.parametrize("wanted", [{}, {"net.ip.0": ""}])
    def test_one_that_is_missing(self, image: Image, wanted: dict[str, str]) -> None:
        with pytest.raises(HypervisorError) as caught:
            vapp.check(image, wanted)
        assert str(caught.value) == "properties of mailgw.ova: net.ip.0 (Address) needs a value"

    def test_all_that_do_not_fit_at_once(self, image: Image) -> None:
        assert image.ovf is not None
        known = tuple(dataclasses.replace(each, qualifiers="MinLen(8)") for each in image.ovf.properties)
        strict = dataclasses.replace(image, ovf=dataclasses.replace(image.ovf, properties=known))
        with pytest.raises(HypervisorError) as caught:
            vapp.check(strict, {"net.ip.0": "1", "net.secret.0": "s3cret"})
        short = "takes 8 characters or more"
        assert str(caught.value) == f"properties of mailgw.ova: net.ip.0 (Address) {short}; net.secret.0 {short}"

    def test_a_bare_disk_has_none(self, tmp_path: Path) -> None:
        disk = Image(tmp_path / "disk.raw", "raw", 1, 1, "")
        vapp.check(disk, {})
        with pytest.raises(NotFound):
            vapp.check(disk, {"net.ip.0": "192.0.2.7"})

    @pytest.mark.parametrize(("given", "sent"), [("true", "True"), ("FALSE", "False"), ("True", "True")])
    def test_a_vcenter_takes_booleans_in_one_way(self, image: Image, given: str, sent: str) -> None:
        """And only booleans are changed."""
        assert image.ovf is not None
        flag = OvfProperty("flag", "boolean", "", True, False, "", "")
        known = (*image.ovf.properties, flag)
        image = dataclasses.replace(image, ovf=dataclasses.replace(image.ovf, properties=known))
        spec = spec_of(image, properties={"flag": given, "net.ip.0": given, "net.secret.0": Secret(given)})
        wanted = vapp.values(spec)
        assert wanted == {"flag": sent, "net.ip.0": given, "net.secret.0": given}
        place: Any = type("Place", (), {"host": vim.HostSystem("host-1")})
        assert image.ovf is not None
        asked = describing.parameters(spec, image.ovf, place, vim.Network("network-1"))
        assert {each.key: each.value for each in asked.propertyMapping} == wanted

    @pytest.mark.parametrize("value", ["", "s3c", "s3c\tret"])
    def test_a_secret_is_blanked_as_it_is_and_as_it_is_told(self, image: Image, value: str) -> None:
        spec = spec_of(image, properties={"long": Secret("s3cret"), "k": Secret(value), "plain": "words"})
        told = HypervisorError(f"words of <{value}> and <s3cret>", hint="h")
        blank = "…" if value else ""
        assert vapp.blanked(str(told), spec) == f"words of <{blank}> and <…>"

    @pytest.mark.parametrize(
        ("kind", "qualifiers", "default", "required"),
        [
            ("string", "", "", False),
            ("boolean", "", "", False),
            ("password", "", "", False),
            ("password", "MinLen(8)", "", True),
            ("string", "MinLen(1) MaxLen(8)", "", True),
            ("string", "MinLen(0)", "", False),
            ("string", "Ip", "", True),
            ("int", "", "", True),
            ("int", "", "5", False),
            ("ip:Mail", "", "", True),
            ("string", 'MinLen(1) Gateway("lan")', "", False),
            ("string", 'MinLen(1) Dns("VM Network")', "", False),
            ("string", 'MinLen(1), netmask( "a (b)" )', "", False),
            ("string", "MinLen(1) VimIp()", "", False),
            ("string", "VimIp MinLen(1)", "", False),
            ("int", 'HostPrefix("lan")', "", False),
            *(
                ("string", f'MinLen(1) {name}("lan")', "", False)
                for name in ("Subnet", "AutoIp", "DomainName", "HttpProxy", "Net")
            ),
            ("string", 'MinLen(1) SearchPath("lan")', "", False),
            ("string", 'MinLen(1) Ip("lan")', "", True),
            ("string", 'MinLen(1) ValueMap{"gateway", "dns"}', "", True),
            ("string", 'Ip("Gateway")', "", True),
        ],
    )
    def test_which_are_wanted(self, kind: str, qualifiers: str, default: str, required: bool) -> None:
        assert vapp.is_required(OvfProperty("k", kind, qualifiers, True, False, default, "")) is required
        assert vapp.is_required(OvfProperty("k", kind, qualifiers, False, False, default, "")) is False

    @pytest.mark.parametrize(
        ("kind", "qualifiers", "value", "fault"),
        [
            ("uint16", "", "1500", ""),
            ("sint8", "", "-5", ""),
            ("int", "", "5", ""),
            ("uint16", "", "many", "takes a whole number"),
            ("boolean", "", "true", ""),
            ("boolean", "", "yes", "takes True or False"),
            ("string", "Ip", "2001:db8::1", ""),
            ("string", "Ip", "192.0.2", "takes an IP address"),
            ("string", "MinLen(2),MaxLen(3)", "ab", ""),
            ("string", "MinLen(2) MaxLen(3)", "a", "takes 2 characters or more"),
            ("string", "MinLen(2) MaxLen(3)", "abcd", "takes 3 characters at most"),
            ("string", 'ValueMap{"a b", "ip"}', "a b", ""),
            ("string", 'ValueMap{"a b", "ip"}', "c", "takes one of a b, ip"),
            ("int", "ValueMap{1, 2}", "2", ""),
            ("int", "ValueMap{1,2}", "3", "takes one of 1, 2"),
            ("string", 'Ip("VM Network")', "192.0.2", "takes an IP address"),
            ("string", 'Ip("VM Network") MinLen(9)', "192.0.2.7", ""),
            ("string", 'Ip("a MinLen(99) b")', "192.0.2.7", ""),
            ("string", 'ValueMap {"a}b","c"}', "a}b", ""),
            ("real64", "", "1,5", ""),  # left to the server
            ("ip:Mail", "", "anything", ""),
        ],
    )
    def test_which_values_fit(self, kind: str, qualifiers: str, value: str, fault: str) -> None:
        known = OvfProperty("k", kind, qualifiers, user_configurable=True, password=False, default="", label="")
        assert vapp.fault(known, value) == fault


class TestReadBack:
    """The eighth trap: a wrong property gives a machine that boots and never appears."""

    def made(self, **values: str) -> list[Any]:
        return [vim.vApp.PropertyInfo(key=0, classId="net", id=key, value=value) for key, value in values.items()]

    def test_as_asked(self) -> None:
        vapp.check_made(self.made(ip="192.0.2.7", mtu="1500"), {"net.ip": "192.0.2.7"}, "new")

    @pytest.mark.parametrize("values", [{}, {"ip": ""}, {"ip": "192.0.2.8"}])
    def test_otherwise(self, values: Mapping[str, str]) -> None:
        with pytest.raises(HypervisorError, match=r"other values of its properties than asked for: net\.ip") as caught:
            vapp.check_made(self.made(**values), {"net.ip": "192.0.2.7"}, "new")
        assert "192.0.2" not in str(caught.value)

    @pytest.mark.parametrize("seen", [None, "", "********"])
    def test_a_password_is_not_given_back(self, seen: str | None) -> None:
        info = vim.vApp.PropertyInfo(key=0, id="secret", type="password", value=seen)
        vapp.check_made([info], {"secret": "hunter22"}, "new")
        with pytest.raises(HypervisorError, match="asked for: secret"):
            vapp.check_made([], {"secret": "hunter22"}, "new")

    def nics(self, *wrong: Nic) -> tuple[Nic, ...]:
        right = (
            Nic(MAC, LAN, "vmxnet3", link_up=False, stored_link_up=False),
            Nic("00:50:56:80:00:01", STAGING, "vmxnet3", link_up=True, stored_link_up=True),
        )
        return wrong or right

    def test_nics_as_asked(self, image: Image) -> None:
        comparing.check_nics(self.nics(), spec_of(image))

    @pytest.mark.parametrize(
        "made",
        [
            (),
            (Nic(MAC, LAN, "vmxnet3", link_up=False, stored_link_up=False),),
            (
                Nic(MAC, LAN, "vmxnet3", link_up=True, stored_link_up=True),
                Nic("00:50:56:80:00:01", STAGING, "vmxnet3", link_up=True, stored_link_up=True),
            ),
            (
                Nic("00:50:56:80:00:02", LAN, "vmxnet3", link_up=False, stored_link_up=False),
                Nic("00:50:56:80:00:01", STAGING, "vmxnet3", link_up=True, stored_link_up=True),
            ),
            (
                Nic(MAC, STAGING, "vmxnet3", link_up=False, stored_link_up=False),
                Nic("00:50:56:80:00:01", LAN, "vmxnet3", link_up=True, stored_link_up=True),
            ),
        ],
        ids=["none", "one", "connected", "another MAC", "crossed"],
    )
    def test_nics_otherwise(self, image: Image, made: tuple[Nic, ...]) -> None:
        with pytest.raises(HypervisorError, match="new was made with other NICs than requested"):
            comparing.check_nics(made, spec_of(image))

    def test_plugged_as_asked(self, image: Image) -> None:
        asked = building.bare(spec_of(image), LIKE, BACKINGS)
        told = Device.VirtualEthernetCard.NetworkBackingInfo(deviceName="staging", network=vim.Network("network-3"))
        for backings in (BACKINGS, (BACKINGS[0], told)):  # a server adds the reference of a standard portgroup
            comparing.check_plugs([Device.VirtualE1000e(backing=each) for each in backings], asked, "new")

    @pytest.mark.parametrize("reference", ["network-3", None], ids=["another of that name", "another name"])
    def test_plugged_otherwise(self, image: Image, reference: str | None) -> None:
        standard = Device.VirtualEthernetCard.NetworkBackingInfo
        wanted = standard(deviceName="staging", network=vim.Network("network-2"))
        made = standard(deviceName="staging", network=vim.Network(reference)) if reference else standard(deviceName="x")
        asked = building.bare(spec_of(image), LIKE, (BACKINGS[0], wanted))
        with pytest.raises(HypervisorError, match="was made in another network than requested"):
            comparing.check_plugs([Device.VirtualE1000e(backing=each) for each in (BACKINGS[0], made)], asked, "new")

    def test_plugged_into_another_portgroup_of_the_same_name(self, image: Image) -> None:
        port = vim.dvs.PortConnection(portgroupKey="dvportgroup-8", switchUuid="50 2e")
        other = Device.VirtualEthernetCard.DistributedVirtualPortBackingInfo(port=port)
        asked = building.bare(spec_of(image), LIKE, BACKINGS)
        with pytest.raises(HypervisorError, match="was made in another network than requested"):
            comparing.check_plugs([Device.VirtualE1000e(backing=each) for each in (other, BACKINGS[1])], asked, "new")


class TestTags:
    """Whose a machine is: a copy has the tag of what it was made from."""

    OURS, COPY = VmRef("u-1", "new"), VmRef("u-2", "new-clone")
    HALF, WHOLE = Tag("run-1", complete=False), Tag("run-1", complete=True, vm="u-1")

    def test_they_come_back_as_they_were_written(self) -> None:
        for tag in (self.HALF, self.WHOLE):
            assert tags.tag_of(reading.extra_of(tags.options(tag))) == tag
        assert tags.tag_of({"vmmigrate.complete": "yes"}) is None

    def test_a_copy_of_a_whole_one_is_left_out(self) -> None:
        found = [(self.COPY, self.WHOLE), (self.OURS, self.WHOLE), (VmRef("u-3", "x"), Tag("run-2", False))]
        assert tags.ours(found, "run-1") == [(self.OURS, self.WHOLE)]
        assert tags.ours(found[:1], "run-1") == []
        tags.require(self.WHOLE, self.OURS, "run-1")
        with pytest.raises(NotOurs, match=r"new-clone \(u-2\) has a copy of the tag of u-1"):
            tags.require(self.WHOLE, self.COPY, "run-1")

    def test_one_half_is_ours_and_of_two_none(self) -> None:
        """While it is not complete nothing tells one from the other: a person has to."""
        assert tags.ours([(self.OURS, self.HALF)], "run-1") == [(self.OURS, self.HALF)]
        tags.require(self.HALF, self.OURS, "run-1")
        with pytest.raises(Ambiguous, match=r"2 virtual machines have the tag of run run-1.*new-clone \(u-2\)"):
            tags.ours([(self.OURS, self.HALF), (self.COPY, self.HALF)], "run-1")

    def test_a_half_beside_the_whole_one_is_a_copy(self) -> None:
        found = [(self.COPY, self.HALF), (self.OURS, self.WHOLE)]
        assert tags.ours(found, "run-1") == [(self.OURS, self.WHOLE)]

    def test_files_copied_on_a_single_host_keep_the_id(self) -> None:
        with pytest.raises(Ambiguous):
            tags.ours([(self.OURS, self.WHOLE), (VmRef("u-1", "new-copied"), self.WHOLE)], "run-1")


class TestReading:
    def test_names_are_as_people_write_them(self) -> None:
        assert reading.plain("VLAN 10%2f20 100%25 a%5Cb") == "VLAN 10/20 100% a\\b"
        assert reading.plain("%252f") == "%2f"

    @pytest.mark.parametrize("name", ["mail/gw", "100%", "a\\b", "%2f", "plain"])
    def test_and_are_sent_as_the_inventory_wants_them(self, image: Image, name: str) -> None:
        sent = building.bare(spec_of(image, name=name), LIKE, BACKINGS).name
        assert reading.plain(sent) == name
        assert not set("/\\") & set(sent)
        assert (sent == name) is (name == "plain")

    def test_networks_of_each_kind(self) -> None:
        opaque = Device.VirtualEthernetCard.OpaqueNetworkBackingInfo(opaqueNetworkId="nsx-1", opaqueNetworkType="nsx")
        names = {"dvportgroup-7": "lan", "nsx-1": "segment"}
        found = [reading.network_of(backing, names) for backing in (*BACKINGS, opaque)]
        assert found == [LAN, STAGING, Network("segment", "opaque")]

    def test_of_options_that_stand_there_twice_the_last_counts(self) -> None:
        options = [vim.option.OptionValue(key="k", value=value) for value in ("old", "new")]
        assert reading.extra_of(options) == {"k": "new"}

    def test_an_unknown_network_is_told_with_those_there_are(self) -> None:
        with pytest.raises(NotFound, match="no network 'x'") as caught:
            networks.one_of({LAN: [vim.Network("network-1")]}, Network("x", "portgroup"))
        assert str(caught.value).endswith("(there are: dvportgroup:lan)")

    def test_of_two_networks_of_one_name_none_is_taken(self) -> None:
        found = {LAN: [vim.Network("network-1"), vim.Network("network-2")], STAGING: [vim.Network("network-3")]}
        assert networks.one_of(found, STAGING) == vim.Network("network-3")
        with pytest.raises(Ambiguous, match=r"2 networks are called 'lan' \(dvportgroup\)"):
            networks.one_of(found, LAN)


class TestTools:
    CARDS = (
        Device.VirtualVmxnet3(key=4000, macAddress="00:50:56:00:00:01"),
        Device.VirtualVmxnet3(key=4001, macAddress="00:50:56:00:00:02"),
    )

    def told(self, key: int, mac: str | None, *addresses: str) -> tuple[Address, ...]:
        nic = vim.vm.GuestInfo.NicInfo(deviceConfigId=key, macAddress=mac, connected=True, ipAddress=list(addresses))
        return tuple(tools.reported([nic], self.CARDS))

    def test_the_card_is_told_by_its_key(self) -> None:
        """Whatever MAC the guest has given it."""
        found = self.told(4001, "02:00:00:00:00:09", "192.0.2.7", "2001:db8::7")
        assert [(each.mac, each.address, each.source) for each in found] == [
            ("00:50:56:00:00:02", "192.0.2.7", "tools"),
            ("00:50:56:00:00:02", "2001:db8::7", "tools"),
        ]

    def test_else_by_its_mac(self) -> None:
        assert [each.mac for each in self.told(0, "00:50:56:00:00:01".upper(), "192.0.2.7")] == ["00:50:56:00:00:01"]

    def test_what_the_guest_made_itself_is_left_out(self) -> None:
        assert self.told(-1, "02:42:00:00:00:01", "172.17.0.1") == ()
        assert self.told(0, "02:42:00:00:00:01", "172.17.0.1") == ()

    @pytest.mark.parametrize("address", ["fe80::1", "169.254.3.4", "0.0.0.0", "::1", "not an address", ""])
    def test_what_reaches_nobody_is_left_out(self, address: str) -> None:
        assert self.told(4000, None, address) == ()
