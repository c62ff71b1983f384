"""Give the new machine what the old one has beside its hardware: tags, attributes, permissions, share of the host."""

import logging
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from pyVmomi import vim

from hypervisors import refusals
from hypervisors.errors import NotSupported, Problem, Unreachable
from hypervisors.types import LIKE_OLD, DeploySpec
from hypervisors.vmware import inventory, properties, tagging, tasks
from hypervisors.vmware.session import Session

DEFAULT = ("tags", "custom-attributes", "permissions", "shares")
_OF_VCENTER = frozenset({"tags", "custom-attributes"})
_SHARE = frozenset({"shares", "reservations", "limits"})
_RESOURCES = (
    "config.cpuAllocation",
    "config.memoryAllocation",
    "config.memoryReservationLockedToMax",
    "config.hardware.memoryMB",
)

log = logging.getLogger(__name__)


def asked(session: Session, spec: DeploySpec) -> tuple[str, ...]:
    """What is to be carried. Raises NotSupported for what is named and this server has none of."""
    there = [word for word in LIKE_OLD if session.is_vcenter or word not in _OF_VCENTER]
    if spec.like_old is None:
        return tuple(word for word in DEFAULT if word in there)
    missing = [word for word in spec.like_old if word not in there]
    if missing:
        raise NotSupported(
            f"{session.target.server} cannot carry {refusals.listed(missing)} from the old VM to the new one",
            hint=f"leave it out of new.like_old; what can be carried here: {', '.join(there)}",
        )
    return tuple(spec.like_old)


def carry(session: Session, machine: vim.VirtualMachine, spec: DeploySpec) -> None:
    """Onto `machine`, which may have some of it; the old one is only read.

    What was not named one by one, and cannot be carried, is logged as a warning.
    """
    words, old = asked(session, spec), inventory.machine(session, spec.like)
    share = [word for word in words if word in _SHARE]
    acts: Mapping[str, Callable[[], None]] = {
        **{word: partial(_CARRYING[word], session, old, machine) for word in words if word in _CARRYING},
        **({", ".join(share): partial(_share, session, old, machine, share)} if share else {}),
    }
    for what, act in acts.items():
        try:
            act()
        except Problem as problem:
            if spec.like_old is not None or isinstance(problem, Unreachable):
                raise
            log.warning("%s does not get the %s of %s: %s", spec.name, what, spec.like.name, problem)


def _tags(session: Session, old: vim.VirtualMachine, new: vim.VirtualMachine) -> None:
    with tagging.opened(session) as tags:
        for tag in tags.attached(old):
            tags.attach(tag, new)


def _attributes(session: Session, old: vim.VirtualMachine, new: vim.VirtualMachine) -> None:
    what, manager = "custom attributes", session.content.customFieldsManager
    for each in properties.of_one(session, old, ("customValue",), what).get("customValue") or ():
        session.write(what, partial(manager.SetField, new, each.key, each.value))


def _permissions(session: Session, old: vim.VirtualMachine, new: vim.VirtualMachine) -> None:
    what, manager = "permissions", session.content.authorizationManager
    given = session.read(what, lambda: manager.RetrieveEntityPermissions(old, False))
    made = [
        vim.AuthorizationManager.Permission(
            principal=each.principal, group=each.group, roleId=each.roleId, propagate=each.propagate
        )
        for each in given
    ]
    if made:
        session.write(what, lambda: manager.SetEntityPermissions(new, made))


def _share(session: Session, old: vim.VirtualMachine, new: vim.VirtualMachine, words: Collection[str]) -> None:
    found = properties.of_one(session, old, _RESOURCES, "resources")
    made = properties.of_one(session, new, ("config.hardware.memoryMB",), "resources")
    change = vim.vm.ConfigSpec(
        cpuAllocation=allocation(found.get("config.cpuAllocation"), words),
        memoryAllocation=allocation(found.get("config.memoryAllocation"), words, made["config.hardware.memoryMB"]),
    )
    if "reservations" in words:
        change.memoryReservationLockedToMax = found.get("config.memoryReservationLockedToMax")
    tasks.run(session, "resources of the new virtual machine", partial(new.ReconfigVM_Task, change))


def allocation(old: Any, words: Collection[str], most: int | None = None) -> Any:
    """Of CPU or memory, what the words name; None if the old one has none. `most`: MiB that can be reserved."""
    if old is None:
        return None
    made = vim.ResourceAllocationInfo()
    if "shares" in words:
        made.shares = old.shares
    if "limits" in words:
        made.limit = old.limit
    if "reservations" in words and old.reservation is not None:
        made.reservation = old.reservation if most is None else min(old.reservation, most)
    return made


_CARRYING: Mapping[str, Callable[[Session, vim.VirtualMachine, vim.VirtualMachine], None]] = {
    "tags": _tags,
    "custom-attributes": _attributes,
    "permissions": _permissions,
}
