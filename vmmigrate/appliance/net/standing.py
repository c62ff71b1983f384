"""What the interface with the live address stands on: the NIC of the virtual machine, and a VLAN if there is one."""

from dataclasses import dataclass

from vmmigrate.appliance.net.guest import GuestNetwork, Interface
from vmmigrate.errors import ApplianceError

_OF_PORTS = ("bridge", "bond", "team")
_BY_HAND = "give the new guest its network by hand after the migration, or give the old one a plain address first"


@dataclass(frozen=True)
class Standing:
    """`ends`: what frames go out of: NICs of the virtual machine, and of a bridge also cards of containers.

    `vlan`: their tag. `between`: bridges and bonds in between.
    """

    ends: tuple[Interface, ...]
    vlan: int | None = None
    between: tuple[Interface, ...] = ()


def standing(network: GuestNetwork, top: Interface) -> Standing:
    """Raises ApplianceError where a new guest could not have the same: two VLANs, a tunnel, an unknown kind."""
    if top.kind == "vlan":
        return _of_vlan(network, top)
    if top.kind in _OF_PORTS:
        return _of_ports(network, top)
    if top.kind != "" or top.below is not None:
        raise ApplianceError(
            f"the live address is on {top.name}, {_in_words(top)}: the new guest cannot be given the same",
            hint=_BY_HAND,
        )
    _refuse_vrf(network, top)
    return Standing((top,))


def _refuse_vrf(network: GuestNetwork, top: Interface) -> None:
    """Its routes are in a table of their own, which is not read."""
    over = network.named(top.part_of or "")
    if over is not None and over.kind == "vrf":
        raise ApplianceError(
            f"the live address is on {top.name}, which is in the VRF {over.name}: its routes are not carried",
            hint=_BY_HAND,
        )


def _of_vlan(network: GuestNetwork, top: Interface) -> Standing:
    below = network.named(top.below or "")
    inner = standing(network, below) if below else None
    if inner is None or inner.vlan is not None or top.vlan is None or top.vlan_protocol != "802.1Q":
        raise ApplianceError(
            f"the live address is on {top.name}, a VLAN that stands on {top.below or 'something unknown'}"
            f" ({top.vlan_protocol}): the new guest cannot be given the same",
            hint=_BY_HAND,
        )
    if not 1 <= top.vlan <= 4094:
        raise ApplianceError(
            f"the live address is on {top.name}, whose number is {top.vlan}: that is no VLAN, only a priority",
            hint=_BY_HAND,
        )
    return Standing(inner.ends, top.vlan, inner.between)


def _of_ports(network: GuestNetwork, top: Interface) -> Standing:
    """Of a bridge also a VLAN may be a port; a tap device or the like is an end."""
    ports = [each for each in network.interfaces if each.part_of == top.name]
    below = [standing(network, port) if port.kind in ("vlan", *_OF_PORTS) else Standing((port,)) for port in ports]
    if not below:
        raise ApplianceError(f"the live address is on the {top.kind} {top.name}, which has no port", hint=_BY_HAND)
    return Standing(
        tuple(end for each in below for end in each.ends),
        next((each.vlan for each in below if each.vlan), None),
        (top, *(one for each in below for one in each.between)),
    )


def _in_words(top: Interface) -> str:
    if top.kind is None:
        return f"of which only is known that it stands on {top.below}"
    return f"a {top.kind}" if top.kind else f"which stands on {top.below}"
