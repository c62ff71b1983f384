"""The nouns of the port: virtual machines, NICs, disks, networks, stores, images, as frozen values."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path


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
    """Something a NIC can be plugged into. `kind`: 'network' (libvirt's own) or 'bridge' (the host's)."""

    name: str
    kind: str
    active: bool = True

    def __str__(self) -> str:
        return self.name if self.kind == "network" else f"{self.kind}:{self.name}"


@dataclass(frozen=True)
class Nic:
    """A NIC, in the order of the stored definition. `link_up` is the running state where the VM runs.

    `stored_link_up` is what a restart of the VM would bring.
    """

    mac: str  # lower case, colons
    network: Network
    model: str
    link_up: bool
    stored_link_up: bool


@dataclass(frozen=True)
class Disk:
    """A disk. `source`: a path or URL in the hypervisor's own terms; `capacity` in bytes, 0 = not told."""

    target: str
    bus: str
    source: str
    format: str
    capacity: int


@dataclass(frozen=True)
class Inventory:
    """All that is read of a virtual machine. `memory` in bytes. `firmware`: 'bios' or 'efi'."""

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


@dataclass(frozen=True)
class Store:
    """A storage pool or datastore. Sizes in bytes."""

    name: str
    path: str
    capacity: int
    available: int
    active: bool = True


@dataclass(frozen=True)
class Image:
    """What an image file is, by its bytes. Sizes in bytes.

    `format`: 'qcow2', 'raw' or 'vmdk'. `sha256` is over the file as it lies on disk.
    """

    path: Path
    format: str
    file_size: int
    virtual_size: int
    sha256: str


@dataclass(frozen=True)
class NicSpec:
    """A NIC to be defined. `mac` None lets the hypervisor choose."""

    network: Network
    mac: str | None
    link_up: bool


@dataclass(frozen=True)
class DeploySpec:
    """A virtual machine to be made from an image, shaped like an existing one.

    `run_id` is the tag that `destroy` and `find_tagged` look at. `vcpus` and `memory` (bytes) override
    those of `like`.
    """

    run_id: str
    name: str
    image: Image
    like: VmRef
    store: str
    nics: tuple[NicSpec, ...]
    vcpus: int | None = None
    memory: int | None = None


@dataclass(frozen=True)
class Address:
    """An address of a guest. `source`: 'lease', 'agent'. `mac` tells which NIC."""

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
