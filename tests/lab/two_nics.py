"""A guest with two NICs on one LAN beside an old gateway, a workstation and a router: namespaces of a real kernel."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

LIVE, GIVEN, DESK, ROUTER, FAR = "192.0.2.10", "192.0.2.77", "192.0.2.50", "192.0.2.1", "203.0.113.5"
STAGING_MAC, LIVE_MAC, OLD_MAC = "02:00:00:00:00:77", "02:00:00:00:00:11", "02:00:00:00:00:10"
DESK_MAC = "02:00:00:00:00:50"
_ASKS = """
import json, select, socket, sys, time
nic, ours, wanted, seconds = sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])
frames = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
frames.bind((nic, 0))
mac = open(f"/sys/class/net/{nic}/address").read().strip().replace(":", "")
head = bytes.fromhex("ffffffffffff" + mac + "0806" + "0001080006040001" + mac)
frames.send(head + socket.inet_aton(ours) + bytes(6) + socket.inet_aton(wanted))
said, ends = set(), time.monotonic() + seconds
while (left := ends - time.monotonic()) > 0 and select.select([frames], [], [], left)[0]:
    frame = frames.recv(2000)
    if frame[20:22] == bytes((0, 2)) and frame[28:32] == socket.inet_aton(wanted):
        said.add(frame[22:28].hex(":"))
print(json.dumps(sorted(said)))
"""
_CONNECTS = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], 9), timeout=5)
except ConnectionRefusedError:
    print("answered")  # by its kernel, where nobody listens
except OSError as error:
    print(error)
"""


@dataclass(frozen=True)
class Lan:
    """`stem`: what its namespaces' names begin with. The bridge and its ports are in the one called `lan`."""

    stem: str

    def within(self, who: str, *argv: str, check: bool = True) -> str:
        done = subprocess.run(
            ("ip", "netns", "exec", f"{self.stem}-{who}", *argv),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"{who}: {argv}: {done.stderr or done.stdout}")
        return done.stdout

    def plug(self, port: str, *, up: bool) -> None:
        """The cable of one NIC, at the bridge's end: the guest sees its carrier come or go."""
        self.within("lan", "ip", "link", "set", port, "up" if up else "down")

    def who_answers(self, address: str, seconds: float = 1.0) -> list[str]:
        """The MACs of all that answer the workstation's question for it."""
        said = self.within("desk", sys.executable, "-c", _ASKS, "eth0", DESK, address, str(seconds))
        return list(json.loads(said))

    def reaches(self, who: str, address: str) -> bool:
        return self.within(who, sys.executable, "-c", _CONNECTS, address) == "answered\n"

    def known_mac(self, address: str) -> str:
        """By which the workstation knows it."""
        return self.within("desk", "ip", "neigh", "show", address).split("lladdr ")[-1].split()[0]


@contextmanager
def lan() -> Iterator[Lan]:
    """All is plugged in but the guest's live NIC (eth0), which has the live address already."""
    made = Lan(f"vmm{os.getpid()}")
    names = ("lan", "old", "guest", "desk", "router", "far")
    try:
        for name in names:
            subprocess.run(("ip", "netns", "add", f"{made.stem}-{name}"), check=True)
        _build(made)
        yield made
    finally:
        for name in names:
            subprocess.run(("ip", "netns", "delete", f"{made.stem}-{name}"), check=False, capture_output=True)


def _build(made: Lan) -> None:
    made.within("lan", "ip", "link", "add", "br0", "type", "bridge", "forward_delay", "0")
    made.within("lan", "ip", "link", "set", "br0", "up")
    _cable(made, "old", "eth0", "old", OLD_MAC, f"{LIVE}/24")
    _cable(made, "desk", "eth0", "desk", DESK_MAC, f"{DESK}/24")
    _cable(made, "router", "eth0", "router", "02:00:00:00:00:01", f"{ROUTER}/24")
    _cable(made, "guest", "eth0", "live", LIVE_MAC, f"{LIVE}/24", up=False)
    _cable(made, "guest", "eth1", "staging", STAGING_MAC)
    inside = ("ip", "link", "add", "eth1", "type", "veth", "peer", "name", "eth0", "netns", f"{made.stem}-far")
    made.within("router", *inside)
    for who, nic, address in (("router", "eth1", "203.0.113.1/24"), ("far", "eth0", f"{FAR}/24")):
        made.within(who, "ip", "address", "add", address, "dev", nic)
        made.within(who, "ip", "link", "set", nic, "up")
    made.within("far", "ip", "route", "add", "default", "via", "203.0.113.1")
    made.within("router", "sysctl", "-q", "-w", "net/ipv4/ip_forward=1")
    made.within("guest", "ip", "route", "add", "default", "via", ROUTER)


def _cable(made: Lan, who: str, nic: str, port: str, mac: str, address: str = "", *, up: bool = True) -> None:
    peer = ("peer", "name", nic, "address", mac, "netns", f"{made.stem}-{who}")
    made.within("lan", "ip", "link", "add", port, "type", "veth", *peer)
    made.within("lan", "ip", "link", "set", port, "master", "br0")
    made.plug(port, up=up)
    if address:
        made.within(who, "ip", "address", "add", address, "dev", nic)
    made.within(who, "ip", "link", "set", nic, "up")
