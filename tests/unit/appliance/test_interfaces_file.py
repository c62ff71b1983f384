"""What of an image still configures the live NIC goes out of its interfaces files, and nothing else does."""

from dataclasses import replace

import pytest
from scripted_shell import ScriptedShell

from vmmigrate.addressing import Addressing, LiveNic, Route, address, addressing, cidr_address
from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.net import ifupdown
from vmmigrate.appliance.net.ifupdown import MAIN
from vmmigrate.appliance.net.interfaces_file import over_it, without
from vmmigrate.errors import ApplianceError

LIVE, STAGING = "52:54:00:00:00:01", "52:54:00:00:00:02"
NIC = LiveNic("eth0", LIVE, addressing("192.0.2.10/24"), (("eth1", STAGING),))
OURS = "auto eth0\niface eth0 inet static\n    address 192.0.2.10\n    netmask 255.255.255.0\n"
OURS += "    pre-up sysctl -q -e -w net/ipv6/conf/eth0/accept_ra=0 || true\n"


def left_of(text: str, live: LiveNic = NIC) -> str:
    return without(text, live, over_it([text], live))


LO = "auto lo\niface lo inet loopback\n"


@pytest.mark.parametrize(
    ("image", "left"),
    [
        ("auto eth0:1\niface eth0:1 inet static\n  address 192.0.2.78/24\n", ""),
        ("auto eth0.7\niface eth0.7 inet dhcp\n", ""),
        ("allow-hotplug eth0 eth1\niface eth0 inet dhcp\n", "allow-hotplug eth1\n"),
        ("auto /eth*=lan\niface lan inet dhcp\n", "auto eth1=lan\niface lan inet dhcp\n"),
        ("auto /eth*/1=lan\niface lan inet dhcp\n", "iface lan inet dhcp\n"),
        ("auto /eth*/2=lan\niface lan inet dhcp\n", "auto /eth*/2=lan\niface lan inet dhcp\n"),
        (f"auto mac/{LIVE}=lan\niface lan inet dhcp\n", "iface lan inet dhcp\n"),
        (f"auto mac/{STAGING}=lan\niface lan inet dhcp\n", f"auto mac/{STAGING}=lan\niface lan inet dhcp\n"),
        ("auto eth0=lan\niface lan inet dhcp\n", "iface lan inet dhcp\n"),
        ("mapping eth0\n  script /bin/where\n  map home lan\niface lan inet dhcp\n", "iface lan inet dhcp\n"),
        ("mapping eth*\n  script /bin/where\n", "mapping eth1\n  script /bin/where\n"),
        ("mapping wlan0\n  script /bin/where\n", "mapping wlan0\n  script /bin/where\n"),
        ("auto br0\niface br0 inet static\n  address 192.0.2.7/24\n  bridge_ports eth0\niface eth0 inet manual\n", ""),
        ("auto br0\niface br0 inet dhcp\n  bridge-ports regex eth[0]\n", ""),
        ("auto bond0\niface bond0 inet dhcp\n  bond-slaves eth0\n", ""),
        ("auto vlan7\niface vlan7 inet dhcp\n  vlan-raw-device eth0\n", ""),
        ("auto br0.5\niface br0.5 inet dhcp\niface br0 inet manual\n  bridge_ports eth0\n", ""),
        (
            "iface br5 inet dhcp\n bridge_ports bond0.5\niface bond0.5 inet dhcp\niface bond0 inet x\n slaves eth0\n",
            "",
        ),
        ("iface br5 inet dhcp\n  bridge_ports regex bond.*\niface eth0 inet manual\n  bond-master bond0\n", ""),
        ("auto top\niface top inet dhcp\n  vlan-raw-device v7\niface v7 inet manual\n  vlan-raw-device eth0\n", ""),
        ("iface br0 inet dhcp\n  bridge_ports eth0.5\n", ""),
        ("iface br1 inet dhcp\n  bridge_ports eth1.5\n", "iface br1 inet dhcp\n  bridge_ports eth1.5\n"),
        ("auto \\\n  eth0 \\\n  eth1\n", "auto eth1\n"),
        ("no-scripts eth0\n", ""),
        ("allow-ovs br0\niface br0 inet dhcp\n  ovs_ports eth0\n", ""),
        ("# a\u2028auto eth0\x0cauto eth0\n", "# a\u2028auto eth0\x0cauto eth0\n"),
        ("auto eth00 eth0x\niface eth00 inet dhcp\n", "auto eth00 eth0x\niface eth00 inet dhcp\n"),
        ("iface eth0 inet dhcp\n  # why\n  up x\n\nauto eth1\n", "  # why\nauto eth1\n"),
    ],
)
def test_what_configures_it_goes(image: str, left: str) -> None:
    assert left_of(f"{LO}{image}") == f"{LO}{left}"


@pytest.mark.parametrize("ports", ["eth0 eth1", "all", "regex eth.*"])
def test_a_bridge_that_has_our_way_in_as_a_port_is_refused(ports: str) -> None:
    with pytest.raises(ApplianceError, match="the image joins the live NIC eth0 and eth1 in br0"):
        left_of(f"iface br0 inet dhcp\n  bridge_ports {ports}\n")


@pytest.mark.parametrize(
    "image",
    [
        "iface br0 inet dhcp\n  bridge_ports eth0.100 eth1\niface eth0.100 inet manual\n",
        "iface br0 inet dhcp\n  bridge_ports eth0 eth1.5\n",
        "iface br0 inet x\n bridge_ports b v5\niface b inet x\n slaves eth0\niface v5 inet x\n vlan_raw_device eth1\n",
        "iface br0 inet dhcp\n  bridge_ports bond0 eth1\niface eth0 inet manual\n  bond-master bond0\n",
    ],
)
def test_so_is_one_that_has_what_stands_over_it(image: str) -> None:
    with pytest.raises(ApplianceError, match="the image joins the live NIC eth0 and eth1 in br0"):
        left_of(image)


PORT = "iface {} inet manual\n  bond-master bond0\n"


@pytest.mark.parametrize(
    "image",
    [
        PORT.format("eth0") + PORT.format("eth1") + "iface bond0 inet dhcp\n  bond-slaves none\n",
        PORT.format("eth1") + "  bond-primary eth0\niface bond0 inet dhcp\n  bond-slaves eth0 eth1\n",
        PORT.format("eth1") + "  bond_primary eth0\n",
    ],
)
def test_a_bond_that_its_ports_name_is_refused_too(image: str) -> None:
    with pytest.raises(ApplianceError, match="the image joins the live NIC eth0 and eth1 in bond0"):
        left_of(image)


def test_a_bond_that_has_the_live_nic_alone_goes() -> None:
    """Whichever of the two names the other; else it would come up, and wait for a lease without a port."""
    bond = "auto bond0\niface bond0 inet dhcp\n  bond-slaves none\n"
    assert left_of(f"{LO}{PORT.format('eth0')}{bond}") == LO
    assert left_of(f"{LO}{PORT.format('eth0')}{bond}  bond-primary eth0\n") == LO


def test_a_nic_that_inherits_what_goes_is_refused() -> None:
    """It would have the live address too."""
    image = "iface eth0 inet static\n  address 192.0.2.7/24\niface eth1 inet static inherits eth0\n"
    with pytest.raises(ApplianceError, match="the live NIC eth0 and eth1 in what eth1 inherits"):
        left_of(image)
    assert left_of("iface all inet dhcp\niface eth0 inet dhcp inherits all\n") == "iface all inet dhcp\n"


def written(files: dict[str, bytes | str], live: LiveNic = NIC) -> dict[str, str]:
    answers: dict[str, object] = {"which ifup": "/sbin/ifup", "which resolvconf": "/sbin/resolvconf"}
    answers |= {f"ifup {name}": "" for name in (live.name, live.device)}
    shell = ScriptedShell(answers, files)  # type: ignore[arg-type]
    ifupdown.configure(shell, LookingShell(shell), live, False)
    return {path: data.decode(errors="surrogateescape") for path, data in shell.files.items()}


@pytest.mark.parametrize(
    "line",
    [
        "source site/*",
        "source ./site/et?",
        "source-directory site",
        "source-dir /etc/network/site",
        "source 'site/eth'",
        'source "site"/e*',
        "source /etc/network/si\\te/eth",
        "source-directory 'site'",
    ],
)
def test_a_file_that_is_sourced_from_anywhere(line: str) -> None:
    site = "auto eth0\niface eth0 inet dhcp\niface eth1 inet dhcp\n"
    files = written({MAIN: f"{line}\n", "/etc/network/site/eth": site})
    assert files == {MAIN: f"{line}\n\n{OURS}", "/etc/network/site/eth": "iface eth1 inet dhcp\n"}


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("source-dir interfaces.d", "eth0.cfg"),
        ('source "/etc/network/interfaces.d/eth0"', "eth0"),  # it begins with no "/", so it counts from that folder
        ('source "interfaces.d/eth0', "eth0"),
        ("source-directory interfaces.d", "eth0.cfg"),
        ("source-directory interfaces.d", "eth0~"),
        ("source interfaces.d/*.cfg", "eth0"),
        ("", "eth0"),
    ],
)
def test_a_file_that_ifupdown_does_not_read_is_none(line: str, name: str) -> None:
    """`ifquery --list` of Debian 12 passes over each: it configures nothing, and is left as it is."""
    left = "auto eth0\niface eth0 inet dhcp\n"
    files = {MAIN: f"{line}\n", f"/etc/network/interfaces.d/{name}": left}
    assert written(dict(files))[f"/etc/network/interfaces.d/{name}"] == left
    shell = ScriptedShell({"which ifup": "/sbin/ifup"}, dict(files))  # type: ignore[arg-type]
    assert not ifupdown.configures(LookingShell(shell), "eth0")


def test_a_folder_among_what_is_sourced_is_passed_over() -> None:
    folder = "/etc/network/interfaces.d"
    answers = {"which ifup": "/sbin/ifup", f"ls -1 {folder}": "eth0\nold\n"}
    answers |= {f"stat -c '%a %U %G' {folder}/old": "755 root root\n"}
    files = {MAIN: "source interfaces.d/*\n", f"{folder}/eth0": "iface eth0 inet dhcp\n"}
    shell = ScriptedShell(answers, files)  # type: ignore[arg-type]
    assert ifupdown.configures(LookingShell(shell), "eth0")


def test_a_file_that_a_sourced_file_sources() -> None:
    files = written({MAIN: "source a\n", "/etc/network/a": "source b\n", "/etc/network/b": "auto eth0\n"})
    assert files["/etc/network/b"] == "\n"


def test_a_line_that_sources_is_no_option_of_the_stanza_above() -> None:
    """Debian's ifupdown takes both names; unknown, the line went with the live NIC's stanza."""
    image = "iface eth0 inet dhcp\nsource-dir interfaces.d\n"
    assert left_of(image) == "source-dir interfaces.d\n"


def test_a_bridge_in_one_file_and_its_start_in_another() -> None:
    files = written({MAIN: "source a\nauto br0\n", "/etc/network/a": "iface br0 inet dhcp\n  bridge_ports eth0\n"})
    assert files == {MAIN: f"source a\n\n{OURS}", "/etc/network/a": "\n"}


def test_what_is_made_again_at_each_boot_is_taken_over() -> None:
    """A cloud image's udev rule writes these files; only one that is not read any more cannot come back."""
    made = {f"/run/network/interfaces.d/{name}": f"auto {name}\niface {name} inet dhcp\n" for name in ("eth0", "eth1")}
    files = written({MAIN: f"{LO}source-directory /run/network/interfaces.d\n", **made})
    assert files[MAIN] == f"{LO}\nauto eth1\niface eth1 inet dhcp\n\n{OURS}"


@pytest.mark.parametrize("comment", [b"# f\xfcr Au\xdfen\n", "# für Außen\n".encode(), b"# \xff\xfe\n"])
def test_bytes_of_any_encoding_stay(comment: bytes) -> None:
    shell = written({MAIN: comment + b"auto eth0\niface eth0 inet dhcp\n"})
    assert shell[MAIN].encode(errors="surrogateescape").startswith(comment)


def test_all_of_a_network_is_written() -> None:
    whole = Addressing(
        tuple(map(cidr_address, ("192.0.2.10/24", "192.0.2.11/24", "2001:db8::10/64"))),
        (
            addressing("192.0.2.10/24", "192.0.2.1").routes[0],
            Route(cidr_address("::/0").network, address("fe80::1")),
            Route(cidr_address("10.0.0.0/8").network, address("192.0.2.254"), source=address("192.0.2.11"), metric=50),
        ),
        (address("192.0.2.53"),),
        ("a.test", "b.test"),
        mtu=1400,
        advertised=True,
    )
    assert (
        ifupdown.stanza(LiveNic("eth0", LIVE, whole))
        == """\
auto eth0
iface eth0 inet static
    address 192.0.2.10
    netmask 255.255.255.0
    mtu 1400
    gateway 192.0.2.1
    up ip route replace 10.0.0.0/8 via 192.0.2.254 dev eth0 src 192.0.2.11 metric 50
    dns-nameservers 192.0.2.53
    dns-search a.test b.test
iface eth0 inet static
    address 192.0.2.11
    netmask 255.255.255.0
iface eth0 inet6 static
    address 2001:db8::10
    netmask 64
    accept_ra 2
    dad-attempts 0
    mtu 1400
    gateway fe80::1
"""
    )


def test_an_on_link_next_hop_and_a_vlan() -> None:
    """Before Debian 12, `gateway` takes no next hop outside the subnet."""
    whole = addressing("192.0.2.10/32", "198.51.100.1")
    assert "    up ip route replace 0.0.0.0/0 via 198.51.100.1 dev eth0 onlink\n" in ifupdown.stanza(
        LiveNic("eth0", LIVE, whole)
    )
    tagged = Addressing(whole.addresses, mtu=1400, vlan=100)
    assert ifupdown.stanza(LiveNic("eth0", LIVE, tagged)).startswith(
        "auto eth0\niface eth0 inet manual\n    mtu 1400\n"
        "    pre-up sysctl -q -e -w net/ipv6/conf/eth0/accept_ra=0 || true\n"
        "\nauto eth0.100\niface eth0.100 inet static\n"
    )
    named = ifupdown.stanza(LiveNic("enp0s31f6np0", LIVE, tagged))
    assert "auto vlan100\niface vlan100 inet static\n" in named
    assert "    vlan-raw-device enp0s31f6np0\n" in named


def test_without_ipv6_no_router_gives_an_address() -> None:
    """With IPv6 the stanza's own `accept_ra` says it. A VLAN is there only after `pre-up`."""
    deaf = "sysctl -q -e -w net/ipv6/conf/{}/accept_ra=0 || true\n"
    v4 = Addressing((cidr_address("192.0.2.10/24"),))
    assert ifupdown.stanza(LiveNic("eth0", LIVE, v4)).endswith("    pre-up " + deaf.format("eth0"))
    tagged = ifupdown.stanza(LiveNic("eth0", LIVE, replace(v4, vlan=7)))
    assert tagged.endswith("    up " + deaf.format("eth0.7"))
    assert "    pre-up " + deaf.format("eth0") in tagged
    both = replace(v4, addresses=(*v4.addresses, cidr_address("2001:db8::10/64")))
    assert "sysctl" not in ifupdown.stanza(LiveNic("eth0", LIVE, both))


@pytest.mark.parametrize("name", ["-x", "eth0 up reboot", "eth0\nup", "a/b", "", "e" * 16])
def test_a_name_that_is_none_is_never_written(name: str) -> None:
    with pytest.raises(ValueError, match="no name of a NIC"):
        LiveNic(name, LIVE, addressing("192.0.2.10/24"))
