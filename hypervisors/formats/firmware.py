"""The firmware that an OVF asks for, in VMware's, VirtualBox's and oVirt's words. Pure."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from hypervisors.formats.elements import attribute, child, children, descendants, text

_NAMES = {"bios": "bios", "efi": "efi", "uefi": "efi"}  # the last one in files that are written by hand
_OVIRT = {"1": "bios", "2": "bios", "3": "efi", "4": "efi"}  # BiosType; 0: as the cluster has it


def read_firmware(system: Element, configuration: str) -> str:
    """'bios' or 'efi' in the deployment option `configuration`, '' if the descriptor does not say."""
    return next((found for found in _said(system, configuration) if found), "")


def _said(system: Element, configuration: str) -> Iterator[str]:
    section = child(system, "VirtualHardwareSection")
    every = [] if section is None else [*children(section, "Config"), *children(section, "ExtraConfig")]
    for config in sorted(every, key=lambda each: not attribute(each, "configuration")):  # an option's own goes first
        options = attribute(config, "configuration").split()
        if attribute(config, "key") == "firmware" and (not options or configuration in options):
            yield _NAMES.get(attribute(config, "value").lower(), "")
    for machine in children(system, "Machine"):
        yield _virtualbox(machine)
    yield _OVIRT.get(text(system, "BiosType"), "")


def _virtualbox(machine: Element) -> str:
    """BIOS, or one of EFI, EFI32, EFI64, EFIDUAL. VirtualBox writes nothing of a BIOS, which is the usual one."""
    kinds = [attribute(each, "type").lower() for each in descendants(machine, "Firmware")]
    if not kinds:
        return "bios" if children(machine, "Hardware") else ""
    return "efi" if kinds[0].startswith("efi") else "bios" if kinds[0] == "bios" else ""
