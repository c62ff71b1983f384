"""What becomes of all that an old machine is and has, in the one that is made like it."""

from collections.abc import Iterator

from hypervisors.carried import Carried, Fate
from hypervisors.hyperv import notes, reading
from hypervisors.hyperv.reading import Facts
from hypervisors.types import DeploySpec

_UEFI = "MicrosoftUEFICertificateAuthority"  # the template that Linux' shim is signed for
_STAYS = "it stays with the old VM"


def template_of(firmware: Facts) -> str:
    """The old one's; the one for Linux where it says nothing."""
    return reading.of(firmware, "template", str) or _UEFI


def carried(old: Facts, spec: DeploySpec) -> tuple[Carried, ...]:
    """Complete for what the scripts read; what else a machine may have is one line at the end."""
    return (*_hardware(old, spec), *_nics(old, spec), *_storage(old), *_surroundings(old))


def _hardware(old: Facts, spec: DeploySpec) -> Iterator[Carried]:
    generation = reading.of(old, "generation", int)
    wanted = {"bios": 1, "efi": 2}.get(spec.firmware or "", generation)
    yield _either("Generation", generation, wanted)
    yield _either("ProcessorCount", reading.of(old, "processors", int), spec.vcpus)
    yield _either("MemoryStartup", reading.of(old, "memory", int), spec.memory)
    for what in ("DynamicMemoryEnabled", "AutomaticStopAction", "CheckpointType", "VMProcessor"):
        yield Carried(what, Fate.KEPT)
    if wanted == generation == 2:
        yield Carried("SecureBoot", Fate.KEPT)
    elif wanted == 2:
        yield Carried("SecureBoot", Fate.CHANGED, "off: a machine of generation 1 has none")
    yield Carried("Version", Fate.CHANGED, "the newest that this host has")


def _either(what: str, old: int, new: int | None) -> Carried:
    return Carried(what, Fate.KEPT) if new in (None, old) else Carried(what, Fate.CHANGED, f"{old} → {new}")


def _nics(old: Facts, spec: DeploySpec) -> Iterator[Carried]:
    kept = {nic.mac.lower() for nic in spec.nics if nic.mac}
    for nic in reading.nics_of(reading.of(old, "machine", dict)):
        what = f"NetworkAdapter[{nic.mac}]"
        if nic.mac not in kept:
            yield Carried(what, Fate.DROPPED, _STAYS)
        elif nic.model == "legacy":
            yield Carried(what, Fate.CHANGED, "legacy → synthetic: its MAC, switch, VLAN and spoofing are kept")
        else:
            yield Carried(what, Fate.CHANGED, "MAC, switch, VLAN and spoofing are kept; guards, ACLs, QoS are not")


def _storage(old: Facts) -> Iterator[Carried]:
    for number, disk in enumerate(reading.each(old, "disks")):
        what = f"HardDiskDrive[{reading.disk_of(disk, '').target}]"
        yield Carried(what, *((Fate.CHANGED, "the image's") if not number else (Fate.DROPPED, _STAYS)))
    if reading.of(old, "dvd_drives", int):
        yield Carried("DvdDrive", Fate.DROPPED, "the new one has none")
    if reading.of(old, "has_checkpoints", bool):
        yield Carried("VMSnapshot", Fate.DROPPED, "its checkpoints stay with the old VM")


def _surroundings(old: Facts) -> Iterator[Carried]:
    machine = reading.of(old, "machine", dict)
    if notes.text_of(reading.of(machine, "notes", str)):
        yield Carried("Notes", Fate.DROPPED, "they stay with the old VM")
    if reading.of(old, "start_action", str) != "Nothing":
        yield Carried("AutomaticStartAction", Fate.CHANGED, "handed over at the switch")
    if reading.of(machine, "replication", str) not in ("", "Disabled"):
        yield Carried("ReplicationState", Fate.DROPPED, "set it up again for the new one")
    off = [one for one in reading.each(old, "services") if not reading.of(one, "enabled", bool)]
    if off:
        yield Carried("VMIntegrationService", Fate.CHANGED, f"{len(off)} that are off in the old one are on in the new")
    yield Carried(
        "VMSecurity, VMComPort, VMVideo, resource pools, metering",
        Fate.DROPPED,
        "not read: see Get-VMSecurity, Get-VMComPort for what the old one has of them",
    )
