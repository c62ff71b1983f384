"""The new domain's XML: what it takes from the old one, what it leaves, what it has of its own."""
# ruff: noqa: S314 -- the XML is the test's own

import re
from xml.etree import ElementTree as ET

import pytest

from hypervisors import Network, NicSpec, NotSupported
from hypervisors.kvm import checking
from hypervisors.kvm.building import Shape, domain_like
from hypervisors.kvm.elements import xml
from hypervisors.kvm.interfaces import relinked
from hypervisors.kvm.pools import volume_of
from hypervisors.kvm.tags import bare_tag, is_volume_of, tag_of, volume_name
from hypervisors.tag import Tag

OLD = """
<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>mailgw</name>
  <uuid>f33048df-d3e6-4fc1-a528-3045070c7f4c</uuid>
  <title>Gateway</title>
  <description>The old one</description>
  <metadata><boxes:gnome xmlns:boxes='https://wiki.gnome.org/Apps/Boxes'/></metadata>
  <memory unit='KiB'>786432</memory>
  <currentMemory unit='KiB'>786432</currentMemory>
  <vcpu placement='static' current='1'>2</vcpu>
  <cputune><vcpupin vcpu='0' cpuset='1'/></cputune>
  <sysinfo type='smbios'><system>
    <entry name='manufacturer'>Example</entry><entry name='uuid'>f33048df-d3e6-4fc1-a528-3045070c7f4c</entry>
  </system></sysinfo>
  <os>
    <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
    <loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.fd</loader>
    <nvram template='/usr/share/OVMF/OVMF_VARS_4M.fd'>/var/lib/libvirt/qemu/nvram/mailgw_VARS.fd</nvram>
    <kernel>/boot/vmlinuz</kernel><cmdline>root=/dev/vda1</cmdline>
    <boot dev='network'/><boot dev='hd'/>
  </os>
  <features><acpi/><apic/></features>
  <cpu mode='custom' match='exact'><model fallback='allow'>qemu64</model>
    <topology sockets='2' cores='1' threads='1'/></cpu>
  <clock offset='utc'><timer name='rtc' tickpolicy='catchup'/></clock>
  <on_reboot>restart</on_reboot>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='cdrom'><target dev='sda' bus='sata'/></disk>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw' cache='none' io='native' iothread='1'/><source file='/data.img'/>
      <target dev='vdb' bus='virtio'/>
    </disk>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw' cache='none' io='native' iothread='1'/><source file='/old.img'/>
      <target dev='sdb' bus='scsi'/><boot order='1'/><address type='drive' controller='0' unit='1'/>
    </disk>
    <controller type='scsi' index='0' model='virtio-scsi'><address type='pci' bus='0x04'/></controller>
    <controller type='pci' index='0' model='pcie-root'/>
    <interface type='network'>
      <mac address='52:54:00:00:00:10'/><source network='lan' portgroup='dmz'/><vlan><tag id='42'/></vlan>
      <virtualport type='openvswitch'><parameters interfaceid='f33048df-d3e6-4fc1-a528-3045070c7f4c'/></virtualport>
      <model type='e1000e'/><address type='pci' bus='0x01'/>
    </interface>
    <serial type='tcp'><source mode='bind' host='0.0.0.0' service='4555'/><log file='/log'/><target port='0'/></serial>
    <console type='tcp'><source mode='bind' host='0.0.0.0' service='4555'/><target type='serial' port='0'/></console>
    <channel type='unix'><source mode='bind' path='/run/old.sock'/>
      <target type='virtio' name='com.example.0'/></channel>
    <graphics type='vnc' port='5907' autoport='no' listen='127.0.0.1' passwd='sesam'/>
    <video><model type='vga'/></video>
    <hostdev mode='subsystem' type='pci'><source/></hostdev>
    <filesystem type='mount'><source dir='/srv'/><target dir='srv'/></filesystem>
    <rng model='virtio'><backend model='random'>/dev/urandom</backend><address type='pci' bus='0x06'/></rng>
    <rng model='virtio'><backend model='egd' type='tcp'/></rng>
  </devices>
  <seclabel type='dynamic' model='dac' relabel='yes'/>
  <qemu:commandline><qemu:arg value='-netdev'/></qemu:commandline>
</domain>
"""
LAN, STAGING = Network("lan", "network"), Network("br-staging", "bridge")
NICS = (NicSpec(LAN, "52:54:00:00:00:10", False), NicSpec(STAGING, None, True))
TAG = Tag("run1", complete=False, vm="0b1d6f0a-5c55-4d0c-9a77-3f6e0f4b2c11")


def built(*, vcpus: int | None = None, memory: int | None = None, old: str = OLD) -> ET.Element:
    shape = Shape("mailgw-new", TAG, "/pool/new.qcow2", NICS, vcpus, memory)
    return domain_like(ET.fromstring(old), shape)


def told(domain: ET.Element, path: str) -> str:
    """The one element at `path` as XML, without the blanks between elements."""
    [found] = domain.findall(path)
    for element in found.iter():
        element.tail = None
        element.text = (element.text or "").strip() or None
    return xml(found)


def test_name_uuid_and_tag_are_its_own() -> None:
    new = built()
    assert (new.findtext("name"), new.findtext("uuid")) == ("mailgw-new", TAG.vm)
    assert tag_of(new) == TAG
    assert [child.tag for child in new.findall("metadata/*")] == ["{urn:vmmigrate:run}run"]
    assert [new.find(tag) for tag in ("title", "description", "seclabel")] == [None] * 3


def test_what_the_guest_was_made_for_is_kept() -> None:
    new = built()
    assert new.get("type") == "qemu"
    assert told(new, "os/type") == '<type arch="x86_64" machine="pc-q35-7.2">hvm</type>'
    assert told(new, "vcpu") == '<vcpu placement="static" current="1">2</vcpu>'
    assert told(new, "memory") == '<memory unit="KiB">786432</memory>'
    assert told(new, "features") == "<features><acpi /><apic /></features>"
    assert told(new, "cpu/model") == '<model fallback="allow">qemu64</model>'
    assert told(new, "clock") == '<clock offset="utc"><timer name="rtc" tickpolicy="catchup" /></clock>'
    assert told(new, "devices/emulator") == "<emulator>/usr/bin/qemu-system-x86_64</emulator>"


def test_firmware_gets_a_variable_store_of_its_own() -> None:
    new = built()
    assert told(new, "os/loader") == '<loader readonly="yes" type="pflash">/usr/share/OVMF/OVMF_CODE_4M.fd</loader>'
    assert told(new, "os/nvram") == '<nvram template="/usr/share/OVMF/OVMF_VARS_4M.fd" />'


def test_firmware_that_libvirt_chose_is_chosen_again() -> None:
    automatic = OLD.replace("<os>", "<os firmware='efi'>")
    assert [child.tag for child in built(old=automatic).findall("os/*")] == ["type"]
    stateless = automatic.replace("<loader", "<loader stateless='yes'")
    assert told(built(old=stateless), "os/loader") == '<loader stateless="yes" />'


def otherwise(old: str = OLD, **given: str) -> ET.Element:
    """With another firmware or disk bus than the old one's."""
    shape = Shape("mailgw-new", TAG, "/pool/new.qcow2", NICS, **given)  # type: ignore[arg-type]
    return domain_like(ET.fromstring(old), shape)


BIOS = re.sub(r"<(loader|nvram).*</\1>", "", OLD)
NO_SECURE_BOOT = '<feature enabled="no" name="enrolled-keys" /><feature enabled="no" name="secure-boot" />'


def test_uefi_instead_of_bios_is_left_to_libvirt() -> None:
    os = otherwise(BIOS, firmware="efi").find("os")
    assert os is not None
    assert os.attrib == {"firmware": "efi"}
    assert [child.tag for child in os] == ["type", "firmware"]
    assert told(os, "firmware") == f"<firmware>{NO_SECURE_BOOT}</firmware>"


@pytest.mark.parametrize(
    "old",
    [OLD, OLD.replace("<os>", "<os firmware='efi'><firmware><feature enabled='yes' name='secure-boot'/></firmware>")],
)
def test_bios_instead_of_uefi_takes_loader_and_store_away(old: str) -> None:
    os = otherwise(old, firmware="bios").find("os")
    assert os is not None
    assert (os.attrib, [child.tag for child in os]) == ({}, ["type"])


ROM = BIOS.replace("<os>", "<os><loader type='rom'>/usr/share/ovmf/OVMF.fd</loader>")


def test_uefi_in_a_rom_goes_where_a_bios_is_asked_for() -> None:
    """An image for a BIOS would never boot by it."""
    assert otherwise(ROM, firmware="bios").find("os/loader") is None
    assert xml(otherwise(ROM, firmware="efi")) == xml(built(old=ROM))


def test_the_firmware_that_is_there_already_changes_nothing() -> None:
    assert xml(otherwise(firmware="efi")) == xml(built())
    assert xml(otherwise(BIOS, firmware="bios")) == xml(built(old=BIOS))


def test_a_variable_store_keeps_the_format_of_its_template() -> None:
    new = built(old=OLD.replace("<nvram ", "<nvram type='file' format='qcow2' "))
    assert told(new, "os/nvram") == '<nvram template="/usr/share/OVMF/OVMF_VARS_4M.fd" format="qcow2" />'


@pytest.mark.parametrize(("bus", "device"), [("virtio", "vda"), ("sata", "sda")])
def test_another_disk_bus(bus: str, device: str) -> None:
    disk = otherwise(disk_bus=bus).find("devices/disk")
    assert disk is not None
    assert told(disk, "target") == f'<target dev="{device}" bus="{bus}" />'
    assert told(disk, "driver") == '<driver name="qemu" type="qcow2" cache="none" io="native" />'


def test_the_bus_that_is_there_already_changes_nothing() -> None:
    assert xml(otherwise(disk_bus="scsi")) == xml(built())


def test_a_scsi_bus_gets_a_controller_that_linux_knows() -> None:
    without = re.sub(r"<controller type='scsi'.*</controller>", "", OLD.replace("bus='scsi'", "bus='virtio'"))
    controllers = otherwise(without, disk_bus="scsi").findall("devices/controller")
    assert [xml(one) for one in controllers] == ['<controller type="scsi" model="virtio-scsi" />']


@pytest.mark.parametrize(
    ("bus", "message", "hint"),
    [
        ("ide", "a machine of type pc-q35-7.2 has no IDE bus", "set new.disk_bus to sata"),
        ("nvme", "a disk on the bus 'nvme' is not made here", "choose among virtio, scsi, sata, ide"),
    ],
)
def test_a_bus_that_cannot_be_had(bus: str, message: str, hint: str) -> None:
    with pytest.raises(NotSupported) as caught:
        otherwise(disk_bus=bus)
    assert (str(caught.value), caught.value.hint) == (message, hint)


def test_ide_where_the_machine_has_it() -> None:
    disk = otherwise(OLD.replace("pc-q35-7.2", "pc-i440fx-7.2"), disk_bus="ide").find("devices/disk")
    assert disk is not None
    assert told(disk, "target") == '<target dev="hda" bus="ide" />'


def test_it_boots_from_its_disk_and_nothing_else() -> None:
    new = built()
    assert [child.tag for child in new.findall("os/*")] == ["type", "loader", "nvram"]
    assert [disk.find("boot").get("order") for disk in new.findall("devices/disk")] == ["1"]  # type: ignore[union-attr]


def test_one_disk_on_the_bus_of_the_old_boot_disk() -> None:
    assert told(built(), "devices/disk") == (
        '<disk type="file" device="disk"><driver name="qemu" type="qcow2" cache="none" io="native" />'
        '<source file="/pool/new.qcow2" /><target dev="sdb" bus="scsi" /><boot order="1" /></disk>'
    )


def test_a_diskless_old_one_gives_virtio() -> None:
    new = built(old="<domain type='qemu'><devices/></domain>")
    assert told(new, "devices/disk/target") == '<target dev="vda" bus="virtio" />'


def test_nics_in_the_order_asked_with_the_old_model() -> None:
    first, second = built().findall("devices/interface")
    assert [xml(child).strip() for child in first if child.tag in ("mac", "model", "link")] == [
        '<mac address="52:54:00:00:00:10" />',
        '<model type="e1000e" />',
        '<link state="down" />',
    ]
    assert xml(second) == (
        '<interface type="bridge"><source bridge="br-staging" /><model type="e1000e" /><link state="up" /></interface>'
    )


def test_a_nic_on_the_old_network_takes_what_its_switch_wants_to_know() -> None:
    first = built().findall("devices/interface")[0]
    assert told(first, "source") == '<source network="lan" portgroup="dmz" />'
    assert told(first, "vlan") == '<vlan><tag id="42" /></vlan>'
    assert told(first, "virtualport") == '<virtualport type="openvswitch"><parameters /></virtualport>'


def test_no_kind_of_network_is_guessed() -> None:
    shape = Shape("new", TAG, "/new", (NicSpec(Network("x", "vhostuser"), None, True),))
    with pytest.raises(NotSupported, match="libvirt's type 'vhostuser' is not handled"):
        domain_like(ET.fromstring(OLD), shape)


def test_what_is_plugged_into_nothing_is_named_by_its_type() -> None:
    shape = Shape("new", TAG, "/new", (NicSpec(Network("", "user"), None, True),))
    with pytest.raises(NotSupported) as caught:
        domain_like(ET.fromstring(OLD), shape)
    assert str(caught.value) == "a NIC cannot be plugged into that: libvirt's type 'user' is not handled"


SCSI = """<controller type='scsi' index='0' model='lsilogic'/><controller type='scsi' index='2' model='virtio-scsi'/>
<disk type='file' device='disk'><source file='/o'/><target dev='sdq' bus='{bus}'/>{address}</disk>"""
SECOND = "<address type='drive' controller='2' bus='0' target='0' unit='5'/>"


class TestControllerOfTheDisk:
    """One that is not the first: the first may be a chip of 1995, or have other limits."""

    def made(self, bus: str | None, inside: str, *empty: str) -> list[dict[str, str]]:
        old = ET.fromstring(f"<domain type='kvm'><devices>{inside}</devices></domain>")
        shape = Shape("new", TAG, "/new", NICS, disk_bus=bus, empty=empty)
        return [attributes(disk, "address") for disk in domain_like(old, shape).findall("devices/disk")]

    @pytest.mark.parametrize("bus", [None, "scsi"])
    def test_stays(self, bus: str | None) -> None:
        [found] = self.made(bus, SCSI.format(bus="scsi", address=SECOND))
        assert (found["controller"], found["unit"]) == ("2", "0")

    def test_with_the_empty_disks_behind_it(self) -> None:
        found = self.made(None, SCSI.format(bus="scsi", address=SECOND), "/a", "/b")
        assert [(each["controller"], each["unit"]) for each in found] == [("2", "0"), ("2", "1"), ("2", "2")]

    @pytest.mark.parametrize(
        ("asked", "bus", "address"),
        [
            ("virtio", "scsi", SECOND),
            (None, "scsi", SECOND.replace("'2'", "'0'")),
            (None, "scsi", ""),
            (None, "sata", SECOND),
        ],
    )
    def test_is_libvirts_choice_otherwise(self, asked: str | None, bus: str, address: str) -> None:
        assert self.made(asked, SCSI.format(bus=bus, address=address)) == [{}]


@pytest.mark.parametrize("features", ["", "<features><apic/></features>", "<features><acpi/><apic/></features>"])
def test_uefi_comes_with_acpi(features: str) -> None:
    """libvirt refuses the one without the other."""
    old = ET.fromstring(f"<domain type='kvm'>{features}<os><type>hvm</type></os><devices/></domain>")
    for firmware, number in (("efi", 1), ("bios", features.count("acpi"))):
        shape = Shape("new", TAG, "/new", NICS, firmware=firmware)
        assert len(domain_like(old, shape).findall("features/acpi")) == number


def test_no_device_keeps_what_is_bound_to_the_host() -> None:
    new = built()
    assert told(new, "devices/serial") == '<serial type="pty"><target port="0" /></serial>'
    assert told(new, "devices/console") == '<console type="pty"><target type="serial" port="0" /></console>'
    assert told(new, "devices/graphics") == ('<graphics type="vnc" autoport="yes" listen="127.0.0.1" passwd="sesam" />')
    assert told(new, "devices/rng") == '<rng model="virtio"><backend model="random">/dev/urandom</backend></rng>'
    kinds = [child.tag for child in new.findall("devices/*")]
    assert {"hostdev", "filesystem"} & set(kinds) == set()
    assert [one.get("type") for one in new.findall("devices/controller")] == ["scsi"]
    assert "commandline" not in xml(new)


def test_there_is_one_channel_for_the_guest_agent() -> None:
    assert told(built(), "devices/channel") == (
        '<channel type="unix"><target type="virtio" name="org.qemu.guest_agent.0" /></channel>'
    )


def test_no_address_on_a_bus_is_kept() -> None:
    assert list(built().iter("address")) == []


def test_smbios_does_not_repeat_the_old_uuid() -> None:
    assert [entry.get("name") for entry in built().iter("entry")] == ["manufacturer"]


def test_other_vcpus_drop_what_was_said_of_single_ones() -> None:
    new = built(vcpus=4)
    assert told(new, "vcpu") == '<vcpu placement="static">4</vcpu>'
    assert [new.find(path) for path in ("cputune", "cpu/topology")] == [None, None]
    assert new.findtext("cpu/model") == "qemu64"


TUNED = """
<domain type='qemu'><memory unit='MiB'>4096</memory><currentMemory unit='MiB'>2048</currentMemory>
<vcpu placement='static' cpuset='0-3' current='2'>8</vcpu>
<iothreads>2</iothreads><iothreadids><iothread id='5'/><iothread id='7'/></iothreadids>
<memoryBacking><hugepages><page size='2048' unit='KiB' nodeset='0'/><page size='1' unit='G' nodeset='1'/></hugepages>
</memoryBacking><memtune><soft_limit unit='MiB'>3000</soft_limit></memtune>
<numatune><memory mode='strict' nodeset='0'/><memnode cellid='1' mode='strict' nodeset='1'/></numatune>
<cputune><shares>512</shares><vcpupin vcpu='0' cpuset='0'/><iothreadpin iothread='5' cpuset='1'/></cputune>
<cpu mode='host-model'><topology sockets='1' dies='1' cores='4' threads='2'/>
<numa><cell id='0' cpus='0-3' memory='2048' unit='MiB'/><cell id='1' cpus='4-7' memory='2048' unit='MiB'/></numa></cpu>
<devices/></domain>
"""
TUNING = (
    "memory",
    "currentMemory",
    "vcpu",
    "iothreads",
    "iothreadids",
    "memoryBacking",
    "memtune",
    "numatune",
    "cputune",
    "cpu",
)


class TestTuning:
    """A deployment says always how many CPUs and how much memory: where those are the old one's, all stays."""

    def test_all_of_it_is_kept_where_the_sizes_are_the_old_ones(self) -> None:
        new = built(vcpus=2, memory=4096 << 20, old=TUNED)
        old = ET.fromstring(TUNED)
        assert [told(new, path) for path in TUNING] == [told(old, path) for path in TUNING]

    def test_other_vcpus_leave_what_is_said_of_all_of_them(self) -> None:
        new = built(vcpus=4, memory=4096 << 20, old=TUNED)
        assert told(new, "vcpu") == '<vcpu placement="static" cpuset="0-3">4</vcpu>'
        assert told(new, "cputune") == (
            '<cputune><shares>512</shares><iothreadpin iothread="5" cpuset="1" /></cputune>'
        )
        assert told(new, "currentMemory") == '<currentMemory unit="MiB">2048</currentMemory>'
        assert [new.find(path) for path in ("cpu/topology", "cpu/numa")] == [None, None]
        self.names_no_cell(new)

    def test_other_memory_leaves_what_is_said_of_the_cpus(self) -> None:
        new = built(vcpus=2, memory=1 << 30, old=TUNED)
        assert told(new, "vcpu") == '<vcpu placement="static" cpuset="0-3" current="2">8</vcpu>'
        assert told(new, "cpu/topology") == '<topology sockets="1" dies="1" cores="4" threads="2" />'
        assert [new.find(path) for path in ("currentMemory", "memtune", "cpu/numa")] == [None] * 3
        self.names_no_cell(new)

    def names_no_cell(self, new: ET.Element) -> None:
        assert told(new, "numatune") == '<numatune><memory mode="strict" nodeset="0" /></numatune>'
        assert told(new, "memoryBacking/hugepages") == '<hugepages><page size="2048" unit="KiB" /></hugepages>'


def test_other_memory_is_in_bytes() -> None:
    new = built(memory=1 << 30)
    assert told(new, "memory") == '<memory unit="b">1073741824</memory>'
    assert new.find("currentMemory") is None


def test_the_old_definition_is_left_as_it_was() -> None:
    old = ET.fromstring(OLD)
    before = xml(old)
    domain_like(old, Shape("new", TAG, "/new", NICS, 4, 1 << 30))
    assert xml(old) == before


MACS = ("52:54:00:aa:00:01", "52:54:00:aa:00:02", "52:54:00:aa:00:03")
STAGED = Network("staging", "network")


def plugged(nics: str, live: Network, staging: Network = STAGED, mac: str | None = MACS[0]) -> list[ET.Element]:
    """The new NICs for an old machine with `nics`: the live one with its MAC, and one on staging."""
    shape = Shape("new", TAG, "/new", (NicSpec(live, mac, False), NicSpec(staging, None, True)))
    old = ET.fromstring(f"<domain type='kvm'><devices>{nics}</devices></domain>")
    return domain_like(old, shape).findall("devices/interface")


def nic(number: int, inside: str, *, network: str = "lan", model: str = "virtio") -> str:
    return (
        f"<interface type='network'><mac address='{MACS[number]}'/><source network='{network}'/>"
        f"<model type='{model}'/>{inside}</interface>"
    )


def attributes(interface: ET.Element, path: str) -> dict[str, str]:
    found = interface.find(path)
    return {} if found is None else dict(found.attrib)


class TestNics:
    """Each new NIC is like the old one that it replaces, or else as its network wants it."""

    def test_the_model_is_that_of_the_nic_replaced_and_not_of_the_first(self) -> None:
        live, staging = plugged(nic(1, "<link state='down'/>", model="rtl8139", network="x") + nic(0, ""), LAN)
        assert [attributes(one, "model") for one in (live, staging)] == [{"type": "virtio"}] * 2

    def test_a_staging_nic_on_an_old_network_is_like_the_one_there(self) -> None:
        _, staging = plugged(nic(0, "") + nic(1, "", network="staging", model="e1000"), LAN)
        assert attributes(staging, "model") == {"type": "e1000"}

    def test_with_a_new_mac_it_is_like_the_one_on_its_network(self) -> None:
        live, _ = plugged(
            nic(1, "", network="x", model="rtl8139") + nic(0, "", model="e1000e"), LAN, mac="52:54:00:bb:00:01"
        )
        assert attributes(live, "model") == {"type": "e1000e"}

    def test_of_two_on_one_network_the_one_of_its_mac_counts(self) -> None:
        """Not the first there: its VLAN and filter are another's."""
        first = nic(1, "<vlan><tag id='7'/></vlan><filterref filter='other'/><driver queues='2'/>")
        second = nic(0, "<vlan><tag id='42'/></vlan><filterref filter='mine'/><driver name='vhost' queues='4'/>")
        live, _ = plugged(first + second, LAN)
        assert attributes(live, "vlan/tag") == {"id": "42"}
        assert attributes(live, "filterref") == {"filter": "mine"}
        assert attributes(live, "driver") == {"name": "vhost", "queues": "4"}

    def test_on_the_live_network_staging_is_like_the_live_one(self) -> None:
        """Not like one that is unplugged there, whose VLAN may be long gone."""
        first = nic(1, "<vlan><tag id='7'/></vlan><link state='down'/>", model="rtl8139")
        second = nic(2, "<vlan><tag id='8'/></vlan>", model="e1000")
        live, staging = plugged(first + second + nic(0, "<vlan><tag id='42'/></vlan>"), LAN, staging=LAN)
        assert [attributes(one, "vlan/tag") for one in (live, staging)] == [{"id": "42"}] * 2
        assert attributes(staging, "model") == {"type": "virtio"}

    def test_on_another_it_is_like_one_that_is_plugged_in(self) -> None:
        there = nic(1, "<vlan><tag id='7'/></vlan><link state='down'/>", network="staging")
        _, staging = plugged(nic(0, "") + there + nic(2, "<vlan><tag id='8'/></vlan>", network="staging"), LAN)
        assert attributes(staging, "vlan/tag") == {"id": "8"}

    def test_what_is_the_replaced_nics_own_is_not_given_to_staging(self) -> None:
        own = (
            "<driver name='vhost' queues='4'/><bandwidth><outbound average='1000'/></bandwidth><port isolated='yes'/>"
            "<vlan><tag id='42'/></vlan><filterref filter='clean'><parameter name='IP' value='192.0.2.10'/></filterref>"
        )
        live, staging = plugged(nic(0, own), LAN, staging=LAN)
        assert {"driver", "bandwidth", "port", "vlan"} <= {child.tag for child in live}
        assert attributes(live, "filterref/parameter") == {"name": "IP", "value": "192.0.2.10"}
        assert {child.tag for child in staging} == {"source", "vlan", "filterref", "model", "link"}
        assert staging.find("filterref/parameter") is None

    @pytest.mark.parametrize("mode", ["bridge", "vepa", "private", "passthrough"])
    def test_a_second_macvtap_of_one_mac_is_refused(self, mode: str) -> None:
        direct = (
            f"<interface type='direct'><mac address='{MACS[0].upper()}'/><source dev='eth0' mode='{mode}'/></interface>"
        )
        with pytest.raises(NotSupported, match=f"both would be on macvtap at eth0 with the MAC {MACS[0]}") as caught:
            plugged(direct, Network("eth0", "direct"))
        assert "virsh edit" in caught.value.hint

    def test_of_another_mac_it_is_one_more(self) -> None:
        direct = f"<interface type='direct'><mac address='{MACS[0]}'/><source dev='eth0' mode='bridge'/></interface>"
        live, _ = plugged(direct, Network("eth0", "direct"), mac="52:54:00:bb:00:01")
        assert attributes(live, "source") == {"dev": "eth0", "mode": "bridge"}

    @pytest.mark.parametrize(
        ("network", "refused"),
        [
            ("<forward mode='bridge' dev='eth0'><interface dev='eth0'/></forward>", True),
            ("<forward mode='passthrough'><interface dev='eth0'/></forward>", True),
            ("<forward mode='bridge'/><bridge name='br0'/>", False),
            ("<forward mode='nat'/><bridge name='virbr0'/>", False),
            ("<bridge name='virbr0'/>", False),
        ],
    )
    def test_nor_one_of_a_network_that_is_made_of_macvtap(self, network: str, refused: bool) -> None:
        definition = ET.fromstring(f"<network><name>lan</name>{network}</network>")
        old = ET.fromstring(f"<domain><devices>{nic(0, '')}</devices></domain>")
        twins, others = (NicSpec(LAN, MACS[0], False),), (NicSpec(LAN, MACS[1], False), NicSpec(STAGED, MACS[0], True))
        checking._refuse_twins(definition, LAN, others, old)
        if refused:
            with pytest.raises(NotSupported, match=f"on macvtap, by the network lan, with the MAC {MACS[0]}"):
                checking._refuse_twins(definition, LAN, twins, old)
        else:
            checking._refuse_twins(definition, LAN, twins, old)

    def test_a_device_that_is_passed_through_takes_one_alone(self) -> None:
        direct = (
            f"<interface type='direct'><mac address='{MACS[1]}'/><source dev='eth1' mode='passthrough'/></interface>"
        )
        with pytest.raises(NotSupported, match="macvtap at eth1, which is passed through to one"):
            plugged(nic(0, "") + direct, LAN, staging=Network("eth1", "direct"))

    @pytest.mark.parametrize(
        ("network", "words"),
        [
            ("<forward mode='hostdev'><pf dev='eth3'/></forward>", "cannot be unplugged by its link"),
            ("<bridge name='b'/><virtualport type='midonet'/>", "is MidoNet's"),
            ("<bridge name='b'/><portgroup><virtualport type='midonet'/></portgroup>", "is MidoNet's"),
            ("<forward mode='bridge'/><bridge name='b'/><virtualport type='openvswitch'/>", ""),
        ],
    )
    def test_a_network_that_suits_no_second_machine(self, network: str, words: str) -> None:
        definition = ET.fromstring(f"<network><name>lan</name>{network}</network>")
        if not words:
            checking._refuse_unsuited(definition, LAN)
            return
        with pytest.raises(NotSupported, match=words) as caught:
            checking._refuse_unsuited(definition, LAN)
        assert "virsh net-" in caught.value.hint

    @pytest.mark.parametrize(("kind", "refused"), [("midonet", True), ("openvswitch", False), ("802.1Qbg", False)])
    def test_a_port_that_cannot_be_had_twice(self, kind: str, refused: bool) -> None:
        parameters = "<parameters interfaceid='0b2d64da-3d0e-431e-afdd-804415d6ebbb' managerid='11'/>"
        port = f"<virtualport type='{kind}'>{parameters}</virtualport>"
        if refused:
            with pytest.raises(NotSupported, match="is a port of MidoNet, which binds one machine at a time"):
                plugged(nic(0, port), LAN)
        else:
            assert attributes(plugged(nic(0, port), LAN)[0], "virtualport/parameters") == {"managerid": "11"}


@pytest.mark.parametrize("kind", ["evdev", "passthrough"])
def test_the_hosts_own_keyboard_stays_with_the_old_one(kind: str) -> None:
    held = f"<input type='{kind}'><source dev='/dev/input/event7' evdev='/dev/input/event7'/></input>"
    new = built(old=OLD.replace("<video>", f"{held}<input type='tablet' bus='usb'/><video>"))
    assert [one.get("type") for one in new.findall("devices/input")] == ["tablet"]


@pytest.mark.parametrize(
    ("device", "bus"), [("lun", "scsi"), ("disk", "sata"), ("cdrom", "virtio"), ("floppy", "virtio")]
)
def test_the_bus_of_whatever_boots(device: str, bus: str) -> None:
    disk = f"<disk type='block' device='{device}'><source dev='/dev/x'/><target dev='sda' bus='{bus}'/></disk>"
    assert attributes(built(old=f"<domain><devices>{disk}</devices></domain>"), "devices/disk/target")["bus"] == bus


@pytest.mark.parametrize(("kind", "bus"), [("scsi", "scsi"), ("pci", "virtio")])
def test_the_bus_of_a_disk_that_is_the_hosts_own(kind: str, bus: str) -> None:
    boots = f"<hostdev mode='subsystem' type='{kind}'><source/><boot order='1'/></hostdev>"
    old = f"<domain><devices>{boots}<controller type='scsi' model='virtio-scsi'/></devices></domain>"
    assert attributes(built(old=old), "devices/disk/target")["bus"] == bus


@pytest.mark.parametrize("said", ["readonly='no' ", ""], ids=["no", "nothing"])
def test_firmware_that_the_old_one_writes_to_is_not_shared(said: str) -> None:
    with pytest.raises(NotSupported, match=r"writes to its own copy of the firmware, .*OVMF_CODE_4M\.fd"):
        built(old=OLD.replace("readonly='yes' type='pflash'", f"{said}type='pflash'"))


def test_firmware_of_unknown_place_that_the_old_one_writes_to() -> None:
    """libvirt chose it, and a definition shows no path before its first start."""
    with pytest.raises(NotSupported) as caught:
        built(old=BIOS.replace("<os>", "<os firmware='efi'><loader readonly='no' type='pflash'/>"))
    assert str(caught.value) == "the old VM writes to its own copy of the firmware, and two cannot share it"


@pytest.mark.parametrize(
    ("loader", "automatic"),
    [("<loader type='rom'>/bios.bin</loader>", ""), ("<loader type='pflash'/>", "firmware='efi'")],
)
def test_what_is_only_read_is_shared(loader: str, automatic: str) -> None:
    built(old=BIOS.replace("<os>", f"<os {automatic}>{loader}"))


INTERFACE = ET.fromstring(
    "<interface type='network'><mac address='52:54:00:00:00:10'/><source network='lan' portid='p' bridge='virbr1'/>"
    "<target dev='vnet0'/><model type='virtio'/><link state='up'/><alias name='net0'/><address type='pci'/></interface>"
)


def test_relinked_changes_the_link_alone() -> None:
    assert xml(relinked(INTERFACE, False, None)) == (
        '<interface type="network"><mac address="52:54:00:00:00:10" />'
        '<source network="lan" portid="p" bridge="virbr1" /><target dev="vnet0" /><model type="virtio" />'
        '<alias name="net0" /><address type="pci" /><link state="down" /></interface>'
    )


def test_relinked_to_the_same_network_changes_nothing() -> None:
    assert xml(relinked(INTERFACE, None, Network("lan", "network", active=False))) == xml(INTERFACE)


def test_relinked_to_another_network_forgets_the_old_port() -> None:
    assert xml(relinked(INTERFACE, None, STAGING)) == (
        '<interface type="bridge"><mac address="52:54:00:00:00:10" /><model type="virtio" /><link state="up" />'
        '<alias name="net0" /><address type="pci" /><source bridge="br-staging" /></interface>'
    )


def test_volume_is_an_empty_sparse_file() -> None:
    assert xml(volume_of("a-run1.qcow2", 5)) == (
        '<volume><name>a-run1.qcow2</name><capacity unit="bytes">5</capacity><allocation unit="bytes">0</allocation>'
        '<target><format type="raw" /></target></volume>'
    )


def test_volume_names_derive_from_the_run() -> None:
    assert volume_name("run1", "mailgw") == "mailgw-run1.qcow2"
    assert is_volume_of("run1", "mailgw-run1.qcow2")
    assert not is_volume_of("run1", "mailgw-run11.qcow2")
    assert not is_volume_of("run1", "mailgw.qcow2")


def test_tag_survives_names_with_xml_in_them() -> None:
    assert bare_tag(Tag("<&>", True, "u")) == '<run id="&lt;&amp;&gt;" complete="yes" vm="u" />'
