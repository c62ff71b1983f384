"""The nouns of the port: virtual machines, NICs, disks, networks, stores, as frozen values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from hypervisors.description import Image
from hypervisors.secrets import Secret

LIKE_OLD = ("tags", "custom-attributes", "permissions", "shares", "reservations", "limits")


class PowerState(Enum):
    RUNNING = "running"
    OFF = "off"
    OTHER = "other"  # paused, suspended, crashed: nothing here acts on those


@dataclass(frozen=True)
class VmRef:
    """A virtual machine: its permanent id (libvirt: UUID) and its present name."""

    id: str
    name: str


@dataclass(frozen=True)
class Network:
    """Something a NIC can be plugged into.

    `kind`: 'network' (libvirt's own), 'bridge' (the host's); 'portgroup', 'dvportgroup', 'opaque' (vSphere's); 'switch'
    (Hyper-V's). `id`: where a name may be given twice. `vlan`: the NIC's own, where it is not the network's; 0: none.
    """

    name: str
    kind: str
    active: bool = True
    id: str = ""
    vlan: int = 0

    def __str__(self) -> str:
        if not self.name:
            return "no network"
        named = self.name if self.kind == "network" else f"{self.kind}:{self.name}"
        return f"{named}, VLAN {self.vlan}" if self.vlan else named


NOWHERE = Network("", "none", active=False)
"""Where a NIC is whose link is down, on a hypervisor that keeps no network for it."""


@dataclass(frozen=True)
class Nic:
    """A NIC, in the order of the stored definition. `link_up` is the running state where the VM runs.

    `stored_link_up` is what a restart of the VM would bring. "Link" is what the hypervisor has: libvirt's link state,
    vSphere's "connected", on Hyper-V a connection to a switch. `id`: the hypervisor's own, '' where the MAC is all.
    """

    mac: str  # lower case, colons
    network: Network
    model: str
    link_up: bool
    stored_link_up: bool
    id: str = ""


@dataclass(frozen=True)
class Holder:
    """A machine that has a NIC of a certain MAC; `link_up` and `stored_link_up` as of a Nic."""

    vm: VmRef
    power: PowerState
    link_up: bool
    stored_link_up: bool
    network: Network

    @property
    def is_live(self) -> bool:
        """It uses the MAC, or does as soon as it is let go on: a paused one holds its address too."""
        return self.power is not PowerState.OFF and self.link_up


@dataclass(frozen=True)
class Disk:
    """A disk. `source`: a path or URL in the hypervisor's own terms; `capacity` in bytes, 0 = unknown.

    `store`: the name of the one that holds it and could hold another, '' where none is known to.
    """

    target: str
    bus: str
    source: str
    format: str
    capacity: int
    store: str = ""


@dataclass(frozen=True)
class Inventory:
    """All that is read of a virtual machine. `memory` in bytes. `firmware`: 'bios' or 'efi'.

    `autostart_entry`: in the hypervisor's own words how it is started at boot (its place, its delays), for
    `set_autostart` to have it back as it was; '' where there is no more to it than yes or no.
    """

    vm: VmRef
    power: PowerState
    vcpus: int
    memory: int
    machine: str
    domain_type: str
    cpu: str  # in words, for people: model name or mode
    firmware: str
    nics: tuple[Nic, ...]
    disks: tuple[Disk, ...]
    autostart: bool
    notes: str
    autostart_entry: str = ""


@dataclass(frozen=True)
class Ran:
    """A command that a guest's agent ran, at its end: what it printed, what it said besides."""

    status: int
    out: bytes
    error: bytes


@dataclass(frozen=True)
class Snapshot:
    """`taken`: Unix seconds by the hypervisor's clock, 0.0: not said. `memory`: with the guest's memory.

    `description`: '' where the hypervisor keeps none.
    """

    name: str
    taken: float
    description: str
    memory: bool


@dataclass(frozen=True)
class Store:
    """A storage pool or datastore. Sizes in bytes."""

    name: str
    path: str
    capacity: int
    available: int
    active: bool = True


@dataclass(frozen=True)
class NicSpec:
    """A NIC to be defined. `mac` None lets the hypervisor choose."""

    network: Network
    mac: str | None
    link_up: bool


@dataclass(frozen=True)
class DeploySpec:
    """A virtual machine to be made from an image, shaped like an existing one.

    `run_id` is the tag that `destroy` and `find_tagged` look at. `vcpus`, `memory` (bytes), `firmware` ('bios', 'efi')
    and `disk_bus` ('virtio', 'scsi', 'sata', 'ide') override those of `like`. `properties`: vApp properties by key,
    secret ones as such; only a hypervisor that hands them to the guest takes any. `folder`: another than that of
    `like`, by the names on its way from the datacenter, with slashes between; only vSphere has folders. `like_old`: of
    LIKE_OLD, what the new one gets of the old one beside its hardware; None: what this hypervisor carries by itself.
    """

    run_id: str
    name: str
    image: Image
    like: VmRef
    store: str
    nics: tuple[NicSpec, ...]
    vcpus: int | None = None
    memory: int | None = None
    firmware: str | None = None
    disk_bus: str | None = None
    properties: Mapping[str, str | Secret] = field(default_factory=dict, repr=False)
    folder: str = ""
    like_old: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Address:
    """An address of a guest. `source`: 'lease', 'agent', 'tools'. `mac` identifies the NIC."""

    mac: str
    address: str
    source: str


@dataclass(frozen=True)
class Answer:
    """What a host did when it was asked.

    `holds`: whether that is what the adapter relies on, None where it was not asked or nothing was learnt. `needed`:
    where it does not hold, no migration comes through. `seen` may have words of the host.
    """

    id: str
    asked: str
    expected: str
    seen: str
    holds: bool | None
    needed: bool


@dataclass(frozen=True)
class Probe:
    """All that a host answered. `at`: Unix seconds by the clock of who asked; `host`: what it is, with its versions.

    `unkept`: why the host does not keep it, '' where it does; `others`: what other probes have there now, by name.
    """

    at: int
    host: str
    answers: tuple[Answer, ...]
    unkept: str = ""
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Progress:
    """So many of so many bytes; total 0 = unknown."""

    done: int
    total: int


ProgressListener = Callable[[Progress], None]


def no_progress(progress: Progress) -> None:
    """For callers that do not care."""
