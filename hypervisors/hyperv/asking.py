"""All that a deployment asks before it makes anything: names, folders, room, networks, what the old machine is."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from hypervisors import refusals, unchanged
from hypervisors.errors import NotFound, NotSupported, Problem
from hypervisors.hyperv import machines, notes, reading
from hypervisors.hyperv.faults import door
from hypervisors.hyperv.reading import Facts
from hypervisors.hyperv.session import Session
from hypervisors.types import DeploySpec, Network, Store

_GENERATIONS = {"bios": 1, "efi": 2}
_BUSES = {1: "ide", 2: "scsi"}  # what each generation boots from
_UNFIT = re.compile(r'[<>:"/\\|?*\x00-\x1f]|[. ]$|^\s')
_LONGEST_NAME = 100  # characters, which Hyper-V's manager takes
_LONGEST_PATH = 259  # characters


@dataclass(frozen=True)
class Shape:
    """What is to be made. `folder`: the machine's own, below the run's; `old`: what the script `machine` answered."""

    spec: DeploySpec
    old: Facts
    store: Store
    generation: int

    @property
    def above(self) -> str:
        """The folder that New-VM is given; below it, it makes one of the machine's name."""
        return f"{self.store.path}\\{notes.ABOVE}{self.spec.run_id}"

    @property
    def folder(self) -> str:
        return f"{self.above}\\{self.spec.name}"

    @property
    def controller(self) -> str:
        return _BUSES[self.generation].upper()

    @property
    def memory(self) -> int:
        return self.spec.memory or reading.of(self.old, "memory", int)

    @property
    def has_dynamic_memory(self) -> bool:
        return reading.of(self.old, "dynamic_memory", bool)


def shape_of(session: Session, spec: DeploySpec) -> Shape:
    """Raises BadImage, NotSupported, NotFound, Ambiguous: all that is refused but the name and the room."""
    unchanged.refuse_absent(spec.image)
    _refuse_unsupported(spec)
    _refuse_unfit(spec.name)
    store = _store(session, spec.store)
    old = machines.details(session, spec.like)
    _refuse_odd(old, spec)
    _refuse_networks(session, spec)
    shape = Shape(spec, old, store, _generation(spec, old))
    _refuse_long(shape)
    return shape


def problems(shape: Shape) -> Iterator[Problem]:
    """What a person has to know, and does not keep it from being made."""
    name = shape.spec.like.name
    if reading.of(shape.old, "has_checkpoints", bool):
        yield NotSupported(
            f"{name} has checkpoints, which stay with it: its disk grows until they are merged",
            hint="merge them when the migration is finished: Remove-VMSnapshot",
        )
    if any(reading.of(disk, "pass_through", bool) for disk in reading.each(shape.old, "disks")):
        yield NotSupported(
            f"{name} has a disk of the host itself, which the new machine does not get",
            hint="copy what is on it by hand",
        )
    if any(reading.of(disk, "format", str) == "VHDSet" for disk in reading.each(shape.old, "disks")):
        yield NotSupported(
            f"{name} has a VHD set, which other machines may share; the new machine does not get it",
            hint="attach it to the new one by hand, when the old one is off for good: Add-VMHardDiskDrive",
        )
    if reading.of(reading.of(shape.old, "machine", dict), "replication", str) not in ("", "Disabled"):
        yield NotSupported(
            f"{name} is replicated; the new machine is not",
            hint="set up the replication of the new one when the migration is finished",
        )


def refuse_full(shape: Shape, needed: int) -> None:
    """Bytes. Raises NoRoom."""
    if needed > shape.store.available:
        raise refusals.no_room("volume", shape.store.name, shape.store.available, needed)


def with_room_now(session: Session, shape: Shape) -> Shape:
    """The same, with the room that its store has by now."""
    return replace(shape, store=_store(session, shape.store.name))


def _refuse_unsupported(spec: DeploySpec) -> None:
    if spec.properties:
        raise NotSupported("Hyper-V passes no vApp properties to a guest", hint="leave them out")
    if spec.folder:
        raise NotSupported("Hyper-V has no folders of virtual machines", hint="leave new.folder out")
    if spec.like_old:
        raise NotSupported(
            f"Hyper-V has no {', no '.join(spec.like_old)} of a virtual machine that could be asked for",
            hint="leave new.like_old out: the hardware is kept as it is",
        )


def _refuse_unfit(name: str) -> None:
    """It becomes the name of a folder."""
    if _UNFIT.search(name) or not name or len(name) > _LONGEST_NAME:
        raise NotSupported(
            f"the new VM's name {name!r} cannot be the name of a folder on Windows",
            hint=f'choose one of at most {_LONGEST_NAME} characters without < > : " / \\ | ? *, which does not end in a'
            " dot or a space",
        )


def _refuse_long(shape: Shape) -> None:
    """Windows PowerShell 5.1 takes no longer paths."""
    longest = f"{shape.folder}\\{shape.spec.name}-empty9.vhdx.part"
    if len(longest) > _LONGEST_PATH:
        raise NotSupported(
            f"the new VM's disk would have a path of {len(longest)} characters, and Windows takes {_LONGEST_PATH}",
            hint="choose a shorter name with new.name, or a store with a shorter path",
        )


def _store(session: Session, name: str) -> Store:
    with door(f"store {name}"):
        found = [reading.store_of(facts) for facts in reading.each(session.ask("stores", store=name), "stores")]
    if not found or not found[0].active:
        there = (store.name for store in stores(session))
        raise refusals.missing("store", name, there)
    return found[0]


def stores(session: Session) -> tuple[Store, ...]:
    with door("the list of stores"):
        return tuple(reading.store_of(facts) for facts in reading.each(session.ask("stores", store=""), "stores"))


def _generation(spec: DeploySpec, old: Facts) -> int:
    generation = _GENERATIONS.get(spec.firmware or "", reading.of(old, "generation", int))
    bus = _BUSES[generation]
    if spec.disk_bus not in (None, bus):
        raise NotSupported(
            f"a machine of generation {generation} boots from {bus.upper()} alone, not from {spec.disk_bus}",
            hint=f"leave new.disk_bus out, or give {bus}",
        )
    return generation


def _refuse_odd(old: Facts, spec: DeploySpec) -> None:
    machine, name = reading.of(old, "machine", dict), spec.like.name
    if reading.of(machine, "clustered", bool):
        raise NotSupported(
            f"{name} belongs to a failover cluster: where it runs, starts and is deleted is the cluster's",
            hint="take it out of the cluster for the migration: Remove-ClusterGroup -VMId; add the new one afterwards",
        )
    kept = {nic.mac.lower() for nic in spec.nics if nic.mac}
    for nic in reading.each(machine, "nics"):
        if reading.mac_of(nic) in kept:
            _refuse_odd_nic(nic, name)


def _refuse_odd_nic(nic: Facts, name: str) -> None:
    mac = reading.mac_of(nic)
    if reading.of(nic, "dynamic_mac", bool):
        raise NotSupported(
            f"the NIC {mac} of {name} has a dynamic MAC: Hyper-V may give the same one to another machine",
            hint="make it static while the machine is off: Set-VMNetworkAdapter -StaticMacAddress",
        )
    mode = reading.of(nic, "vlan_mode", str)
    if mode not in ("Untagged", "Access"):
        raise NotSupported(
            f"the NIC {mac} of {name} is a VLAN {mode.lower()}: only untagged and access ports are copied",
            hint="give it an access VLAN: Set-VMNetworkAdapterVlan -Access -VlanId",
        )


def switches(session: Session) -> tuple[Network, ...]:
    with door("the list of switches"):
        return tuple(map(reading.switch_of, reading.each(session.ask("switches"), "switches")))


def _refuse_networks(session: Session, spec: DeploySpec) -> None:
    there = switches(session)
    for nic in spec.nics:
        if nic.network.kind != reading.KIND or nic.network.id not in [switch.id for switch in there]:
            listed = refusals.listed(switch.name for switch in there)
            raise NotFound(f"there is no switch {nic.network.name!r} (there are: {listed})", hint="see: Get-VMSwitch")
