"""A gateway's network as a real kernel and iproute2 have it, in a namespace: what is read, and what is carried."""

import os
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from hypervisors import Inventory, Network, Nic, PowerState, VmRef
from vmmigrate.appliance.net.carrying import Carry
from vmmigrate.appliance.net.network import read_network
from vmmigrate.appliance.port import FileMeta, NewFile, Result
from vmmigrate.errors import ApplianceError
from vmmigrate.plan.live import find

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(os.geteuid() != 0, reason="makes a network namespace"),
]
MAC, SECOND = "52:54:00:00:00:01", "52:54:00:00:00:02"
NICS = (Nic(MAC, Network("lan", "network"), "virtio", link_up=True, stored_link_up=True),)
VM = Inventory(
    VmRef("1", "old"), PowerState.RUNNING, 1, 1, "q35", "kvm", "host", "bios", NICS, (), autostart=False, notes=""
)
CABLE = f"""
set -e
ip link set lo up
ip link add eth0 address {MAC} type veth peer name far0
ip link add eth1 address {SECOND} type veth peer name far1
for name in eth0 eth1 far0 far1; do ip link set $name up; done
"""


@dataclass
class Namespace:
    """port.Shell in a network namespace of this machine, as far as looking needs it."""

    process: int
    resolv: str = "nameserver 192.0.2.53\n"
    host: str = "this machine"

    def run(self, argv: Sequence[str], *, user: str | None = None, check: bool = True, timeout: float = 60.0) -> Result:
        inside = ("nsenter", f"--net=/proc/{self.process}/ns/net", f"--uts=/proc/{self.process}/ns/uts")
        words = ["sh", "-c", argv[2].replace("cat /etc/resolv.conf", f"printf %s {shlex.quote(self.resolv)}")]
        done = subprocess.run([*inside, *(words if argv[0] == "sh" else argv)], capture_output=True, text=True)
        return Result(done.returncode, done.stdout, done.stderr)

    def set(self, script: str) -> None:
        done = self.run(("sh", "-c", f"set -e\n{script}"))
        assert done.status == 0, done.stderr

    def read_file(self, path: str) -> bytes:
        raise AssertionError(path)

    def file_meta(self, path: str) -> FileMeta | None:
        raise AssertionError(path)

    def install(self, *files: NewFile, folders: Sequence[str] = ()) -> None:
        raise AssertionError("only a look")

    def own_address(self) -> str:
        return ""

    def seen_address(self) -> str:
        return ""

    def close(self) -> None: ...


@contextmanager
def _namespace() -> Iterator[Namespace]:
    """Gone with its only process."""
    first = subprocess.Popen(
        ["unshare", "--net", "--uts", "sh", "-c", "hostname mailgw; echo; exec sleep 600"], stdout=subprocess.PIPE
    )
    try:
        assert first.stdout
        first.stdout.readline()
        shell = Namespace(first.pid)
        shell.set(CABLE)
        yield shell
    finally:
        first.kill()
        first.wait()


@pytest.fixture
def guest() -> Iterator[Namespace]:
    with _namespace() as shell:
        yield shell


def carried(shell: Namespace, host: str = "192.0.2.10") -> Carry:
    network = read_network(shell)
    return find(network, host, VM).carry(network)


def others(whole: Carry) -> list[str]:
    return [f"{line.fate} {line.what}" for line in whole.lines if line.fate != "kept"]


def test_all_that_one_nic_can_have(guest: Namespace) -> None:
    guest.set("""
        ip link set eth0 mtu 1400
        ip address add 192.0.2.10/24 dev eth0
        ip address add 192.0.2.11/24 dev eth0 label eth0:1
        ip address add 2001:db8::10/64 dev eth0 nodad
        ip address add 2001:db8::11/64 dev eth0 nodad preferred_lft 0
        ip address add 169.254.7.7/16 dev eth0 scope link
        ip route add default via 192.0.2.1 src 192.0.2.11
        ip route add 10.0.0.0/8 via 192.0.2.254 metric 50
        ip route add 10.9.0.0/16 via 203.0.113.1 dev eth0 onlink
        ip route add 10.8.0.0/16 via 192.0.2.254 mtu 1300 advmss 1200
        ip route add blackhole 10.7.0.0/16
        ip -6 route add default via fe80::1 dev eth0
        ip -6 route add 2001:db8:9::/48 via 2001:db8::fe
        ip -6 route add unreachable 2001:db8:7::/48
        ip rule add from 192.0.2.11 table 100
        """)
    whole = carried(guest)
    assert whole.addressing.lines() == (
        "address 192.0.2.10/24",
        "address 192.0.2.11/24",
        "address 2001:db8::11/64",
        "address 2001:db8::10/64",
        "route default via 192.0.2.1 from 192.0.2.11",
        "route 10.0.0.0/8 via 192.0.2.254 metric 50",
        "route 10.8.0.0/16 via 192.0.2.254",
        "route 10.9.0.0/16 via 203.0.113.1 on-link",
        "route default via fe80::1",
        "route 2001:db8:9::/48 via 2001:db8::fe",
        "resolver 192.0.2.53",
        "MTU 1400",
    )
    assert others(whole) == [
        "dropped guest/address 169.254.7.7 of scope link",
        "dropped guest/label eth0:1 of address 192.0.2.11/24",
        "changed guest/address 2001:db8::11/64 as deprecated",
        "dropped guest/blackhole route 10.7.0.0/16",
        "dropped guest/route 10.8.0.0/16 via 192.0.2.254 on eth0: advmss, mtu",
        "dropped guest/unreachable route 2001:db8:7::/48",
        "dropped guest/routing rule 32765: from 192.0.2.11 to table 100",
    ]


def test_a_bridge_and_what_is_beside_it(guest: Namespace) -> None:
    guest.set(f"""
        ip link add br0 address {MAC} type bridge
        ip link set eth0 master br0
        ip link set br0 up
        ip address add 192.0.2.10/24 dev br0
        ip address add 10.0.0.5/24 dev eth1
        ip route add default via 192.0.2.1
        """)
    whole = carried(guest)
    assert whole.addressing.lines()[:2] == ("address 192.0.2.10/24", "route default via 192.0.2.1")
    assert others(whole) == ["changed guest/bridge br0", "dropped guest/eth1 with 10.0.0.5/24"]


def test_a_macvlan_is_refused(guest: Namespace) -> None:
    guest.set("""
        ip link add mv0 link eth0 type macvlan mode bridge
        ip link set mv0 up
        ip address add 192.0.2.10/24 dev mv0
        """)
    with pytest.raises(ApplianceError, match="the live address is on mv0, a macvlan"):
        carried(guest)


def test_several_next_hops_and_a_route_over_another_nic(guest: Namespace) -> None:
    guest.set("""
        ip address add 192.0.2.10/24 dev eth0
        ip address add 10.0.0.5/24 dev eth1
        ip -6 address add 2001:db8::10/64 dev eth0 nodad
        ip route add default nexthop via 192.0.2.1 dev eth0 nexthop via 192.0.2.2 dev eth0
        ip route add 10.5.0.0/16 via 10.0.0.1
        ip -6 route add default nexthop via 2001:db8::1 dev eth0 nexthop via 2001:db8::2 dev eth0
        ip route add default via 10.0.0.1 metric 900
        """)
    whole = carried(guest)
    assert [str(route.via) for route in whole.addressing.routes] == ["192.0.2.1", "2001:db8::1"]
    assert others(whole) == [
        "changed guest/route default via 192.0.2.1 on eth0 and via 192.0.2.2 on eth0",
        "dropped guest/route default via 10.0.0.1 on eth1 metric 900",
        "dropped guest/route 10.5.0.0/16 via 10.0.0.1 on eth1",
        "changed guest/route default via 2001:db8::1 on eth0 and via 2001:db8::2 on eth0",
        "dropped guest/eth1 with 10.0.0.5/24",
    ]


def test_a_point_to_point_address_with_a_host_route(guest: Namespace) -> None:
    guest.set("""
        ip address add 192.0.2.10 peer 198.51.100.1/32 dev eth0
        ip route add default via 198.51.100.1 dev eth0
        """)
    assert carried(guest).addressing.lines()[:3] == (
        "address 192.0.2.10/32",
        "route 198.51.100.1/32",
        "route default via 198.51.100.1 on-link",
    )


def test_a_host_address_with_a_next_hop_by_a_route(guest: Namespace) -> None:
    """As hosters set it: the next hop is reached by a route of its own."""
    guest.set("""
        ip address add 192.0.2.10/32 dev eth0
        ip route add 198.51.100.1 dev eth0
        ip route add default via 198.51.100.1
        """)
    assert carried(guest).addressing.lines()[1:3] == (
        "route default via 198.51.100.1 on-link",
        "route 198.51.100.1/32",
    )


def test_a_kernel_without_ipv6(guest: Namespace) -> None:
    guest.set("sysctl -q -w net.ipv6.conf.all.disable_ipv6=1; ip address add 192.0.2.10/24 dev eth0")
    assert carried(guest).addressing.lines()[0] == "address 192.0.2.10/24"


def test_addresses_of_the_loopback_and_of_a_tunnel(guest: Namespace) -> None:
    guest.set("""
        ip address add 192.0.2.10/24 dev eth0
        ip address add 203.0.113.5/32 dev lo
        ip tuntap add tun0 mode tun
        ip address add 10.8.0.2/24 dev tun0
        ip address add 10.1.1.1/32 dev eth0 scope host
        """)
    assert others(carried(guest)) == [
        "dropped guest/address 10.1.1.1 of scope host",
        "dropped guest/lo with 203.0.113.5/32",
        "dropped guest/tun0 with 10.8.0.2/24",
    ]
