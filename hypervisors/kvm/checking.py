"""What the host would refuse of a new domain: its networks, its firmware, and the definition as libvirt reads it."""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from xml.etree import ElementTree as ET

import libvirt

from hypervisors import refusals
from hypervisors.errors import NoRoom, NotFound, NotSupported, Problem
from hypervisors.kvm import reading
from hypervisors.kvm.elements import parsed, remove, xml
from hypervisors.kvm.faults import has_code
from hypervisors.kvm.firmware import STORES
from hypervisors.kvm.session import Session, none_if_missing
from hypervisors.types import Network, NicSpec

_BRIDGES = Path("/sys/class/net")
_MACVTAP = ("bridge", "vepa", "private", "passthrough")  # forward modes of a network that has a device and no bridge
# for which libvirt has a template built in, also where it offers others [qemu.conf, nvram]
_WITH_TEMPLATE = (
    *("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_CODE.secboot.fd"),
    *("/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF32_CODE.fd"),
)
_ONE_AT_A_TIME = "plug the old VM's NIC into a network with a bridge first: virsh edit"


def check_networks(session: Session, nics: Sequence[NicSpec], old: ET.Element) -> None:
    """Raises NotFound for one that is not there, NotSupported for one that cannot have the old NIC's MAC twice."""
    for network in {nic.network for nic in nics}:
        if network.kind == "network":
            definition = _libvirt_network(session, network.name)
            _refuse_unsuited(definition, network)
            _refuse_twins(definition, network, nics, old)
        elif session.local and not (_BRIDGES / network.name).exists():
            raise NotFound(f"the host has no interface {network.name}", hint="see what it has: ip -brief link")


def _libvirt_network(session: Session, name: str) -> ET.Element:
    found = none_if_missing(session.connection.networkLookupByName, name, missing="NO_NETWORK")
    if found is None:
        raise refusals.missing("network", name, (each.name() for each in session.connection.listAllNetworks(0)))
    if not found.isActive():
        raise NotFound(f"the network {name} is not active", hint=f"start it: virsh net-start {name}")
    return parsed(found.XMLDesc(0))


def _refuse_unsuited(definition: ET.Element, network: Network) -> None:
    """A device of the host has no link that could be unplugged; a port of MidoNet needs an id of its own."""
    if reading.attribute(definition, "forward", "mode") == "hostdev":
        raise NotSupported(
            f"the network {network.name} gives each VM a device of the host, which cannot be unplugged by its link",
            hint="use a network with a bridge: virsh net-list, virsh net-dumpxml",
        )
    if any(port.get("type") == "midonet" for port in definition.iter("virtualport")):
        raise NotSupported(
            f"the network {network.name} is MidoNet's, which binds each port to one machine",
            hint="use a network with a bridge: virsh net-list, virsh net-dumpxml",
        )


def _refuse_twins(definition: ET.Element, network: Network, nics: Sequence[NicSpec], old: ET.Element) -> None:
    """Of macvtap, as of a NIC that is on a device by itself: see interfaces."""
    mode = reading.attribute(definition, "forward", "mode")
    if mode not in _MACVTAP or reading.attribute(definition, "bridge", "name"):
        return
    there = {reading.mac_of(one) for one in reading.interfaces_of(old) if reading.is_plugged_into(one, network)}
    for mac in there & {nic.mac.lower() for nic in nics if nic.mac and nic.network == network}:
        raise NotSupported(
            f"the new VM could not start while the old one runs: both would be on macvtap, by the network "
            f"{network.name}, with the MAC {mac}",
            hint=_ONE_AT_A_TIME,
        )


def check_firmware(session: Session, new: ET.Element) -> None:
    """Raises NotSupported where the host has no UEFI, or no variable store for the old one's own."""
    if reading.attribute(new, "os", "firmware") == "efi":
        _refuse_without_uefi(session, new)
    elif reading.keeps_variables(new):
        _refuse_without_store(session, new)


def _refuse_without_uefi(session: Session, new: ET.Element) -> None:
    """For a machine such as the old one, even if that one never used it."""
    if "efi" not in _values(session, new, "os/enum[@name='firmware']/value"):
        raise NotSupported(
            f"this host has no UEFI firmware for a machine of type {reading.attribute(new, 'os/type', 'machine')}",
            hint="install it there (apt-get install ovmf, or dnf install edk2-ovmf), or set new.firmware to bios",
        )


def _refuse_without_store(session: Session, new: ET.Element) -> None:
    """The old one has its store already; for a loader of the operator's own libvirt knows no template."""
    loader = new.find("os/loader")
    if loader is None or loader.get("stateless") == "yes":
        return
    path = (loader.text or "").strip()
    known = (*_WITH_TEMPLATE, *_values(session, new, "os/loader/value"))
    if any(reading.attribute(new, f"os/{store}", "template") for store in STORES) or path in known:
        return
    raise NotSupported(
        f"the old VM's firmware {path} is none that libvirt knows here, and no template for its variables is named",
        hint="name one in the old VM's definition: virsh edit, <nvram template='…_VARS.fd'>",
    )


def _values(session: Session, new: ET.Element, path: str) -> list[str | None]:
    """What the host can do for such a machine."""
    emulator = reading.text_of(new, "devices/emulator") or None
    arch, machine = (reading.attribute(new, "os/type", name) or None for name in ("arch", "machine"))
    capabilities = session.connection.getDomainCapabilities(emulator, arch, machine, new.get("type"))
    return [value.text for value in parsed(capabilities).findall(path)]


def few_pages(session: Session, new: ET.Element) -> Iterator[Problem]:
    """Where it would not start beside the old one, which has its huge pages as long as it runs."""
    for size in _page_sizes(session, new):
        free = _free_pages(session, size)
        needed = -(-reading.bytes_of(new, "memory") // (size << 10))
        if free < needed:
            yield NoRoom(
                f"the host has {free} huge pages of {size} KiB free, the new VM needs {needed} beside the old one's",
                hint=f"add some: virsh allocpages --pagesize {size}KiB --pagecount {needed} --add",
            )


def _free_pages(session: Session, size: int) -> int:
    """On all NUMA nodes together; a host that has no pages of the size says that as an error."""
    try:
        cells = session.connection.getFreePages([size], -1, 1)
    except libvirt.libvirtError as error:
        if not has_code(error, "OPERATION_FAILED", "SYSTEM_ERROR", "NO_SUPPORT"):
            raise
        return 0
    return sum(cell[size] for cell in cells.values())


def _page_sizes(session: Session, new: ET.Element) -> list[int]:
    """In KiB. Of several, by NUMA cell, it is not said here how many of each; one that is not named is the smallest."""
    backing = new.find("memoryBacking/hugepages")
    if backing is None or len(backing) > 1:
        return []
    if len(backing):
        return [reading.size_of(backing[0], backing[0].get("size", "")) >> 10]
    capabilities = parsed(session.connection.getCapabilities())
    return sorted(int(pages.get("size", "0")) for pages in capabilities.findall("host/cpu/pages"))[1:2]


def check_definition(session: Session, definition: ET.Element) -> None:
    """Have libvirt read it and make QEMU's command line of it, which changes nothing.

    Raises libvirt's own error, and NotSupported where it finds no firmware such as the definition asks for.
    """
    try:
        session.connection.domainXMLToNative("qemu-argv", xml(without_nics(definition)), 0)
    except libvirt.libvirtError as error:
        if has_code(error, "OPERATION_FAILED") and reading.attribute(definition, "os", "firmware"):
            raise NotSupported(
                f"this host has no UEFI firmware that fits the new VM: {error}",
                hint="it needs one without Secure Boot (package ovmf or edk2-ovmf), or set new.firmware to bios",
            ) from error
        if not has_code(error, "NO_SUPPORT", "OPERATION_UNSUPPORTED", "OPERATION_DENIED", "ACCESS_DENIED"):
            raise


def without_nics(definition: ET.Element) -> ET.Element:
    """For a command line libvirt puts an `ethernet` NIC in the place of each, of whatever type, and makes its tap.

    Of the old NIC it takes over model and MAC alone, so the rest would not be looked at even then [libvirt 9.0,
    qemuConnectDomainXMLToNative].
    """
    shown = deepcopy(definition)
    for devices in shown.findall("devices"):
        remove(devices, "interface")
    return shown
