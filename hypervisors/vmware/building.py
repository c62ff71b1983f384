"""What a new virtual machine shall be, as vSphere's specifications: for a bare disk, and its cards. Pure functions."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyVmomi import vim

from hypervisors.tag import Tag
from hypervisors.types import DeploySpec, NicSpec
from hypervisors.vmware import controllers, reading, tags

Change = vim.vm.device.VirtualDeviceSpec
_ADD = Change.Operation.add
_CONTROLLER_KEY, _DISK_KEY, _FIRST_NIC_KEY = -100, -101, -200
_CARDS = {
    "vmxnet3": vim.vm.device.VirtualVmxnet3,
    "e1000e": vim.vm.device.VirtualE1000e,
    "e1000": vim.vm.device.VirtualE1000,
    "pcnet32": vim.vm.device.VirtualPCNet32,
}


@dataclass(frozen=True)
class Like:
    """What the new one takes from the old one. `memory` in MiB; `card`: of the first NIC that is connected."""

    vcpus: int
    memory: int
    version: str
    guest_id: str
    firmware: str
    bus: str
    card: str
    cards: Mapping[str, str] = field(default_factory=dict)  # models by MAC


def like_of(found: reading.Properties) -> Like:
    """`found`: what reading.SHAPE names."""
    devices = found["config.hardware.device"]
    disks, nics = reading.disks_of(devices), reading.nics_of(devices, {}, running=False)
    connected = [nic for nic in nics if nic.stored_link_up]
    bus = disks[0].bus if disks else "pvscsi"
    return Like(
        vcpus=int(found["config.hardware.numCPU"]),
        memory=int(found["config.hardware.memoryMB"]),
        version=found.get("config.version", ""),
        guest_id=found.get("config.guestId", ""),
        firmware=found.get("config.firmware") or "bios",
        bus=bus if bus in controllers.KINDS else "scsi",
        card=next((nic.model for nic in (*connected, *nics) if nic.model in _CARDS), "vmxnet3"),
        cards={nic.mac: nic.model for nic in nics if nic.model in _CARDS},
    )


def bare(spec: DeploySpec, like: Like, backings: Sequence[Any]) -> vim.vm.ConfigSpec:
    """One disk of the image's size and the NICs of `spec`; `backings` in their order."""
    cards = _kinds(spec.nics, like)
    config = vim.vm.ConfigSpec(
        guestId=like.guest_id or "otherGuest64",
        files=vim.vm.FileInfo(vmPathName=f"[{spec.store}]"),
        deviceChange=[*_disk(spec, like), *cards_of(spec.nics, cards, backings)],
        version=like.version or None,
    )
    shape(config, spec, like, spec.firmware or like.firmware)
    return config


def _kinds(nics: Sequence[NicSpec], like: Like) -> list[type]:
    """Each as the old NIC that it replaces; one that replaces none as that, whose driver the guest has."""
    own = [like.cards.get((nic.mac or "").lower()) for nic in nics]
    others = next(filter(None, own), like.card)
    return [_CARDS[model or others] for model in own]


def shape(config: vim.vm.ConfigSpec, spec: DeploySpec, like: Like, firmware: str | None) -> None:
    """Name, size and our tag; what else there is stays."""
    config.name = reading.escaped(spec.name)
    _size(config, spec.vcpus or like.vcpus, (spec.memory >> 20) if spec.memory else like.memory)
    if firmware:
        config.firmware = firmware
    config.extraConfig = [*config.extraConfig, *tags.options(Tag(spec.run_id, complete=False))]


def _size(config: vim.vm.ConfigSpec, vcpus: int, memory: int) -> None:
    """`memory` in MiB. What an OVF's own size went with is refused by a vCenter if it does not fit the new one."""
    cpus, share = config.cpuAllocation, config.memoryAllocation
    if config.numCoresPerSocket and vcpus % config.numCoresPerSocket:
        config.numCoresPerSocket = 1
    if cpus and cpus.reservation and config.numCPUs and vcpus < config.numCPUs:
        cpus.reservation = cpus.reservation * vcpus // config.numCPUs
    if share and share.reservation:
        share.reservation = memory if config.memoryReservationLockedToMax else min(share.reservation, memory)
    config.numCPUs, config.memoryMB = vcpus, memory


def _disk(spec: DeploySpec, like: Like) -> Iterator[Any]:
    """The server chooses the file's name: another machine's folder may have ours."""
    yield Change(operation=_ADD, device=controllers.controller(spec.disk_bus or like.bus, _CONTROLLER_KEY))
    backing = vim.vm.device.VirtualDisk.FlatVer2BackingInfo(
        fileName=f"[{spec.store}]", diskMode="persistent", thinProvisioned=True
    )
    disk = vim.vm.device.VirtualDisk(
        key=_DISK_KEY,
        controllerKey=_CONTROLLER_KEY,
        unitNumber=0,
        capacityInKB=-(-spec.image.virtual_size // 1024),
        backing=backing,
    )
    yield Change(operation=_ADD, fileOperation=Change.FileOperation.create, device=disk)


def cards_of(nics: Sequence[NicSpec], kinds: Sequence[type], backings: Sequence[Any], below: int = 0) -> Iterable[Any]:
    """One for each; their keys are less than `below`."""
    first = min(_FIRST_NIC_KEY, below - 1)
    for number, (nic, kind, backing) in enumerate(zip(nics, kinds, backings, strict=True)):
        link = vim.vm.device.VirtualDevice.ConnectInfo(
            startConnected=nic.link_up, connected=nic.link_up, allowGuestControl=False
        )
        card = kind(
            key=first - number,
            backing=backing,
            connectable=link,
            addressType="manual" if nic.mac else "generated",
            macAddress=nic.mac,
        )
        yield Change(operation=_ADD, device=card)
