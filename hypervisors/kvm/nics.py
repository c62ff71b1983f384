"""Change one NIC in the running and in the stored definition, each looked at first."""

from collections.abc import Callable
from dataclasses import dataclass
from xml.etree import ElementTree as ET

import libvirt

from hypervisors.errors import Ambiguous, NotFound
from hypervisors.kvm.elements import xml
from hypervisors.kvm.faults import has_code
from hypervisors.kvm.interfaces import relinked
from hypervisors.kvm.reading import interface_with, interfaces_with, is_plugged_into, link_up
from hypervisors.kvm.session import running, stored
from hypervisors.types import Network
from hypervisors.waiting import NotYet, wait_for

_UNPLUG_SECONDS = 20.0


@dataclass(frozen=True)
class _Side:
    """One of the two definitions of a domain."""

    read: Callable[[libvirt.virDomain], ET.Element | None]
    flag: int

    def interface(self, domain: libvirt.virDomain, mac: str) -> ET.Element | None:
        definition = self.read(domain)
        return None if definition is None else interface_with(definition, mac)

    def number(self, domain: libvirt.virDomain, mac: str) -> int:
        definition = self.read(domain)
        return 0 if definition is None else len(interfaces_with(definition, mac))


_STORED = _Side(stored, libvirt.VIR_DOMAIN_AFFECT_CONFIG)
_RUNNING = _Side(running, libvirt.VIR_DOMAIN_AFFECT_LIVE)


def set_nic(domain: libvirt.virDomain, mac: str, up: bool | None, network: Network | None) -> None:
    """Down: stored first; up: running first, so that a crash never leaves a link up. Raises NotFound, Ambiguous."""
    _require(domain, mac)
    for side in (_RUNNING, _STORED) if up else (_STORED, _RUNNING):
        if side is _STORED and not domain.isPersistent():
            continue
        interface = side.interface(domain, mac)
        if interface is not None and not _is_so(interface, up, network):
            domain.updateDeviceFlags(xml(relinked(interface, up, network)), side.flag)


def _require(domain: libvirt.virDomain, mac: str) -> None:
    number = max(side.number(domain, mac) for side in (_STORED, _RUNNING))
    if number == 1:
        return
    hint = f"see its NICs: virsh domiflist {domain.name()}"
    if number:
        raise Ambiguous(f"{domain.name()} has {number} NICs of the MAC {mac}", hint=f"change one; {hint}")
    raise NotFound(f"{domain.name()} has no NIC {mac}", hint=hint)


def _is_so(interface: ET.Element, up: bool | None, network: Network | None) -> bool:
    if network is not None and not is_plugged_into(interface, network):
        return False
    return up is None or link_up(interface) == up


def remove_nic(domain: libvirt.virDomain, mac: str) -> None:
    """Stored definition first, so that it is gone for good whatever the guest does. Raises TimedOut."""
    interface = _STORED.interface(domain, mac)
    if interface is not None:
        domain.detachDeviceFlags(xml(interface), _STORED.flag)
    interface = _RUNNING.interface(domain, mac)
    if interface is not None:
        _unplug(domain, mac, interface)


def _unplug(domain: libvirt.virDomain, mac: str, interface: ET.Element) -> None:
    """The guest must release the device; one that is not booted never does."""
    try:
        domain.detachDeviceFlags(xml(interface), _RUNNING.flag)
    except libvirt.libvirtError as error:
        # asked for already, or the guest is slow: whether it goes is seen below
        if not has_code(error, "OPERATION_FAILED", "OPERATION_TIMEOUT", "INTERNAL_ERROR", "DEVICE_MISSING"):
            raise
    wait_for(
        f"the guest of {domain.name()} to let go of NIC {mac}",
        lambda: _look_gone(domain, mac),
        timeout=_UNPLUG_SECONDS,
        clears="the stored definition is without it: it goes when the virtual machine is next switched off",
    )


def _look_gone(domain: libvirt.virDomain, mac: str) -> None:
    if _RUNNING.interface(domain, mac) is not None:
        raise NotYet("still plugged in")
