"""The old guest's network: which interface faces the world, what of it is carried, and a line for all else."""

import json
from typing import Any

import pytest
from scripted_shell import ScriptedShell

from hypervisors import Carried, Fate, Inventory, Network, Nic, PowerState, VmRef
from vmmigrate.addressing import Addressing
from vmmigrate.appliance.net.guest import GuestNetwork
from vmmigrate.appliance.net.network import read_network
from vmmigrate.errors import ApplianceError, PlanRefused
from vmmigrate.plan.identity import identify
from vmmigrate.plan.live import Live, find

MAC, SECOND, THIRD = "52:54:00:00:00:01", "52:54:00:00:00:02", "52:54:00:00:00:03"
HOST = "192.0.2.10"
GATE = {"dst": "default", "gateway": "192.0.2.1", "dev": "eth0"}
RESOLV = "nameserver 192.0.2.53\n"


def held(cidr: str, **more: Any) -> dict[str, Any]:
    local, _, length = cidr.partition("/")
    family = "inet6" if ":" in cidr else "inet"
    return {"family": family, "local": local, "prefixlen": int(length), "scope": "global"} | more


def nic(name: str, *addresses: str, mac: str = MAC, **more: Any) -> dict[str, Any]:
    given = [held(each) for each in addresses]
    return {"ifname": name, "link_type": "ether", "address": mac, "mtu": 1500, "addr_info": given} | more


def kind(name: str, of: str, **more: Any) -> dict[str, Any]:
    """An entry of `ip -details link`."""
    return {"ifname": name, "linkinfo": {"info_kind": of} | more}


def guest(
    addresses: list[dict[str, Any]],
    routes: list[dict[str, Any]],
    resolv: str = RESOLV,
    *,
    details: list[dict[str, Any]] | None = None,
    v6: list[dict[str, Any]] | None = None,
    rules: list[dict[str, Any]] | None = None,
    files: dict[str, str] | None = None,
    domains: str | None = None,
) -> GuestNetwork:
    known: dict[str, Any] = {
        "ip -json address show": json.dumps(addresses),
        "ip -json route show": json.dumps(routes),
        "hostname": "mailgw\n",
    }
    if details is not None:
        every = [{"ifname": each["ifname"]} for each in addresses]
        known["ip -details -json link show"] = json.dumps([*every, *details])
    known |= {} if v6 is None else {"ip -6 -json route show": json.dumps(v6)}
    known |= {} if domains is None else {"resolvectl domain": domains}
    known |= {} if rules is None else {"ip -json rule show": json.dumps(rules)}
    return read_network(ScriptedShell(known, {"/etc/resolv.conf": resolv} | (files or {})))


def inventory(*macs: str) -> Inventory:
    nics = tuple(
        Nic(mac, Network(name, "network"), "virtio", link_up=True, stored_link_up=True)
        for mac, name in zip(macs, ("lan", "mgmt"), strict=False)
    )
    vm, running = VmRef("0c8a", "old"), PowerState.RUNNING
    return Inventory(vm, running, 2, 2**30, "q35", "kvm", "host", "bios", nics, (), autostart=False, notes="")


def live(network: GuestNetwork, host: str = HOST, named: str | None = None, macs: tuple[str, ...] = (MAC,)) -> Live:
    return find(network, host, inventory(*macs), named)


def carried(network: GuestNetwork, host: str = HOST) -> tuple[Addressing, list[Carried]]:
    whole = live(network, host).carry(network)
    return whole.addressing, [line for line in whole.lines if line.fate is not Fate.KEPT]


def lines(network: GuestNetwork, host: str = HOST) -> list[str]:
    return [f"{line.fate} {line.what}: {line.why}" for line in carried(network, host)[1]]


# ---- what is carried -------------------------------------------------------------------------------------------


def test_mtu_static_route_and_search_list_are_carried() -> None:
    routes = [GATE, {"dst": "10.0.0.0/8", "gateway": "192.0.2.254", "dev": "eth0", "metric": 50}]
    resolv = f"search a.test b.test\n{RESOLV}"
    whole, otherwise = carried(guest([nic("eth0", "192.0.2.10/24", mtu=1400)], routes, resolv))
    assert whole.lines() == (
        "address 192.0.2.10/24",
        "route default via 192.0.2.1",
        "route 10.0.0.0/8 via 192.0.2.254 metric 50",
        "resolver 192.0.2.53",
        "search domain a.test",
        "search domain b.test",
        "MTU 1400",
    )
    assert otherwise == []


def test_each_thing_that_is_kept_is_a_line() -> None:
    network = guest([nic("eth0", "192.0.2.10/24")], [GATE])
    kept = [line.what for line in live(network).carry(network).lines]
    assert kept == ["guest/address 192.0.2.10/24", "guest/route default via 192.0.2.1", "guest/resolver 192.0.2.53"]


def test_both_addresses_of_a_bridge_with_the_nics_mac() -> None:
    """On a kernel whose details nobody could read, and on one that says what stands on what."""
    addresses = [nic("eth0", master="br0"), nic("br0", "192.0.2.10/24", "192.0.2.11/24")]
    routes = [GATE | {"dev": "br0"}]
    for details in (None, [kind("br0", "bridge")]):
        network = guest(addresses, routes, details=details)
        whole, otherwise = carried(network)
        assert whole.lines()[:3] == ("address 192.0.2.10/24", "address 192.0.2.11/24", "route default via 192.0.2.1")
        assert [line.what for line in otherwise] == (["guest/bridge br0"] if details else [])


def test_a_bond_of_which_one_nic_is_connected() -> None:
    addresses = [nic("eth0", master="bond0"), nic("eth1", master="bond0"), nic("bond0", "192.0.2.10/24")]
    details = [kind("bond0", "bond"), {"ifname": "eth1", "permaddr": SECOND}]
    network = guest(addresses, [GATE | {"dev": "bond0"}], details=details)
    assert lines(network) == ["changed guest/bond bond0: what it has goes to the live NIC itself"]
    with pytest.raises(PlanRefused, match="bond0 of the old guest joins 2 connected NICs"):
        live(network, macs=(MAC, SECOND))


def test_a_vlan_is_carried_with_its_number() -> None:
    addresses = [nic("eth0"), nic("eth0.100", "192.0.2.10/24", link="eth0")]
    network = guest(
        addresses,
        [GATE | {"dev": "eth0.100"}],
        details=[kind("eth0.100", "vlan", info_data={"protocol": "802.1Q", "id": 100})],
    )
    assert carried(network)[0].vlan == 100


@pytest.mark.parametrize(
    ("details", "words"),
    [
        (None, "of which only is known that it stands on eth0"),
        ([kind("eth0.100", "macvlan")], "a macvlan"),
        ([kind("eth0.100", "vlan", info_data={"protocol": "802.1ad", "id": 100})], r"a VLAN that stands on eth0 \(802"),
    ],
)
def test_what_cannot_be_the_same_is_refused(details: list[dict[str, Any]] | None, words: str) -> None:
    """The new guest would speak untagged, or not at all."""
    addresses = [nic("eth0"), nic("eth0.100", "192.0.2.10/24", link="eth0")]
    with pytest.raises(ApplianceError, match=words):
        live(guest(addresses, [GATE | {"dev": "eth0.100"}], details=details))


@pytest.mark.parametrize("mtu", [68, 552, 1280, 9000, 65535])
def test_what_the_kernel_takes_as_an_mtu_is_carried(mtu: int) -> None:
    assert carried(guest([nic("eth0", "192.0.2.10/24", mtu=mtu)], [GATE]))[0].mtu == mtu


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (nic("eth0", "192.0.2.10/24", mtu=67), "eth0 of the old guest has an MTU of 67"),
        (nic("eth0", "192.0.2.10/24", mtu=70000), "eth0 of the old guest has an MTU of 70000"),
        (
            nic("eth0") | {"addr_info": [held("192.0.2.10/24", temporary=True)]},
            "eth0 of the old guest has no lasting address",
        ),
    ],
)
def test_what_no_new_guest_can_have_is_refused_with_the_nic(entry: dict[str, Any], words: str) -> None:
    with pytest.raises(PlanRefused, match=words):
        live(guest([entry], [GATE]))


def test_vlan_0_is_none() -> None:
    addresses = [nic("eth0"), nic("eth0.0", "192.0.2.10/24", link="eth0")]
    details = [kind("eth0.0", "vlan", info_data={"protocol": "802.1Q", "id": 0})]
    with pytest.raises(ApplianceError, match=r"the live address is on eth0\.0, whose number is 0: that is no VLAN"):
        live(guest(addresses, [GATE | {"dev": "eth0.0"}], details=details))


def test_a_vlan_on_a_vlan_is_refused() -> None:
    addresses = [nic("eth0"), nic("a", link="eth0"), nic("b", "192.0.2.10/24", link="a")]
    data = {"protocol": "802.1Q", "id": 7}
    details = [kind("a", "vlan", info_data=data), kind("b", "vlan", info_data=data)]
    with pytest.raises(ApplianceError, match="b, a VLAN that stands on a"):
        live(guest(addresses, [], details=details))


def test_a_gateway_outside_the_subnet_is_on_the_link() -> None:
    for entry in ({"flags": ["onlink"]}, {"flags": []}):
        network = guest([nic("eth0", "192.0.2.10/32")], [GATE | {"gateway": "198.51.100.1"} | entry])
        assert carried(network)[0].lines()[1] == "route default via 198.51.100.1 on-link"


def test_the_other_end_of_a_point_to_point_address() -> None:
    peer = held("192.0.2.10/32", address="198.51.100.1")
    whole, _ = carried(guest([nic("eth0", addr_info=[peer])], [GATE | {"gateway": "198.51.100.1"}]))
    assert whole.lines()[:3] == (
        "address 192.0.2.10/32",
        "route 198.51.100.1/32",
        "route default via 198.51.100.1 on-link",
    )


def test_ipv6_with_its_route_and_a_source_address() -> None:
    v6 = [
        {"dst": "2001:db8::/64", "dev": "eth0", "protocol": "kernel", "metric": 256},
        {"dst": "fe80::/64", "dev": "eth0", "protocol": "kernel", "metric": 256},
        {"dst": "default", "gateway": "fe80::1", "dev": "eth0", "protocol": "static", "metric": 1024},
    ]
    routes = [GATE | {"prefsrc": "192.0.2.11"}]
    addresses = [nic("eth0", "192.0.2.11/24", "192.0.2.10/24", "2001:db8::10/64")]
    whole, otherwise = carried(guest(addresses, routes, v6=v6))
    assert whole.lines()[:5] == (
        "address 192.0.2.10/24",
        "address 192.0.2.11/24",
        "address 2001:db8::10/64",
        "route default via 192.0.2.1 from 192.0.2.11",
        "route default via fe80::1",
    )
    assert otherwise == []


def test_a_guest_with_ipv6_alone() -> None:
    v6 = [{"dst": "default", "gateway": "2001:db8::1", "dev": "eth0", "protocol": "static", "metric": 1024}]
    network = guest([nic("eth0", "2001:db8::10/64")], [], v6=v6)
    who = identify(network, "mailgw.example.test", live(network, "2001:db8::10"))
    assert (who.address, who.gateway, who.host) == ("2001:db8::10/64", "2001:db8::1", "2001:db8::10")


def test_an_address_by_advertisement_is_set_and_the_route_left_to_the_router() -> None:
    card = nic("eth0", "192.0.2.10/24")
    card["addr_info"].append(held("2001:db8::5054/64", dynamic=True))
    card["addr_info"].append(held("2001:db8::7/64", dynamic=True, temporary=True))
    v6 = [{"dst": "default", "gateway": "fe80::1", "dev": "eth0", "protocol": "ra", "metric": 1024, "expires": 1790}]
    network = guest([card], [GATE], v6=v6)
    whole, _ = carried(network)
    assert whole.advertised
    assert [str(each) for each in whole.addresses] == ["192.0.2.10/24", "2001:db8::5054/64"]
    assert whole.default(6) is None
    assert [line.partition(": ")[0] for line in lines(network)] == [
        "changed guest/address 2001:db8::5054/64 by a router's advertisement or DHCPv6",
        "dropped guest/address 2001:db8::7/64",
        "changed guest/addresses by router advertisements",
    ]


# ---- no default route is lost unsaid ---------------------------------------------------------------------------


def test_several_next_hops_give_one_and_a_line() -> None:
    hops = [{"gateway": f"192.0.2.{number}", "dev": "eth0", "weight": 1} for number in (1, 2)]
    network = guest([nic("eth0", "192.0.2.10/24")], [{"dst": "default", "flags": [], "nexthops": hops}])
    assert carried(network)[0].lines()[1] == "route default via 192.0.2.1"
    [said] = lines(network)
    assert said.endswith("via 192.0.2.1 on eth0 and via 192.0.2.2 on eth0: the new guest gets one of its 2 next hops")


def test_the_default_route_of_a_vpn_does_not_hide_ours() -> None:
    routes = [{"dst": "default", "dev": "wg0", "scope": "link"}, GATE | {"metric": 100}]
    network = guest([nic("eth0", "192.0.2.10/24")], routes)
    assert carried(network)[0].lines()[1] == "route default via 192.0.2.1"
    assert lines(network) == ["dropped guest/route default on-link on wg0: it does not lead over the live NIC"]


@pytest.mark.parametrize(
    ("route", "line"),
    [
        (GATE | {"gateway": "192.0.2.2", "metric": 200}, "the new guest gets the one that goes before it"),
        ({"dst": "10.0.0.0/8", "type": "blackhole"}, "add it in the new guest"),
        ({"dst": "10.0.0.0/8", "gateway": "192.0.2.9", "dev": "eth0", "protocol": "bird"}, "it is bird's, which is no"),
        ({"dst": "10.0.0.0/8", "via": {"family": "inet6", "host": "fe80::1"}, "dev": "eth0"}, "of the other family"),
        ({"dst": "10.0.0.0/8", "gateway": "10.9.0.1", "dev": "docker0"}, "it does not lead over the live NIC"),
    ],
)
def test_a_route_that_is_not_carried_is_a_line(route: dict[str, Any], line: str) -> None:
    [said] = lines(guest([nic("eth0", "192.0.2.10/24")], [GATE, route]))
    assert said.startswith("dropped guest/")
    assert line in said


def test_what_a_route_loses_is_a_line() -> None:
    route = {"dst": "10.0.0.0/8", "gateway": "192.0.2.9", "dev": "eth0", "metrics": [{"mtu": 1400}]}
    [said] = lines(guest([nic("eth0", "192.0.2.10/24")], [GATE, route]))
    assert said == "dropped guest/route 10.0.0.0/8 via 192.0.2.9 on eth0: mtu: add it in the new guest"


def test_policy_routing_and_other_nics_are_lines() -> None:
    rules = [
        {"priority": 0, "src": "all", "table": "local"},
        {"priority": 100, "src": "192.0.2.11", "table": "100"},
        {"priority": 32766, "src": "all", "table": "main"},
    ]
    addresses = [nic("eth0", "192.0.2.10/24"), nic("eth1", "10.0.0.5/24", mac=SECOND)]
    rule, other = lines(guest(addresses, [GATE], rules=rules))
    assert rule.startswith("dropped guest/routing rule 100: from 192.0.2.11 to table 100: policy routing is not")
    assert other == "dropped guest/eth1 with 10.0.0.5/24: the new guest has one NIC beside staging, the live one"


@pytest.mark.parametrize(
    ("beside", "name"),
    [
        (nic("lo", "203.0.113.5/32", mac="00:00:00:00:00:00", link_type="loopback"), "lo with 203.0.113.5/32"),
        (nic("wg0", "10.8.0.2/24", link_type="none"), "wg0 with 10.8.0.2/24"),
        (nic("ppp0", "10.8.0.2/32", "2001:db8:8::2/64", link_type="ppp"), "ppp0 with 10.8.0.2/32, 2001:db8:8::2/64"),
    ],
)
def test_an_address_on_what_is_no_nic_is_a_line(beside: dict[str, Any], name: str) -> None:
    """A service address behind a load balancer is on the loopback; a tunnel has no route but the kernel's own."""
    beside["addr_info"].append(held("127.0.0.1/8", scope="host"))
    [said] = lines(guest([beside, nic("eth0", "192.0.2.10/24")], [GATE]))
    assert said == f"dropped guest/{name}: it is no NIC: add it in the new guest"


def test_an_address_for_the_guest_itself_alone_is_a_line() -> None:
    card = nic("eth0", "192.0.2.10/24")
    card["addr_info"] += [held("10.1.1.1/32", scope="host"), held("10.1.1.2/24", scope="100")]
    assert lines(guest([card], [GATE])) == [
        f"dropped guest/address {address}: it is not for the whole world: add it in the new guest"
        for address in ("10.1.1.1 of scope host", "10.1.1.2 of scope 100")
    ]


def test_a_label_of_an_address_is_a_line() -> None:
    """As an alias of ifupdown's has it. The NIC's own name is none."""
    card = nic("eth0")
    card["addr_info"] += [held("192.0.2.10/24", label="eth0"), held("192.0.2.11/24", label="eth0:web")]
    assert lines(guest([card], [GATE])) == [
        "dropped guest/label eth0:web of address 192.0.2.11/24: the new guest has the address alone"
    ]


def test_a_network_of_its_own_routes_is_refused() -> None:
    addresses = [nic("eth0", "192.0.2.10/24", master="red"), nic("red", mac=THIRD)]
    with pytest.raises(ApplianceError, match="eth0, which is in the VRF red"):
        live(guest(addresses, [], details=[kind("red", "vrf")]))


@pytest.mark.parametrize(
    ("address", "own", "other", "resolver"),
    [
        ("192.0.2.10/24", 4, "2001:db8:9::/48", "2001:db8::53"),
        ("2001:db8::10/64", 6, "10.0.0.0/8", "192.0.2.53"),
    ],
)
def test_what_is_of_a_family_without_an_address_is_a_line(address: str, own: int, other: str, resolver: str) -> None:
    """Not every network stack writes it, and nothing would be reached by it."""
    routes = [{"dst": "10.0.0.0/8", "dev": "eth0", "scope": "link"}]
    v6 = [{"dst": "2001:db8:9::/48", "gateway": "fe80::1", "dev": "eth0"}]
    resolv = "nameserver 192.0.2.53\nnameserver 2001:db8::53\n"
    network = guest([nic("eth0", address)], routes, resolv, v6=v6)
    whole, _ = carried(network, address.partition("/")[0])
    assert {each.to.version for each in whole.routes} == {each.version for each in whole.dns} == {own}
    why = f"the live NIC has no address of IPv{10 - own}"
    route, server = lines(network, address.partition("/")[0])
    assert route.startswith(f"dropped guest/route {other} ")
    assert route.endswith(f": {why}")
    assert server == f"dropped guest/resolver {resolver}: {why}"


# ---- resolvers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/run/systemd/resolve/resolv.conf", "/run/NetworkManager/no-stub-resolv.conf"])
def test_the_resolver_behind_a_stub(path: str) -> None:
    stub = "nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch a.test\n"
    network = guest([nic("eth0", "192.0.2.10/24")], [GATE], stub, files={path: RESOLV})
    assert carried(network)[0].lines()[2:] == ("resolver 192.0.2.53", "search domain a.test")


BY_NM = "# Generated by NetworkManager\n"


@pytest.mark.parametrize(
    ("stub", "of_nm", "behind"),
    [
        ("nameserver 127.0.0.54\n", False, True),
        ("nameserver 127.0.0.1\n", False, False),
        ("nameserver ::1\n", False, False),
        ("nameserver 127.0.0.53\nnameserver 127.0.0.1\n", False, False),
        ("nameserver 127.0.0.1\n", True, False),
        (f"{BY_NM}search a.test\nnameserver 127.0.0.1\n", True, True),
        (f"{BY_NM}nameserver 127.0.1.1\n", True, True),
        (f"{BY_NM}nameserver 127.0.0.1\n", False, False),
    ],
)
def test_what_stands_behind_a_resolver_is_said_by_the_one_who_runs_it(stub: str, of_nm: bool, behind: bool) -> None:
    """Beside systemd-resolved a gateway may run its own (unbound), which asks others or the roots."""
    path = "/run/NetworkManager/no-stub-resolv.conf" if of_nm else "/run/systemd/resolve/resolv.conf"
    found = guest([nic("eth0", "192.0.2.10/24")], [GATE], stub, files={path: RESOLV}).resolvers
    assert list(map(str, found.servers)) == ["192.0.2.53"] * behind
    assert bool(found.stub) is not behind


@pytest.mark.parametrize("blank", [" ", "\t"])
def test_an_indented_line_of_resolv_conf_says_nothing(blank: str) -> None:
    """As glibc reads it: its resolver has one server then."""
    resolv = f"{blank}nameserver 192.0.2.54\n{blank}search x.test\n{blank}options rotate\n{RESOLV}"
    found = guest([nic("eth0", "192.0.2.10/24")], [GATE], resolv).resolvers
    assert ([str(each) for each in found.servers], found.search, found.not_read) == (["192.0.2.53"], (), ())


def test_a_resolver_of_its_own_is_known_as_one() -> None:
    network = guest(
        [nic("eth0", "192.0.2.10/24")],
        [GATE],
        "nameserver 127.0.0.1\nnameserver ::1\nnameserver 0.0.0.0\nnameserver ::\n",
    )
    assert [str(each) for each in network.resolvers.stub] == ["127.0.0.1", "::1", "0.0.0.0", "::"]
    assert network.resolvers.servers == ()


def test_a_domain_for_which_certain_servers_are_asked_is_a_line() -> None:
    """As a VPN or `Domains=~corp.example` sets it: a resolv.conf does not show it."""
    shown = "Global: a.test\nLink 2 (eth0): ~corp.example ~2.0.192.in-addr.arpa a.test\nLink 3 (tun0): ~. ~corp.example"
    network = guest([nic("eth0", "192.0.2.10/24")], [GATE], domains=shown)
    why = "systemd-resolved asks certain servers for it: set it in the new guest (Domains= in resolved.conf)"
    assert [line for line in lines(network) if "resolver's" in line] == [
        f"dropped guest/resolver's domain {each}: {why}" for each in ("~corp.example", "~2.0.192.in-addr.arpa", "~.")
    ]


USUAL_HOSTS = """\
127.0.0.1 localhost
127.0.1.1 mailgw.example.test mailgw
192.0.2.10 mailgw.example.test mailgw # itself
::1 localhost ip6-localhost
fe00::0 ip6-localnet
ff02::1 ip6-allnodes
"""


@pytest.mark.parametrize(
    ("more", "listed"),
    [
        ("", ()),
        ("# 198.51.100.7 off.example\n198.51.100.8\n", ()),
        ("198.51.100.7\tmx.corp mx # relay\n2001:db8::7 mx6\n", ("198.51.100.7 mx.corp mx", "2001:db8::7 mx6")),
        ("0.0.0.0 bad.test\n" * 900, ("900 entries of other machines, as 0.0.0.0 bad.test",)),
    ],
)
def test_each_entry_of_another_machine_in_etc_hosts_is_a_line(more: str, listed: tuple[str, ...]) -> None:
    network = guest([nic("eth0", "192.0.2.10/24")], [GATE], files={"/etc/hosts": USUAL_HOSTS + more})
    why = "add it to /etc/hosts of the new guest"
    assert [line for line in lines(network) if "/hosts:" in line] == [
        f"dropped guest/hosts: {each}: {why}" for each in listed
    ]


def test_what_is_no_address_or_domain_is_a_line_and_never_more() -> None:
    resolv = "nameserver fe80::1%eth0\nnameserver x;reboot\nsearch a.test $(reboot) .\noptions ndots:2\n" + RESOLV
    said = lines(guest([nic("eth0", "192.0.2.10/24")], [GATE], resolv))
    assert [line.partition(":")[2].strip() for line in said] == [
        "fe80::1%eth0: add it in the new guest",
        "x: add it in the new guest",
        "$(reboot): add it in the new guest",
        "options ndots:2: add it in the new guest",
    ]


# ---- which of several faces the world --------------------------------------------------------------------------


def two(**more: Any) -> GuestNetwork:
    addresses = [nic("eth0", "192.0.2.10/24", "192.0.2.11/24"), nic("eth1", "10.0.0.5/24", mac=SECOND)]
    return guest(addresses, [GATE], **more)


def test_the_way_out_decides_against_the_address_that_we_came_in_at() -> None:
    with pytest.raises(PlanRefused, match=r"10.0.0.5 is on eth1, but the way out is over eth0") as refused:
        live(two(), "10.0.0.5", macs=(MAC, SECOND))
    assert "eth0 (52:54:00:00:00:01) with 192.0.2.10/24, 192.0.2.11/24; eth1" in refused.value.hint


@pytest.mark.parametrize("named", ["eth0", MAC, MAC.upper()])
def test_the_operator_names_it_by_name_or_mac(named: str) -> None:
    found = live(two(), "10.0.0.5", named, macs=(MAC, SECOND))
    assert (found.top.name, str(found.first), found.nic.network.name) == ("eth0", "192.0.2.10/24", "lan")
    assert str(live(two(), "192.0.2.11", named, macs=(MAC, SECOND)).first) == "192.0.2.11/24"
    assert live(two(), "10.0.0.5", "eth1", macs=(MAC, SECOND)).top.name == "eth1"


@pytest.mark.parametrize(("named", "words"), [("eth7", "no interface of the old guest"), (THIRD, "can be meant by")])
def test_a_name_that_means_nothing_is_refused_with_the_choices(named: str, words: str) -> None:
    with pytest.raises(PlanRefused, match=words) as refused:
        live(two(), named=named)
    assert "eth1 (52:54:00:00:00:02) with 10.0.0.5/24" in refused.value.hint


def test_an_address_of_nobody_is_named_with_those_there_are() -> None:
    with pytest.raises(PlanRefused, match=r"it has: 192.0.2.10/24 on eth0, 192.0.2.11/24 on eth0, 10.0.0.5/24 on eth1"):
        live(two(), "203.0.113.9")


def test_a_mac_that_is_not_the_virtual_machines() -> None:
    with pytest.raises(PlanRefused, match=f"the guest's MAC {MAC} is not one of old's \\({THIRD}\\)"):
        live(two(), macs=(THIRD,))


# ---- words of a guest that would steer another -----------------------------------------------------------------


@pytest.mark.parametrize(
    "entry",
    [
        {"gateway": "192.0.2.1\n    post-up reboot"},
        {"gateway": "fe80::1%x\n    post-up reboot"},
        {"dst": "10.0.0.0/8\n    post-up reboot"},
    ],
)
def test_a_line_inside_an_answer_is_no_address(entry: dict[str, Any]) -> None:
    with pytest.raises(ApplianceError, match="is no"):
        carried(guest([nic("eth0", "192.0.2.10/24")], [GATE | entry]))


def test_a_host_name_of_two_lines_is_refused() -> None:
    shell = ScriptedShell(
        {"ip -json address show": "[]", "ip -json route show": "[]", "hostname": "a\n0.0.0.0 updates.example.test\n"}
    )
    with pytest.raises(ApplianceError, match="which is no domain name"):
        read_network(shell)
