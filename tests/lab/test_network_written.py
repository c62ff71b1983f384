"""The whole network of an old gateway, written into a guest of each stack over what an image has against it.

The stack's own tool proves it before the restart, this kernel before and after it, with the link down and up.
"""

from collections.abc import Iterator

import pytest
from stacked import LIVE_NIC, Guest, booted

from fixtures.lab import stacks
from fixtures.lab.stacks import Stack
from hypervisors import NotYet, wait_for
from vmmigrate.addressing import Addressing, Route, address, addressing, cidr_address
from vmmigrate.appliance.net import network
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
        """,
    "netplan": """
        printf 'network: {ethernets: {all: {match: {name: "e*"}, dhcp4: true}, eth1: {addresses: [192.0.2.99/24]}}}' \\
            > /etc/netplan/99-installer.yaml
        chmod 600 /etc/netplan/99-installer.yaml
        netplan generate
        """
    """
        # netplan asks for the permanent MAC, which the NIC of a container has not
        mkdir -p "/etc/systemd/network/10-netplan-00-vmmigrate-live.network.d"
        printf '[Match]\\nPermanentMACAddress=\\nName=eth1\\n' \\
            > "/etc/systemd/network/10-netplan-00-vmmigrate-live.network.d/container.conf"
        """,
    "networkd": """
        printf '[Match]\\nName=eth1\\n\\n[Network]\\nAddress=192.0.2.99/24\\n' > /etc/systemd/network/00-image.network
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

    wait_for("the live NIC", look, timeout=20, clears="", pause=0.3, max_pause=0.5)


def test_all_of_it_is_in_force_and_survives_a_restart(guest: Guest) -> None:
    """Unplugged, as it is until the switch."""
    write(guest, WHOLE)
    has(guest, WHOLE)
    write(guest, WHOLE)
    guest.reboot()
    has(guest, WHOLE)
    guest.box.plug(LIVE_NIC, up=True)
    has(guest, WHOLE)


def test_a_next_hop_outside_the_subnet(guest: Guest) -> None:
    write(guest, ON_LINK)
    has(guest, ON_LINK)


def test_the_nic_that_we_come_in_at_is_left_alone(guest: Guest) -> None:
    with pytest.raises(ApplianceError, match="the NIC that is to be configured"):
        network.configure_live(guest.shell, network.look_at(guest.shell), guest.box.mac(0), WHOLE)
