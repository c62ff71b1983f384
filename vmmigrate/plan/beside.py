"""The question about one network for all: where on the live network the new VM is prepared, if it is prepared there."""

from ipaddress import IPv4Interface, ip_address

from hypervisors import GuestCommands
from vmmigrate.addressing import cidr_address
from vmmigrate.appliance.net.asking_for import who_has
from vmmigrate.errors import PlanRefused
from vmmigrate.model import Identity
from vmmigrate.plan import placement
from vmmigrate.plan.gateway import address, identity
from vmmigrate.plan.look import Look

_ANOTHER = "make a network without an uplink on this hypervisor, and name it with new.staging (docs/network.md)"
_GIVE = "give an IPv4 address of that subnet that nobody has, outside of what DHCP hands out, with new.staging_address"


def same_lan(look: Look) -> str:
    """The new VM's own address there, in CIDR form; "" where staging is a network of its own. Raises PlanRefused."""
    if look.of(placement.staging) is not None:
        return ""
    _refuse_without_agent(look)
    who = look.of(identity)
    given, subnet = look.settings.new.staging_address or "", subnet_of(who)
    refuse_unfit(given, who)
    _refuse_other_ways(look, who, subnet)
    if mac := who_has(look.doors.old.shell(look.of(address)), given):
        raise PlanRefused(f"{given} is taken: {mac}, as the old gateway sees it", hint=_GIVE)
    look.findings.note(
        "same-lan",
        f"the new VM is prepared on {who.network} itself, at {given}; its cable is plugged in once its guest agent has"
        " isolated it: the image must have one, which may run commands (guest-exec)",
    )
    return f"{given}/{subnet.network.prefixlen}"


def _refuse_without_agent(look: Look) -> None:
    if not isinstance(look.hypervisor, GuestCommands):
        raise PlanRefused(
            "this hypervisor runs no commands in a Linux guest: the new VM would answer on the live network before it"
            " is isolated",
            hint=_ANOTHER,
        )


def subnet_of(who: Identity) -> IPv4Interface:
    """Of the live address. Raises PlanRefused for one beside which nothing is prepared."""
    own = cidr_address(who.address)
    if who.addressing.vlan is not None or not isinstance(own, IPv4Interface):
        what = "is on a VLAN of the guest" if who.addressing.vlan is not None else "is of IPv6"
        raise PlanRefused(f"the live address {who.address} {what}: nothing is prepared beside that", hint=_ANOTHER)
    return own


def refuse_unfit(given: str, who: Identity) -> None:
    """Raises PlanRefused. Whether somebody has it is another question."""
    if not given:
        raise PlanRefused("no address is given for the new VM on the live network", hint=_GIVE)
    subnet = subnet_of(who)
    try:
        inside = ip_address(given) in subnet.network
    except ValueError:
        inside = False
    edges = (subnet.network.network_address, subnet.network.broadcast_address)
    if not inside or ip_address(given) in edges:
        raise PlanRefused(f"{given} is no address of a machine in {subnet.network}, the live network", hint=_GIVE)
    _refuse_known(given, who)


def _refuse_known(given: str, who: Identity) -> None:
    """Not the old gateway's, of which there may never be two; nor a router's or resolver's, if they are silent now."""
    own = {str(each.ip): "the old gateway's own" for each in who.addressing.addresses}
    routers = {str(route.via): "a router's" for route in who.addressing.routes if route.via}
    resolvers = {str(server): "a resolver's" for server in who.addressing.dns}
    if whose := {**resolvers, **routers, **own}.get(given):
        raise PlanRefused(f"{given} is {whose} address", hint=_GIVE)


def _refuse_other_ways(look: Look, who: Identity, subnet: IPv4Interface) -> None:
    """It lets in one address of this workstation's, by which it is reached before and after the switch."""
    settings = look.settings
    if settings.new.via != settings.old.via:
        raise PlanRefused(
            "the new VM on the live network must be reached as the old gateway is: new.via and old.via differ",
            hint="give both the same jump host, or none",
        )
    ours = settings.old.seen_as or look.doors.old.shell(look.of(address)).own_address()
    if not ours or ":" in ours:
        raise PlanRefused(
            f"this workstation's IPv4 address on the live network is not known{f' (it is {ours})' if ours else ''}",
            hint="give the one that the old gateway sees (echo $SSH_CONNECTION) with old.seen_as",
        )
    if ip_address(ours) not in subnet.network and who.addressing.router(4) is None:
        raise PlanRefused(
            f"this workstation, {ours}, is not on {subnet.network}, and the old gateway has no default route to it",
            hint=_ANOTHER,
        )
