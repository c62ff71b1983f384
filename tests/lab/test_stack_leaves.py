"""Each network stack leaves a NIC alone for good, whatever the image has for it: what we set there stays alone."""

from collections.abc import Iterator

import pytest
from stacked import LIVE_NIC, Guest, booted
from test_network_written import AGAINST

from fixtures.lab import stacks
from fixtures.lab.stacks import Stack
from vmmigrate.addressing import Addressing, LiveNic, cidr_address
from vmmigrate.appliance.net import beside, network
from vmmigrate.appliance.net import guest as reading

pytestmark = pytest.mark.lab
OURS = "192.0.2.77"
_NETWORKD = "networkctl reload; networkctl reconfigure eth1 || true; networkctl status eth1 || true"
ASKED = {  # what the stack does of its own at a boot, asked for once more; then what it says of the NIC
    "ifupdown": "ifup --all; ifquery --list; ip -o link show up",
    "netplan": f"netplan generate; {_NETWORKD}",
    "networkd": _NETWORKD,
    "networkmanager": "nmcli connection reload; nmcli connection up image || true; nmcli device show eth1",
}
SAYS = {"ifupdown": "", "netplan": "unmanaged", "networkd": "unmanaged", "networkmanager": "10 (unmanaged)"}


@pytest.fixture(params=stacks.ALL, ids=lambda stack: stack.name)
def guest(request: pytest.FixtureRequest) -> Iterator[Guest]:
    stack: Stack = request.param
    with booted(stack) as made:
        made.root(AGAINST[stack.name])
        yield made


def leave(guest: Guest) -> bool:
    wanted, beside = Addressing((cidr_address(f"{OURS}/32"),)), (("eth0", guest.box.mac(0)),)
    nic = LiveNic("eth1", guest.box.mac(LIVE_NIC), wanted, beside)
    return network.leave(guest.shell, network.look_at(guest.shell), nic)


def held(guest: Guest) -> set[str]:
    nic = reading.with_mac(reading.interfaces(guest.shell, detailed=False), guest.box.mac(LIVE_NIC))
    return {str(each.ip) for each in nic.addresses if each.ip.version == 4}


def test_it_is_left_alone_also_after_a_restart(guest: Guest) -> None:
    name = guest.recipe.stack.name
    assert leave(guest)
    assert not leave(guest)
    for restart in (False, True):
        if restart:
            guest.reboot()
        guest.root(f"ip link set eth1 up; ip address replace {OURS}/32 dev eth1")
        guest.box.plug(LIVE_NIC, up=True)
        said = guest.root(ASKED[name])
        assert SAYS[name] in said
        assert "\neth1\n" not in said
        assert held(guest) == {OURS}
    guest.answers()  # and our own way in is as it was
    beside.remove(guest.shell)
    assert guest.root("find /etc -name '*vmmigrate-beside*'") == ""
