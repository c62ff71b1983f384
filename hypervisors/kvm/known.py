"""What is known of the things that a new domain does not have as the old one has them: where, and why. A table."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree as ET

from hypervisors.carried import Fate
from hypervisors.kvm.reading import bytes_of, firmware_of, vcpus_of

UNKNOWN = "not known here: add it by hand if the new VM needs it (virsh edit)"
NEW_STORE = "a new store: boot entries and keys that the old guest saved are not there"
_MEBI = 1 << 20
_LOST = (Fate.DROPPED, Fate.CHANGED)

Reason = str | Callable[[ET.Element, ET.Element], str]  # of both domains


@dataclass(frozen=True)
class Known:
    """`at`: an XPath from the old domain; what is inside is meant too, unless one further up the table says more.

    `fate`: instead of the one that was found. `line`: one for each thing found, for each element at `at`, or for all
    of them; 'whole': only for elements that are left out as a whole. `of`: the fates that it explains.
    """

    at: str
    why: Reason
    fate: Fate | None = None
    line: Literal["of it", "of each", "of all", "whole"] = "of it"
    attribute: str = ""
    of: tuple[Fate, ...] = _LOST


def _memory(old: ET.Element, new: ET.Element) -> str:
    return f"{bytes_of(old, 'memory') // _MEBI} MiB → {bytes_of(new, 'memory') // _MEBI} MiB"


def _vcpus(old: ET.Element, new: ET.Element) -> str:
    return f"{vcpus_of(old)} → {vcpus_of(new)}"


def _if_uefi(why: str) -> Reason:
    return lambda old, new: why if firmware_of(new) == "efi" else "the new VM has a BIOS"


_OWN = "the new VM has its own"
_STAYS = "stays with the old VM"
_SIZES = "fits only the old number of vCPUs or amount of memory"
_HELD = "the old VM holds it as long as it runs: give it to the new one afterwards (virsh edit)"
_OF_HOST = "bound to a file, socket or service of the host, which the old VM uses"
_OWN_ARGUMENTS = "arguments for the old VM's QEMU alone"
_NO_USE = "a mail gateway has no use of it"
_NEW_DISK = "the new disk is the image's, a qcow2"
NO_KEYS = "Secure Boot is off, or an unsigned image would not boot; for a signed one see docs/kvm.md"
_NO_KEYS = _if_uefi(NO_KEYS)
_DISK_BOOTS = "the new VM boots from its disk alone"
_BY_LIBVIRT = "libvirt chooses it again"
_IDENTIFIES = "identifies the old machine, or sets up its guest"
_DRIVE = "a drive of the old VM: add one where the new VM needs its medium"
_CLEAR = "the new disk is not encrypted by the host"
_SEALED = "a new TPM, empty, not encrypted by the host: what the old guest sealed in its own is not there"
_QEMU = "{http://libvirt.org/schemas/domain/qemu/1.0}"

_DOMAIN = (
    Known("name", _OWN, Fate.CHANGED),
    Known("uuid", _OWN, Fate.CHANGED),
    Known("genid", _IDENTIFIES),
    Known("title", _STAYS),
    Known("description", _STAYS),
    Known("metadata/*", "what other programs noted about the old VM " + _STAYS, Fate.DROPPED, "of each"),
    Known("seclabel", "libvirt labels the new VM by itself"),
    Known("sysinfo", _IDENTIFIES),
    Known("os/smbios", "nothing is left for it to say: see sysinfo"),
    *(Known(f"{_QEMU}{name}", _OWN_ARGUMENTS) for name in ("commandline", "override", "capabilities", "deprecation")),
)
_SIZE = (
    Known("memory", _memory, Fate.CHANGED, "of each"),
    Known("vcpu", _vcpus, Fate.CHANGED, "of each"),
    *(Known(name, _SIZES) for name in ("vcpus", "currentMemory", "maxMemory", "memtune", "memoryBacking", "numatune")),
    Known("cpu", _SIZES, line="whole"),
    *(Known(name, _SIZES) for name in ("cputune", "cpu/topology", "cpu/numa", "devices/memory")),
)
_BOOT = (
    *(Known(f"os/{name}", _DISK_BOOTS) for name in ("boot", "kernel", "initrd", "shim", "cmdline", "dtb")),
    Known("os/firmware", _NO_KEYS),
    Known("os/loader", _if_uefi("chosen by libvirt for the new VM, without Secure Boot"), Fate.CHANGED, "of each"),
    Known("os/nvram", _if_uefi(NEW_STORE), Fate.CHANGED, "of each"),
    Known("os/varstore", _if_uefi(NEW_STORE), Fate.CHANGED, "of each"),
    Known("os", _if_uefi("chosen by libvirt for the new VM"), Fate.CHANGED, attribute="firmware"),
)
_PLACES = (
    Known("devices/*/address", "libvirt gives each device a place on its bus again", Fate.CHANGED, "of all"),
    Known("devices/*/alias", _BY_LIBVIRT, Fate.CHANGED, "of all"),
    Known("devices/controller[@type='pci']", _BY_LIBVIRT, Fate.CHANGED, "of all"),
    Known("devices/controller", _BY_LIBVIRT, Fate.CHANGED, "whole"),
    Known("devices/hub", _BY_LIBVIRT, Fate.CHANGED, "whole"),
)
_DISK = (
    Known("devices/disk/source/encryption", _CLEAR),
    Known("devices/disk/encryption", _CLEAR),
    *(Known(f"devices/disk/{name}", _NEW_DISK, Fate.CHANGED, "of each") for name in ("source", "backingStore")),
    Known("devices/disk/driver", _NEW_DISK, attribute="type"),
    Known("devices/disk/driver", "is for the old disk's format or bus"),
    *(Known(f"devices/disk/{name}", _IDENTIFIES) for name in ("serial", "wwn", "vendor", "product")),
    Known("devices/disk/boot", _DISK_BOOTS, Fate.CHANGED),
    Known("devices/disk[@device='cdrom']", _DRIVE, line="whole"),
    Known("devices/disk[@device='floppy']", _DRIVE, line="whole"),
    Known("devices/disk", "a further disk: copy by hand what the new VM needs of it", line="whole"),
    Known("devices/disk", "is the old disk's: the new one is the image's, a qcow2", of=(Fate.DROPPED,)),
)
_NIC = (
    Known("devices/interface/target", _BY_LIBVIRT, Fate.CHANGED),
    Known("devices/interface/virtualport", "the port's id is the old NIC's: libvirt makes another"),
    Known("devices/interface/link", "unplugged until the switch", Fate.CHANGED),
    Known("devices/interface/boot", _DISK_BOOTS),
    Known("devices/interface/source", _BY_LIBVIRT, attribute="portid"),
    Known("devices/interface[@type='hostdev']", _HELD, Fate.NOT_POSSIBLE, "whole"),
    Known("devices/interface", "another NIC than the live one " + _STAYS, line="whole"),
)
_OTHERS = (
    Known("devices/interface/teaming", "the pair's other NIC is the host's own device, which stays with the old VM"),
    Known("devices/hostdev", _HELD, Fate.NOT_POSSIBLE),
    Known("devices/input", _HELD, Fate.NOT_POSSIBLE, "whole"),
    Known("devices/tpm/backend[@type='passthrough']/..", _HELD, Fate.NOT_POSSIBLE, "whole"),
    Known("devices/tpm", _OF_HOST, line="whole"),
    Known("devices/tpm", _SEALED, Fate.CHANGED, "of each", of=(Fate.KEPT, *_LOST)),
    Known(
        "devices/vsock", "its number is one VM's at a time: give the new one another (virsh edit)", Fate.NOT_POSSIBLE
    ),
    Known("devices/filesystem", "a folder of the host, shared with the old VM: share it again where it is needed"),
    Known("devices/graphics/audio", _NO_USE),
    Known("devices/graphics", "on a port that libvirt chooses: the old VM listens on its own", Fate.CHANGED, "of each"),
    *(
        Known(f"devices/{name}", "a pty: file, socket or log are the old VM's", Fate.CHANGED, "of each")
        for name in ("serial", "console")
    ),
    Known("devices/channel", _OF_HOST, line="whole"),
    Known("devices/channel", _BY_LIBVIRT, Fate.CHANGED, "of each"),
    *(Known(f"devices/{name}", _OF_HOST) for name in ("rng", "parallel", "smartcard", "shmem", "lease", "pstore")),
    *(Known(f"devices/{name}", _OF_HOST) for name in ("redirdev", "redirfilter", "nvram")),
    *(Known(f"devices/{name}", _NO_USE) for name in ("sound", "audio", "crypto")),
)
KNOWN = (*_DOMAIN, *_PLACES, *_SIZE, *_BOOT, *_DISK, *_NIC, *_OTHERS)
