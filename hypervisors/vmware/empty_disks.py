"""The empty disks that an image asks for beside its own: added to the new machine once its disk is filled."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from pyVmomi import vim

from hypervisors.errors import HypervisorError, NotSupported
from hypervisors.types import DeploySpec
from hypervisors.vmware import controllers, properties, reading, tasks
from hypervisors.vmware.session import Session

_Change = vim.vm.device.VirtualDeviceSpec
_Disk = vim.vm.device.VirtualDisk
_FIRST_KEY = -300
_MOST_CONTROLLERS = 4  # of one family
_UNITS = {"ide": 2, "sata": 30, "nvme": 15}
_SCSI_UNITS = [unit for unit in range(16) if unit != 7]  # the controller itself is 7


def add(session: Session, machine: vim.VirtualMachine, spec: DeploySpec) -> None:
    """In the image's order, each on the bus of the disk that boots."""
    sizes = [disk.capacity for disk in spec.image.empty_disks]
    if not sizes:
        return
    what = f"empty disks of {spec.name}"
    devices = properties.of_one(session, machine, ("config.hardware.device",), what)["config.hardware.device"]
    config = vim.vm.ConfigSpec(deviceChange=changes(devices, sizes, spec.store))
    tasks.run(session, what, partial(machine.ReconfigVM_Task, config))


def changes(devices: Sequence[Any], sizes: Sequence[int], store: str) -> list[Any]:
    """`sizes` in bytes. Raises NotSupported where the bus has no room for so many."""
    there, made = list(devices), []
    for number, size in enumerate(sizes):
        home = _with_room(there)
        if home is None:
            home = _another(there, _FIRST_KEY - len(sizes) - number)
            there.append(home)
            made.append(_Change(operation=_Change.Operation.add, device=home))
        disk = _disk(_FIRST_KEY - number, home.key, _free(there, home)[0], size, store)
        there.append(disk)
        made.append(_Change(operation=_Change.Operation.add, fileOperation=_Change.FileOperation.create, device=disk))
    return made


def check(made: Sequence[Any], spec: DeploySpec) -> None:
    """Raises HypervisorError unless they are there. `made`: the machine's devices."""
    _, *others = reading.disks_of(made)
    if [disk.capacity >> 10 for disk in others] != [-(-disk.capacity // 1024) for disk in spec.image.empty_disks]:
        sizes = ", ".join(str(disk.capacity) for disk in others) or "none"
        raise HypervisorError(
            f"{spec.name} was made with other empty disks than its image asks for (bytes: {sizes})",
            hint="report this with the vSphere version; nothing of it is left",
        )


def _disk(key: int, controller: int, unit: int, size: int, store: str) -> Any:
    backing = _Disk.FlatVer2BackingInfo(fileName=f"[{store}]", diskMode="persistent", thinProvisioned=True)
    place = {"controllerKey": controller, "unitNumber": unit}
    return _Disk(key=key, capacityInKB=-(-size // 1024), backing=backing, **place)


def _homes(devices: Sequence[Any]) -> list[Any]:
    """The controllers of the kind that the first disk is on, its own first."""
    key = next(device.controllerKey for device in devices if isinstance(device, _Disk))
    own = next(device for device in devices if device.key == key)
    return [own, *(each for each in devices if type(each) is type(own) and each.key != key)]


def _with_room(devices: Sequence[Any]) -> Any:
    return next((each for each in _homes(devices) if _free(devices, each)), None)


def _free(devices: Sequence[Any], home: Any) -> list[int]:
    taken = {device.unitNumber for device in devices if getattr(device, "controllerKey", None) == home.key}
    bus = _bus(devices)
    units = range(_UNITS[bus]) if bus in _UNITS else _SCSI_UNITS
    return [unit for unit in units if unit not in taken]


def _another(devices: Sequence[Any], key: int) -> Any:
    bus, number = _bus(devices), controllers.free_number(devices, _bus(devices))
    if bus == "ide" or number >= _MOST_CONTROLLERS:
        raise NotSupported(
            f"there is no room for all disks of the image on the bus {bus}", hint="set new.disk_bus to scsi or sata"
        )
    return controllers.controller(bus, key, number)


def _bus(devices: Sequence[Any]) -> str:
    """Of the first disk."""
    return reading.disks_of(devices)[0].bus
