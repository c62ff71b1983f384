"""libvirt's XML read into the port's types."""
# ruff: noqa: S314 -- the XML is the test's own

import cProfile
from xml.etree import ElementTree as ET

import pytest

from hypervisors import Disk, Network, Nic
from hypervisors.kvm import reading

LAN = Network("lan", "network")


def domain(inside: str) -> ET.Element:
    return ET.fromstring(f"<domain type='kvm'>{inside}</domain>")


def nic(mac: str, link: str = "", network: str = "lan") -> str:
    return (
        f"<interface type='network'><mac address='{mac}'/><source network='{network}'/>"
        f"<model type='virtio'/>{link}</interface>"
    )


def devices(*inside: str) -> ET.Element:
    return domain(f"<devices>{''.join(inside)}</devices>")


DOWN = "<link state='down'/>"


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ("<memory>1</memory>", 1024),
        ("<memory unit='KiB'>786432</memory>", 768 << 20),
        ("<memory unit='b'>5</memory>", 5),
        ("<memory unit='bytes'>5</memory>", 5),
        ("<memory unit='KB'>5</memory>", 5000),
        ("<memory unit='k'>5</memory>", 5120),
        ("<memory unit='M'>2</memory>", 2 << 20),
        ("<memory unit='MiB'>2</memory>", 2 << 20),
        ("<memory unit='GB'>2</memory>", 2 * 10**9),
        ("<memory unit='TiB'>1</memory>", 1 << 40),
        ("", 0),
    ],
)
def test_sizes_come_in_bytes(size: str, expected: int) -> None:
    assert reading.bytes_of(domain(size), "memory") == expected


@pytest.mark.parametrize(("vcpu", "expected"), [("<vcpu>4</vcpu>", 4), ("<vcpu current='2'> 4 </vcpu>", 2), ("", 1)])
def test_vcpus_are_those_switched_on(vcpu: str, expected: int) -> None:
    assert reading.vcpus_of(domain(vcpu)) == expected


@pytest.mark.parametrize(
    ("cpu", "expected"),
    [
        ("<cpu mode='custom'><model>qemu64</model></cpu>", "qemu64"),
        ("<cpu mode='host-passthrough'/>", "host-passthrough"),
        ("", "default"),
    ],
)
def test_cpu_in_words(cpu: str, expected: str) -> None:
    assert reading.cpu_in_words(domain(cpu)) == expected


@pytest.mark.parametrize(
    ("os", "expected"),
    [
        ("<os firmware='efi'/>", "efi"),
        ("<os><loader type='pflash'/></os>", "efi"),
        ("<os><loader type='rom'/></os>", "bios"),
        ("<os><loader type='rom'>/usr/share/seabios/bios-256k.bin</loader></os>", "bios"),
        ("<os><loader>/usr/share/ovmf/OVMF.fd</loader></os>", "efi"),
        ("<os><loader type='rom'>/usr/share/qemu/ovmf-x86_64.bin</loader></os>", "efi"),
        ("<os><loader type='rom'>/usr/share/edk2/x64/OVMF.4m.fd</loader></os>", "efi"),
        ("<os><loader type='rom'>/fw/OVMF_CODE_4M.fd</loader></os>", "efi"),
        ("<os><loader type='rom'>/fw/edk2-x86_64-code.fd</loader></os>", "efi"),
        ("<os><loader type='rom'>/fw/edk2-aarch64/code.fd</loader></os>", "efi"),
        ("<os><loader type='rom'>/fw/AAVMF32_CODE.fd</loader></os>", "efi"),
        ("<os><loader type='rom'>/fw/ovmf-x86_64-ms.bin</loader></os>", "efi"),
        ("<os><loader type='rom'>/fw/QEMU_EFI.fd</loader></os>", "efi"),
        ("<os><loader type='rom'>/fw/uefi/code.fd</loader></os>", "efi"),
        ("<os><loader type='rom'>/fw/efi64.bin</loader></os>", "efi"),
        ("<os><loader type='rom'>/fw/prefix/bios.bin</loader></os>", "bios"),
        ("<os><loader type='rom'>/home/josefine/bios.bin</loader></os>", "bios"),
        ("<os><loader type='rom'>/fw/efine.bin</loader></os>", "bios"),
        ("<os/>", "bios"),
        ("", "bios"),
    ],
)
def test_firmware(os: str, expected: str) -> None:
    assert reading.firmware_of(domain(os)) == expected


def nics(stored: ET.Element, live: ET.Element | None) -> list[tuple[str, bool, bool]]:
    return [(one.mac, one.link_up, one.stored_link_up) for one in reading.Definitions(stored, live).nics()]


def test_a_nic_in_full() -> None:
    [one] = reading.Definitions(devices(nic("52:54:00:AA:00:01")), None).nics()
    assert one == Nic("52:54:00:aa:00:01", LAN, "virtio", link_up=True, stored_link_up=True)


def test_links_of_a_domain_that_is_off_are_the_stored_ones() -> None:
    assert nics(devices(nic("a"), nic("b", DOWN)), None) == [("a", True, True), ("b", False, False)]


def test_links_of_a_running_domain_are_told_apart() -> None:
    stored, live = devices(nic("a", DOWN), nic("b")), devices(nic("b", DOWN), nic("a"))
    assert nics(stored, live) == [("a", True, False), ("b", False, True)]


def test_a_nic_in_one_definition_only() -> None:
    assert nics(devices(nic("a")), devices(nic("b"))) == [("a", False, True), ("b", True, False)]


def test_two_nics_of_one_mac_are_two() -> None:
    """The second may be live where the first is not."""
    both = devices(nic("a", DOWN), nic("a"))
    assert nics(both, None) == [("a", False, False), ("a", True, True)]
    assert nics(both, devices(nic("a", DOWN))) == [("a", False, False), ("a", False, True)]


def test_the_running_network_counts() -> None:
    [one] = reading.Definitions(devices(nic("a")), devices(nic("a", network="staging"))).nics()
    assert one.network == Network("staging", "network")


def test_a_bridge_and_a_kind_without_a_name() -> None:
    bridge = ET.fromstring("<interface type='bridge'><source bridge='br0'/></interface>")
    assert reading.network_of(bridge) == Network("br0", "bridge")
    assert reading.network_of(ET.fromstring("<interface type='user'/>")) == Network("", "user")


DISKS = devices(
    "<disk device='cdrom'><target dev='sda'/></disk>",
    "<disk type='file'><driver type='qcow2'/><source file='/a.qcow2'/><target dev='vda' bus='virtio'/></disk>",
    "<disk type='block' device='disk'><source dev='/dev/vg/b'/><target dev='sdb' bus='scsi'/><boot order='1'/></disk>",
    "<disk type='volume'><source pool='p' volume='c'/><target dev='vdc'/></disk>",
    "<disk type='network'><source protocol='rbd' name='pool/d'/><target dev='vdd'/></disk>",
    "<disk type='file'><target dev='vde'/></disk>",
)


def test_hard_disks_and_their_sources() -> None:
    sources = [reading.disk_of(disk, 0).source for disk in reading.disks_of(DISKS)]
    assert sources == ["/a.qcow2", "/dev/vg/b", "p/c", "rbd:pool/d", ""]


def test_a_disk_in_full() -> None:
    assert reading.disk_of(reading.disks_of(DISKS)[0], 7) == Disk("vda", "virtio", "/a.qcow2", "qcow2", 7)


def test_boot_disk_is_the_one_with_the_lowest_order_else_the_first() -> None:
    booted = reading.boot_disk_of(DISKS)
    assert booted is not None
    assert reading.attribute(booted, "target", "dev") == "sdb"
    first = reading.boot_disk_of(devices("<disk><target dev='vda'/></disk><disk><target dev='vdb'/></disk>"))
    assert first is not None
    assert reading.attribute(first, "target", "dev") == "vda"
    assert reading.boot_disk_of(devices()) is None


@pytest.mark.parametrize(("state", "expected"), [("connected", True), ("disconnected", False)])
def test_agent_connected(state: str, expected: bool) -> None:
    target = f"<target type='virtio' name='org.qemu.guest_agent.0' state='{state}'/>"
    assert reading.agent_connected(devices(f"<channel type='unix'>{target}</channel>")) is expected


def test_twice_the_nics_take_twice_the_steps() -> None:
    def steps(number: int) -> int:
        domain = devices(*[nic(f"52:54:00:00:{at // 256:02x}:{at % 256:02x}") for at in range(number)])
        counting = cProfile.Profile()
        counting.runcall(reading.Definitions(domain, domain).nics)
        return sum(entry.callcount for entry in counting.getstats())

    assert steps(200) < 3 * steps(100)
