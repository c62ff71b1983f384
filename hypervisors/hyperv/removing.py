"""Destroy a machine of our own with the folder that its run made for it; a late merge may hold its files a while."""

from typing import Any

from hypervisors import refusals
from hypervisors.errors import HypervisorError
from hypervisors.hyperv import asking, machines, notes, reading
from hypervisors.hyperv.reading import Facts
from hypervisors.hyperv.sending import let_go
from hypervisors.hyperv.session import Session
from hypervisors.types import VmRef


def destroy(session: Session, vm: VmRef, run_id: str) -> None:
    """Does nothing where nothing is left. Raises NotOurs."""
    facts = machines.one_or_none(session, vm)
    if facts is not None:
        machines.require_ours(facts, run_id)
        folders = [reading.of(facts, "path", str)]  # it may have another name by now
    else:  # an earlier attempt may have left its files: where, nobody knows any more
        stores = (store.path for store in asking.stores(session) if store.active)
        folders = [f"{store}\\{notes.ABOVE}{run_id}\\{vm.name}" for store in stores]
    _remove(session, vm, run_id, folders)


def _remove(session: Session, vm: VmRef, run_id: str, folders: list[str]) -> None:
    """A copy has the tag of what it was made from, with that one's id; one without notes yet is known by its folder."""
    asked: dict[str, Any] = {"vm": vm.id, "tag": notes.prefix_of(run_id, vm.id)}

    def remove() -> Facts:
        return session.ask("remove", **asked, folders=folders, above=f"{notes.ABOVE}{run_id}")

    found = let_go(f"removal of {vm.name}", remove)
    if not reading.of(found, "ours", bool):
        raise refusals.not_ours(vm, None, run_id, removal="Remove-VM")
    left = found.get("left")
    if left:
        raise HypervisorError(f"files of {vm.name} are left: {left}", hint="remove them by hand: Remove-Item -Recurse")
