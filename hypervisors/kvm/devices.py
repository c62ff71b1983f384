"""The new domain's devices: copies of the old one's, its disk, the agent's channel. Pure: XML in, XML out."""

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from string import ascii_lowercase
from xml.etree import ElementTree as ET

from hypervisors.errors import NotSupported
from hypervisors.kvm.elements import remove
from hypervisors.kvm.reading import attribute, boot_disk_of

_CONTROLLERS = ("usb", "scsi", "sata", "ide", "virtio-serial")  # libvirt adds what else the machine needs
_DISK_DRIVER = ("cache", "io", "discard", "detect_zeroes", "error_policy", "rerror_policy")
_VIRTIO_DRIVER = ("queues", "queue_size", "iothread", "ioeventfd", "event_idx", "iommu", "ats", "packed")
_LIMITS = ("iotune", "throttlefilters")
_MODULES = ("dimm", "virtio-mem")  # others keep their content in a file of the host
_DISKS = {"virtio": "vda", "scsi": "sda", "sata": "sda", "ide": "hda"}  # the first disk on each bus
_LETTERS = {"ide": "abcd", "sata": "abcdef"}  # as many as the controllers of every machine take
_AGENT = "org.qemu.guest_agent.0"


def copied(old: ET.Element, *, modules: bool) -> Iterator[ET.Element]:
    """Of the old domain's devices those that the new one has too, without their places on a bus.

    `modules`: with those of memory, which count in the old one's memory and need room beside it.
    """
    for device in old.findall("devices/*"):
        copy = None if device.tag == "memory" and not modules else _COPIES.get(device.tag, _left_out)(device)
        if copy is not None:
            yield copy


def _left_out(device: ET.Element) -> ET.Element | None:
    """Disks, NICs, host devices, sockets of the host: they belong only to the old one."""
    return None


def _as_is(device: ET.Element) -> ET.Element | None:
    copied = deepcopy(device)
    remove(copied, "address", "alias")
    return copied


def _input(device: ET.Element) -> ET.Element | None:
    """Not the host's own keyboard or mouse: the old one holds it."""
    return None if device.get("type") in ("evdev", "passthrough") else _as_is(device)


def _controller(device: ET.Element) -> ET.Element | None:
    return _as_is(device) if device.get("type") in _CONTROLLERS else None


def _graphics(device: ET.Element) -> ET.Element | None:
    """With a port chosen by libvirt: the old one still listens on its own. No sound, so no device for it is named."""
    copied = _as_is(device)
    assert copied is not None
    for fixed in ("port", "tlsPort", "websocket", "socket", "address"):
        copied.attrib.pop(fixed, None)
    if copied.get("type") in ("vnc", "spice", "rdp"):
        copied.set("autoport", "yes")
    remove(copied, "audio")
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
    """SPICE's own; the guest agent's is recreated, others are sockets of the host."""
    return _as_is(device) if device.get("type") == "spicevmc" else None


def _rng(device: ET.Element) -> ET.Element | None:
    return _as_is(device) if attribute(device, "backend", "model") in ("random", "builtin") else None


def _tpm(device: ET.Element) -> ET.Element | None:
    """With a state of its own, where libvirt puts it: two machines that write to one destroy it."""
    if attribute(device, "backend", "type") != "emulator":
        return None
    copied = deepcopy(device)
    remove(copied, "address", "alias")
    for backend in copied.findall("backend"):
        remove(backend, "source", "encryption")
    return copied


def _memory(device: ET.Element) -> ET.Element | None:
    return _as_is(device) if device.get("model") in _MODULES else None


_COPIES: dict[str, Callable[[ET.Element], ET.Element | None]] = {
    **dict.fromkeys(("emulator", "video", "memballoon", "watchdog", "panic", "iommu"), _as_is),
    "controller": _controller,
    "input": _input,
    "graphics": _graphics,
    "serial": _serial,
    "console": _serial,
    "channel": _channel,
    "rng": _rng,
    "tpm": _tpm,
    "memory": _memory,
}


def disk(old: ET.Element, file: str, bus: str | None) -> ET.Element:
    """On the bus of the old boot disk unless another is asked for, with its caching and limits; boots first."""
    template = boot_disk_of(old)
    made = ET.Element("disk", type="file", device="disk")
    driver = ET.SubElement(made, "driver", name="qemu", type="qcow2")
    ET.SubElement(made, "source", file=file)
    first = "virtio" if old.find("devices/hostdev[@type='scsi']") is None else "scsi"  # a disk of the host's own
    target = {"dev": _DISKS[first], "bus": first}
    if template is not None:
        target = {name: attribute(template, "target", name) or value for name, value in target.items()}
        driver.attrib |= _driver_like(template, bus)
        if _stays_virtio(template, bus):
            driver.extend(deepcopy(template.findall("driver/iothreads")))
        made.extend(deepcopy([one for one in template if one.tag in _LIMITS]))
        made.extend(_controller_like(template, bus))
    if bus not in (None, target["bus"]):
        target = _target(old, bus)
    ET.SubElement(made, "target", target)
    ET.SubElement(made, "boot", order="1")
    return made


def _controller_like(template: ET.Element, bus: str | None) -> Iterator[ET.Element]:
    """The old disk's, where that is not the first on a SCSI bus, which may be a chip that the guest does not know."""
    number = attribute(template, "address", "controller")
    if attribute(template, "target", "bus") == "scsi" and bus in (None, "scsi") and number not in ("", "0"):
        yield ET.Element("address", type="drive", controller=number, bus="0", target="0", unit="0")


def _driver_like(template: ET.Element, bus: str | None) -> dict[str, str]:
    names = (*_DISK_DRIVER, *(_VIRTIO_DRIVER if _stays_virtio(template, bus) else ()))
    return {name: value for name in names if (value := attribute(template, "driver", name))}


def _stays_virtio(template: ET.Element, bus: str | None) -> bool:
    return attribute(template, "target", "bus") == "virtio" and bus in (None, "virtio")


def disks_beside(boot: ET.Element, files: Sequence[str]) -> Iterator[ET.Element]:
    """On its bus and with its caching, behind it. Raises NotSupported where the bus has no room for so many."""
    name, bus = attribute(boot, "target", "dev"), attribute(boot, "target", "bus")
    letters = [each for each in _LETTERS.get(bus, ascii_lowercase) if each != name[-1]]
    if len(files) > len(letters):
        raise NotSupported(
            f"there is no room for all disks of the image on the bus {bus}", hint="set new.disk_bus to virtio or scsi"
        )
    for unit, (file, letter) in enumerate(zip(files, letters, strict=False), start=1):
        made = deepcopy(boot)
        remove(made, "boot")
        for element, key, value in (
            ("source", "file", file),
            ("target", "dev", name[:-1] + letter),
            ("address", "unit", str(unit)),
        ):
            if (found := made.find(element)) is not None:
                found.set(key, value)
        yield made


def _target(old: ET.Element, bus: str | None) -> dict[str, str]:
    machine = attribute(old, "os/type", "machine")
    if bus not in _DISKS:
        raise NotSupported(f"a disk on the bus {bus!r} is not made here", hint=f"choose among {', '.join(_DISKS)}")
    if bus == "ide" and "q35" in machine:
        raise NotSupported(f"a machine of type {machine} has no IDE bus", hint="set new.disk_bus to sata")
    return {"dev": _DISKS[bus], "bus": bus}


def agent_channel() -> ET.Element:
    channel = ET.Element("channel", type="unix")
    ET.SubElement(channel, "target", type="virtio", name=_AGENT)
    return channel
