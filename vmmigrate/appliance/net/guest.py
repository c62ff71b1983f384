"""What a guest's kernel says of its network: interfaces, addresses, routes, rules, as `ip -json` prints them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from vmmigrate.addressing import DEFAULTS, Address, CidrAddress, Subnet, address, cidr_address
from vmmigrate.appliance.net.resolving import Resolvers
from vmmigrate.appliance.port import Shell
from vmmigrate.errors import ApplianceError

ADDRESSES = ("ip", "-json", "address", "show")
_ROUTES = {4: ("ip", "-json", "route", "show"), 6: ("ip", "-6", "-json", "route", "show")}
_LINKS = ("ip", "-details", "-json", "link", "show")
_RULES = {4: ("ip", "-json", "rule", "show"), 6: ("ip", "-6", "-json", "rule", "show")}
_ODD = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)  # of another shape
_SHOWN = 300  # characters of it in a message
_USUAL_TABLES = {"local", "main", "default"}
_OF_THE_WORLD = ("global", "site")
_ALIKE = {"veth", "dummy"}  # kinds that are a NIC like any other
_USUAL_METRIC = {4: 0, 6: 1024}
_FLAGS = {"onlink", "linkdown", "dead", "pervasive", "offload", "rt_offload", "trap", "rt_trap"}
_USUAL = {"dst", "gateway", "dev", "protocol", "scope", "prefsrc", "metric", "flags", "type", "pref", "table"}
_USUAL |= {"nexthops", "expires", "metrics", "hoplimit", "error", "nhid", "weight"}
QUESTIONS = (_ROUTES[4], ADDRESSES, _LINKS, _ROUTES[6], *_RULES.values())


@dataclass(frozen=True)
class Held:
    """An address that an interface has. `dynamic`: by DHCP or a router's advertisement; `secret`: a temporary one.

    `peer`: what is at the other end, where it is not the subnet. `label`: a name of its own, '' where it is the NIC's.
    """

    cidr: CidrAddress
    dynamic: bool = False
    temporary: bool = False
    deprecated: bool = False
    peer: Subnet | None = None
    label: str = ""


@dataclass(frozen=True)
class Interface:
    """`kind`: '' for a NIC, else as the kernel has it (vlan, bridge, bond, …); None where that is not known.

    `below`: what a VLAN or the like stands on; `part_of`: the bridge or bond that it is a port of. `held`: global
    addresses, IPv4 first, otherwise in the guest's order. `of_link`: of IPv4, those of another scope (link, host, a
    number).
    """

    name: str
    mac: str
    held: tuple[Held, ...] = ()
    kind: str | None = ""
    mtu: int | None = None
    below: str | None = None
    part_of: str | None = None
    vlan: int | None = None
    vlan_protocol: str = "802.1Q"
    is_up: bool = True
    of_link: tuple[str, ...] = ()

    @property
    def addresses(self) -> tuple[CidrAddress, ...]:
        return tuple(held.cidr for held in self.held)


@dataclass(frozen=True)
class Hop:
    """One next hop of a route."""

    via: Address | None
    interface: str | None
    on_link: bool


@dataclass(frozen=True)
class KernelRoute:
    """A route of the main table. `protocol`: who set it ('kernel', 'dhcp', 'ra', 'static', 'boot', 'bird', …).

    `kind`: 'unicast', or 'blackhole' and the like. `besides`: what else it says, by its names.
    """

    to: Subnet
    hops: tuple[Hop, ...]
    protocol: str = "boot"
    kind: str = "unicast"
    source: Address | None = None
    metric: int = 0
    besides: tuple[str, ...] = ()

    @property
    def is_default(self) -> bool:
        return self.to.prefixlen == 0


@dataclass(frozen=True)
class GuestNetwork:
    """`fqdn`: as /etc/hosts has it for `hostname`, else the same. `rules`: policy routing, as it is written there.

    `hosts`: the entries of other machines in /etc/hosts.
    `no_cards`: what has addresses and is no NIC: the loopback with more than its own, tunnels.
    """

    hostname: str
    fqdn: str
    interfaces: tuple[Interface, ...]
    routes: tuple[KernelRoute, ...]
    resolvers: Resolvers
    rules: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    no_cards: tuple[Interface, ...] = ()

    def by_mac(self, mac: str) -> Interface:
        """The NIC. Raises ApplianceError if none has it."""
        return with_mac(self.interfaces, mac)

    def named(self, name: str) -> Interface | None:
        return next((each for each in self.interfaces if each.name == name), None)

    def default(self, version: int) -> KernelRoute | None:
        """The default route of IPv4 or IPv6 that the kernel prefers."""
        found = [each for each in self.routes if each.is_default and each.to.version == version and each.hops]
        return min(found, key=lambda route: route.metric, default=None)


def interfaces(shell: Shell, *, detailed: bool = True) -> tuple[Interface, ...]:
    """All but the loopback. What is not `detailed` costs one question less, and has no kinds."""
    found = _json(shell, _LINKS, needed=False) if detailed else None
    details = {str(entry.get("ifname")): entry for entry in found or ()}
    listed = _json(shell, ADDRESSES) or ()
    with _parsing(shell, ADDRESSES):
        entries = [entry for entry in listed if _is_ethernet(entry)]
        return tuple(_interface(entry, details.get(entry["ifname"])) for entry in entries)


def no_cards(shell: Shell) -> tuple[Interface, ...]:
    """Those with addresses of the whole world that `interfaces` leaves out."""
    listed = _json(shell, ADDRESSES) or ()
    with _parsing(shell, ADDRESSES):
        found = [Interface(entry["ifname"], "", _all_held(entry)) for entry in listed if not _is_ethernet(entry)]
    return tuple(each for each in found if each.held)


def routes(shell: Shell) -> tuple[KernelRoute, ...]:
    """Of both families, main table; a guest without IPv6 has none of it."""
    v4, v6 = _json(shell, _ROUTES[4]) or (), _json(shell, _ROUTES[6], needed=False) or ()
    with _parsing(shell, _ROUTES[4]):
        return tuple(_route(entry, version) for version, found in ((4, v4), (6, v6)) for entry in found)


def rules(shell: Shell) -> tuple[str, ...]:
    """Those beside the kernel's own three."""
    found = [entry for question in _RULES.values() for entry in _json(shell, question, needed=False) or ()]
    with _parsing(shell, _RULES[4]):
        return tuple(_rule(entry) for entry in found if entry.get("table") not in _USUAL_TABLES)


def with_mac(known: tuple[Interface, ...], mac: str) -> Interface:
    """The NIC with that MAC, not what stands on it. Raises ApplianceError."""
    having = [each for each in known if each.mac == mac.lower()]
    found = next((each for each in having if each.kind == "" and each.below is None), next(iter(having), None))
    if found is not None:
        return found
    there = ", ".join(f"{each.name} {each.mac}" for each in known)
    raise ApplianceError(
        f"the guest has no NIC with the MAC {mac}; it has {there or 'none'}",
        hint="was the virtual machine defined with that NIC?",
    )


@contextmanager
def _parsing(shell: Shell, question: tuple[str, ...]) -> Iterator[None]:
    """What is no address where one should stand is an error, not a word to hand on."""
    try:
        yield
    except _ODD as error:
        raise ApplianceError(
            f"{shell.host}: what `{' '.join(question)}` printed is no list of addresses or routes: {error}"[:_SHOWN],
            hint="look at what it prints there",
        ) from error


def _is_ethernet(entry: dict[str, Any]) -> bool:
    return "address" in entry and entry.get("link_type", "ether") == "ether" and entry["ifname"] != "lo"


def _interface(entry: dict[str, Any], details: dict[str, Any] | None) -> Interface:
    link = (details or {}).get("linkinfo", {})
    kind, data = str(link.get("info_kind", "")), link.get("info_data", {})
    below = entry.get("link") if kind not in _ALIKE else None
    own_mac = (details or {}).get("permaddr") or entry["address"]
    return Interface(
        entry["ifname"],
        str(own_mac).lower(),
        _all_held(entry),
        kind=None if details is None and below else "" if kind in _ALIKE else kind,
        mtu=entry.get("mtu"),
        below=below,
        part_of=entry.get("master"),
        vlan=data.get("id") if kind == "vlan" else None,
        vlan_protocol=str(data.get("protocol", "802.1Q")),
        is_up="UP" in entry.get("flags", ["UP"]),
        of_link=tuple(
            f"{address(each['local'])} of scope {each['scope']}"
            for each in entry.get("addr_info", [])
            if each["family"] == "inet" and each.get("scope", "global") not in _OF_THE_WORLD
        ),
    )


def _all_held(entry: dict[str, Any]) -> tuple[Held, ...]:
    found = filter(None, map(_held, entry.get("addr_info", [])))
    return tuple(sorted(found, key=lambda held: held.cidr.version))


def _held(info: dict[str, Any]) -> Held | None:
    """Of those of the whole world, and of a site."""
    if info.get("scope", "global") not in _OF_THE_WORLD:
        return None
    peer = str(info["address"]) if "address" in info else ""
    length = 32 if info["family"] == "inet" else 128
    return Held(
        cidr_address(f"{info['local']}/{length if peer else info['prefixlen']}"),
        dynamic=bool(info.get("dynamic")),
        temporary=bool(info.get("temporary")),
        deprecated=bool(info.get("deprecated")),
        label=str(info.get("label", "")),
        peer=ip_network(f"{address(peer)}/{info['prefixlen']}", strict=False) if peer else None,
    )


def _route(entry: dict[str, Any], version: int) -> KernelRoute:
    hops = entry.get("nexthops") or [entry]
    flags = {flag for flag in entry.get("flags", []) if flag not in _FLAGS}
    limits = {name for each in entry.get("metrics", []) for name in each}
    return KernelRoute(
        _subnet(str(entry.get("dst", "default")), version),
        tuple(_hop(hop, entry) for hop in hops if hop.get("dev")),
        str(entry.get("protocol", "boot")),
        str(entry.get("type", "unicast")),
        address(str(entry["prefsrc"])) if "prefsrc" in entry else None,
        metric if (metric := int(entry.get("metric", 0))) != _USUAL_METRIC[version] else 0,
        tuple(sorted((entry.keys() - _USUAL) | flags | limits)),
    )


def _hop(hop: dict[str, Any], entry: dict[str, Any]) -> Hop:
    flags = {*hop.get("flags", []), *entry.get("flags", [])}
    via = hop.get("gateway") or hop.get("via", {}).get("host")
    return Hop(address(str(via)) if via else None, str(hop["dev"]), "onlink" in flags)


def _subnet(text: str, version: int) -> Subnet:
    if text == "default":
        return DEFAULTS[version]
    return ip_network(text, strict=False)


def _rule(entry: dict[str, Any]) -> str:
    source = entry.get("src", "all")
    source = f"{source}/{entry['srclen']}" if "srclen" in entry else source
    return f"{entry.get('priority', '?')}: from {source} to table {entry.get('table', '?')}"


def _json(shell: Shell, question: tuple[str, ...], *, needed: bool = True) -> list[dict[str, Any]] | None:
    """None where it is not `needed` and the guest's tool cannot say it. Raises ApplianceError."""
    said = shell.run(question, check=needed)
    if said.status != 0:
        return None
    try:
        entries = json.loads(said.stdout or "[]")
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise TypeError("it is no list")
        return [entry for entry in entries if entry]
    except _ODD as error:
        if not needed:
            return None
        raise ApplianceError(
            f"{shell.host}: `{' '.join(question)}` printed no JSON", hint="iproute2 4.14 or newer is needed"
        ) from error
