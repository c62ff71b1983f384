"""Disk controllers: of which kind for which bus, and how a disk of an import spec comes to another. Pure functions."""

from collections.abc import Collection, Iterable, Sequence
from itertools import count
from typing import Any

from pyVmomi import vim

from hypervisors.vmware import reading

_Change = vim.vm.device.VirtualDeviceSpec
_Scsi = vim.vm.device.VirtualSCSIController
KINDS = {
    "pvscsi": vim.vm.device.ParaVirtualSCSIController,
    "scsi": vim.vm.device.VirtualLsiLogicController,
    "sata": vim.vm.device.VirtualAHCIController,
    "nvme": vim.vm.device.VirtualNVMEController,
    "ide": vim.vm.device.VirtualIDEController,
}
_ASKED = {"virtio": "pvscsi"}  # vSphere's own paravirtual bus; Linux drives it as it does virtio
_IDE_UNITS = 2


def controller(bus: str, key: int, number: int = 0) -> Any:
    """`bus`: as in DeploySpec.disk_bus, or from reading.disks_of. `number`: among those of its family."""
    kind = KINDS.get(_own_word(bus), vim.vm.device.VirtualLsiLogicController)
    made = kind(key=key, busNumber=number)
    if isinstance(made, _Scsi):
        made.sharedBus = _Scsi.Sharing.noSharing
    return made


def move_disk(changes: list[Any], bus: str) -> None:
    """The disk of an import spec onto that bus; the controller that it leaves goes if nothing else is on it."""
    devices = [change.device for change in changes]
    disk = next(device for device in devices if isinstance(device, vim.vm.device.VirtualDisk))
    if reading.disks_of(devices)[0].bus == _own_word(bus):
        return
    target, left = _ide_with_room(devices) if bus == "ide" else None, disk.controllerKey
    if target is None:
        target = controller(bus, min(0, *(device.key for device in devices)) - 1, free_number(devices, bus))
        changes.insert(0, _Change(operation=_Change.Operation.add, device=target))
    disk.controllerKey, disk.unitNumber = target.key, _first_free(_units(devices, target.key))
    if not _units(devices, left):
        changes[:] = [change for change in changes if change.device.key != left]


def _own_word(bus: str) -> str:
    return _ASKED.get(bus, bus)


def _ide_with_room(devices: Sequence[Any]) -> Any:
    """A machine has no more than two of them, each with two devices. None if there is none yet."""
    found = (each for each in devices if isinstance(each, KINDS["ide"]))
    return next((each for each in found if len(_units(devices, each.key)) < _IDE_UNITS), None)


def free_number(devices: Iterable[Any], bus: str) -> int:
    """All kinds of SCSI controllers are counted together."""
    kind = KINDS[_own_word(bus)]
    family = _Scsi if issubclass(kind, _Scsi) else kind
    return _first_free([each.busNumber for each in devices if isinstance(each, family)])


def _units(devices: Iterable[Any], key: int) -> list[int | None]:
    """Where on that controller something is."""
    return [each.unitNumber for each in devices if each.controllerKey == key]


def _first_free(taken: Collection[int | None]) -> int:
    return next(number for number in count() if number not in taken)
