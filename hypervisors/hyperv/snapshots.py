"""Snapshots of a machine, which Hyper-V calls checkpoints: listed, made, gone back to, removed, by name.

Of one that runs they are made with its memory, or not at all: a guest that boots instead begins what was stopped. Only
those of type Standard have it. A production checkpoint has none, and the type Production falls back to the other in
silence where the guest has no hv_vss_daemon. The type is a setting of the machine, which a cut connection could leave
changed, so the administrator sets it.
"""

from collections.abc import Callable

from hypervisors import limits, refusals
from hypervisors.by_hand import powershell
from hypervisors.errors import HypervisorError
from hypervisors.hyperv import machines, reading
from hypervisors.hyperv.faults import door
from hypervisors.hyperv.reading import Facts
from hypervisors.hyperv.sending import let_go
from hypervisors.hyperv.session import Session
from hypervisors.types import Snapshot, VmRef

_SECONDS = limits.SNAPSHOT.most
_RUNS, _OFF = "Running", "Off"
_LEFT_OUT = ("VHDSet",)  # of a checkpoint
_SEES = "see that machine in Hyper-V Manager: an earlier checkpoint may still be merged there. Then run this again"


def snapshots(session: Session, vm: VmRef) -> tuple[Snapshot, ...]:
    """By their time, so parents first. Hyper-V keeps no description of one."""
    with door(f"checkpoints of {vm.name}"):
        found = machines.there(session.ask("checkpoints", vm=vm.id), vm)
    return tuple(sorted(map(_snapshot, reading.each(found, "checkpoints")), key=lambda one: one.taken))


def _snapshot(facts: Facts) -> Snapshot:
    taken = reading.of(facts, "taken", int) / 1000
    return Snapshot(reading.of(facts, "name", str), taken, "", memory=reading.of(facts, "state", str) != _OFF)


def fault(session: Session, vm: VmRef) -> str:
    """Why none could be made, '' where nothing is known against it."""
    return _fault(machines.details(session, vm))


def _fault(facts: Facts) -> str:
    named = powershell(reading.ref_of(reading.of(facts, "machine", dict)).name)
    permits = f"Set-VM -Name {named} -CheckpointType Standard"
    state, kind = _state(facts), reading.of(facts, "checkpoint_type", str)
    if state not in (_RUNS, _OFF):
        return f"it is {state}, neither running nor off"
    if kind == "Disabled":
        return f"its checkpoints are disabled; this permits them: {permits}"
    if state == _RUNS and kind != "Standard":
        return f"its checkpoints are of type {kind}, without its memory; with it: {permits}"
    if out := [reading.disk_of(disk, "").target for disk in reading.each(facts, "disks") if _is_left_out(disk)]:
        return f"{', '.join(out)} is left out of checkpoints (a disk of the host itself, or a shared one)"
    return ""


def _state(facts: Facts) -> str:
    return reading.of(reading.of(facts, "machine", dict), "state", str)


def _is_left_out(disk: Facts) -> bool:
    return reading.of(disk, "pass_through", bool) or reading.of(disk, "format", str) in _LEFT_OUT


def make(session: Session, vm: VmRef, name: str) -> None:
    """Only if it has none of that name; that one is looked at too: a call whose answer was lost is repeated.

    Raises NotSupported.
    """
    before = machines.details(session, vm)
    if not _named(session, vm, name):
        _make(session, vm, name, before)
    made = _named(session, vm, name)
    if not made:
        raise HypervisorError(f"the host made no checkpoint {name} of {vm.name}", hint=_SEES)
    if _state(before) == _RUNS and not all(one.memory for one in made):
        remove(session, vm, name)
        raise refusals.no_snapshot(vm, "the host made one without its memory, which was removed again")


def _make(session: Session, vm: VmRef, name: str, before: Facts) -> None:
    if why := _fault(before):
        raise refusals.no_snapshot(vm, why)
    asked = {"vm": vm.id, "name": name}
    _settled(vm, name, lambda: session.ask("make-checkpoint", **asked, seconds=_SECONDS))


def revert(session: Session, vm: VmRef, name: str) -> None:
    """Raises NotFound."""
    asked = {"vm": vm.id, "name": name}
    found = _settled(vm, name, lambda: session.ask("restore-checkpoint", **asked, seconds=_SECONDS))
    if not reading.of(found, "restored", bool):
        there = (one.name for one in snapshots(session, vm))
        raise refusals.missing("snapshot", name, there, where=f" of {vm.name}")


def remove(session: Session, vm: VmRef, name: str) -> None:
    """Each of that name; nothing if there is none."""
    if _named(session, vm, name):
        asked = {"vm": vm.id, "name": name}
        _settled(vm, name, lambda: session.ask("remove-checkpoint", **asked, seconds=_SECONDS))


def _settled(vm: VmRef, name: str, ask: Callable[[], Facts]) -> Facts:
    """Once the merge of an earlier one is through, which may take as long as one is made. Raises NotFound, TimedOut."""
    what = f"checkpoint {name} of {vm.name}"
    return machines.there(let_go(what, ask, seconds=_SECONDS, clears=_SEES), vm)


def _named(session: Session, vm: VmRef, name: str) -> list[Snapshot]:
    return [one for one in snapshots(session, vm) if one.name == name]
