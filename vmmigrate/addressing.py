"""What one NIC has: addresses, routes, resolvers, all parsed, because one guest's text is never another's file."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_address,
    ip_interface,
    ip_network,
)
from itertools import chain, count
from typing import TypeVar

Address = IPv4Address | IPv6Address
CidrAddress = IPv4Interface | IPv6Interface
Subnet = IPv4Network | IPv6Network
T = TypeVar("T")

DEFAULTS: dict[int, Subnet] = {4: ip_network("0.0.0.0/0"), 6: ip_network("::/0")}
USUAL_MTU = 1500
_LABEL = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
_DOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}")  # Linux: 15 bytes at most
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")


def address(text: str) -> Address:
    """Without a zone (`fe80::1%eth0`), in which any character may stand. Raises ValueError."""
    return _without_zone(ip_address(text), text)


def plain(text: str) -> str:
    """As a firewall compares it: without a zone, and IPv4 as such. Raises ValueError."""
    parsed = ip_address(text.partition("%")[0])
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)


def cidr_address(text: str) -> CidrAddress:
    """`192.0.2.10/24`, or IPv6. Raises ValueError."""
    return _without_zone(ip_interface(text), text)


def domain(text: str) -> str:
    """A name of labels and dots, in the characters that resolvers take. Raises ValueError."""
    bare = text.removesuffix(".")
    if len(bare) > 253 or not _DOMAIN.fullmatch(bare):
        raise ValueError(f"{text!r} is no domain name")
    return bare


def interface_name(text: str) -> str:
    """One that every network stack can write in its files. Raises ValueError."""
    if not _NAME.fullmatch(text):
        raise ValueError(f"{text!r} is no name of a NIC that can be written into a configuration")
    return text


def mac_address(text: str) -> str:
    """In lower case, with colons. Raises ValueError."""
    if not _MAC.fullmatch(text.lower()):
        raise ValueError(f"{text!r} is no MAC")
    return text.lower()


def _without_zone(parsed: T, text: str) -> T:
    if getattr(parsed, "scope_id", None) is not None:
        raise ValueError(f"{text!r} has a zone")
    return parsed


@dataclass(frozen=True)
class Route:
    """`via` None: what is behind it is on the link itself. `on_link`: the next hop is, although no address says so.

    `source`: the address that the guest speaks from there.
    """

    to: Subnet
    via: Address | None = None
    on_link: bool = False
    source: Address | None = None
    metric: int | None = None

    @property
    def is_default(self) -> bool:
        return self.to.prefixlen == 0

    def __str__(self) -> str:
        words = ["default" if self.is_default else str(self.to)]
        words += ["via", str(self.via)] if self.via else []
        words += ["on-link"] if self.on_link else []
        words += ["from", str(self.source)] if self.source else []
        words += ["metric", str(self.metric)] if self.metric else []
        return " ".join(words)


@dataclass(frozen=True)
class Addressing:
    """Of one NIC. `addresses`: the first is the one at which it is known to the world.

    `mtu` None: the usual one. `vlan`: the tag of its frames. `advertised`: it also listens to the router
    advertisements of IPv6, which give it its default route. Raises ValueError for what cannot be.
    """

    addresses: tuple[CidrAddress, ...]
    routes: tuple[Route, ...] = ()
    dns: tuple[Address, ...] = ()
    search: tuple[str, ...] = ()
    mtu: int | None = None
    vlan: int | None = None
    advertised: bool = False

    def __post_init__(self) -> None:
        """Also of a plan that was read from a file."""
        for route in self.routes:
            each = (route.via, route.source)
            _ = [address(str(one)) for one in each if one is not None]
        _ = [cidr_address(str(one)) for one in self.addresses], [address(str(one)) for one in self.dns]
        _ = [domain(one) for one in self.search]
        if not self.addresses:
            raise ValueError("no address")
        if self.mtu is not None and not 68 <= self.mtu <= 65535:
            raise ValueError(f"an MTU of {self.mtu}")
        if self.vlan is not None and not 1 <= self.vlan <= 4094:
            raise ValueError(f"a VLAN of the number {self.vlan}")

    def of_family(self, version: int) -> tuple[CidrAddress, ...]:
        return tuple(each for each in self.addresses if each.version == version)

    def default(self, version: int) -> Route | None:
        """The default route of IPv4 (4) or IPv6 (6)."""
        return next((route for route in self.routes if route.is_default and route.to.version == version), None)

    def router(self, version: int) -> Address | None:
        """The next hop of that route; None for one that is on-link."""
        default = self.default(version)
        return default.via if default else None

    def is_outside(self, route: Route) -> bool:
        """Whether its next hop is in no subnet of the NIC's addresses."""
        hop = route.via
        if hop is None or hop.is_link_local:
            return False
        return not any(hop in each.network for each in self.addresses if each.version == hop.version)

    def lines(self) -> tuple[str, ...]:
        """In words, one thing each: what a plan shows and rests on."""
        return (
            *(f"address {each}" for each in self.addresses),
            *(f"route {route}" for route in self.routes),
            *(f"resolver {server}" for server in self.dns),
            *(f"search domain {name}" for name in self.search),
            *([f"MTU {self.mtu}"] if self.mtu else []),
            *([f"VLAN {self.vlan}"] if self.vlan else []),
            *(["router advertisements (IPv6)"] if self.advertised else []),
        )


def addressing(cidr: str, gateway: str | None = None, dns: Sequence[str] = ()) -> Addressing:
    """Of one address, its gateway and its resolvers. Raises ValueError."""
    own = cidr_address(cidr)
    hop = address(gateway) if gateway else None
    plain = Addressing((own,), dns=tuple(map(address, dns)))
    if hop is None:
        return plain
    route = Route(DEFAULTS[hop.version], hop)
    on_link = Route(route.to, hop, on_link=plain.is_outside(route))
    return Addressing((own,), (on_link,), plain.dns)


@dataclass(frozen=True)
class LiveNic:
    """A NIC of the guest, by its name there, and what it gets. `beside`: name and MAC of the guest's other NICs.

    `taken`: names that a VLAN of ours may not have. Raises ValueError for a name or MAC that is none.
    """

    name: str
    mac: str
    addressing: Addressing
    beside: tuple[tuple[str, str], ...] = ()
    taken: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        interface_name(self.name)
        mac_address(self.mac)

    @property
    def device(self) -> str:
        """What has the addresses: the NIC, or the VLAN on it."""
        vlan = self.addressing.vlan
        if vlan is None:
            return self.name
        names = chain((f"{self.name}.{vlan}", f"vlan{vlan}"), (f"live{number}.{vlan}" for number in count()))
        return next(name for name in names if _NAME.fullmatch(name) and name not in self.taken)
