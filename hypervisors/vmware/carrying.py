"""Say what becomes of each thing of an old machine: its configuration, and what vCenter knows of it. Pure functions."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pyVmomi import vim

from hypervisors.carried import Carried, Fate
from hypervisors.types import DeploySpec
from hypervisors.vmware import known, reading

_NOTHING = (None, False, "", 0, -1)
_DISK = vim.vm.device.VirtualDisk
_OF_VSPHERE = tuple(each.lower() for each in known.OF_VSPHERE)
_CARD = vim.vm.device.VirtualEthernetCard


@dataclass(frozen=True)
class Around:
    """What is known of the old machine beside its configuration, by name; `unread`: what could not be read, and why."""

    words: tuple[str, ...]  # what is carried: of LIKE_OLD
    tags: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()
    cluster: tuple[str, ...] = ()  # its rules, groups and overrides
    alarms: tuple[str, ...] = ()
    snapshots: tuple[str, ...] = ()
    evc: str = ""
    in_vapp: bool = False
    is_vcenter: bool = True
    unread: Mapping[str, str] = field(default_factory=dict)


def carried(config: Any, spec: DeploySpec, around: Around) -> tuple[Carried, ...]:
    """`config`: of the old machine, whole. What a person cares for comes first: a screen may end before the rest."""
    return (
        *_around(around),
        *_shares(config, around.words),
        *_size(config, spec),
        *_described(config, spec),
        *_devices(config.hardware.device, spec),
        *_rest(config, around.words),
        *_extra(config.extraConfig or ()),
    )


def _size(config: Any, spec: DeploySpec) -> Iterator[Carried]:
    hardware = config.hardware
    yield _number("config.hardware.numCPU", hardware.numCPU, spec.vcpus)
    yield _number("config.hardware.memoryMB", hardware.memoryMB, spec.memory and spec.memory >> 20)
    if (hardware.numCoresPerSocket or 1) > 1:
        why = "one core per socket, or as the image asks"
        yield Carried("config.hardware.numCoresPerSocket", Fate.CHANGED, why)
    for name in _set_in(hardware):
        if name not in known.OF_HARDWARE:
            yield Carried(f"config.hardware.{name}", Fate.DROPPED, known.OF_THE_IMAGE)


def _number(what: str, old: int, wanted: int | None) -> Carried:
    new = wanted or old
    return Carried(what, Fate.KEPT) if new == old else Carried(what, Fate.CHANGED, f"{old} → {new}")


def _described(config: Any, spec: DeploySpec) -> Iterator[Carried]:
    """What an image's own description decides, if it has one."""
    firmware = config.firmware or "bios"
    wanted = spec.firmware or firmware
    kept = wanted == firmware
    yield Carried("config.firmware", *((Fate.KEPT,) if kept else (Fate.CHANGED, f"{firmware} → {wanted}")))
    if firmware == "efi":
        yield Carried("nvram", Fate.DROPPED, "boot entries and keys that the old guest saved are not there")
    for name in ("guestId", "version"):
        if spec.image.ovf is None:
            yield Carried(f"config.{name}", Fate.KEPT)
        else:
            yield Carried(f"config.{name}", Fate.CHANGED, "as the image's OVF asks")
    if config.annotation:
        yield Carried("config.annotation", Fate.CHANGED, "the new VM gets notes of its own; the old ones stay there")


# ---- devices -----------------------------------------------------------------------------------------------------


def _devices(devices: Iterable[Any], spec: DeploySpec) -> Iterator[Carried]:
    first, usual = True, []
    for device in devices:
        what = f"config.hardware.device[{device.key}]"
        if isinstance(device, _DISK):
            yield from _disk(what, device, first=first)
            first = False
        elif isinstance(device, _CARD) and not isinstance(device, vim.vm.device.VirtualSriovEthernetCard):
            yield from _card(what, device, spec)
        else:
            kind = type(device).__name__.rpartition(".")[2]
            fate, why = known.DEVICES.get(kind, (Fate.DROPPED, known.UNKNOWN))
            if why == known.OF_EVERY_VM:
                usual.append(str(device.key))
            else:
                yield Carried(f"{what} ({_label(device) or kind})", fate, why)
    if usual:
        yield Carried(f"config.hardware.device[{', '.join(usual)}]", Fate.CHANGED, known.OF_EVERY_VM)


def _label(device: Any) -> str:
    """As the client shows it."""
    return str(device.deviceInfo.label) if device.deviceInfo and device.deviceInfo.label else ""


def _disk(what: str, disk: Any, *, first: bool) -> Iterator[Carried]:
    why = "the image's disk in its place" if first else "the new VM gets the image's disk; copy the data by hand"
    yield Carried(what, Fate.CHANGED if first else Fate.DROPPED, why)
    if getattr(disk.backing, "keyId", None):
        yield Carried(f"{what}.backing.keyId", Fate.NOT_POSSIBLE, known.ENCRYPTED)
    for name in ("shares", "storageIOAllocation", "iofilter", "vFlashCacheConfigInfo"):
        value = getattr(disk, name, None)
        if value and not _is_usual(value):
            yield Carried(
                f"{what}.{name}", Fate.DROPPED, "a limit or share of the disk: set it by hand if it is to stay"
            )


def _card(what: str, card: Any, spec: DeploySpec) -> Iterator[Carried]:
    mac = reading.mac_of(card)
    if any((nic.mac or "").lower() == mac for nic in spec.nics):
        model = "as the old one's" if spec.image.ovf is None else "that of the image"
        yield Carried(what, Fate.CHANGED, f"same MAC, unplugged until the switch; the model is {model}")
    else:
        yield Carried(what, Fate.DROPPED, "the new VM has one live NIC, and one on staging; no NIC has this MAC")
    for name in ("resourceAllocation", "externalId"):
        value = getattr(card, name, None)
        if value and not _is_usual(value):
            yield Carried(f"{what}.{name}", Fate.DROPPED, "of the old VM's NIC: set it by hand if it is to stay")


def _is_usual(value: Any) -> bool:
    """Whether an allocation is what vSphere gives to everybody: normal shares, no limit, nothing reserved.

    Nothing else is: a port's id, a filter, a cache.
    """
    if not any(hasattr(value, name) for name in ("shares", "share", "level")):
        return False
    shares = getattr(value, "shares", None)
    share = getattr(shares, "level", None) or getattr(getattr(value, "share", None), "level", None)
    level = share or getattr(value, "level", "normal")
    return level == "normal" and all(getattr(value, name, None) in _NOTHING for name in ("limit", "reservation"))


# ---- the rest of the configuration ---------------------------------------------------------------------------------


def _shares(config: Any, words: tuple[str, ...]) -> Iterator[Carried]:
    for name in ("cpuAllocation", "memoryAllocation"):
        found = getattr(config, name)
        if found is None:
            continue
        if found.shares and found.shares.level != "normal":
            yield _like(f"config.{name}.shares", "shares", words)
        if found.reservation:
            yield _like(f"config.{name}.reservation", "reservations", words)
        if found.limit is not None and found.limit >= 0:
            yield _like(f"config.{name}.limit", "limits", words)


def _like(what: str, word: str, words: tuple[str, ...]) -> Carried:
    return Carried(what, Fate.KEPT) if word in words else Carried(what, Fate.DROPPED, f"{known.NOT_LIKE}: {word}")


def _rest(config: Any, words: tuple[str, ...]) -> Iterator[Carried]:
    """Each property that is set and that nothing above has a line for, also those of later releases."""
    for name in _set_in(config):
        if name == "memoryReservationLockedToMax":
            yield _like(f"config.{name}", "reservations", words)
        elif name in ("bootOptions", "tools"):
            yield from _inside(name, getattr(config, name))
        elif name not in known.IDENTITY:
            yield Carried(f"config.{name}", *known.CONFIG.get(name, (Fate.DROPPED, known.UNKNOWN)))


def _inside(name: str, thing: Any) -> Iterator[Carried]:
    """A switch that everybody has on says something where it is off."""
    off = [each for each, usual in known.USUAL.items() if usual is True and getattr(thing, each, None) is False]
    for each in (*_set_in(thing), *off):
        if each not in known.OF_TOOLS:
            inner = f"{name}.{each}"
            yield Carried(f"config.{inner}", *known.INNER.get(inner, known.CONFIG[name]))


def _set_in(thing: Any) -> list[str]:
    """The names of the properties that say something."""
    names = [info.name for info in thing._GetPropertyList() if not info.name.startswith("dynamic")]
    return [name for name in names if not _is_unset(getattr(thing, name, None), name)]


def _is_unset(value: Any, name: str) -> bool:
    """Nothing, no, none, or what everybody has; also of everything that is in it."""
    if isinstance(value, list):
        return not value
    if hasattr(value, "_GetPropertyList"):
        return not _set_in(value)
    return value in _NOTHING or value == known.USUAL.get(name)


def _extra(options: Iterable[Any]) -> Iterator[Carried]:
    """Those that vSphere writes itself are counted, any other is named."""
    keys = dict.fromkeys(option.key for option in options)
    own = [key for key in keys if key.lower().startswith(_OF_VSPHERE)]
    yield from (Carried(f'config.extraConfig["{key}"]', *known.EXTRA) for key in keys if key not in own)
    if own:
        yield Carried(f"config.extraConfig, {len(own)} of vSphere's own", *known.EXTRA_OF_VSPHERE)


# ---- what vCenter knows of it --------------------------------------------------------------------------------------


def _around(around: Around) -> Iterator[Carried]:
    for word, kind, names in (
        ("tags", "tags", around.tags),
        ("custom-attributes", "customValue", around.attributes),
        ("permissions", "permissions", around.permissions),
    ):
        yield from (_like(f"{kind}[{name}]", word, around.words) for name in names)
    for what, why in around.unread.items():
        yield Carried(what, Fate.DROPPED, f"could not be read, see the old VM: {why}")
    for name in around.cluster:
        yield Carried(name, Fate.DROPPED, "it names the old VM: add the new one, in the cluster's configuration")
    yield from (Carried(f"alarm[{name}]", Fate.DROPPED, known.MEANS_IT) for name in around.alarms)
    for name in around.snapshots:
        yield Carried(f"snapshot[{name}]", Fate.NOT_POSSIBLE, "of the old VM's disks: it stays there")
    if around.evc:
        yield Carried("runtime.minRequiredEVCModeKey", Fate.CHANGED, "the new VM has the EVC mode of its cluster")
    if around.in_vapp:
        yield Carried("parentVApp", Fate.DROPPED, "the new VM is placed beside it: check the vApp's start order")
    if around.is_vcenter:
        yield Carried("storage policy", Fate.DROPPED, known.POLICY)
    yield Carried("id of the old VM", Fate.NOT_POSSIBLE, known.HAND_OVER)
