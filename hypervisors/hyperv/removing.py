"""Destroy a machine of our own with the folder that its run made for it; a late merge may hold its files a while."""

from typing import Any

from hypervisors import refusals
from hypervisors.errors import Busy, HypervisorError
from hypervisors.hyperv import asking, machines, notes, reading
from hypervisors.hyperv.faults import door
from hypervisors.hyperv.session import Session
from hypervisors.types import VmRef
from hypervisors.waiting import NotYet, wait_for

_HELD = 120.0  # seconds that a merge or a scanner may hold files


def destroy(session: Session, vm: VmRef, run_id: str) -> None:
    """Does nothing where nothing is left. Raises NotOurs."""
    facts = machines.one_or_none(session, vm)
    if facts is not None:
        machines.require_ours(facts, run_id)
    folders = [f"{store.path}\\{notes.ABOVE}{run_id}\\{vm.name}" for store in asking.stores(session) if store.active]
    if facts is not None:  # it may have another name by now; and a second attempt finds the machine gone
        folders.append(reading.of(facts, "path", str))
    wait_for(
        f"the files of {vm.name} to be let go",
        lambda: _remove(session, vm, run_id, folders),
        timeout=_HELD,
        clears="see who holds them, then run this again",
    )


def _remove(session: Session, vm: VmRef, run_id: str, folders: list[str]) -> None:
    """A copy has the tag of what it was made from, with that one's id; one without notes yet is known by its folder."""
    try:
        with door(f"removal of {vm.name}"):
            asked: dict[str, Any] = {"vm": vm.id, "tag": notes.prefix_of(run_id, vm.id)}
            found = session.ask("remove", **asked, folders=folders, above=f"{notes.ABOVE}{run_id}")
    except Busy as error:
        raise NotYet(str(error)) from error
    if not reading.of(found, "ours", bool):
        raise refusals.not_ours(vm, None, run_id, removal="Remove-VM")
    left = found.get("left")
    if left:
        raise HypervisorError(f"files of {vm.name} are left: {left}", hint="remove them by hand: Remove-Item -Recurse")
