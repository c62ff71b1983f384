"""What every adapter refuses, in one wording; where to look further is each hypervisor's own."""

from collections.abc import Iterable

from hypervisors.errors import Changed, HypervisorError, NameTaken, NoRoom, NotFound, NotOurs, NotSupported
from hypervisors.tag import Tag
from hypervisors.types import VmRef

_GIB = 1 << 30
_MOST_LISTED = 40  # names in a hint


def missing(kind: str, name: str, there: Iterable[str], *, where: str = "") -> NotFound:
    """`there`: the names of those that exist; `where`: as ' in POOL'."""
    remedy = "correct the name" + (", or give its UUID" if kind == "virtual machine" else "")
    return NotFound(f"no {kind} {name!r}{where} (there are: {listed(there)})", hint=remedy)


def listed(names: Iterable[str]) -> str:
    """In order, as far as a hint has room."""
    ordered = sorted(names)
    more = f" and {len(ordered) - _MOST_LISTED} more" if len(ordered) > _MOST_LISTED else ""
    return (", ".join(ordered[:_MOST_LISTED]) or "none") + more


def gone(vm: VmRef, *, hint: str) -> NotFound:
    return NotFound(f"the virtual machine {vm.name} ({vm.id}) is gone", hint=hint)


def changed(name: str) -> Changed:
    return Changed(
        f"the notes of {name} are not what they were a moment ago: nothing was written",
        hint="somebody else writes there: see who, then run this again",
    )


def name_taken(name: str) -> NameTaken:
    return NameTaken(f"there is a virtual machine {name} already", hint="choose another name for the new one")


def no_room(kind: str, name: str, available: int, needed: int) -> NoRoom:
    """Sizes in bytes."""
    return NoRoom(
        f"{name} has {available / _GIB:.2f} GiB free, the image needs {needed / _GIB:.2f} GiB",
        hint=f"free room in the {kind}, or choose another",
    )


def neither_running_nor_off(name: str, *, hint: str) -> HypervisorError:
    return HypervisorError(f"{name} is neither running nor off", hint=hint)


def no_snapshot(vm: VmRef, why: str) -> NotSupported:
    return NotSupported(f"{vm.name} can have no snapshot: {why}", hint="keep a copy of its disks in another way")


def not_ours(vm: VmRef, tag: Tag | None, run_id: str, *, removal: str) -> NotOurs:
    """`removal`: how a person removes it."""
    seen = "no tag of any run" if tag is None else tag.in_words(run_id)
    return NotOurs(
        f"the virtual machine {vm.name} ({vm.id}) has {seen}, not that of run {run_id}: it is left as it is",
        hint=f"if it is to go, remove it by hand: {removal}",
    )
