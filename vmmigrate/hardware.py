"""The new VM's firmware and disk bus, who chose them, and what to change if it never boots."""

from collections.abc import Iterator
from dataclasses import dataclass

from hypervisors import Image, Inventory, OvfDescription
from vmmigrate.findings import Finding, warning
from vmmigrate.settings.sides import NewSettings

_GIB = 2**30


@dataclass(frozen=True)
class Hardware:
    """What is decided. `memory` in bytes; `disk_bus` None: as the old VM's."""

    vcpus: int
    memory: int
    firmware: str
    disk_bus: str | None


def decide(new: NewSettings, image: Image, old: Inventory) -> Hardware:
    """As the old VM, except for settings, and for the firmware for which the image was made."""
    of_image = image.ovf.firmware if image.ovf else ""
    return Hardware(
        vcpus=new.vcpus or old.vcpus,
        memory=new.memory_mib * 2**20 if new.memory_mib else old.memory,
        firmware=new.firmware or of_image or old.firmware,
        disk_bus=new.disk_bus,
    )


def doubts(decided: Hardware, asked: OvfDescription, old: Inventory) -> Iterator[Finding]:
    """The findings where image, old VM and decision differ."""
    if asked.firmware and {decided.firmware, old.firmware} != {asked.firmware}:
        seen = f"the image is made for {asked.firmware} firmware, the old VM has {old.firmware}"
        yield warning("firmware", seen, f"the new VM gets {decided.firmware}; if it does not boot, set new.firmware")
    if asked.vcpus > decided.vcpus or asked.memory > decided.memory:
        gets = _size(decided.vcpus, decided.memory)
        seen = f"the image asks for {_size(asked.vcpus, asked.memory)}, the new VM gets {gets}"
        yield warning("hardware", seen, "give it more with new.vcpus and new.memory_mib")


def _size(vcpus: int, memory: int) -> str:
    return f"{vcpus} vCPU and {memory / _GIB:.1f} GiB"


def guesses(new: NewSettings, image: Image, made: Inventory) -> str:
    """The guesses about the hardware of the VM that was `made`, as a sentence; '' if there were none."""
    of_image = image.ovf is not None and image.ovf.firmware
    bus = made.disks[0].bus if made.disks else "unknown"
    firmware = f"firmware {made.firmware} was guessed from {'the image' if of_image else 'the old VM'}"
    guessed = [] if new.firmware else [(firmware, "new.firmware")]
    guessed += [] if new.disk_bus else [(f"disk bus {bus} was guessed from the old VM", "new.disk_bus")]
    if not guessed:
        return ""
    words, settings = zip(*guessed, strict=True)
    return f"If it never booted: {', '.join(words)}: set {' or '.join(settings)}."
