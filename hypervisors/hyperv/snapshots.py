"""Snapshots of a machine, which Hyper-V calls checkpoints: listed, made, gone back to, removed, by name.

Of one that runs they are made with its memory, or not at all: a guest that boots instead begins what was stopped. Only
those of type Standard have it. A production checkpoint has none, and the type Production falls back to the other in
silence where the guest has no hv_vss_daemon. The type is a setting of the machine, which a cut connection could leave
changed, so the administrator sets it.
"""

from collections.abc import Callable

from hypervisors import limits, refusals
from hypervisors.hyperv import machines, reading
from hypervisors.hyperv.faults import door
from hypervisors.hyperv.reading import Facts
from hypervisors.hyperv.sending import let_go
from hypervisors.hyperv.session import Session
from hypervisors.types import Snapshot, VmRef

_SECONDS = limits.SNAPSHOT.most
_RUNS, _OFF = "Running", "Off"
_LEFT_OUT = ("VHDSet",)  # of a checkpoint


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
    state, kind = _state(facts), reading.of(facts, "checkpoint_type", str)
    if state not in (_RUNS, _OFF):
        return f"it is {state}, neither running nor off"
    if kind == "Disabled":
        return "its checkpoints are disabled; this permits them: Set-VM -CheckpointType Standard"
    if state == _RUNS and kind != "Standard":
        return f"its checkpoints are of type {kind}, without its memory; with it: Set-VM -CheckpointType Standard"
    if out := [reading.disk_of(disk, "").target for disk in reading.each(facts, "disks") if _is_left_out(disk)]:
        return f"{', '.join(out)} is left out of checkpoints (a disk of the host itself, or a shared one)"
    return ""


def _state(facts: Facts) -> str:
    return reading.of(reading.of(facts, "machine", dict), "state", str)


def _is_left_out(disk: Facts) -> bool:
    return reading.of(disk, "pass_through", bool) or reading.of(disk, "format", str) in _LEFT_OUT


def make(session: Session, vm: VmRef, name: str) -> None:
    """Nothing if it has one of that name. Raises NotSupported."""
    if _named(session, vm, name):
        return
    before = machines.details(session, vm)
    if why := _fault(before):
        raise refusals.no_snapshot(vm, why)
    asked = {"vm": vm.id, "name": name}
    _settled(vm, name, lambda: session.ask("make-checkpoint", **asked, seconds=_SECONDS))
    if _state(before) == _RUNS and not all(made.memory for made in _named(session, vm, name)):
        remove(session, vm, name)
        raise refusals.no_snapshot(vm, "the host made one without its memory, which was removed again")


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
    """Once the merge of an earlier one is through. Raises NotFound."""
    return machines.there(let_go(f"checkpoint {name} of {vm.name}", ask), vm)


def _named(session: Session, vm: VmRef, name: str) -> list[Snapshot]:
    return [one for one in snapshots(session, vm) if one.name == name]
