"""The hardware section of an OVF: processors, memory, NICs, and the bus of each disk. Pure."""

import re
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from hypervisors import limits
from hypervisors.description import OvfNic
from hypervisors.formats.elements import attribute, child, descendants, local, text
from hypervisors.formats.units import bytes_in

# CIM_ResourceAllocationSettingData.ResourceType
_CPU, _MEMORY, _IDE, _SCSI, _NIC, _OTHER_STORAGE = "3", "4", "5", "6", "10", "20"
_DISKS = ("17", "31")  # a disk drive; a logical disk, as the standard calls one that is only virtual
ITEMS = ("Item", "StorageItem", "EthernetPortItem")  # the latter two since version 2
_DISK_RESOURCE = re.compile(r"(?:(?i:ovf):)?/{0,2}(disk|file)/(.+)")
# A word of a controller's model or name, and its bus.
_OTHER_BUSES = (("nvme", "nvme"), ("ahci", "sata"), ("sata", "sata"), ("scsi", "scsi"), ("sas", "scsi"))
_MEMORY_UNIT = "byte * 2^20"  # where old tools give none


@dataclass(frozen=True)
class _Item:
    """`options`: the deployment options that it is for, '' for all."""

    identity: str
    type: str
    options: str
    element: Element

    def is_variant_of(self, other: "_Item") -> bool:
        same = (self.identity, self.type) == (other.identity, other.type)
        return same and bool(self.identity) and bool(self.options) != bool(other.options)


@dataclass(frozen=True)
class Attachment:
    """A disk of the hardware section; for `bus` and `controller` see OvfDisk.

    `reference`: its id in the disk section, or that of its file, as `by_file` says. `size`: bytes of an empty disk
    that the item itself has, which is in no section; else 0.
    """

    reference: str
    by_file: bool
    bus: str
    controller: str
    size: int = 0


@dataclass(frozen=True)
class Hardware:
    """`vcpus` and `memory` (bytes) are 0 if the descriptor does not say."""

    vcpus: int
    memory: int
    nics: tuple[OvfNic, ...]
    disks: tuple[Attachment, ...]


def read_hardware(section: Element, configuration: str) -> Hardware:
    """As in the deployment option `configuration`. Raises ValueError for invalid numbers and units."""
    items = _items(section, configuration)
    return Hardware(
        vcpus=sum(amount(text(item, "VirtualQuantity")) for item in _of_type(items, _CPU)),
        memory=sum(_memory(item) for item in _of_type(items, _MEMORY)),
        nics=tuple(_nic(item) for item in _of_type(items, _NIC)),
        disks=tuple(_attachment(item, items) for item in _of_type(items, *_DISKS)),
    )


def few(section: Element, what: str) -> Element:
    """The section itself. Raises ValueError if it has more entries than any machine."""
    if len(section) > limits.OVF_ITEMS.most:
        raise ValueError(f"its {what} section has {len(section)} entries")
    return section


def amount(words: str) -> int:
    """A whole number, 0 for none. Raises ValueError."""
    if not re.fullmatch(r"\d{0,18}", words, re.ASCII):
        raise ValueError(f"{words[:40]!r} is no number")
    return int(words or 0)


def _items(section: Element, configuration: str) -> list[_Item]:
    """In order. An item for this deployment option replaces the one for all options."""
    found: list[_Item] = []
    for element in few(section, "hardware"):
        item = _Item(_identity(element), text(element, "ResourceType"), attribute(element, "configuration"), element)
        if _counts(item, configuration):
            _add(found, item)
    return found


def _identity(element: Element) -> str:
    """However it is spelled: OVF 0.9 had InstanceId, and many files of later versions still do."""
    spelled = (each.text or "" for each in element if local(each.tag).lower() == "instanceid")
    return next(spelled, "").strip()


def _counts(item: _Item, configuration: str) -> bool:
    """A bound limits the choice, it is not a choice; one that is `normal` is none [DSP0243, 8.3]."""
    is_item = local(item.element.tag) in ITEMS and attribute(item.element, "bound").lower() in ("", "normal")
    return is_item and (not item.options or configuration in item.options.split())


def _add(found: list[_Item], item: _Item) -> None:
    """Two without an identity, or with one though neither is for an option alone, are two."""
    for place, other in enumerate(found):
        if item.is_variant_of(other):
            if item.options:
                found[place] = item
            return
    found.append(item)


def _of_type(items: list[_Item], *kinds: str) -> list[Element]:
    return [item.element for item in items if item.type in kinds]


def _memory(item: Element) -> int:
    return amount(text(item, "VirtualQuantity")) * bytes_in(text(item, "AllocationUnits") or _MEMORY_UNIT)


def _nic(item: Element) -> OvfNic:
    return OvfNic(text(item, "ElementName") or text(item, "Caption"), text(item, "Connection"), _model(item))


def _model(item: Element) -> str:
    return text(item, "ResourceSubType")


def _attachment(item: Element, items: list[_Item]) -> Attachment:
    parent = text(item, "Parent")
    kind, reference = disk_reference(item)
    size = own_size(item)
    if not kind and not size:
        backed = text(item, "HostResource")
        said = f"is backed by {backed!r}, which names no disk" if backed else "has neither a file nor a size"
        raise ValueError(f"a disk of its hardware {said}")
    controller = next((each for each in items if parent and each.identity == parent), None)
    bus, model = ("", "") if controller is None else (_bus(controller), _model(controller.element))
    return Attachment(reference, kind == "file", bus, model, size)


def own_size(item: Element) -> int:
    """Of a disk that is backed by nothing, in bytes; 0 of all else. Raises ValueError."""
    if text(item, "ResourceType") not in _DISKS or text(item, "HostResource"):
        return 0
    return amount(text(item, "VirtualQuantity")) * bytes_in(text(item, "AllocationUnits"))


def disk_reference(item: Element) -> tuple[str, str]:
    """'disk' or 'file', and its id; '' for either where the item names none."""
    found = _DISK_RESOURCE.fullmatch(text(item, "HostResource"))
    return (found[1], found[2]) if found else ("", "")


def _bus(controller: _Item) -> str:
    return {_IDE: "ide", _SCSI: "scsi", _OTHER_STORAGE: _other_bus(controller.element)}.get(controller.type, "")


def _other_bus(controller: Element) -> str:
    """VirtualBox writes its SAS and virtio controllers so too. A model goes before a name."""
    said = [text(controller, name).lower() for name in ("ResourceSubType", "ElementName", "Caption")]
    return next((bus for words in said for word, bus in _OTHER_BUSES if word in words), "sata")


def default_configuration(envelope: Element) -> str:
    """The default deployment option: the one marked, else the first; '' without any."""
    section = child(envelope, "DeploymentOptionSection")
    options = [] if section is None else descendants(section, "Configuration")
    marked = [option for option in options if attribute(option, "default") in ("true", "1")]
    return attribute((marked or options)[0], "id") if options else ""
