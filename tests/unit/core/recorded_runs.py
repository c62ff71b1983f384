"""Runs as earlier processes left them on the disk, and a hypervisor small enough to roll them back on."""

import socket
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

from small_plan import LAN, PLAN

from hypervisors import Address, Clock, Dial, Holder, Inventory, Network, Nic, NotFound, Pace, PowerState, VmRef
from vmmigrate import operations
from vmmigrate.doors import Doors, Side
from vmmigrate.facts import Claim, Intake, NewVm, Opened, Plugged, StartsAtBoot
from vmmigrate.itinerary import Itinerary, unguarded
from vmmigrate.learnt import group_to_json
from vmmigrate.model import plan_to_json
from vmmigrate.parts import Parts
from vmmigrate.run.record import Kind
from vmmigrate.run.rundir import RunDir
from vmmigrate.settings.models import Settings
from vmmigrate.settings.secrets import ProcessSecrets, Secrets
from vmmigrate.step import Nothing, Step
from vmmigrate.steps.migration import KEEPING_NEW, MIGRATE

NEW = VmRef("0c8b", PLAN.new_name)
PASSWORDS = {f"VMMIGRATE_{side}_{kind}_PASSWORD": "hunter2" for side in ("OLD", "NEW") for kind in ("SSH", "CONSOLE")}


@dataclass
class TinyHypervisor:
    """Knows the old VM, and the new one until it is destroyed. `before` runs code ahead of a call."""

    url: str = "test:///tiny"
    settling: float = 0.0
    keeps_network: bool = True
    notes: str = "the owner's words\n[vmmigrate] run r1 begun on workstation here: a migration is in progress"
    old: VmRef = PLAN.old
    new: VmRef = NEW
    new_is_there: bool = True
    plugged_in: set[str] = field(default_factory=set)  # ids
    off: set[str] = field(default_factory=set)
    others: list[Holder] = field(default_factory=list)  # machines of nobody's run with the gateway's MAC
    old_autostart: bool = True
    calls: list[str] = field(default_factory=list)
    before: dict[str, Callable[[], object]] = field(default_factory=dict)

    def _called(self, name: str, said: object = "") -> None:
        self.calls.append(f"{name} {said}".strip())
        self.before.get(name, lambda: None)()

    def find(self, name: str) -> VmRef:
        self._called("find", name)
        if name != self.old.name:
            raise NotFound(f"there is no virtual machine {name!r}", hint="look with virsh list --all")
        return self.old

    def inventory(self, vm: VmRef) -> Inventory:
        self._called("inventory", vm.name)
        if vm == self.new and not self.new_is_there:
            raise NotFound(f"there is no virtual machine {vm.name!r}", hint="look with virsh list --all")
        up = vm.id in self.plugged_in
        nics = (Nic(PLAN.identity.mac, LAN, "virtio", up, up),)
        return Inventory(
            vm,
            PowerState.RUNNING,
            1,
            2**30,
            "q35",
            "qemu",
            "host",
            "bios",
            nics,
            (),
            autostart=vm == self.old and self.old_autostart,
            notes=self.notes,
        )

    def addresses(self, vm: VmRef) -> tuple[Address, ...]:
        """Nothing is known of any."""
        return ()

    def networks(self) -> tuple[Network, ...]:
        return (LAN, Network("lab", "network"))

    def find_tagged(self, run_id: str) -> tuple[VmRef, ...]:
        self.before.get("find_tagged", lambda: None)()
        return (self.new,) if self.new_is_there else ()

    def destroy(self, vm: VmRef, run_id: str) -> None:
        self._called("destroy", vm.name)
        self.new_is_there = False

    def set_notes(self, vm: VmRef, notes: str, *, over: str | None = None) -> None:
        self._called("set_notes", vm.name)
        if vm == self.old:
            self.notes = notes

    def set_autostart(self, vm: VmRef, autostart: bool, entry: str = "") -> None:
        self._called("set_autostart", f"{vm.name} {autostart} {entry}".rstrip())

    def power_state(self, vm: VmRef) -> PowerState:
        return PowerState.RUNNING

    def set_nic(self, vm: VmRef, mac: str, *, link_up: bool) -> None:
        self._called("set_nic", f"{vm.name} {'up' if link_up else 'down'}")
        (self.plugged_in.add if link_up else self.plugged_in.discard)(vm.id)

    def holders(self, mac: str) -> tuple[Holder, ...]:
        self.before.get("holders", lambda: None)()
        both = (self.old, self.new) if self.new_is_there else (self.old,)
        return (*map(self._held, both), *self.others)

    def _held(self, vm: VmRef) -> Holder:
        up = vm.id in self.plugged_in
        return Holder(vm, PowerState.OFF if vm.id in self.off else PowerState.RUNNING, up, up, LAN)

    def power_off(self, vm: VmRef, run_id: str) -> None:
        self._called("power_off", vm.name)
        self.off.add(vm.id)

    def remove_nic(self, vm: VmRef, mac: str, run_id: str) -> None:
        self._called("remove_nic", f"{vm.name} {mac}")

    def shut_down(self, vm: VmRef, timeout: float) -> None:
        self._called("shut_down", vm.name)
        self.off.add(vm.id)

    def close(self) -> None:
        self._called("close")


def alone(*names: str) -> Itinerary:
    """The migration, of which these steps alone act and are looked at: the others need guests."""

    def still(step: Step) -> Step:
        return replace(step, do=lambda run: None, holds=Nothing("no guest here"), undone=Nothing("no guest here"))

    phases = (
        replace(phase, steps=tuple(step if step.name in names else still(step) for step in phase.steps))
        for phase in MIGRATE.phases
    )
    asks_no_guest = tuple(
        replace(scope, guard=unguarded) if scope is KEEPING_NEW else scope for scope in MIGRATE.scopes
    )
    return replace(MIGRATE, phases=tuple(phases), scopes=asks_no_guest)


def raises(error: Exception, *, after: int = 0) -> Callable[[], object]:
    """For `TinyHypervisor.before`. `after`: so many calls come through first."""
    calls = count()

    def act() -> object:
        if next(calls) >= after:
            raise error
        return None

    return act


Recorded = tuple[Kind, dict[str, Any]]

CLAIM = Claim("the owner's words", autostart=True)
NEW_VM = NewVm(NEW, PLAN.identity.mac, "52:54:00:00:00:02")
PREPARED: dict[str, object] = {"claim": CLAIM, "deploy": NEW_VM}
SWITCHED: dict[str, object] = {
    **PREPARED,
    "close-intake": Intake(1000.0),
    "switch": Plugged(PLAN.identity.mac, old_link_up=True, old_autostart=True),
    "autostart": StartsAtBoot(new=True),
    "open": Opened(1010.0),
}
END = (Kind.END, {"outcome": "migrated"})


def done(steps: dict[str, object]) -> list[Recorded]:
    """These steps done, each with what it learnt."""
    records: list[Recorded] = []
    for step, fact in steps.items():
        records.append((Kind.BEGIN, {"step": step}))
        if fact is not None:
            group, value = group_to_json(fact)
            records.append((Kind.LEARNT, {"step": step, "group": group, "value": value}))
        records.append((Kind.DONE, {"step": step}))
    return records


PAUSES = {"switch": "switched back", "links": "plugged back"}


def undone(steps: dict[str, object], *, scope: str) -> list[Recorded]:
    """The way back over these steps, to its pause or end."""
    names = list(steps)
    records: list[Recorded] = [(Kind.DIRECTION, {"to": "back", "scope": scope, "reason": "asked", "steps": names})]
    for step in reversed(names):
        records += [(Kind.UNDO, {"step": step}), (Kind.UNDONE, {"step": step})]
    if scope in PAUSES:
        return [*records, (Kind.PAUSED, {"reason": PAUSES[scope]})]
    return [*records, (Kind.END, {"outcome": "rolled-back"})]


SWITCHED_BACK = [
    *done(SWITCHED),
    END,
    *undone({k: v for k, v in SWITCHED.items() if k not in PREPARED}, scope="switch"),
]


def record(folder: Path, run_id: str, records: list[Recorded]) -> RunDir:
    """A run of this version's steps, as a process that is gone left it in `folder`."""
    rundir = RunDir(folder / "runs" / run_id, folder / "keys" / f"{run_id}.key")
    rundir.create()
    journal = operations.begin(rundir, MIGRATE, plan_to_json(PLAN), Settings())
    for kind, data in records:
        journal.append(kind, data)
    journal.close()
    rundir.archive.write_bytes(b"encrypted")
    return rundir


@dataclass
class Porter:
    """What a dial reaches: a greeting where a machine is plugged in and runs. No packet leaves this machine."""

    hypervisor: TinyHypervisor
    refused: Exception | None = None
    ends: list[socket.socket] = field(default_factory=list)

    def dial(self, host: str, port: int, timeout: float) -> socket.socket:
        live = self.hypervisor.plugged_in - self.hypervisor.off - ({self.hypervisor.new.id} - self._there())
        if self.refused or not (live or self.hypervisor.others):
            raise self.refused or ConnectionRefusedError(111, "Connection refused")
        ours, its = socket.socketpair()
        its.sendall(b"220 mailgw.example.test ESMTP\r\n")
        its.shutdown(socket.SHUT_WR)  # else an SSH client waits for its version to come
        self.ends.append(its)
        return ours

    def _there(self) -> set[str]:
        return {self.hypervisor.new.id} if self.hypervisor.new_is_there else set()


class _Side(Side):
    porter: Porter

    @property
    def dial(self) -> Dial:
        return self.porter.dial


def doors_to(porter: Porter) -> Callable[[Settings, Secrets], Doors]:
    """Doors that all lead to it."""

    def opened(settings: Settings, secrets: Secrets) -> Doors:
        doors = Doors(settings, secrets)
        doors.old, doors.new = _Side("old", settings.old, secrets, {}), _Side("new", settings.new, secrets, {})
        doors.old.porter = doors.new.porter = porter  # type: ignore[attr-defined]
        return doors

    return opened


def swift() -> Pace:
    """Its sleeps move its clock, and take no time."""
    slept: list[float] = []
    return Pace(Clock(now=lambda: sum(slept), sleep=slept.append))


def parts(folder: Path, hypervisor: TinyHypervisor, **other: Any) -> Parts:
    return Parts(
        ProcessSecrets(other.pop("environ", PASSWORDS)),
        runs_folder=folder / "runs",
        keys_folder=folder / "keys",
        connect=lambda url, access: hypervisor,  # type: ignore[arg-type, return-value]
        **{"open_doors": doors_to(Porter(hypervisor)), "pace": swift(), **other},
    )
