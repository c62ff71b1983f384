"""Turn properties of a vSphere virtual machine into the port's values. Pure functions."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pyVmomi import vim

from hypervisors.types import Disk, Network, Nic, PowerState, VmRef

SHAPE = (
    "name",
    "config.instanceUuid",
    "config.annotation",
    "config.firmware",
    "config.version",
    "config.guestId",
    "config.hardware.numCPU",
    "config.hardware.memoryMB",
    "config.hardware.device",
    "config.extraConfig",
    "runtime.powerState",
    "runtime.host",
    "network",
)
_STATES = {"poweredOn": PowerState.RUNNING, "poweredOff": PowerState.OFF}
_MODELS = {
    "VirtualVmxnet3": "vmxnet3",
    "VirtualVmxnet2": "vmxnet2",
    "VirtualVmxnet": "vmxnet",
    "VirtualE1000e": "e1000e",
    "VirtualE1000": "e1000",
    "VirtualPCNet32": "pcnet32",
}
_BUSES = (
    (vim.vm.device.VirtualNVMEController, "nvme"),
    (vim.vm.device.VirtualAHCIController, "sata"),
    (vim.vm.device.ParaVirtualSCSIController, "pvscsi"),
    (vim.vm.device.VirtualSCSIController, "scsi"),
    (vim.vm.device.VirtualIDEController, "ide"),
)

_ESCAPED = {"%2f": "/", "%5c": "\\", "%25": "%"}

Properties = Mapping[str, Any]


def plain(name: str) -> str:
    """A name as people write it: the inventory escapes / \\ and %, a card's backing does not."""
    return re.sub("%(2f|5c|25)", lambda found: _ESCAPED[found.group().lower()], name, flags=re.IGNORECASE)


def escaped(name: str) -> str:
    """A name as the inventory wants it; see `plain`."""
    return name.replace("%", "%25").replace("/", "%2f").replace("\\", "%5c")


def ref_of(found: Properties) -> VmRef:
    """The instance UUID: unlike the BIOS one, vCenter keeps it unique."""
    return VmRef(str(found["config.instanceUuid"]).lower(), plain(str(found["name"])))


def power_of(state: object) -> PowerState:
    return _STATES.get(str(state), PowerState.OTHER)


def cards_of(devices: Iterable[Any]) -> tuple[Any, ...]:
    """The network cards, in the order of their slots."""
    cards = [device for device in devices if isinstance(device, vim.vm.device.VirtualEthernetCard)]
    return tuple(sorted(cards, key=lambda card: card.key))


def mac_of(card: Any) -> str:
    return (card.macAddress or "").lower()


def nics_of(devices: Iterable[Any], names: Mapping[str, str], *, running: bool) -> tuple[Nic, ...]:
    """`names`: see networks.names_of_keys. What is connected now counts only while it runs."""
    return tuple(_nic(card, names, running=running) for card in cards_of(devices))


def _nic(card: Any, names: Mapping[str, str], *, running: bool) -> Nic:
    link = card.connectable
    at_start = bool(link and link.startConnected)
    now = bool(link and link.connected) if running else at_start
    model = _MODELS.get(type(card).__name__.rpartition(".")[2], type(card).__name__.rpartition(".")[2])
    return Nic(mac_of(card), network_of(card.backing, names), model, now, at_start)


def network_of(backing: Any, names: Mapping[str, str]) -> Network:
    """A standard portgroup by its name, a distributed one or an opaque network by its key's name."""
    key = _key_of(backing)
    if getattr(backing, "port", None) is not None:
        return Network(names.get(key, key), "dvportgroup")
    if key:
        return Network(names.get(key, key), "opaque")
    return Network(getattr(backing, "deviceName", None) or "?", "portgroup")


def keys_of(devices: Iterable[Any]) -> frozenset[str]:
    """Those by which the cards among them refer to distributed portgroups and opaque networks."""
    return frozenset(key for card in cards_of(devices) if (key := _key_of(card.backing)))


def _key_of(backing: Any) -> str:
    """'' of a standard portgroup."""
    port = getattr(backing, "port", None)
    return (port.portgroupKey if port is not None else getattr(backing, "opaqueNetworkId", None)) or ""


def disks_of(devices: Iterable[Any]) -> tuple[Disk, ...]:
    devices = list(devices)
    controllers = {device.key: device for device in devices if isinstance(device, vim.vm.device.VirtualController)}
    disks = [device for device in devices if isinstance(device, vim.vm.device.VirtualDisk)]
    return tuple(_disk(disk, controllers.get(disk.controllerKey)) for disk in disks)


def _disk(disk: Any, controller: Any) -> Disk:
    bus = next((name for kind, name in _BUSES if isinstance(controller, kind)), "?")
    capacity = disk.capacityInBytes or (disk.capacityInKB or 0) * 1024
    label = disk.deviceInfo.label if disk.deviceInfo else f"disk {disk.key}"
    source = getattr(disk.backing, "fileName", None) or ""
    return Disk(label, bus, source, "vmdk", int(capacity), store_of(source))


def store_of(source: str) -> str:
    """The datastore in `[name] folder/file.vmdk`; '' if there is none."""
    store, found, _ = source.removeprefix("[").partition("] ")
    return store if found and source.startswith("[") else ""


def extra_of(options: Iterable[Any]) -> dict[str, str]:
    """extraConfig by key; of a key that stands there twice the last one counts, as the simulator appends."""
    return {option.key: str(option.value) for option in options}
