"""Read libvirt's XML into the port's types. Pure: XML in, values out."""

import re
from collections import Counter
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from hypervisors.types import Disk, Network, Nic

# the attribute of <source> that names what an interface of this type is plugged into
SOURCE_ATTRIBUTE = {"network": "network", "bridge": "bridge", "direct": "dev"}

# As distributions name it, or its folder; never within another word.
_UEFI = re.compile(r"(?<![a-z])(ovmf|aavmf|edk2|u?efi)(?![a-z])", re.IGNORECASE)
_UNITS: dict[str, int] = {
    **dict.fromkeys(("b", "bytes"), 1),
    **{f"{letter}b": 1000**power for power, letter in enumerate("kmgtpe", start=1)},
    **{form: 1024**power for power, letter in enumerate("kmgtpe", start=1) for form in (letter, f"{letter}ib")},
}


def text_of(element: ET.Element, path: str) -> str:
    return (element.findtext(path) or "").strip()


def attribute(element: ET.Element, path: str, name: str) -> str:
    """The attribute of the first element at `path`, '' if either is missing."""
    found = element.find(path)
    return "" if found is None else found.get(name, "")


def bytes_of(domain: ET.Element, path: str) -> int:
    """A size with its unit, in any case; the default is KiB [libvirt: formatdomain, Memory Allocation]."""
    element = domain.find(path)
    if element is None:
        return 0
    return size_of(element, element.text or "0")


def size_of(element: ET.Element, number: str) -> int:
    """So many of the element's unit, in bytes."""
    return int(number.strip()) * _UNITS[element.get("unit", "KiB").lower()]


def vcpus_of(domain: ET.Element) -> int:
    """Those switched on at boot; the rest of <vcpu> is room for hotplug."""
    element = domain.find("vcpu")
    if element is None:
        return 1
    return int(element.get("current") or (element.text or "1").strip())


def cpu_in_words(domain: ET.Element) -> str:
    return text_of(domain, "cpu/model") or attribute(domain, "cpu", "mode") or "default"


def firmware_of(domain: ET.Element) -> str:
    """'efi' or 'bios'. UEFI is a ROM too where it is one file without variables; only its name shows which it is."""
    return "efi" if keeps_variables(domain) or _UEFI.search(text_of(domain, "os/loader")) else "bios"


def keeps_variables(domain: ET.Element) -> bool:
    """Whether its firmware is UEFI with a variable store."""
    said = attribute(domain, "os", "firmware") == "efi" or attribute(domain, "os/loader", "type") == "pflash"
    return said or domain.find("os/varstore") is not None


def mac_of(interface: ET.Element) -> str:
    return attribute(interface, "mac", "address").lower()


def network_of(interface: ET.Element) -> Network:
    kind = interface.get("type", "")
    return Network(attribute(interface, "source", SOURCE_ATTRIBUTE.get(kind, "")), kind)


def is_plugged_into(interface: ET.Element, network: Network) -> bool:
    """Whether or not the network is active."""
    there = network_of(interface)
    return (there.kind, there.name) == (network.kind, network.name)


def link_up(interface: ET.Element) -> bool:
    return attribute(interface, "link", "state") != "down"


def interfaces_of(domain: ET.Element) -> list[ET.Element]:
    return domain.findall("devices/interface")


def interface_with(domain: ET.Element, mac: str) -> ET.Element | None:
    return next(iter(interfaces_with(domain, mac)), None)


def interfaces_with(domain: ET.Element, mac: str) -> list[ET.Element]:
    return [one for one in interfaces_of(domain) if mac_of(one) == mac.lower()]


def _by_mac(domain: ET.Element) -> dict[tuple[str, int], ET.Element]:
    """By MAC, and which of those with this MAC it is."""
    before = Counter[str]()
    found: dict[tuple[str, int], ET.Element] = {}
    for one in interfaces_of(domain):
        mac = mac_of(one)
        found[mac, before[mac]] = one
        before[mac] += 1
    return found


@dataclass(frozen=True)
class Definitions:
    """A domain as stored and, if it runs, as running. A transient domain has no stored one of its own."""

    stored: ET.Element
    live: ET.Element | None

    def nics(self) -> tuple[Nic, ...]:
        """In the stored order, then those that only the running domain has. Two may have one MAC."""
        stored = _by_mac(self.stored)
        now = stored if self.live is None else _by_mac(self.live)
        return tuple(_nic(key[0], stored.get(key), now.get(key)) for key in {**stored, **now})


def _nic(mac: str, stored: ET.Element | None, now: ET.Element | None) -> Nic:
    seen = stored if now is None else now
    assert seen is not None
    return Nic(
        mac=mac,
        network=network_of(seen),
        model=attribute(seen, "model", "type"),
        link_up=now is not None and link_up(now),
        stored_link_up=stored is not None and link_up(stored),
    )


def disks_of(domain: ET.Element) -> list[ET.Element]:
    """The hard disks, without CD and floppy drives; 'lun': one that takes SCSI commands from the guest."""
    return [disk for disk in domain.findall("devices/disk") if disk.get("device", "disk") in ("disk", "lun")]


def disk_of(disk: ET.Element, capacity: int, store: str = "") -> Disk:
    return Disk(
        target=attribute(disk, "target", "dev"),
        bus=attribute(disk, "target", "bus"),
        source=source_of(disk),
        format=attribute(disk, "driver", "type") or "raw",
        capacity=capacity,
        store=store,
    )


def source_of(disk: ET.Element) -> str:
    """A path if there is one, else what libvirt calls it: pool/volume, protocol:name."""
    source = disk.find("source")
    if source is None:
        return ""
    if disk.get("type") == "volume":
        return f"{source.get('pool', '')}/{source.get('volume', '')}"
    if disk.get("type") == "network":
        return f"{source.get('protocol', '')}:{source.get('name', '')}"
    return source.get("file") or source.get("dev") or source.get("dir") or ""


def boot_disk_of(domain: ET.Element) -> ET.Element | None:
    """The disk with the lowest boot order, else the first."""
    disks = disks_of(domain)
    return min(disks, key=lambda disk: int(attribute(disk, "boot", "order") or "999"), default=None)


def agent_connected(live: ET.Element) -> bool:
    """Whether something inside holds the guest agent's channel open, as QEMU saw it last."""
    return any(
        attribute(channel, "target", "name") == "org.qemu.guest_agent.0"
        and attribute(channel, "target", "state") == "connected"
        for channel in live.findall("devices/channel")
    )


def is_unicast(mac: str) -> bool:
    """libvirt refuses a multicast address for a NIC, and nothing else."""
    return int(mac[:2], 16) & 1 == 0
