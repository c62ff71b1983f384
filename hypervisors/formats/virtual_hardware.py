"""The hardware section of an OVF: processors, memory, NICs, firmware, and the bus of each disk. Pure."""

import re
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from hypervisors.formats.elements import attribute, child, children, descendants, local, text
from hypervisors.formats.units import bytes_in
from hypervisors.types import OvfNic

# CIM_ResourceAllocationSettingData.ResourceType
_CPU, _MEMORY, _IDE, _SCSI, _NIC, _DISK, _OTHER_STORAGE = "3", "4", "5", "6", "10", "17", "20"
_ITEMS = ("Item", "StorageItem", "EthernetPortItem")  # the latter two since version 2
_DISK_RESOURCE = re.compile(r"(?:ovf:)?/disk/(.+)")
_MEMORY_UNIT = "byte * 2^20"  # where old tools give none


@dataclass(frozen=True)
class Attachment:
    """A disk of the hardware section. `disk`: its id in the disk section; for the others see OvfDisk."""

    disk: str
    bus: str
    controller: str


@dataclass(frozen=True)
class Hardware:
    """`vcpus` and `memory` (bytes) are 0, `firmware` is '' if the descriptor does not say."""

    vcpus: int
    memory: int
    firmware: str
    nics: tuple[OvfNic, ...]
    disks: tuple[Attachment, ...]


def read_hardware(section: Element, configuration: str) -> Hardware:
    """As in the deployment option `configuration`. Raises ValueError for invalid numbers and units."""
    items = _items(section, configuration)
    return Hardware(
        vcpus=sum(amount(text(item, "VirtualQuantity")) for item in _of_type(items, _CPU)),
        memory=sum(_memory(item) for item in _of_type(items, _MEMORY)),
        firmware=_firmware(section),
        nics=tuple(_nic(item) for item in _of_type(items, _NIC)),
        disks=tuple(_attachment(item, items) for item in _of_type(items, _DISK)),
    )


def amount(words: str) -> int:
    """A whole number, 0 for none. Raises ValueError."""
    if not re.fullmatch(r"\d{0,18}", words, re.ASCII):
        raise ValueError(f"{words[:40]!r} is no number")
    return int(words or 0)


def _items(section: Element, configuration: str) -> dict[str, Element]:
    """By instance id, in order. An item for this deployment option replaces the one for all options."""
    found: dict[str, Element] = {}
    for item in section:
        options = attribute(item, "configuration").split()
        instance = text(item, "InstanceID")
        if local(item.tag) not in _ITEMS or attribute(item, "bound") or (options and configuration not in options):
            continue  # a bound limits the choice, it is not a choice
        if options or instance not in found:
            found[instance] = item
    return found


def _of_type(items: dict[str, Element], kind: str) -> list[Element]:
    return [item for item in items.values() if text(item, "ResourceType") == kind]


def _memory(item: Element) -> int:
    return amount(text(item, "VirtualQuantity")) * bytes_in(text(item, "AllocationUnits") or _MEMORY_UNIT)


def _nic(item: Element) -> OvfNic:
    return OvfNic(text(item, "ElementName") or text(item, "Caption"), text(item, "Connection"), _model(item))


def _model(item: Element) -> str:
    return text(item, "ResourceSubType")


def _attachment(item: Element, items: dict[str, Element]) -> Attachment:
    resource = text(item, "HostResource")
    found = _DISK_RESOURCE.fullmatch(resource)
    if found is None:
        raise ValueError(f"a disk of its hardware is backed by {resource!r}, which names no disk")
    controller = items.get(text(item, "Parent"))
    if controller is None:
        return Attachment(found.group(1), "", "")
    return Attachment(found.group(1), _bus(controller), _model(controller))


def _bus(controller: Element) -> str:
    other = "nvme" if "nvme" in _model(controller).lower() else "sata"
    return {_IDE: "ide", _SCSI: "scsi", _OTHER_STORAGE: other}.get(text(controller, "ResourceType"), "")


def _firmware(section: Element) -> str:
    config = {attribute(each, "key"): attribute(each, "value").lower() for each in children(section, "Config")}
    return config["firmware"] if config.get("firmware") in ("bios", "efi") else ""


def default_configuration(envelope: Element) -> str:
    """The default deployment option: the one marked, else the first; '' without any."""
    section = child(envelope, "DeploymentOptionSection")
    options = [] if section is None else descendants(section, "Configuration")
    marked = [option for option in options if attribute(option, "default") in ("true", "1")]
    return attribute((marked or options)[0], "id") if options else ""
