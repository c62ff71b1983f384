"""Snapshots of a domain: listed, made, gone back to, removed; inside its own qcow2 disks, with its memory.

Why internal ones with the memory: of a running domain libvirt makes either those or external ones of its disks alone,
and before 9.9 it goes back to no external one (https://libvirt.org/formatsnapshot.html). A guest that goes on in its
memory also goes on where it stood: going back once more loses nothing, as nothing was begun there meanwhile.
"""

import re
from collections.abc import Callable
from xml.etree import ElementTree as ET

import libvirt

from hypervisors import limits, refusals
from hypervisors.kvm import reading
from hypervisors.kvm.deadline import within
from hypervisors.kvm.elements import parsed, xml
from hypervisors.kvm.faults import door
from hypervisors.kvm.session import none_if_missing, power_of, stored
from hypervisors.types import PowerState, Snapshot, VmRef

_TIME = re.compile(r"[0-9]{1,12}")  # in Unix seconds


def snapshots(domain: libvirt.virDomain) -> tuple[Snapshot, ...]:
    """Parents first."""
    return tuple(_snapshot(parsed(one.getXMLDesc(0))) for one in _listed(domain))


def fault(domain: libvirt.virDomain) -> str:
    """Why none could be made, '' where nothing is known against it. QEMU's own refusals come with the attempt."""
    definition = stored(domain)
    if power_of(domain) is PowerState.OTHER:
        return "it is neither running nor off"
    if reading.keeps_variables(definition) and reading.attribute(definition, "os/nvram", "format") != "qcow2":
        return "the variables of its UEFI firmware are in a flash image that keeps none"
    others = [disk for disk in reading.disks_of(definition) if not _is_qcow2(disk)]
    if others:
        named = ", ".join(reading.attribute(disk, "target", "dev") for disk in others)
        return f"{named} is no qcow2, and no other format keeps a snapshot in itself"
    if definition.find("devices/hostdev") is not None:
        return "a device of the host is handed to it, whose state cannot be kept"
    return ""


def make(domain: libvirt.virDomain, vm: VmRef, name: str, description: str) -> None:
    """Nothing if it has one of that name. Raises NotSupported."""
    if _named(domain, name) is not None:
        return
    if why := fault(domain):
        raise refusals.no_snapshot(vm, why)
    root = ET.Element("domainsnapshot")
    ET.SubElement(root, "name").text = name
    ET.SubElement(root, "description").text = description
    _long(vm, name, lambda: domain.snapshotCreateXML(xml(root), 0))


def revert(domain: libvirt.virDomain, vm: VmRef, name: str) -> None:
    """Raises NotFound."""
    snapshot = _named(domain, name)
    if snapshot is None:
        raise refusals.missing("snapshot", name, (one.name for one in snapshots(domain)), where=f" of {vm.name}")
    _long(vm, name, lambda: domain.revertToSnapshot(snapshot, 0))


def remove(domain: libvirt.virDomain, vm: VmRef, name: str) -> None:
    """Nothing if it has none of that name."""
    snapshot = _named(domain, name)
    if snapshot is not None:
        _long(vm, name, lambda: none_if_missing(snapshot.delete, 0, missing="NO_DOMAIN_SNAPSHOT"))


def _long(vm: VmRef, name: str, act: Callable[[], object]) -> None:
    """It writes or reads the whole memory."""
    what = f"snapshot {name} of {vm.name}"

    def behind_the_door() -> None:
        with door(what):
            act()

    within(limits.SNAPSHOT.most, what, behind_the_door)


def _named(domain: libvirt.virDomain, name: str) -> libvirt.virDomainSnapshot | None:
    with door(f"snapshots of {domain.name()}"):
        return none_if_missing(domain.snapshotLookupByName, name, 0, missing="NO_DOMAIN_SNAPSHOT")


def _listed(domain: libvirt.virDomain) -> list[libvirt.virDomainSnapshot]:
    return list(domain.listAllSnapshots(libvirt.VIR_DOMAIN_SNAPSHOT_LIST_TOPOLOGICAL))


def _snapshot(described: ET.Element) -> Snapshot:
    """`state` is the domain's at that moment."""
    made = reading.text_of(described, "creationTime")
    taken = float(made) if _TIME.fullmatch(made) else 0.0
    name, state = (reading.text_of(described, tag) for tag in ("name", "state"))
    return Snapshot(name, taken, reading.text_of(described, "description"), memory=state in ("running", "paused"))


def _is_qcow2(disk: ET.Element) -> bool:
    return reading.attribute(disk, "driver", "type") == "qcow2" or disk.find("readonly") is not None
