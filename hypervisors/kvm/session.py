"""One libvirt connection: opened quietly, its domains looked up, their definitions parsed, tags checked."""

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import libvirt

from hypervisors import limits, refusals
from hypervisors.access import Access
from hypervisors.kvm import over_ssh, pulse, transports
from hypervisors.kvm.deadline import within
from hypervisors.kvm.elements import parsed
from hypervisors.kvm.faults import door, has_code, opening
from hypervisors.kvm.reading import Definitions
from hypervisors.kvm.tags import tag_of
from hypervisors.kvm.tunnel import Tunnel
from hypervisors.tag import Tag
from hypervisors.types import PowerState, VmRef

_UUID = re.compile(r"[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}", re.IGNORECASE)
_CONNECTING = limits.LIBVIRT_CONNECTING.most
_STATES = {
    libvirt.VIR_DOMAIN_RUNNING: PowerState.RUNNING,
    libvirt.VIR_DOMAIN_BLOCKED: PowerState.RUNNING,
    libvirt.VIR_DOMAIN_SHUTDOWN: PowerState.RUNNING,  # on its way down, not there yet
    libvirt.VIR_DOMAIN_SHUTOFF: PowerState.OFF,
}


@dataclass(frozen=True)
class Session:
    """`local`: the daemon is said to be on this machine. `tunnel`: leads to it elsewhere, in place of libvirt's ssh.

    `stall`: seconds for which an upload may stand still.
    """

    connection: libvirt.virConnect
    local: bool
    stall: float
    tunnel: Tunnel | None = None

    def close(self) -> None:
        """A dead connection is closed too: its ssh may wait for a host that hangs."""
        try:
            self.connection.close()
        finally:
            if self.tunnel:
                self.tunnel.close()

    def find(self, name_or_id: str) -> VmRef:
        """Raises NotFound, and says what there is."""
        found = self.named(name_or_id)
        if found is None and _UUID.fullmatch(name_or_id):
            found = self.domain_or_none(VmRef(name_or_id, name_or_id))
        if found is None:
            raise refusals.missing("virtual machine", name_or_id, (domain.name() for domain in self.domains()))
        return ref_of(found)

    def domain(self, vm: VmRef) -> libvirt.virDomain:
        """Raises NotFound."""
        found = self.domain_or_none(vm)
        if found is None:
            raise refusals.gone(vm, hint="see: virsh list --all")
        return found

    def domain_or_none(self, vm: VmRef) -> libvirt.virDomain | None:
        with door(f"virtual machine {vm.name}"):
            return none_if_missing(self.connection.lookupByUUIDString, vm.id, missing="NO_DOMAIN")

    def named(self, name: str) -> libvirt.virDomain | None:
        with door(f"virtual machine {name}"):
            return none_if_missing(self.connection.lookupByName, name, missing="NO_DOMAIN")

    def domains(self) -> list[libvirt.virDomain]:
        with door("the list of virtual machines"):
            return list(self.connection.listAllDomains(0))


def open_session(url: str, access: Access) -> Session:
    """Raises NotSupported, Unreachable, LoginRefused, TrustRefused."""
    libvirt.registerErrorHandler(_say_nothing, None)  # else libvirt prints what the exceptions contain
    parts = transports.checked(url)
    transport = transports.scheme_of(parts)[1]
    if transport == "ssh":
        return over_ssh.opened(parts, access.ssh, lambda through, way: _open(through, url, access.stall, way))
    transports.refuse_ssh_settings(url, access.ssh)
    return _open(url, url, access.stall)


def _open(address: str, url: str, stall: float, tunnel: Tunnel | None = None) -> Session:
    """`url`: what the operator named; `address`: where libvirt connects to."""
    with opening(url):
        if urlsplit(url).scheme == "test":  # in this process
            return Session(libvirt.open(address), local=False, stall=stall)
        pulse.start_pulse()
        connection = within(_CONNECTING, f"connection to {url}", lambda: libvirt.open(address))
        pulse.watch(connection)
        return Session(connection, _is_local(url), stall, tunnel)


def _is_local(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("qemu", "qemu+unix") and not parts.hostname


def _say_nothing(context: object, error: object) -> None:
    """libvirt's error handler."""


def none_if_missing(lookup: Callable[..., Any], *arguments: Any, missing: str) -> Any:
    """What the look-up finds, None if libvirt says `missing`."""
    try:
        return lookup(*arguments)
    except libvirt.libvirtError as error:
        if has_code(error, missing):
            return None
        raise


def ref_of(domain: libvirt.virDomain) -> VmRef:
    return VmRef(domain.UUIDString(), domain.name())


def power_of(domain: libvirt.virDomain) -> PowerState:
    state, _ = domain.state()
    return _STATES.get(state, PowerState.OTHER)


def stored(domain: libvirt.virDomain) -> ET.Element:
    return parsed(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))


def running(domain: libvirt.virDomain) -> ET.Element | None:
    """None if it does not run."""
    return parsed(domain.XMLDesc(0)) if domain.isActive() else None


def definitions(domain: libvirt.virDomain) -> Definitions:
    return Definitions(stored(domain), running(domain))


def tag_on(domain: libvirt.virDomain) -> Tag | None:
    return tag_of(stored(domain))


def require_ours(domain: libvirt.virDomain, run_id: str) -> None:
    """Raises NotOurs."""
    tag = tag_on(domain)
    if tag is not None and tag.is_of(run_id, domain.UUIDString()):
        return
    removal = f"virsh undefine --nvram {shlex.quote(domain.name())}"
    raise refusals.not_ours(ref_of(domain), tag, run_id, removal=removal)
