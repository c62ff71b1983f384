"""A guest's network: what is read, who configures it, and a live NIC configured once and for good."""

import json
import shlex
from dataclasses import replace
from ipaddress import ip_address, ip_interface
from typing import Any

import pytest
from scripted_shell import Answer, ScriptedShell

from vmmigrate.addressing import DEFAULTS, Addressing, LiveNic, Route, addressing, cidr_address
from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.net import netplan, networkd, networkmanager
from vmmigrate.appliance.net.guest import Hop
from vmmigrate.appliance.net.ifupdown import MAIN
from vmmigrate.appliance.net.interfaces_file import over_it, without
from vmmigrate.appliance.net.naming import full_name, with_own_name
from vmmigrate.appliance.net.network import configure_live, look_at, read_network, stack_of
from vmmigrate.appliance.net.resolving import DROP_IN
from vmmigrate.appliance.port import FileMeta, Result
from vmmigrate.errors import ApplianceError, CommandFailed

LIVE, STAGING = "52:54:00:00:00:01", "52:54:00:00:00:02"
FRESH = """# The loopback
auto lo
iface lo inet loopback

allow-hotplug eth0
iface eth0 inet dhcp

allow-hotplug eth1
iface eth1 inet dhcp
    # staging
    metric 100
"""
WANTED = """# The loopback
auto lo
iface lo inet loopback

allow-hotplug eth1
iface eth1 inet dhcp
    # staging
    metric 100

auto eth0
iface eth0 inet static
    address 192.0.2.10
    netmask 255.255.255.0
    pre-up sysctl -q -e -w net/ipv6/conf/eth0/accept_ra=0 || true
    gateway 192.0.2.1
    dns-nameservers 192.0.2.53
"""
UUID, OTHER = "2e9c47f4-a1db-4d04-866f-de732bdd409b", "2e9c47f4-a1db-4d04-866f-de732bdd409c"
RELOAD = "sh -c 'networkctl reload || systemctl restart systemd-networkd'"
STATUS = "networkctl status --no-pager --lines=0 eth0"
NETWORK_FILE = "       Network File: /run/systemd/network/10-netplan-00-vmmigrate-live.network\n"
UP = ("ifup eth0", "ifdown --force eth0", "systemctl stop ifup@eth0.service")
WHOLE = addressing("192.0.2.10/24", "192.0.2.1", ("192.0.2.53",))
ALONE = addressing("192.0.2.10/24")
STATIC = LiveNic("eth0", LIVE, WHOLE, (("eth1", STAGING),))
ROUTED = json.dumps([{"dst": "default", "gateway": "192.0.2.1", "dev": "eth0"}])


def nic(name: str, mac: str, *addresses: tuple[str, int]) -> dict[str, Any]:
    family = {True: "inet6", False: "inet"}
    info = [
        {"family": family[":" in a], "local": a, "prefixlen": n, "scope": "link" if a.startswith("fe80") else "global"}
        for a, n in addresses
    ]
    return {"ifname": name, "link_type": "ether", "address": mac, "addr_info": info}


def addresses(*live: tuple[str, int]) -> str:
    loop = {"ifname": "lo", "link_type": "loopback", "address": "00:00:00:00:00:00", "addr_info": []}
    return json.dumps([loop, nic("eth0", LIVE, *live), nic("eth1", STAGING, ("198.51.100.100", 24))])


def guest(more: dict[str, Answer] | None = None, files: dict[str, bytes | str] | None = None) -> ScriptedShell:
    answers: dict[str, Answer] = {
        "ip -json address show": addresses(),
        "ip -json route show": "[]",
        "ip -6 -json route show": "[]",
        "hostname": "fresh\n",
        "printenv SSH_CONNECTION": "198.51.100.1 40000 198.51.100.100 22\n",
    }
    return ScriptedShell(answers | (more or {}), files)


def ifupdown_guest(interfaces: str = FRESH) -> ScriptedShell:
    """ifup puts the stanza's address in force."""

    def up(shell: ScriptedShell, argv: tuple[str, ...]) -> Result:
        assert "address 192.0.2.10" in shell.files[MAIN].decode()
        shell.answers["ip -json address show"] = addresses(("192.0.2.10", 24))
        if "gateway" in shell.files[MAIN].decode():
            shell.answers["ip -json route show"] = ROUTED
        return Result(0, "", "")

    more: dict[str, Answer] = {"which ifup": "/usr/sbin/ifup", "ifup eth0": up}
    more["hostnamectl set-hostname mailgw.example.test"] = ""
    more |= {"ifdown --force eth0": "", "systemctl stop ifup@eth0.service": 5, "which resolvconf": "/sbin/resolvconf"}
    more |= {"ifquery --list": "lo\neth0\n", "ifquery eth0": "address: 192.0.2.10\nnetmask: 255.255.255.0\n"}
    return guest(more, {MAIN: interfaces, "/etc/hosts": "127.0.0.1\tlocalhost\n127.0.1.1\tfresh\n"})


def test_what_is_read() -> None:
    routes = [
        {"dst": "default", "gateway": "192.0.2.254", "dev": "eth0", "metric": 100},
        {"dst": "default", "gateway": "192.0.2.1", "dev": "eth0"},
        {"dst": "192.0.2.0/24", "dev": "eth0"},
    ]
    shell = guest(
        {
            "ip -json address show": addresses(("2001:db8::2", 64), ("192.0.2.10", 24), ("fe80::1", 64)),
            "ip -json route show": json.dumps(routes),
        },
        {"/etc/resolv.conf": "search x\nnameserver 192.0.2.53\nnameserver 192.0.2.54\n"},
    )
    network = read_network(shell)
    assert network.hostname == "fresh"
    assert network.by_mac(LIVE.upper()).addresses == (ip_interface("192.0.2.10/24"), ip_interface("2001:db8::2/64"))
    assert [interface.name for interface in network.interfaces] == ["eth0", "eth1"]
    default = network.default(4)
    assert default is not None
    assert default.hops == (Hop(ip_address("192.0.2.1"), "eth0", on_link=False),)
    assert network.resolvers.servers == (ip_address("192.0.2.53"), ip_address("192.0.2.54"))
    assert network.resolvers.search == ("x",)
    assert shell.changes() == []


def test_an_unknown_mac_is_named_with_those_there_are() -> None:
    with pytest.raises(ApplianceError, match=f"it has eth0 {LIVE}, eth1 {STAGING}"):
        read_network(guest()).by_mac("52:54:00:00:00:09")


def test_ifupdown_gets_the_static_stanza_and_keeps_staging() -> None:
    shell = ifupdown_guest()
    configure_live(shell, look_at(shell), LIVE, WHOLE)
    assert shell.files[MAIN].decode() == WANTED
    assert shell.changes() == [
        "systemctl stop ifup@eth0.service",
        "ifdown --force eth0",
        f"INSTALL {MAIN}",
        "ifup eth0",
    ]


def test_configuring_twice_does_nothing_the_second_time() -> None:
    shell = ifupdown_guest()
    configure_live(shell, look_at(shell), LIVE, WHOLE, "mailgw.example.test")
    shell.answers["hostname"] = "mailgw.example.test\n"
    shell.ran.clear()
    configure_live(shell, look_at(shell), LIVE, WHOLE, "mailgw.example.test")
    assert shell.changes() == []


def test_a_crash_between_file_and_ifup_is_mended() -> None:
    shell = ifupdown_guest(WANTED)
    configure_live(shell, look_at(shell), LIVE, WHOLE)
    assert shell.changes() == ["systemctl stop ifup@eth0.service", "ifdown --force eth0", "ifup eth0"]


def test_a_stanza_in_the_folder_goes_too() -> None:
    shell = ifupdown_guest("source /etc/network/interfaces.d/*\n")
    shell.files["/etc/network/interfaces.d/cloud"] = b"auto eth0 eth1\niface eth0 inet dhcp\niface eth1 inet dhcp\n"
    configure_live(shell, look_at(shell), LIVE, ALONE)
    assert shell.files["/etc/network/interfaces.d/cloud"] == b"auto eth1\niface eth1 inet dhcp\n"
    assert shell.files[MAIN].startswith(b"source /etc/network/interfaces.d/*\n\nauto eth0\n")
    assert b"gateway" not in shell.files[MAIN]


def test_without_resolvconf_the_servers_go_to_resolv_conf() -> None:
    shell = ifupdown_guest()
    del shell.answers["which resolvconf"]
    configure_live(shell, look_at(shell), LIVE, WHOLE)
    assert shell.files["/etc/resolv.conf"] == b"nameserver 192.0.2.53\n"


def left_of(text: str, live: LiveNic) -> str:
    return without(text, live, over_it([text], live))


def test_a_resolv_conf_that_a_service_writes_is_not_passed_over() -> None:
    """Without a word the new guest would ask no resolver, or staging's."""
    shell = ifupdown_guest()
    shell.files["/etc/resolv.conf"], shell.metas["/etc/resolv.conf"] = b"", FileMeta("0777", "root", "root")
    configure_live(shell, look_at(shell), LIVE, WHOLE)
    del shell.answers["which resolvconf"]
    with pytest.raises(ApplianceError, match="the resolvers"):
        configure_live(shell, look_at(shell), LIVE, WHOLE)
    configure_live(shell, look_at(shell), LIVE, ALONE)
    shell.answers["systemctl is-active systemd-resolved"] = "active\n"
    configure_live(shell, look_at(shell), LIVE, WHOLE)
    assert b"DNS=192.0.2.53\n" in shell.files[DROP_IN]


def test_so_it_is_with_systemd_networkd_alone() -> None:
    shell = guest({"systemctl is-active systemd-networkd": "active\n"}, {"/etc/resolv.conf": ""})
    shell.metas["/etc/resolv.conf"] = FileMeta("0777", "root", "root")
    with pytest.raises(ApplianceError, match="is a link to what some service writes"):
        configure_live(shell, look_at(shell), LIVE, WHOLE)
    assert shell.changes() == []


def test_stanzas_are_cut_out_cleanly() -> None:
    assert left_of(FRESH, LiveNic("eth9", LIVE, WHOLE)) == FRESH
    assert left_of("iface eth0 inet dhcp\n  up x\niface eth0 inet6 auto\nauto eth0\n", STATIC) == "\n"
    assert left_of("iface eth01 inet dhcp\n", STATIC) == "iface eth01 inet dhcp\n"


def test_the_hostname_is_set_and_known_to_the_guest_itself() -> None:
    shell = ifupdown_guest()
    shell.answers["hostnamectl set-hostname mailgw"] = ""
    configure_live(shell, look_at(shell), LIVE, ALONE, hostname="mailgw", fqdn="mailgw.example.test")
    assert "hostnamectl set-hostname mailgw" in shell.ran
    assert shell.files["/etc/hosts"] == b"127.0.0.1\tlocalhost\n127.0.1.1\tmailgw.example.test mailgw\n"
    assert with_own_name("127.0.0.1 localhost", "gw") == "127.0.0.1 localhost\n127.0.1.1\tgw\n"


def test_our_own_branch_is_not_cut() -> None:
    shell = ifupdown_guest()
    with pytest.raises(ApplianceError, match="runs over eth1"):
        configure_live(shell, look_at(shell), STAGING, ALONE)
    assert shell.changes() == []


def test_a_default_route_over_staging_is_refused() -> None:
    shell = ifupdown_guest()
    shell.answers["ip -json route show"] = json.dumps([{"dst": "default", "gateway": "198.51.100.1", "dev": "eth1"}])
    with pytest.raises(ApplianceError, match="default route over eth1") as refused:
        configure_live(shell, look_at(shell), LIVE, WHOLE)
    assert refused.value.hint == "let the staging network's DHCP hand out no router"
    assert shell.changes() == []


def test_which_tool_configures() -> None:
    nm: dict[str, Answer] = {"systemctl is-active NetworkManager": "active\n"}
    plan: dict[str, Answer] = {"which netplan": "/usr/sbin/netplan"}
    yaml: dict[str, bytes | str] = {"/etc/netplan/50-cloud-init.yaml": ""}
    assert stack_of(look_at(ifupdown_guest()), "eth0").name == "ifupdown"
    assert stack_of(look_at(guest(nm)), "eth0").name == "NetworkManager"
    assert stack_of(look_at(guest(nm | plan, yaml)), "eth0").name == "netplan"
    assert stack_of(look_at(guest(nm | plan)), "eth0").name == "NetworkManager"
    mixed = ifupdown_guest("iface eth1 inet dhcp\n")
    mixed.answers |= nm
    assert stack_of(look_at(mixed), "eth0").name == "NetworkManager"
    networkd: dict[str, Answer] = {"systemctl is-active systemd-networkd": "active\n"}
    assert stack_of(look_at(guest(networkd)), "eth0").name == "systemd-networkd"
    rendered: dict[str, bytes | str] = {"/run/NetworkManager/system-connections/netplan-eth0.nmconnection": ""}
    assert stack_of(look_at(guest(nm | plan, yaml | rendered)), "eth0").name == "NetworkManager"
    with pytest.raises(ApplianceError, match="seen: wicked"):
        stack_of(look_at(guest({"systemctl is-active wicked": "active\n"})), "eth0")


def test_network_manager_gets_a_profile_that_does_not_wait_for_its_link() -> None:
    settings = shlex.join(networkmanager.profiles(STATIC)["vmmigrate-live"][1])
    add = f"nmcli connection add type ethernet ifname '*' con-name vmmigrate-live {settings}"
    modify = f"nmcli connection modify vmmigrate-live {settings}"
    up = "nmcli --wait 30 connection up vmmigrate-live"
    listing = shlex.join(networkmanager.LISTING)
    shown: dict[str, Answer] = {
        "systemctl is-active NetworkManager": "active\n",
        "systemctl reload NetworkManager": "",
        "nmcli -g GENERAL.STATE,GENERAL.CONNECTION device show eth0": "100 (connected)\nvmmigrate-live\n",
        listing: f"{UUID}:0:802-3-ethernet::Wired connection 1\n",
    }
    shell = guest(shown | {add: "", modify: "", up: ""})
    configure_live(shell, look_at(shell), LIVE, WHOLE)
    assert shell.changes() == [
        f"INSTALL {networkmanager.CONF}",
        "systemctl reload NetworkManager",
        add,
        up,
    ]
    assert "ipv4.gateway 192.0.2.1" in add
    assert "802-3-ethernet.mac-address 52:54:00:00:00:01" in add
    shell.answers |= {
        listing: f"{UUID}:999:802-3-ethernet::vmmigrate-live\n",
        "ip -json address show": addresses(("192.0.2.10", 24)),
        "ip -json route show": ROUTED,
    }
    shell.ran.clear()
    configure_live(shell, look_at(shell), LIVE, WHOLE)
    assert shell.changes() == [modify]


def test_a_default_route_on_the_link_itself_is_no_gateway() -> None:
    """nmcli refuses a gateway that is none."""
    for version, cidr in ((4, "192.0.2.10/32"), (6, "2001:db8::10/128")):
        whole = Addressing((cidr_address(cidr),), (Route(DEFAULTS[version]),))
        _, settings = networkmanager.profiles(LiveNic("eth0", LIVE, whole))["vmmigrate-live"]
        said = dict(zip(settings[::2], settings[1::2], strict=True))
        assert said[f"ipv{version}.gateway"] == ""
        assert said[f"ipv{version}.routes"] == str(DEFAULTS[version])


@pytest.mark.parametrize(
    ("profile", "setting"),
    [
        ("999:802-3-ethernet::site\\: eth", "connection.autoconnect-priority 998"),
        ("999:vlan::site", "connection.autoconnect-priority 998"),
        ("0:802-3-ethernet:bridge:br0-port", f"+802-3-ethernet.mac-address-blacklist {LIVE}"),
        ("-5:802-3-ethernet:bond:b", f"+802-3-ethernet.mac-address-blacklist {LIVE}"),
    ],
)
def test_a_profile_of_the_image_that_would_go_first_makes_way(profile: str, setting: str) -> None:
    """By its priority, or because a bridge or bond brings its ports up whatever theirs is."""
    listed = f"{OTHER}:998:802-3-ethernet::x\n{OTHER}:0:bridge::br0\n{UUID}:{profile}\n"
    shell = ScriptedShell({shlex.join(networkmanager.LISTING): listed, "systemctl reload NetworkManager": ""})
    with pytest.raises(CommandFailed) as refused:
        networkmanager.configure(shell, LookingShell(shell), STATIC, False)
    assert str(refused.value).startswith(f"nmcli connection modify {UUID} {setting}:")


@pytest.mark.parametrize("uuid", [UUID.upper(), "0123456789" * 4], ids=["in capitals", "of an earlier version"])
def test_and_so_does_one_whose_file_has_another_form_of_id(uuid: str) -> None:
    """NetworkManager shows what the keyfile has."""
    listed = networkmanager.listed_in(f"{uuid}:999:802-3-ethernet::site\n")
    assert list(networkmanager.out_of_the_way(listed, LIVE)) == [(uuid, ("connection.autoconnect-priority", "998"))]


BESIDE_NETPLAN = "/etc/systemd/network/10-netplan-00-vmmigrate-live.network.d/vmmigrate.conf"


def test_systemd_networkd_waits_for_no_link() -> None:
    """At a boot mail services start behind the unit that waits for the network: for two minutes, if no NIC is ready."""
    whole = replace(WHOLE, addresses=(*WHOLE.addresses, cidr_address("2001:db8::10/64")), mtu=1400)
    alone, *_ = networkd.documents(LiveNic("eth0", LIVE, whole), "n").values()
    assert "\n[Link]\nRequiredForOnline=no-carrier\nMTUBytes=1400\n" in alone
    below, _, tagged = networkd.documents(LiveNic("eth0", LIVE, replace(whole, vlan=7)), "n").values()
    assert "\n[Link]\nRequiredForOnline=no\nMTUBytes=1400\n" in below
    assert "\n[Link]\nRequiredForOnline=no-carrier\n" in tagged
    beside = networkd.without_a_link(LiveNic("eth0", LIVE, whole))
    own = "[Address]\nAddress=2001:db8::10/64\nDuplicateAddressDetection=none\n"
    assert beside == f"[Link]\nRequiredForOnline=no-carrier\nMTUBytes=1400\n\n{own}"
    assert own in alone


def test_netplan_gets_a_file_of_our_own() -> None:
    shell = guest(
        {
            "which netplan": "/usr/sbin/netplan",
            "netplan generate": "",
            RELOAD: "",
            "networkctl reconfigure eth0": "",
            "systemctl is-active systemd-resolved": "active\n",
            "networkctl status --no-pager --lines=0 eth0": NETWORK_FILE,
        },
        {"/etc/netplan/a.yaml": ""},
    )
    configure_live(shell, look_at(shell), LIVE, WHOLE)
    assert shell.changes() == [
        f"INSTALL {netplan.PATH}",
        f"INSTALL {BESIDE_NETPLAN}",
        "netplan generate",
        RELOAD,
        "networkctl reconfigure eth0",
    ]
    assert json.loads(shell.files[netplan.PATH])["network"]["ethernets"] == {
        "00-vmmigrate-live": {
            "match": {"macaddress": LIVE},
            "renderer": "networkd",
            "dhcp4": False,
            "dhcp6": False,
            "accept-ra": False,
            "optional": True,
            "ignore-carrier": True,
            "addresses": ["192.0.2.10/24"],
            "routes": [{"to": "default", "via": "192.0.2.1"}],
            "nameservers": {"addresses": ["192.0.2.53"]},
        }
    }
    shell.answers |= {"ip -json address show": addresses(("192.0.2.10", 24)), "ip -json route show": ROUTED}
    configure_live(shell, look_at(shell), LIVE, WHOLE)
    assert shell.ran.count("netplan generate") == 1


@pytest.mark.parametrize(
    ("vlan", "dropped_in"),
    [(None, {"00-vmmigrate-live"}), (100, {"00-vmmigrate-live", "eth0.100"})],
    ids=["on the NIC", "on a VLAN"],
)
def test_netplan_makes_no_link_file_of_an_mtu(vlan: int | None, dropped_in: set[str]) -> None:
    """One without a policy for names goes before the system's own, and the next boot calls the NIC otherwise."""
    shell = guest({"which netplan": "/usr/sbin/netplan"}, {"/etc/netplan/a.yaml": ""})
    live = LiveNic("eth0", LIVE, replace(WHOLE, mtu=1400, vlan=vlan))
    with pytest.raises(CommandFailed, match="netplan generate"):
        netplan.configure(shell, look_at(shell), live, False)
    assert b"mtu" not in shell.files[netplan.PATH]
    said = {path: text for path, text in shell.files.items() if path.endswith(".network.d/vmmigrate.conf")}
    assert {path.partition("10-netplan-")[2].partition(".network.d")[0] for path in said} == dropped_in
    assert all(b"MTUBytes=1400\n" in text for text in said.values())


TAGGED = LiveNic("eth0", LIVE, replace(WHOLE, vlan=100))


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("network:\n  vlans:\n    eth1.100:\n      id: 100\n", "eth0.100"),
        ("network:\n  vlans:\n    eth0.100:\n      id: 100\n      link: eth0\n", "vlan100"),  # its addresses are joined
        ("network:\n  vlans: {eth0.100: {id: 100, link: eth0}}\n", "vlan100"),
        ("network:\n  vlans:\n    eth0.100: # tag\n      # id: 100\n      id: 8\n", "vlan100"),
        ("network:\n  vlans:\n    ? eth0.100\n    : id: 7\n", "vlan100"),
        ("network:\n  vlans:\n    eth0.100:\n      id: 7\n    b:\n      id: 100\n", "vlan100"),
        ("network: {vlans: {'eth0.100': {id: 1000}}}\n", "vlan100"),
        ("network:\n  bridges:\n    eth0.100:\n      interfaces: [eth1]\n", "vlan100"),
        ('{"network": {"bridges": {"eth0.100": {}}, "vlans": {"vlan100": {"id": 9}}}}', "live0.100"),
        ("network:\n  ethernets:\n    eth0x100: {}\n    neth0.100: {}\n", "eth0.100"),
    ],
)
def test_a_vlan_has_no_name_that_the_image_gives_to_something_else(image: str, name: str) -> None:
    """Netplan joins what has one name, addresses too, and refuses all where two kinds have it."""
    shell = guest({shlex.join(netplan.OTHERS): image})
    assert netplan.named_apart(look_at(shell), TAGGED).device == name
    untagged = LiveNic("eth0", LIVE, WHOLE)
    assert netplan.named_apart(look_at(shell), untagged) is untagged


def test_a_vlan_of_the_image_with_the_same_number_makes_way() -> None:
    """A kernel has one VLAN of a number on a NIC, and the image's may have addresses of its own."""
    there = [nic("eth0", LIVE), nic("eth1", STAGING, ("198.51.100.100", 24)), nic("eth0.100", LIVE) | {"link": "eth0"}]
    tagged = {"ifname": "eth0.100", "linkinfo": {"info_kind": "vlan", "info_data": {"id": 100}}}
    shell = guest(
        {
            "ip -json address show": json.dumps(there),
            "ip -details -json link show": json.dumps([{"ifname": "eth0"}, tagged]),
            "which netplan": "/usr/sbin/netplan",
            shlex.join(netplan.OTHERS): "network: {vlans: {eth0.100: {id: 100, link: eth0}}}\n",
            "ip link delete eth0.100": "",
        },
        {"/etc/netplan/a.yaml": ""},
    )
    with pytest.raises(CommandFailed, match="netplan generate"):
        configure_live(shell, look_at(shell), LIVE, replace(WHOLE, vlan=100))
    assert shell.changes()[1] == "ip link delete eth0.100"  # the first one reads the image's files
    assert set(json.loads(shell.files[netplan.PATH])["network"]["vlans"]) == {"vlan100"}


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("10-netplan-all-en.network", "00-vmmigrate-live"),
        ("10-netplan-00-vmmigrate-live.network", "00-vmmigrate-live"),
        ("10-netplan-00-a.network", "!00-vmmigrate-live"),
        ("80-wired.network", "00-vmmigrate-live"),
        ("05-a.network", "systemd-networkd"),
        ("05-a.link", "00-vmmigrate-live"),
    ],
)
def test_ours_is_named_so_that_it_goes_first(image: str, expected: str) -> None:
    """Of .network files that match a NIC, the first one counts."""
    known: dict[str, Answer] = {"which netplan": "/usr/sbin/netplan", "systemctl is-active systemd-resolved": "active"}
    files: dict[str, bytes | str] = {"/etc/netplan/a.yaml": "", f"/run/systemd/network/{image}": ""}
    shell = guest(known, files)
    look = look_at(shell)
    if stack_of(look, "eth0").name != "netplan":
        assert stack_of(look, "eth0").name == expected
        return
    with pytest.raises(CommandFailed, match="netplan generate"):
        netplan.configure(shell, look, STATIC, False)
    assert list(json.loads(shell.files[netplan.PATH])["network"]["ethernets"]) == [expected]


@pytest.mark.parametrize(("image", "expected"), [("00-a", "!00-vmmigrate-live"), ("01-a", "00-vmmigrate-live")])
def test_and_so_it_is_for_systemd_networkd_alone(image: str, expected: str) -> None:
    shell = guest({}, {f"/etc/systemd/network/{image}.network": ""})
    assert networkd.first(look_at(shell)) == expected


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"nmcli -g GENERAL.STATE device show eth0": "100 (connected)\n"}, "NetworkManager configures eth0 too"),
        ({STATUS: "  Network File: /run/systemd/network/a.network\n"}, "systemd-networkd configures eth0 too, by /run"),
    ],
)
def test_two_stacks_for_one_nic_are_refused(answer: dict[str, Answer], words: str) -> None:
    shell = ifupdown_guest()
    shell.answers |= answer
    with pytest.raises(ApplianceError, match=words):
        configure_live(shell, look_at(shell), LIVE, WHOLE)


def test_what_the_stack_itself_shows_counts() -> None:
    """Each of them would say after the reboot what nobody sees before it."""
    shell = ifupdown_guest()
    shell.answers["ifquery --list"] = "lo\neth0\neth0:1\n"
    with pytest.raises(ApplianceError, match=r"ifupdown on .* as it was asked: `ifquery --list` has eth0, eth0:1 for"):
        configure_live(shell, look_at(shell), LIVE, WHOLE)
    shell.answers |= {"ifquery --list": "eth0\n", "ifquery eth0": "address: 192.0.2.99\n"}
    with pytest.raises(ApplianceError, match=r"`ifquery eth0` has the addresses 192\.0\.2\.99"):
        configure_live(shell, look_at(shell), LIVE, WHOLE)


def test_the_full_name_is_found_in_etc_hosts() -> None:
    hosts = "127.0.0.1 localhost\n127.0.1.1 mailgw.example.test mailgw # own\n"
    assert full_name(hosts, "mailgw") == "mailgw.example.test"
    assert full_name(hosts, "other") == "other"
    assert full_name("", "mailgw.example.test") == "mailgw.example.test"
