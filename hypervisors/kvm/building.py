"""Build the definition of a new domain after an old one's. Pure: XML in, XML out.

Kept is what the guest was made for: type, machine, CPU, firmware, clock, features, memory. Left out is
what belongs to the old one alone (UUID, disks, host devices, sockets, fixed ports) and every address on a
bus, which libvirt assigns anew: so NICs come up in the order of the specification.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from hypervisors.errors import NotSupported
from hypervisors.kvm.reading import (
    SOURCE_ATTRIBUTE,
    attribute,
    boot_disk_of,
    firmware_of,
    interfaces_of,
    is_plugged_into,
)
from hypervisors.kvm.tags import Tag, tag_element
from hypervisors.types import Network, NicSpec

_KEPT = (
    *("memory", "currentMemory", "memoryBacking", "memtune", "numatune", "blkiotune", "resource"),
    *("vcpu", "vcpus", "iothreads", "cputune", "cpu", "features", "os", "sysinfo", "clock", "pm"),
    *("on_poweroff", "on_reboot", "on_crash", "keywrap", "launchSecurity"),
)
_CONTROLLERS = ("usb", "scsi", "sata", "ide", "virtio-serial")  # libvirt adds what else the machine needs
_DISK_DRIVER = ("cache", "io", "discard", "detect_zeroes")
_STORE = ("template", "templateFormat", "format")
_DEVICES = {"virtio": "vda", "scsi": "sda", "sata": "sda", "ide": "hda"}  # the first disk on each bus
_AGENT = "org.qemu.guest_agent.0"


@dataclass(frozen=True)
class Shape:
    """What the new domain has of its own; the tag's `vm` becomes its UUID. `memory` in bytes; None: as the old one.

    `firmware`: 'bios' or 'efi'; `disk_bus`: 'virtio', 'scsi', 'sata' or 'ide'.
    """

    name: str
    tag: Tag
    disk: str  # the volume's path, a qcow2
    nics: Sequence[NicSpec]
    vcpus: int | None = None
    memory: int | None = None
    firmware: str | None = None
    disk_bus: str | None = None


def domain_like(old: ET.Element, shape: Shape) -> ET.Element:
    """The new domain, with one disk. Raises NotSupported for a network or a bus that it cannot have."""
    new = ET.Element("domain", type=old.get("type", ""))
    ET.SubElement(new, "name").text = shape.name
    ET.SubElement(new, "uuid").text = shape.tag.vm
    ET.SubElement(new, "metadata").append(tag_element(shape.tag))
    new.extend(deepcopy(element) for element in old if element.tag in _KEPT)
    _strip_identity(new)
    _strip_boot(new)
    if shape.firmware not in (None, firmware_of(old)):
        _set_firmware(new, shape.firmware)
    if shape.vcpus is not None:
        _set_vcpus(new, shape.vcpus)
    if shape.memory is not None:
        _set_memory(new, shape.memory)
    new.append(_devices_like(old, shape))
    return new


def _strip_identity(domain: ET.Element) -> None:
    """SMBIOS tables that repeat the old UUID or serial number, which libvirt refuses beside another UUID."""
    for system in domain.findall("sysinfo/system"):
        for entry in system.findall("entry"):
            if entry.get("name") in ("uuid", "serial"):
                system.remove(entry)


def _strip_boot(domain: ET.Element) -> None:
    """The old kernel, boot order and variable store go: the new disk boots by itself."""
    os = domain.find("os")
    if os is None:
        return
    automatic = os.get("firmware") is not None  # libvirt then chooses loader and store by itself
    for element in list(os):
        if element.tag in ("kernel", "initrd", "cmdline", "dtb", "boot"):
            os.remove(element)
        elif automatic and element.tag in ("loader", "nvram"):
            _forget_choice(os, element)
        elif element.tag == "nvram":
            _forget_store(os, element)


def _forget_choice(os: ET.Element, element: ET.Element) -> None:
    secure = element.get("secure")
    os.remove(element)
    if element.tag == "loader" and secure is not None:
        ET.SubElement(os, "loader", secure=secure)


def _forget_store(os: ET.Element, nvram: ET.Element) -> None:
    """The new one is made from the same template; what format it has goes with that."""
    kept = {name: value for name in _STORE if (value := nvram.get(name)) is not None}
    os.remove(nvram)
    if "template" in kept:
        ET.SubElement(os, "nvram", kept)


def _set_firmware(domain: ET.Element, firmware: str | None) -> None:
    """libvirt finds loader and store by itself. Without Secure Boot: an image for another hypervisor knows no keys."""
    os = domain.find("os")
    if os is None:
        os = ET.SubElement(domain, "os")
    os.attrib.pop("firmware", None)
    _remove(os, "loader", "nvram", "firmware")
    if firmware == "efi":
        os.set("firmware", "efi")
        features = ET.SubElement(os, "firmware")
        for feature in ("enrolled-keys", "secure-boot"):
            ET.SubElement(features, "feature", enabled="no", name=feature)


def _set_vcpus(domain: ET.Element, vcpus: int) -> None:
    """What the old one says about single CPUs no longer fits another number of them."""
    _remove(domain, "vcpus", "cputune", "numatune", "vcpu")
    _remove_from(domain, "cpu", "topology", "numa")
    ET.SubElement(domain, "vcpu").text = str(vcpus)


def _set_memory(domain: ET.Element, memory: int) -> None:
    _remove(domain, "memory", "currentMemory", "numatune", "memtune")
    _remove_from(domain, "cpu", "numa")
    ET.SubElement(domain, "memory", unit="b").text = str(memory)


def _remove(parent: ET.Element, *tags: str) -> None:
    for element in [child for child in parent if child.tag in tags]:
        parent.remove(element)


def _remove_from(domain: ET.Element, path: str, *tags: str) -> None:
    parent = domain.find(path)
    if parent is not None:
        _remove(parent, *tags)


def _devices_like(old: ET.Element, shape: Shape) -> ET.Element:
    devices = ET.Element("devices")
    for device in old.findall("devices/*"):
        copied = _COPIES.get(device.tag, _left_out)(device)
        if copied is not None:
            devices.append(copied)
    devices.append(_disk(old, shape))
    if shape.disk_bus == "scsi" and devices.find("controller[@type='scsi']") is None:
        devices.append(ET.Element("controller", type="scsi", model="virtio-scsi"))  # else an LSI chip of 1995
    devices.extend(_interfaces(old, shape.nics))
    devices.append(_agent_channel())
    return devices


def _left_out(device: ET.Element) -> ET.Element | None:
    """Disks, NICs, host devices, sockets of the host: the old one's alone."""
    return None


def _as_is(device: ET.Element) -> ET.Element | None:
    copied = deepcopy(device)
    _remove(copied, "address", "alias")
    return copied


def _controller(device: ET.Element) -> ET.Element | None:
    return _as_is(device) if device.get("type") in _CONTROLLERS else None


def _graphics(device: ET.Element) -> ET.Element | None:
    """With a port chosen by libvirt: the old one still listens on its own."""
    copied = _as_is(device)
    assert copied is not None
    for fixed in ("port", "tlsPort", "websocket", "socket"):
        copied.attrib.pop(fixed, None)
    if copied.get("type") in ("vnc", "spice"):
        copied.set("autoport", "yes")
    for listen in copied.findall("listen"):
        listen.attrib.pop("socket", None)
    return copied


def _serial(device: ET.Element) -> ET.Element | None:
    """A pty, whatever the old one's is bound to: its file, socket or log stays with it."""
    copied = ET.Element(device.tag, type="pty")
    target = device.find("target")
    if target is not None:
        copied.append(deepcopy(target))
    return copied


def _channel(device: ET.Element) -> ET.Element | None:
    """SPICE's own; the guest agent's is made anew, others are sockets of the host."""
    return _as_is(device) if device.get("type") == "spicevmc" else None


def _rng(device: ET.Element) -> ET.Element | None:
    return _as_is(device) if attribute(device, "backend", "model") in ("random", "builtin") else None


def _tpm(device: ET.Element) -> ET.Element | None:
    return _as_is(device) if attribute(device, "backend", "type") == "emulator" else None


_COPIES: dict[str, Callable[[ET.Element], ET.Element | None]] = {
    **dict.fromkeys(("emulator", "input", "video", "memballoon", "watchdog", "panic", "iommu"), _as_is),
    "controller": _controller,
    "graphics": _graphics,
    "serial": _serial,
    "console": _serial,
    "channel": _channel,
    "rng": _rng,
    "tpm": _tpm,
}


def _disk(old: ET.Element, shape: Shape) -> ET.Element:
    """On the bus of the old boot disk unless another is asked for, with its caching; boots first."""
    template = boot_disk_of(old)
    disk = ET.Element("disk", type="file", device="disk")
    driver = ET.SubElement(disk, "driver", name="qemu", type="qcow2")
    ET.SubElement(disk, "source", file=shape.disk)
    target = {"dev": "vda", "bus": "virtio"}
    if template is not None:
        target = {name: attribute(template, "target", name) for name in target}
        driver.attrib |= {name: value for name in _DISK_DRIVER if (value := attribute(template, "driver", name))}
    if shape.disk_bus not in (None, target["bus"]):
        target = _target(old, shape.disk_bus)
    ET.SubElement(disk, "target", target)
    ET.SubElement(disk, "boot", order="1")
    return disk


def _target(old: ET.Element, bus: str | None) -> dict[str, str]:
    machine = attribute(old, "os/type", "machine")
    if bus not in _DEVICES:
        raise NotSupported(f"a disk on the bus {bus!r} is not made here", hint=f"choose among {', '.join(_DEVICES)}")
    if bus == "ide" and "q35" in machine:
        raise NotSupported(f"a machine of type {machine} has no IDE bus", hint="set new.disk_bus to sata")
    return {"dev": _DEVICES[bus], "bus": bus}


def _interfaces(old: ET.Element, nics: Sequence[NicSpec]) -> list[ET.Element]:
    old_nics = interfaces_of(old)
    model = attribute(old_nics[0], "model", "type") if old_nics else ""
    return [_interface(nic, model or "virtio", _beside(old_nics, nic.network)) for nic in nics]


def _beside(old_nics: list[ET.Element], network: Network) -> ET.Element | None:
    return next((one for one in old_nics if is_plugged_into(one, network)), None)


def _interface(nic: NicSpec, model: str, beside: ET.Element | None) -> ET.Element:
    """`beside`: the old NIC on the same network, for what a switch wants to know (VLAN, port group)."""
    interface = plug(nic.network, beside)
    if nic.mac is not None:
        ET.SubElement(interface, "mac", address=nic.mac)
    ET.SubElement(interface, "model", type=model)
    ET.SubElement(interface, "link", state=_state(nic.link_up))
    return interface


def plug(network: Network, beside: ET.Element | None) -> ET.Element:
    """An interface with nothing but what it is plugged into."""
    name = SOURCE_ATTRIBUTE.get(network.kind)
    if name is None:
        raise NotSupported(
            f"a NIC cannot be plugged into {network}: libvirt's type {network.kind!r} is not handled",
            hint="use a libvirt network or a bridge of the host",
        )
    interface = ET.Element("interface", type=network.kind)
    source = ET.SubElement(interface, "source", {name: network.name})
    if beside is not None:
        for extra in ("portgroup", "mode"):
            if value := attribute(beside, "source", extra):
                source.set(extra, value)
        interface.extend(deepcopy(one) for one in beside if one.tag in ("vlan", "filterref", "mtu"))
        _copy_port(beside, interface)
    return interface


def _copy_port(beside: ET.Element, interface: ET.Element) -> None:
    """The kind of virtual port, without the old port's own id."""
    port = beside.find("virtualport")
    if port is None or port.get("type") is None:
        return
    copied = deepcopy(port)
    for parameters in copied.findall("parameters"):
        for own in ("interfaceid", "instanceid"):
            parameters.attrib.pop(own, None)
    interface.append(copied)


def _agent_channel() -> ET.Element:
    channel = ET.Element("channel", type="unix")
    ET.SubElement(channel, "target", type="virtio", name=_AGENT)
    return channel


def relinked(interface: ET.Element, link_up: bool | None, network: Network | None) -> ET.Element:
    """A copy of an interface with another link state or network; None leaves either as it is."""
    copied = deepcopy(interface)
    if network is not None and not is_plugged_into(interface, network):
        _replug(copied, network)
    if link_up is not None:
        _remove(copied, "link")
        ET.SubElement(copied, "link", state=_state(link_up))
    return copied


def _replug(interface: ET.Element, network: Network) -> None:
    """What the old switch wanted known about this port goes with the old source."""
    _remove(interface, "source", "virtualport", "vlan", "target", "actual")
    plugged = plug(network, None)
    interface.set("type", plugged.get("type", ""))
    interface.extend(plugged)


def _state(up: bool) -> str:
    return "up" if up else "down"


def volume_of(name: str, size: int) -> ET.Element:
    """An empty sparse file for `size` bytes to come.

    Declared raw though a qcow2 will fill it: a qcow2 made by libvirt has bytes of its own, which would
    show through the holes of a sparse upload.
    """
    volume = ET.Element("volume")
    ET.SubElement(volume, "name").text = name
    ET.SubElement(volume, "capacity", unit="bytes").text = str(size)
    ET.SubElement(volume, "allocation", unit="bytes").text = "0"
    ET.SubElement(ET.SubElement(volume, "target"), "format", type="raw")
    return volume


def xml(element: ET.Element) -> str:
    return ET.tostring(element, encoding="unicode")
