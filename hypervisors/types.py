"""The nouns of the port: virtual machines, NICs, disks, networks, stores, images, as frozen values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

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
class Snapshot:
    """`taken`: Unix seconds by the hypervisor's clock, 0.0: not said. `memory`: with the guest's memory."""

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
class Extent:
    """Where bytes lie: `size` bytes of the file `path`, from byte `offset` on, with their SHA-256."""

    path: Path
    offset: int
    size: int
    sha256: str


@dataclass(frozen=True)
class OvfDisk:
    """The disk as an OVF describes it. `capacity` in bytes.

    `bus`: 'ide', 'scsi', 'sata', 'nvme', or '' if no controller is given; `controller`: its model, in the OVF's own
    words; `href`: the name of its file, '' for an empty disk.
    """

    href: str
    capacity: int
    bus: str
    controller: str


@dataclass(frozen=True)
class OvfNic:
    """A NIC as an OVF describes it. `network`: one of the description's; `model`: 'VmxNet3', 'E1000', …"""

    name: str
    network: str
    model: str


@dataclass(frozen=True)
class OvfProperty:
    """A vApp property. `key`: as class.key.instance, where it has those.

    `type` and `qualifiers` in the OVF's own words. `password`: its value is not to be shown.
    """

    key: str
    type: str
    qualifiers: str
    user_configurable: bool
    password: bool
    default: str
    label: str

    def __str__(self) -> str:
        return f"{self.key} ({self.label})" if self.label else self.key


@dataclass(frozen=True)
class OvfDescription:
    """The virtual machine that an OVF asks for, in its order. `vcpus` and `memory` (bytes) are 0 where it does not say.

    `firmware`: 'bios', 'efi', or '' where it does not say. `guest_os`: for people; `guest_os_id`: VMware's word, as
    debian12_64Guest. `licence`: it has an agreement to be accepted. `descriptor`: where the XML itself lies.
    `empty_disks`: those beside `disk` that have no file.
    """

    name: str
    product: str
    version: str
    vendor: str
    vcpus: int
    memory: int
    disk: OvfDisk
    networks: tuple[str, ...]
    nics: tuple[OvfNic, ...]
    firmware: str
    guest_os: str
    guest_os_id: str
    properties: tuple[OvfProperty, ...]
    licence: bool
    descriptor: Extent
    empty_disks: tuple[OvfDisk, ...] = ()


@dataclass(frozen=True)
class Image:
    """What an image is, by its bytes. Sizes in bytes.

    `path`: the file that was named, of `file_size` bytes. `format`: of the disk: 'qcow2', 'raw' or 'vmdk'.
    `sha256` is over the file as it lies on disk; for an .ovf over the lines that `sha256sum` prints of it and
    of its disk, so that it vouches for both; for a large raw disk or qcow2 see formats/scattered.py.
    `ovf`: where the disk came with a description. `remarks`: facts to be shown, one sentence each.
    `stamp`: see unchanged.py; '' where it is not known.
    """

    path: Path
    format: str
    file_size: int
    virtual_size: int
    sha256: str
    ovf: OvfDescription | None = None
    inside: Extent | None = None  # the disk, where it is not the whole file `path`
    remarks: tuple[str, ...] = ()
    stamp: str = field(default="", compare=False, repr=False)

    @property
    def empty_disks(self) -> tuple[OvfDisk, ...]:
        """Those that its description asks for beside `disk`."""
        return self.ovf.empty_disks if self.ovf else ()

    @property
    def disk(self) -> Extent:
        """Where the disk's bytes lie."""
        return self.inside or Extent(self.path, 0, self.file_size, self.sha256)


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
class Progress:
    """So many of so many bytes; total 0 = unknown."""

    done: int
    total: int


ProgressListener = Callable[[Progress], None]


def no_progress(progress: Progress) -> None:
    """For callers that do not care."""
