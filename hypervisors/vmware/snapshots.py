"""Snapshots of a virtual machine: listed, made and removed by name, never reverted to."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from pyVmomi import vim

from hypervisors.vmware import properties, tasks
from hypervisors.vmware.session import Session

_PATH = "snapshot.rootSnapshotList"
_CONSOLIDATING = 3600.0  # seconds: the bytes written since are copied back


def names(session: Session, machine: vim.VirtualMachine, name: str) -> tuple[str, ...]:
    return tuple(node.name for node in _nodes(session, machine, name))


def make(session: Session, machine: vim.VirtualMachine, name: str, snapshot: str, description: str) -> None:
    """Of the disks, without the memory; nothing if it has one of that name."""
    if snapshot not in names(session, machine, name):
        begin = partial(machine.CreateSnapshot_Task, snapshot, description, False, False)
        tasks.run(session, f"snapshot {snapshot} of {name}", begin)


def remove(session: Session, machine: vim.VirtualMachine, name: str, snapshot: str) -> None:
    """Each of that name, keeping those made after it; nothing if there is none."""
    for node in _nodes(session, machine, name):
        if node.name == snapshot:
            begin = partial(node.snapshot.RemoveSnapshot_Task, False)
            tasks.run(session, f"snapshot {snapshot} of {name}", begin, timeout=_CONSOLIDATING)


def _nodes(session: Session, machine: vim.VirtualMachine, name: str) -> list[Any]:
    found = properties.of_one(session, machine, (_PATH,), f"snapshots of {name}")
    return list(_below(found.get(_PATH) or ()))


def _below(tree: Iterable[Any]) -> Iterator[Any]:
    for node in tree:
        yield node
        yield from _below(node.childSnapshotList or ())
