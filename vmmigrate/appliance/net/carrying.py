"""What a new guest's live NIC gets of the old one's network, and what becomes of each thing that it does not get."""

from collections.abc import Iterator
from dataclasses import dataclass

from hypervisors import Carried, Fate
from vmmigrate.addressing import USUAL_MTU, Addressing, CidrAddress, Route
from vmmigrate.appliance.net.guest import GuestNetwork, Held, Hop, Interface, KernelRoute
from vmmigrate.appliance.net.standing import Standing

_HOSTS_SHOWN = 8  # lines of a plan, which is a screen
_BY_ITSELF = {"kernel", "ra", "redirect"}  # what a guest finds out without being configured
_DAEMONS = {"bird", "bgp", "ospf", "isis", "rip", "eigrp", "zebra", "babel", "openr", "keepalived", "mrouted", "xorp"}


@dataclass(frozen=True)
class Carry:
    """`lines`: one for each thing, also for what is kept."""

    addressing: Addressing
    lines: tuple[Carried, ...]


def carry(network: GuestNetwork, top: Interface, stands: Standing, first: CidrAddress) -> Carry:
    """Of the interface `top`, known to the world by its address `first`."""
    held = sorted(top.held, key=lambda each: each.cidr != first)
    kept = tuple(each for each in held if not each.temporary)
    addresses = tuple(each.cidr for each in kept)
    routes = tuple(_routes(network, top, kept))
    families = {each.version for each in addresses}
    wanted = Addressing(
        addresses,
        routes,
        tuple(server for server in network.resolvers.servers if server.version in families),
        network.resolvers.search,
        top.mtu if top.mtu not in (None, USUAL_MTU) else None,
        stands.vlan,
        6 in families and _is_advertised(network, top),
    )
    return Carry(wanted, (*map(_kept, wanted.lines()), *_otherwise(network, top, stands, wanted)))


def _kept(line: str) -> Carried:
    return Carried(f"guest/{line}", Fate.KEPT)


def _line(what: str, fate: Fate, why: str) -> Carried:
    return Carried(f"guest/{what}", fate, why)


# ---- routes ----------------------------------------------------------------------------------------------------


def _routes(network: GuestNetwork, top: Interface, kept: tuple[Held, ...]) -> Iterator[Route]:
    """One default route for each family, the one that the kernel prefers here; and all others to elsewhere."""
    peers = tuple(Route(each.peer) for each in kept if each.peer is not None)
    yield from peers
    ours = Addressing(tuple(each.cidr for each in kept))
    for version in sorted({each.cidr.version for each in kept}):
        defaults = [each for each in network.routes if each.is_default and each.to.version == version]
        best = min((each for each in defaults if _is_ours(each, top)), key=lambda each: each.metric, default=None)
        others = [each for each in network.routes if not each.is_default and each.to.version == version]
        yield from (_route(each, top, ours) for each in (best, *others) if each and _is_ours(each, top))


def _is_ours(route: KernelRoute, top: Interface) -> bool:
    """Whether it is configured, leads over that interface, and can be written."""
    return route.kind == "unicast" and route.protocol not in _BY_ITSELF | _DAEMONS and _over(route, top)


def _is_advertised(network: GuestNetwork, top: Interface) -> bool:
    return any(each.protocol == "ra" and _over(each, top) for each in network.routes)


def _over(route: KernelRoute, top: Interface) -> bool:
    return _hop(route, top) is not None


def _hop(route: KernelRoute, top: Interface) -> Hop | None:
    """The first next hop over it; of another family it cannot be written by every network stack."""
    hops = (hop for hop in route.hops if hop.interface == top.name)
    return next((hop for hop in hops if hop.via is None or hop.via.version == route.to.version), None)


def _route(route: KernelRoute, top: Interface, ours: Addressing) -> Route:
    hop = _hop(route, top)
    via = hop.via if hop else None
    source = route.source if any(route.source == each.ip for each in ours.addresses) else None
    metric = route.metric or None if not route.is_default else None
    plain = Route(route.to, via, source=source, metric=metric)
    on_link = bool(hop and hop.on_link and ours.is_outside(plain)) or ours.is_outside(plain)
    return Route(route.to, via, on_link, source, metric)


# ---- what is said ----------------------------------------------------------------------------------------------


def _otherwise(network: GuestNetwork, top: Interface, stands: Standing, wanted: Addressing) -> Iterator[Carried]:
    yield from _about_devices(stands)
    yield from _about_addresses(top)
    if wanted.advertised:
        why = "a new guest with netplan or NetworkManager may give itself one more, by its MAC"
        yield _line("addresses by router advertisements", Fate.CHANGED, why)
    yield from _about_routes(network, top, wanted)
    for rule in network.rules:
        yield _line(f"routing rule {rule}", Fate.DROPPED, "policy routing is not copied: add it in the new guest")
    yield from _about_resolvers(network, wanted)
    yield from _about_others(network, top)


def _about_devices(stands: Standing) -> Iterator[Carried]:
    for each in stands.between:
        yield _line(f"{each.kind} {each.name}", Fate.CHANGED, "what it has goes to the live NIC itself")


def _about_addresses(top: Interface) -> Iterator[Carried]:
    for local in top.of_link:
        yield _line(f"address {local}", Fate.DROPPED, "it is not for the whole world: add it in the new guest")
    for each in top.held:
        if each.label not in ("", top.name):
            yield _line(
                f"label {each.label} of address {each.cidr}", Fate.DROPPED, "the new guest has the address alone"
            )
        if each.temporary:
            yield _line(f"address {each.cidr}", Fate.DROPPED, "a temporary one, which the guest made up for a day")
        elif each.dynamic:
            by = "DHCP" if each.cidr.version == 4 else "a router's advertisement or DHCPv6"
            yield _line(
                f"address {each.cidr} by {by}", Fate.CHANGED, "it is set for good: reserve it where it is handed out"
            )
        elif each.deprecated:
            yield _line(f"address {each.cidr} as deprecated", Fate.CHANGED, "the new guest may also speak from it")


def _about_routes(network: GuestNetwork, top: Interface, wanted: Addressing) -> Iterator[Carried]:
    written = {(route.to, route.via) for route in wanted.routes}
    for each in network.routes:
        hop = _hop(each, top)
        if each.protocol in _BY_ITSELF:
            continue
        if not _is_ours(each, top) or hop is None or (each.to, hop.via) not in written:
            yield _line(_named(each), Fate.DROPPED, _why_dropped(each, top, wanted))
            continue
        if len(each.hops) > 1:
            yield _line(_named(each), Fate.CHANGED, f"the new guest gets one of its {len(each.hops)} next hops")
        if each.besides:
            yield _line(f"{_named(each)}: {', '.join(each.besides)}", Fate.DROPPED, "add it in the new guest")


def _named(route: KernelRoute) -> str:
    name = "default" if route.is_default else str(route.to)
    if route.kind != "unicast":
        return f"{route.kind} route {name}"
    hops = " and ".join(f"{f'via {hop.via}' if hop.via else 'on-link'} on {hop.interface}" for hop in route.hops)
    return f"route {name} {hops}" + (f" metric {route.metric}" if route.metric else "")


def _why_dropped(route: KernelRoute, top: Interface, wanted: Addressing) -> str:
    if route.kind != "unicast":
        return "add it in the new guest"
    if route.protocol in _DAEMONS:
        return f"it is {route.protocol}'s, which is no part of the appliance"
    if all(hop.interface != top.name for hop in route.hops):
        return "it does not lead over the live NIC"
    if not wanted.of_family(route.to.version):
        return f"the live NIC has no address of IPv{route.to.version}"
    if route.is_default and _over(route, top):
        return "the new guest gets the one that goes before it"
    return "its next hop is of the other family: add it in the new guest"


def _about_resolvers(network: GuestNetwork, wanted: Addressing) -> Iterator[Carried]:
    for server in network.resolvers.servers:
        if server not in wanted.dns:
            yield _line(f"resolver {server}", Fate.DROPPED, f"the live NIC has no address of IPv{server.version}")
    for word in network.resolvers.not_read:
        yield _line(f"resolv.conf: {word}", Fate.DROPPED, "add it in the new guest")
    for word in network.resolvers.routing:
        why = "systemd-resolved asks certain servers for it: set it in the new guest (Domains= in resolved.conf)"
        yield _line(f"resolver's domain {word}", Fate.DROPPED, why)
    yield from _about_hosts(network.hosts)


def _about_hosts(entries: tuple[str, ...]) -> Iterator[Carried]:
    """A list of thousands is one line."""
    why = "add it to /etc/hosts of the new guest"
    if len(entries) > _HOSTS_SHOWN:
        yield _line(f"hosts: {len(entries)} entries of other machines, as {entries[0]}", Fate.DROPPED, why)
        return
    for entry in entries:
        yield _line(f"hosts: {entry}", Fate.DROPPED, why)


def _about_others(network: GuestNetwork, top: Interface) -> Iterator[Carried]:
    for each in network.interfaces:
        if each.name != top.name and each.held and each.is_up:
            yield _line(_with_addresses(each), Fate.DROPPED, "the new guest has one NIC beside staging, the live one")
    for each in network.no_cards:
        yield _line(_with_addresses(each), Fate.DROPPED, "it is no NIC: add it in the new guest")


def _with_addresses(each: Interface) -> str:
    return f"{each.name} with {', '.join(map(str, each.addresses))}"
