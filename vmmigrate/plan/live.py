"""Which of the old guest's interfaces faces the world, and which NIC of the virtual machine that is."""

from dataclasses import dataclass

from hypervisors import Inventory, Nic
from vmmigrate.addressing import CidrAddress
from vmmigrate.appliance.net.carrying import Carry, carry
from vmmigrate.appliance.net.guest import GuestNetwork, Interface
from vmmigrate.appliance.net.standing import Standing, standing
from vmmigrate.errors import ApplianceError, PlanRefused

_SETTING = "choose it with old.live_nic, by its name in the guest or its MAC"


@dataclass(frozen=True)
class Live:
    """`top` has the address `first`; frames go out of `nic`."""

    top: Interface
    first: CidrAddress
    stands: Standing
    nic: Nic

    def carry(self, guest: GuestNetwork) -> Carry:
        """Raises PlanRefused for what no new guest can be given."""
        try:
            return carry(guest, self.top, self.stands, self.first)
        except ValueError as error:
            raise PlanRefused(
                f"{self.top.name} of the old guest has {error}: the new guest cannot be given the same",
                hint=f"change that in the old guest first, or {_SETTING}: {_choices(guest)}",
            ) from error


def find(guest: GuestNetwork, host: str, inventory: Inventory, named: str | None = None) -> Live:
    """`named`: by the operator, a MAC or a name; else the one with the address `host`. Raises PlanRefused."""
    top = _named(guest, named, host) if named else _with_address(guest, host)
    stands = standing(guest, top)
    nic = _nic(top, stands, inventory)
    if named is None:
        _refuse_beside_the_way_out(guest, top, host, inventory)
    own = next((each for each in top.addresses if str(each.ip) == host), None)
    lasting = _best(guest, top)
    found = Live(top, own or lasting, stands, nic)
    found.carry(guest)
    return found


def _with_address(guest: GuestNetwork, host: str) -> Interface:
    for interface in guest.interfaces:
        if any(str(each.ip) == host for each in interface.addresses):
            return interface
    pairs = [f"{address} on {each.name}" for each in guest.interfaces for address in each.addresses]
    raise PlanRefused(
        f"no interface of the old guest has the address {host}; it has: {', '.join(pairs) or 'none'}",
        hint="give the one that receives mail, with old.address or --old-address; if the guest is behind NAT, its own"
        " one, which this workstation must reach",
    )


def _named(guest: GuestNetwork, named: str, host: str) -> Interface:
    """Of a MAC that a NIC and what stands on it have, the one with the address, else the one with the way out."""
    found = [each for each in guest.interfaces if named == each.name]
    found = found or [each for each in guest.interfaces if named.lower() == each.mac]
    with_address = [each for each in found if each.addresses]
    for each in with_address:
        if any(str(address.ip) == host for address in each.addresses):
            return each
    ways_out = [each for each in with_address if each.name in _ways_out(guest)] or with_address
    if len(ways_out) == 1:
        return ways_out[0]
    if found and not with_address:
        raise PlanRefused(f"{named} of the old guest has no address", hint=f"{_SETTING}: {_choices(guest)}")
    raise PlanRefused(
        f"{'several interfaces' if found else 'no interface'} of the old guest can be meant by {named}",
        hint=f"{_SETTING}: {_choices(guest)}",
    )


def to_choose(guest: GuestNetwork, host: str, inventory: Inventory) -> list[Interface]:
    """Those of which a plan wants one named, with the way out first; none where it is known. Raises PlanRefused."""
    top, ways_out = _with_address(guest, host), _ways_out(guest)
    beside = [nic.mac for nic in inventory.nics if nic.mac != top.mac and (nic.link_up or nic.stored_link_up)]
    if not _beside_the_way_out(guest, top, inventory) and not any(facing_the_world(guest, mac) for mac in beside):
        return []
    having = [each for each in guest.interfaces if each.addresses and _is_of_vm(guest, each, inventory)]
    return sorted(having, key=lambda each: each.name not in ways_out)


def _beside_the_way_out(guest: GuestNetwork, top: Interface, inventory: Inventory) -> list[Interface]:
    """The ways out, where `top` is none: the address at which we come in may be one for administrators alone."""
    ways_out = _ways_out(guest)
    others = [each for each in guest.interfaces if each.name in ways_out and _is_of_vm(guest, each, inventory)]
    return [] if top.name in ways_out else others


def _refuse_beside_the_way_out(guest: GuestNetwork, top: Interface, host: str, inventory: Inventory) -> None:
    others = _beside_the_way_out(guest, top, inventory)
    if others:
        raise PlanRefused(
            f"{host} is on {top.name}, but the way out is over {', '.join(each.name for each in others)}: which of them"
            " faces the world is not known",
            hint=f"{_SETTING}: {_choices(guest)}",
        )


def facing_the_world(guest: GuestNetwork, mac: str) -> str:
    """Why the world may come in over the NIC of that MAC, or over a VLAN on it; '' where nothing shows that."""
    found = [each for each in guest.interfaces if each.mac == mac]
    public = [str(address.ip) for each in found for address in each.addresses if address.ip.is_global]
    if public:
        return f"it has {', '.join(public)}"
    ways_out = sorted({each.name for each in found} & _ways_out(guest))
    return f"a default route leads over it ({', '.join(ways_out)})" if ways_out else ""


def _ways_out(guest: GuestNetwork) -> set[str]:
    """Interfaces with a default route, of whichever family."""
    hops = (hop for route in guest.routes if route.is_default for hop in route.hops)
    return {hop.interface for hop in hops if hop.interface}


def _is_of_vm(guest: GuestNetwork, top: Interface, inventory: Inventory) -> bool:
    try:
        return bool(_nics(standing(guest, top), inventory))
    except ApplianceError:
        return False


def _choices(guest: GuestNetwork) -> str:
    having = [each for each in guest.interfaces if each.addresses]
    return "; ".join(f"{each.name} ({each.mac}) with {', '.join(map(str, each.addresses))}" for each in having)


def _best(guest: GuestNetwork, top: Interface) -> CidrAddress:
    """The first one, IPv4 before IPv6, but what was leased or made up for a day only where there is no other."""
    lasting = [held.cidr for held in top.held if not held.temporary]
    if not lasting:
        raise PlanRefused(f"{top.name} of the old guest has no lasting address", hint=f"{_SETTING}: {_choices(guest)}")
    return lasting[0]


def _nics(stands: Standing, inventory: Inventory) -> list[Nic]:
    macs = {end.mac for end in stands.ends}
    return [nic for nic in inventory.nics if nic.mac in macs]


def _nic(top: Interface, stands: Standing, inventory: Inventory) -> Nic:
    found = _nics(stands, inventory)
    if not found:
        known = ", ".join(nic.mac for nic in inventory.nics) or "none"
        raise PlanRefused(
            f"the guest's MAC {stands.ends[0].mac} is not one of {inventory.vm.name}'s ({known})",
            hint="another machine answers at old.address: give this virtual machine's own, or name the other as OLD",
        )
    connected = [nic for nic in found if nic.link_up or nic.stored_link_up]
    if len(connected) > 1:
        raise PlanRefused(
            f"{top.name} of the old guest joins {len(connected)} connected NICs"
            f" ({', '.join(nic.mac for nic in connected)}): the old VM would stay live on all but one",
            hint="disconnect all of them but one, now and for the next start",
        )
    return (connected or found)[0]
