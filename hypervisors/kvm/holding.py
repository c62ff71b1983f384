"""Which domains have a NIC of one MAC: all of them, or an error."""

from collections.abc import Iterator

import libvirt

from hypervisors.kvm.faults import door, has_code
from hypervisors.kvm.reading import Definitions
from hypervisors.kvm.session import Session, definitions, none_if_missing, power_of, ref_of
from hypervisors.types import Holder, PowerState

_LOOKS = 3  # at a domain that goes and comes back while it is looked at

_Seen = tuple[Definitions, PowerState]


def holders(session: Session, mac: str) -> tuple[Holder, ...]:
    return tuple(found for domain in session.domains() for found in _holding(session, domain, mac.lower()))


def _holding(session: Session, domain: libvirt.virDomain, mac: str) -> Iterator[Holder]:
    with door(f"virtual machine {domain.name()}"):
        seen = _look(session, domain, _LOOKS)
    if seen is not None:
        both, power = seen
        for nic in both.nics():
            if nic.mac == mac:
                yield Holder(ref_of(domain), power, nic.link_up, nic.stored_link_up, nic.network)


def _look(session: Session, domain: libvirt.virDomain, looks: int) -> _Seen | None:
    """None if it is gone: libvirt says so, and its UUID is not found a second time either."""
    try:
        return definitions(domain), power_of(domain)  # in this order: what starts in between counts as running
    except libvirt.libvirtError as error:
        if not has_code(error, "NO_DOMAIN") or not looks:
            raise
    again = none_if_missing(session.connection.lookupByUUIDString, domain.UUIDString(), missing="NO_DOMAIN")
    return None if again is None else _look(session, again, looks - 1)
