"""What an image is, and the machine that its OVF asks for, as frozen values."""

from dataclasses import dataclass, field
from pathlib import Path


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
