"""Build the definition of a new domain after an old one's. Pure: XML in, XML out.

Kept is what the guest was made for: type, machine, CPU, firmware, clock, features, memory. Left out is
what belongs only to the old one (UUID, disks, host devices, sockets, fixed ports) and every address on a
bus, which libvirt assigns again: so NICs come up in the order of the specification.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from hypervisors.kvm import devices, firmware, smbios
from hypervisors.kvm.elements import remove
from hypervisors.kvm.interfaces import interfaces
from hypervisors.kvm.reading import bytes_of, vcpus_of
from hypervisors.kvm.tags import tag_element
from hypervisors.tag import Tag
from hypervisors.types import NicSpec

_KEPT = (
    *(
        "maxMemory",
        "memory",
        "currentMemory",
        "memoryBacking",
        "memtune",
        "numatune",
        "blkiotune",
        "throttlegroups",
        "resource",
    ),
    *(
        "vcpu",
        "vcpus",
        "iothreads",
        "iothreadids",
        "defaultiothread",
        "cputune",
        "cpu",
        "features",
        "os",
        "sysinfo",
        "clock",
        "pm",
    ),
    *("on_poweroff", "on_reboot", "on_crash", "on_lockfailure", "keywrap", "launchSecurity"),
)
_OF_SINGLE_CPUS = ("vcpupin", "vcpusched", "cachetune", "memorytune")


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
    empty: Sequence[str] = ()  # the paths of further volumes, qcow2 too


def domain_like(old: ET.Element, shape: Shape) -> ET.Element:
    """The new domain. Raises NotSupported for a network or a bus that it cannot have."""
    new = ET.Element("domain", type=old.get("type", ""))
    ET.SubElement(new, "name").text = shape.name
    ET.SubElement(new, "uuid").text = shape.tag.vm
    ET.SubElement(new, "metadata").append(tag_element(shape.tag))
    new.extend(deepcopy(element) for element in old if element.tag in _KEPT)
    smbios.forget(new)
    firmware.adapt(new, shape.firmware)
    if shape.vcpus not in (None, vcpus_of(old)):
        _set_vcpus(new, shape.vcpus)
    if shape.memory not in (None, bytes_of(old, "memory")):
        _set_memory(new, shape.memory)
    new.append(_devices_like(old, shape, modules=new.find("maxMemory") is not None))
    return new


def _set_vcpus(domain: ET.Element, vcpus: int | None) -> None:
    """What the old one says about single CPUs no longer fits another number of them; what it says of all does."""
    old = domain.find("vcpu")
    kept = {} if old is None else {name: value for name, value in old.attrib.items() if name != "current"}
    remove(domain, "vcpus", "vcpu")
    _remove_from(domain, "cputune", *_OF_SINGLE_CPUS)
    _remove_from(domain, "cpu", "topology")
    _forget_cells(domain)
    ET.SubElement(domain, "vcpu", kept).text = str(vcpus)


def _set_memory(domain: ET.Element, memory: int | None) -> None:
    old = domain.find("memory")
    kept = {} if old is None else {name: value for name, value in old.attrib.items() if name != "unit"}
    remove(domain, "memory", "currentMemory", "memtune")
    _forget_cells(domain)
    ET.SubElement(domain, "memory", kept, unit="b").text = str(memory)


def _forget_cells(domain: ET.Element) -> None:
    """The guest's NUMA cells, whose CPUs and memory no longer add up, what names one of them, and room for more."""
    remove(domain, "maxMemory")
    _remove_from(domain, "cpu", "numa")
    _remove_from(domain, "numatune", "memnode")
    for number, page in enumerate(domain.findall("memoryBacking/hugepages/page")):
        page.attrib.pop("nodeset", None)
        if number:
            domain.find("memoryBacking/hugepages").remove(page)  # type: ignore[union-attr]  # found a line before


def _remove_from(domain: ET.Element, path: str, *tags: str) -> None:
    """And the element itself where nothing is left in it."""
    parent = domain.find(path)
    if parent is not None:
        remove(parent, *tags)
        if not len(parent) and not parent.attrib:
            remove(domain, path)


def _devices_like(old: ET.Element, shape: Shape, *, modules: bool) -> ET.Element:
    new = ET.Element("devices")
    new.extend(devices.copied(old, modules=modules))
    boot = devices.disk(old, shape.disk, shape.disk_bus)
    new.append(boot)
    new.extend(devices.disks_beside(boot, shape.empty))
    if shape.disk_bus == "scsi" and new.find("controller[@type='scsi']") is None:
        new.append(ET.Element("controller", type="scsi", model="virtio-scsi"))  # else an LSI chip of 1995
    new.extend(interfaces(old, shape.nics))
    new.append(devices.agent_channel())
    return new
