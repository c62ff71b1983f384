"""Each network stack of a guest, by its own programs and a real kernel: what the product writes is in force.

The guests are containers (fixtures/lab/cabled.py): one that is emulated takes a minute for what these show in seconds.
"""

from collections.abc import Iterator

import pytest
from stacked import LIVE_NIC, Guest, booted

from fixtures.lab import stacks
from fixtures.lab.cabled import LEASE
from fixtures.lab.stacks import Stack

pytestmark = pytest.mark.lab

TOOLS = {
    "ifupdown": "ifquery --state",
    "networkmanager": "nmcli --get-values DEVICE connection show --active",
    "netplan": "networkctl --no-legend --no-pager list",
    "networkd": "networkctl --no-legend --no-pager list",
}


@pytest.fixture(scope="module", params=stacks.ALL, ids=lambda stack: stack.name)
def guest(request: pytest.FixtureRequest) -> Iterator[Guest]:
    stack: Stack = request.param
    with booted(stack) as made:
        yield made


def test_the_stack_itself_has_the_lease_of_the_staging_nic(guest: Guest) -> None:
    assert "eth0" in guest.root(TOOLS[guest.recipe.stack.name])
    assert f"inet {LEASE}/24" in guest.root("ip address show eth0")


def test_a_reboot_forgets_what_only_the_kernel_had(guest: Guest) -> None:
    guest.root("ip address add 192.0.2.99/24 dev eth1; nft add table inet left")
    guest.box.plug(LIVE_NIC, up=True)
    guest.reboot()
    assert "192.0.2.99" not in guest.root("ip address show")
    assert guest.root("nft list tables") == ""
    assert "NO-CARRIER" in guest.root("ip link set eth1 up; ip link show eth1")
