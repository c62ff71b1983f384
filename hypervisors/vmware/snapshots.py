"""Snapshots of a virtual machine: listed, made with its memory, gone back to, and removed, by name.

Why with the memory, and not quiesced: a guest that goes on in its memory goes on where it stood; of its disks alone it
boots, and begins what had been stopped. Whoever makes one has brought the guest to rest before.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import partial
from typing import Any

from pyVmomi import vim

from hypervisors import limits, refusals
from hypervisors.types import Snapshot, VmRef
from hypervisors.vmware import properties, tasks
from hypervisors.vmware.session import Session

_PATH = "snapshot.rootSnapshotList"
_DEVICES = "config.hardware.device"
_SECONDS = limits.SNAPSHOT.most
_LEFT_OUT = ("independent_persistent", "independent_nonpersistent")  # of a snapshot


def snapshots(session: Session, machine: vim.VirtualMachine, name: str) -> tuple[Snapshot, ...]:
    """Parents first."""
    return tuple(_snapshot(node) for node in _nodes(session, machine, name))


def fault(session: Session, machine: vim.VirtualMachine, name: str) -> str:
    """Why none could hold all of it, '' where nothing is known against it."""
    found = properties.of_one(session, machine, (_DEVICES,), f"virtual machine {name}")
    out = [each.deviceInfo.label for each in found[_DEVICES] if _is_left_out(each)]
    return f"{', '.join(out)} is left out of snapshots (independent, or a raw device)" if out else ""


def _is_left_out(device: Any) -> bool:
    backing = getattr(device, "backing", None)
    is_disk = isinstance(device, vim.vm.device.VirtualDisk)
    physical = getattr(backing, "compatibilityMode", "") == "physicalMode"
    return is_disk and (physical or getattr(backing, "diskMode", "") in _LEFT_OUT)


def make(session: Session, machine: vim.VirtualMachine, vm: VmRef, snapshot: str, description: str) -> None:
    """With the memory where it runs; nothing if it has one of that name. Raises NotSupported."""
    if any(one.name == snapshot for one in snapshots(session, machine, vm.name)):
        return
    if why := fault(session, machine, vm.name):
        raise refusals.no_snapshot(vm, why)
    begin = partial(machine.CreateSnapshot_Task, snapshot, description, True, False)
    tasks.run(session, f"snapshot {snapshot} of {vm.name}", begin, timeout=_SECONDS)


def revert(session: Session, machine: vim.VirtualMachine, name: str, snapshot: str) -> None:
    """Raises NotFound."""
    nodes = _nodes(session, machine, name)
    found = next((node for node in nodes if node.name == snapshot), None)
    if found is None:
        raise refusals.missing("snapshot", snapshot, (node.name for node in nodes), where=f" of {name}")
    begin = partial(found.snapshot.RevertToSnapshot_Task)
    tasks.run(session, f"going back to {snapshot} of {name}", begin, timeout=_SECONDS)


def remove(session: Session, machine: vim.VirtualMachine, name: str, snapshot: str) -> None:
    """Each of that name, keeping those made after it; nothing if there is none."""
    for node in _nodes(session, machine, name):
        if node.name == snapshot:
            begin = partial(node.snapshot.RemoveSnapshot_Task, False)
            tasks.run(session, f"snapshot {snapshot} of {name}", begin, timeout=_SECONDS)


def _snapshot(node: Any) -> Snapshot:
    taken = node.createTime.timestamp() if isinstance(node.createTime, datetime) else 0.0
    return Snapshot(
        node.name, taken, node.description or "", memory=node.state == vim.VirtualMachine.PowerState.poweredOn
    )


def _nodes(session: Session, machine: vim.VirtualMachine, name: str) -> list[Any]:
    found = properties.of_one(session, machine, (_PATH,), f"snapshots of {name}")
    return list(_below(found.get(_PATH) or ()))


def _below(tree: Iterable[Any]) -> Iterator[Any]:
    for node in tree:
        yield node
        yield from _below(node.childSnapshotList or ())
