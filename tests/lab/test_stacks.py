"""Each network stack on a staging network that has IPv6 alone: reached, isolated, restarted, reached again.

The guests are containers (fixtures/lab/cabled.py): one that is emulated takes a minute for what these show in seconds.
"""

from collections.abc import Iterator

import pytest
from stacked import LIVE_NIC, Guest, booted

from fixtures.lab import stacks
from fixtures.lab.cabled import LIVE, STAGING_IPV6
from fixtures.lab.stacks import Stack
from vmmigrate.appliance.net import firewall, network

pytestmark = pytest.mark.lab

OURS = "2001:db8:51::1"


@pytest.fixture(scope="module", params=stacks.ALL, ids=lambda stack: stack.name)
def guest(request: pytest.FixtureRequest) -> Iterator[Guest]:
    stack: Stack = request.param
    with booted(stack, (STAGING_IPV6, LIVE)) as made:
        yield made


def test_isolated_it_is_reached_again_after_a_restart(guest: Guest) -> None:
    """As between the import and the switch: what gives the NIC an address passes the rules that a boot loads."""
    assert guest.shell.own_address() == OURS
    shell, look = guest.shell, network.look_at(guest.shell)
    network.keep_dhcp(shell, look, guest.box.mac(0))
    firewall.isolate(shell, (OURS,))
    guest.root("ip address add 192.0.2.99/24 dev eth1; nft add table inet left")
    guest.box.plug(LIVE_NIC, up=True)
    guest.reboot()
    assert firewall.is_isolated(guest.shell)
    assert guest.address in guest.box.addresses
    assert nothing_is_left(guest), "this restart was none"


def nothing_is_left(guest: Guest) -> bool:
    """Of what only the kernel had; and the live NIC is unplugged again."""
    seen = guest.root("ip address show; nft list tables; ip link set eth1 up; ip link show eth1")
    return "192.0.2.99" not in seen and "left" not in seen and "NO-CARRIER" in seen
