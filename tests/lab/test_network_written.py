"""The whole network of an old gateway, written into a guest of each stack over what an image has against it.

The stack's own tool proves it before the restart, this kernel before and after it, with the link down and up.
"""

import shlex
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from stacked import LIVE_NIC, Guest, booted

from fixtures.lab import stacks
from fixtures.lab.stacks import Stack
from hypervisors import NotYet, wait_for
from vmmigrate.addressing import Addressing, LiveNic, Route, address, addressing, cidr_address
from vmmigrate.appliance.net import ifupdown, netplan, network, networkd, networkmanager
from vmmigrate.errors import ApplianceError

pytestmark = pytest.mark.lab

DEFAULT4, DEFAULT6 = (addressing(*pair).routes[0] for pair in (("192.0.2.10/24", "192.0.2.1"), ("::2/64", "fe80::1")))
WHOLE = Addressing(
    addresses=tuple(map(cidr_address, ("192.0.2.10/24", "192.0.2.11/24", "2001:db8:2::10/64"))),
    routes=(
        DEFAULT4,
        DEFAULT6,
        Route(cidr_address("10.0.0.0/8").network, address("192.0.2.254"), metric=50),
        Route(cidr_address("2001:db8:9::/48").network, address("2001:db8:2::fe")),
    ),
    dns=(address("192.0.2.53"),),
    search=("a.example.test", "b.example.test"),
    mtu=1400,
)
ON_LINK = addressing("192.0.2.10/32", "198.51.100.254")

ROUTER = (
    *("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--leasefile-ro", "--interface=live"),
    *("--bind-dynamic", "--enable-ra", "--ra-param=live,5,60", "--dhcp-range=2001:db8:2::,ra-only"),
)

# What an image may have, so that its file, pattern or priority goes before ours.
AGAINST = {
    "ifupdown": """
        printf 'auto /eth1*=any eth1:9\\niface any inet dhcp\\niface eth1:9 inet static\\n  address 192.0.2.98/24\\n' \\
            >> /etc/network/interfaces
        mkdir -p /etc/network/site
        printf 'allow-hotplug eth1\\niface eth1 inet static\\n  address 192.0.2.99/24\\n' > /etc/network/site/more
        printf '# \\351\\nsource /etc/network/s*/m*\\nmapping eth*\\n  script /bin/echo\\n' >> /etc/network/interfaces
        """,
    "networkmanager": """
        nmcli connection add type ethernet ifname eth1 con-name image connection.autoconnect-priority 999 \\
            ipv4.method manual ipv4.addresses 192.0.2.99/24 ipv6.method disabled
        nmcli connection add type bridge ifname br0 con-name br0 connection.autoconnect-slaves 1 \\
            ipv4.method disabled ipv6.method disabled
        nmcli connection add type ethernet ifname eth1 con-name port master br0
        """,
    "netplan": """
        printf '%s' 'network: {ethernets: {0-all: {match: {name: e*}, dhcp4: true, optional: true},' \\
            ' eth1: {addresses: [192.0.2.99/24]}}, bridges: {br0: {interfaces: [eth1]}}}' \\
            > /etc/netplan/99-installer.yaml
        chmod 600 /etc/netplan/99-installer.yaml
        netplan generate
        """
    """
        # netplan asks for the permanent MAC, which the NIC of a container has not
        mkdir -p "/etc/systemd/network/10-netplan-!00-vmmigrate-live.network.d"
        printf '[Match]\\nPermanentMACAddress=\\nName=eth1\\n' \\
            > "/etc/systemd/network/10-netplan-!00-vmmigrate-live.network.d/container.conf"
        """,
    "networkd": """
        printf '[NetDev]\\nName=br0\\nKind=bridge\\n' > /etc/systemd/network/br0.netdev
        printf '[Match]\\nName=eth1\\n\\n[Network]\\nAddress=192.0.2.99/24\\nBridge=br0\\n' \\
            > /etc/systemd/network/00-image.network
        networkctl reload
        """,
}


@pytest.fixture(scope="module", params=stacks.ALL, ids=lambda stack: stack.name)
def guest(request: pytest.FixtureRequest) -> Iterator[Guest]:
    stack: Stack = request.param
    with booted(stack) as made:
        made.root(AGAINST[stack.name])
        yield made


def write(guest: Guest, wanted: Addressing) -> None:
    network.configure_live(guest.shell, network.look_at(guest.shell), guest.box.mac(LIVE_NIC), wanted)


def has(guest: Guest, wanted: Addressing) -> None:
    """Waits, because a stack sets an address when it likes."""

    def look() -> None:
        otherwise = network.differences(guest.shell, guest.box.mac(LIVE_NIC), wanted)
        if otherwise:
            raise NotYet("; ".join(otherwise))

    wait_for("the live NIC", look, timeout=180, clears="", pause=0.3, max_pause=0.5)


def test_all_of_it_is_in_force_and_survives_a_restart(guest: Guest) -> None:
    """Unplugged, as it is until the switch."""
    write(guest, WHOLE)
    has(guest, WHOLE)
    write(guest, WHOLE)
    guest.reboot()
    has(guest, WHOLE)
    nobody_waits(guest)
    guest.box.plug(LIVE_NIC, up=True)
    has(guest, WHOLE)
    nobody_waits(guest)


def nobody_waits(guest: Guest) -> None:
    """Mail services start behind the unit that waits for the network, two minutes at most, until one NIC is ready."""
    if guest.recipe.stack.name in ("netplan", "networkd"):
        guest.root("/lib/systemd/systemd-networkd-wait-online --timeout=10")


def test_a_next_hop_outside_the_subnet(guest: Guest) -> None:
    write(guest, ON_LINK)
    has(guest, ON_LINK)


def test_the_nic_that_we_come_in_at_is_left_alone(guest: Guest) -> None:
    with pytest.raises(ApplianceError, match="the NIC that is to be configured"):
        network.configure_live(guest.shell, network.look_at(guest.shell), guest.box.mac(0), WHOLE)


# ---- what this kernel may lack: by the tools alone -------------------------------------------------------------

TAGGED = replace(WHOLE, vlan=100, advertised=True)


def tagged(guest: Guest) -> LiveNic:
    return LiveNic("eth1", guest.box.mac(LIVE_NIC), TAGGED)


def test_a_vlan_as_the_tool_reads_it(guest: Guest) -> None:
    """The kernel below a container need not know VLANs."""
    BY_TOOL[guest.recipe.stack.name](guest, tagged(guest))


def by_ifupdown(guest: Guest, live: LiveNic) -> None:
    write_it = f"printf %s {shlex.quote(ifupdown.stanza(live))} > /tmp/i"
    said = guest.root(f"{write_it}; ifup -i /tmp/i --no-act --verbose --force eth1.100 2>&1")
    assert "ip addr add 192.0.2.11/255.255.255.0" in said
    assert "ip -6 addr add 2001:db8:2::10/64  dev eth1.100  nodad" in said
    assert "ip -6 route replace 2001:db8:9::/48 via 2001:db8:2::fe dev eth1.100" in said


TAKEN = """network:
  bridges: {eth1.100: {}}
  vlans: {vlan100: {id: 100, link: eth1, addresses: [192.0.2.99/24]}}
"""


def by_netplan(guest: Guest, live: LiveNic) -> None:
    """Beside an image's things that have the names a VLAN would be given first, one of its own number."""
    guest.root(f"printf %s {shlex.quote(TAKEN)} > /etc/netplan/99-taken.yaml; chmod 600 /etc/netplan/99-taken.yaml")
    live = netplan.named_apart(network.look_at(guest.shell), live)
    said = guest.root(
        "rm -rf /tmp/root; mkdir -p /tmp/root/etc/netplan; mv /etc/netplan/99-taken.yaml /tmp/root/etc/netplan;"
        " cp /etc/netplan/*installer* /tmp/root/etc/netplan;"
        f"printf %s {shlex.quote(netplan.document(live, netplan.IDS[1]))} > /tmp/root/etc/netplan/zz.yaml;"
        "chmod 600 /tmp/root/etc/netplan/*; netplan generate --root-dir /tmp/root;"
        f"cd /tmp/root/run/systemd/network; ls *.network | LC_ALL=C sort | head -1; cat 10-netplan-{live.device}.*"
    )
    assert live.device == "live0.100"
    assert said.startswith("10-netplan-!00-vmmigrate-live.network\n")
    assert "Kind=vlan\n" in said
    assert "Id=100\n" in said
    assert "Address=2001:db8:2::10/64\n" in said
    assert "192.0.2.99" not in said


def by_nmcli(guest: Guest, live: LiveNic) -> None:
    kind, settings = networkmanager.profiles(live)["vmmigrate-live-vlan"]
    said = guest.root(shlex.join(("nmcli", "--offline", "connection", "add", *kind, "con-name", "x", *settings)))
    assert "[vlan]\nflags=1\nid=100\nparent=eth1\n" in said
    assert "address2=192.0.2.11/24\n" in said
    assert "method=auto\n" in said
    assert "route1=10.0.0.0/8,192.0.2.254,50\n" in said


def by_networkd(guest: Guest, live: LiveNic) -> None:
    """It has no tool that reads files which are not in force: it says that it knows each word, in its journal."""
    texts = networkd.documents(live, "00-vmmigrate-live")
    script = [f"printf %s {shlex.quote(text)} > /etc/systemd/network/{name}" for name, text in texts.items()]
    restart = "systemctl restart systemd-networkd; sleep 1; journalctl --no-pager -b -u systemd-networkd"
    said = guest.root("; ".join([*script, restart]))
    assert [line for line in said.splitlines() if "00-vmmigrate-live" in line and "nknown" in line] == []


BY_TOOL: dict[str, Callable[[Guest, LiveNic], None]] = {
    "ifupdown": by_ifupdown,
    "netplan": by_netplan,
    "networkmanager": by_nmcli,
    "networkd": by_networkd,
}


def test_a_router_that_advertises_itself(guest: Guest) -> None:
    """Not ifupdown, whose kernel switches are read-only in a container. Last, because the address stays for a while."""
    if guest.recipe.stack.name not in ("networkd", "networkmanager"):
        pytest.skip("needs a network stack that reads advertisements itself")
    wanted = replace(WHOLE, advertised=True, routes=tuple(each for each in WHOLE.routes if each is not DEFAULT6))
    beside = ("nsenter", f"--net=/proc/{guest.box.process}/ns/net")
    with subprocess.Popen([*beside, *ROUTER], stderr=subprocess.DEVNULL) as router:
        try:
            write(guest, wanted)
            guest.box.plug(LIVE_NIC, up=True)
            has(guest, wanted)
            wait_for("the route", lambda: _advertised(guest), timeout=180, clears="", pause=0.3, max_pause=0.5)
        finally:
            router.kill()


def _advertised(guest: Guest) -> None:
    if "proto ra" not in guest.shell.run(("ip", "-6", "route", "show", "default", "dev", "eth1")).stdout:
        raise NotYet("no route")
