"""Give a domain that is off another name; its variable store and its volumes keep theirs."""

import re
from xml.etree import ElementTree as ET

import libvirt

from hypervisors import refusals
from hypervisors.errors import HypervisorError, NotSupported
from hypervisors.kvm.checking import without_nics
from hypervisors.kvm.elements import parsed, xml
from hypervisors.kvm.faults import door
from hypervisors.kvm.reading import keeps_variables
from hypervisors.kvm.session import Session
from hypervisors.types import VmRef

_IMPOSSIBLE = re.compile(r"[/\x00-\x1f\x7f]|^\.{0,2}$")  # it names files; libvirt itself takes a line break
_LONGEST = 200  # bytes: a file of that name and an ending, of 255
_ALL = libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE  # with a console's password
_STORE = re.compile(r"(?<![^\"'\s,=])[^\"'\s,=]+_VARS\.(?:fd|qcow2)")


def rehearse(session: Session, name: str) -> None:
    """Raises NameTaken, HypervisorError for one that is no name."""
    if _IMPOSSIBLE.search(name) or len(name.encode()) > _LONGEST:
        raise HypervisorError(
            f"libvirt cannot keep a virtual machine called {name!r}",
            hint=f"a name has no slash and at most {_LONGEST} bytes",
        )
    if session.named(name) is not None:
        raise refusals.name_taken(name)


def rename(session: Session, vm: VmRef, name: str) -> VmRef:
    """Nothing if it has that name. Raises NotSupported for one that is not off: libvirt refuses that."""
    domain = session.domain(vm)
    with door(f"name of {vm.name}"):
        if domain.name() != name:
            rehearse(session, name)
            _refuse_state(domain)
            _pin_store(session, domain)
            domain.rename(name, 0)
        return VmRef(vm.id, name)


def _refuse_state(domain: libvirt.virDomain) -> None:
    if domain.isActive():
        raise NotSupported(
            f"libvirt gives {domain.name()} no other name while it is on", hint="shut it down, then run this again"
        )
    if domain.hasManagedSaveImage(0):
        raise NotSupported(
            f"libvirt gives {domain.name()} no other name: its state is saved",
            hint=f"start it and shut it down, or drop that state: virsh managedsave-remove {domain.name()}",
        )


def _pin_store(session: Session, domain: libvirt.virDomain) -> None:
    """Write into the definition where its UEFI variables are.

    Where libvirt chose the place itself it goes by the name, and 9.0 shows it only in what it would run: the renamed
    machine would start with new variables, and the next one of the old name with these.
    """
    definition = parsed(domain.XMLDesc(_ALL))
    os_ = definition.find("os")
    if not keeps_variables(definition) or os_ is None or os_.find("nvram") is not None:
        return
    would_run = session.connection.domainXMLToNative("qemu-argv", xml(without_nics(definition)), 0)
    if path := _STORE.search(would_run):  # else it is firmware without variables
        ET.SubElement(os_, "nvram").text = path[0]
        session.connection.defineXML(xml(definition))
