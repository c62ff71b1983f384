"""A guest's network: what is read, who configures it, and a live NIC configured once and for good."""

import json
from typing import Any

import pytest
from scripted_shell import Answer, ScriptedShell

from vmmigrate.appliance.net import netplan, networkmanager
from vmmigrate.appliance.net.ifupdown import MAIN, without_stanzas
from vmmigrate.appliance.net.network import (
    configure_live,
    full_name,
    look_at,
    network_tool,
    read_network,
    with_own_name,
)
from vmmigrate.appliance.net.static import StaticAddress
from vmmigrate.appliance.port import Result
from vmmigrate.errors import ApplianceError

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
    gateway 192.0.2.1
    dns-nameservers 192.0.2.53
"""
UP = ("ifup eth0", "ifdown --force eth0", "systemctl stop ifup@eth0.service")
STATIC = StaticAddress("eth0", LIVE, "192.0.2.10/24", "192.0.2.1", ("192.0.2.53",))


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
        "hostname": "fresh\n",
        "printenv SSH_CONNECTION": "198.51.100.1 40000 198.51.100.100 22\n",
    }
    return ScriptedShell(answers | (more or {}), files)


def ifupdown_guest(interfaces: str = FRESH) -> ScriptedShell:
    """ifup puts the stanza's address in force."""

    def up(shell: ScriptedShell, argv: tuple[str, ...]) -> Result:
        assert "address 192.0.2.10" in shell.files[MAIN].decode()
        shell.answers["ip -json address show"] = addresses(("192.0.2.10", 24))
        return Result(0, "", "")

    more: dict[str, Answer] = {"which ifup": "/usr/sbin/ifup", "ifup eth0": up}
    more["hostnamectl set-hostname mailgw.example.test"] = ""
    more |= {"ifdown --force eth0": "", "systemctl stop ifup@eth0.service": 5, "which resolvconf": "/sbin/resolvconf"}
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
    assert network.by_mac(LIVE.upper()).addresses == ("192.0.2.10/24", "2001:db8::2/64")
    assert [interface.name for interface in network.interfaces] == ["eth0", "eth1"]
    assert (network.gateway, network.gateway_interface) == ("192.0.2.1", "eth0")
    assert network.dns == ("192.0.2.53", "192.0.2.54")
    assert shell.changes() == []


def test_an_unknown_mac_is_named_with_those_there_are() -> None:
    with pytest.raises(ApplianceError, match=f"it has eth0 {LIVE}, eth1 {STAGING}"):
        read_network(guest()).by_mac("52:54:00:00:00:09")


def test_ifupdown_gets_the_static_stanza_and_keeps_staging() -> None:
    shell = ifupdown_guest()
    configure_live(shell, look_at(shell), LIVE, "192.0.2.10/24", "192.0.2.1", ("192.0.2.53",))
    assert shell.files[MAIN].decode() == WANTED
    assert shell.changes() == [
        "systemctl stop ifup@eth0.service",
        "ifdown --force eth0",
        f"INSTALL {MAIN}",
        "ifup eth0",
    ]


def test_configuring_twice_does_nothing_the_second_time() -> None:
    shell = ifupdown_guest()
    configure_live(shell, look_at(shell), LIVE, "192.0.2.10/24", "192.0.2.1", ("192.0.2.53",), "mailgw.example.test")
    shell.answers["hostname"] = "mailgw.example.test\n"
    shell.ran.clear()
    configure_live(shell, look_at(shell), LIVE, "192.0.2.10/24", "192.0.2.1", ("192.0.2.53",), "mailgw.example.test")
    assert shell.changes() == []


def test_a_crash_between_file_and_ifup_is_mended() -> None:
    shell = ifupdown_guest(WANTED)
    configure_live(shell, look_at(shell), LIVE, "192.0.2.10/24", "192.0.2.1", ("192.0.2.53",))
    assert shell.changes() == ["systemctl stop ifup@eth0.service", "ifdown --force eth0", "ifup eth0"]


def test_a_stanza_in_the_folder_goes_too() -> None:
    shell = ifupdown_guest("source /etc/network/interfaces.d/*\n")
    shell.files["/etc/network/interfaces.d/cloud"] = b"auto eth0 eth1\niface eth0 inet dhcp\niface eth1 inet dhcp\n"
    configure_live(shell, look_at(shell), LIVE, "192.0.2.10/24", None)
    assert shell.files["/etc/network/interfaces.d/cloud"] == b"auto eth1\niface eth1 inet dhcp\n"
    assert shell.files[MAIN].startswith(b"source /etc/network/interfaces.d/*\n\nauto eth0\n")
    assert b"gateway" not in shell.files[MAIN]


def test_without_resolvconf_the_servers_go_to_resolv_conf() -> None:
    shell = ifupdown_guest()
    del shell.answers["which resolvconf"]
    configure_live(shell, look_at(shell), LIVE, "192.0.2.10/24", "192.0.2.1", ("192.0.2.53",))
    assert shell.files["/etc/resolv.conf"] == b"nameserver 192.0.2.53\n"


def test_stanzas_are_cut_out_cleanly() -> None:
    assert without_stanzas(FRESH, "eth9") == FRESH
    assert without_stanzas("iface eth0 inet dhcp\n  up x\niface eth0 inet6 auto\nauto eth0\n", "eth0") == "\n"
    assert without_stanzas("iface eth01 inet dhcp\n", "eth0") == "iface eth01 inet dhcp\n"


def test_the_hostname_is_set_and_known_to_the_guest_itself() -> None:
    shell = ifupdown_guest()
    shell.answers["hostnamectl set-hostname mailgw"] = ""
    configure_live(shell, look_at(shell), LIVE, "192.0.2.10/24", None, hostname="mailgw", fqdn="mailgw.example.test")
    assert "hostnamectl set-hostname mailgw" in shell.ran
    assert shell.files["/etc/hosts"] == b"127.0.0.1\tlocalhost\n127.0.1.1\tmailgw.example.test mailgw\n"
    assert with_own_name("127.0.0.1 localhost", "gw") == "127.0.0.1 localhost\n127.0.1.1\tgw\n"


def test_our_own_branch_is_not_cut() -> None:
    shell = ifupdown_guest()
    with pytest.raises(ApplianceError, match="runs over eth1"):
        configure_live(shell, look_at(shell), STAGING, "192.0.2.10/24", None)
    assert shell.changes() == []


def test_a_default_route_over_staging_is_refused() -> None:
    shell = ifupdown_guest()
    shell.answers["ip -json route show"] = json.dumps([{"dst": "default", "gateway": "198.51.100.1", "dev": "eth1"}])
    with pytest.raises(ApplianceError, match="default route over eth1") as refused:
        configure_live(shell, look_at(shell), LIVE, "192.0.2.10/24", "192.0.2.1")
    assert refused.value.hint == "let the staging network's DHCP hand out no router"
    assert shell.changes() == []


def test_which_tool_configures() -> None:
    nm: dict[str, Answer] = {"systemctl is-active NetworkManager": "active\n"}
    plan: dict[str, Answer] = {"which netplan": "/usr/sbin/netplan"}
    yaml: dict[str, bytes | str] = {"/etc/netplan/50-cloud-init.yaml": ""}
    assert network_tool(look_at(ifupdown_guest()), "eth0") == "ifupdown"
    assert network_tool(look_at(guest(nm)), "eth0") == "NetworkManager"
    assert network_tool(look_at(guest(nm | plan, yaml)), "eth0") == "netplan"
    assert network_tool(look_at(guest(nm | plan)), "eth0") == "NetworkManager"
    mixed = ifupdown_guest("iface eth1 inet dhcp\n")
    mixed.answers |= nm
    assert network_tool(look_at(mixed), "eth0") == "NetworkManager"
    with pytest.raises(ApplianceError, match="seen: systemd-networkd"):
        network_tool(look_at(guest({"systemctl is-active systemd-networkd": "active\n"})), "eth0")


def test_network_manager_gets_a_profile_that_waits_for_its_link() -> None:
    add = f"nmcli connection add type ethernet con-name vmmigrate-live {' '.join(networkmanager.settings(STATIC))}"
    modify = f"nmcli connection modify vmmigrate-live {' '.join(networkmanager.settings(STATIC))}"
    up = "nmcli connection up vmmigrate-live"
    shell = guest({"systemctl is-active NetworkManager": "active\n", add: "", modify: "", up: 4})
    configure_live(shell, look_at(shell), LIVE, STATIC.cidr, STATIC.gateway, STATIC.dns)
    assert shell.ran[-2:] == [add, up]
    shell.answers |= {
        "nmcli connection show vmmigrate-live": "",
        "ip -json address show": addresses(("192.0.2.10", 24)),
    }
    configure_live(shell, look_at(shell), LIVE, STATIC.cidr, STATIC.gateway, STATIC.dns)
    assert shell.ran[-1] == modify
    assert "ipv4.gateway 192.0.2.1" in add


def test_netplan_gets_a_file_of_our_own() -> None:
    shell = guest({"which netplan": "/usr/sbin/netplan", "netplan apply": ""}, {"/etc/netplan/a.yaml": ""})
    configure_live(shell, look_at(shell), LIVE, STATIC.cidr, STATIC.gateway, STATIC.dns)
    assert shell.ran[-2:] == [f"INSTALL {netplan.PATH}", "netplan apply"]
    assert json.loads(shell.files[netplan.PATH])["network"]["ethernets"]["eth0"] == {
        "match": {"macaddress": LIVE},
        "dhcp4": False,
        "dhcp6": False,
        "optional": True,
        "addresses": ["192.0.2.10/24"],
        "routes": [{"to": "default", "via": "192.0.2.1"}],
        "nameservers": {"addresses": ["192.0.2.53"]},
    }
    shell.answers["ip -json address show"] = addresses(("192.0.2.10", 24))
    configure_live(shell, look_at(shell), LIVE, STATIC.cidr, STATIC.gateway, STATIC.dns)
    assert shell.ran.count("netplan apply") == 1


def test_the_full_name_is_found_in_etc_hosts() -> None:
    hosts = "127.0.0.1 localhost\n127.0.1.1 mailgw.example.test mailgw # own\n"
    assert full_name(hosts, "mailgw") == "mailgw.example.test"
    assert full_name(hosts, "other") == "other"
    assert full_name("", "mailgw.example.test") == "mailgw.example.test"
