"""The new guest's isolation and a closed intake, loaded by a real kernel, hold for IPv6 as for IPv4."""

import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from stacked import LIVE_NIC, Guest, booted

from fixtures.lab.cabled import LEASE
from fixtures.lab.stacks import IFUPDOWN
from hypervisors import NotYet, TlsTrust, fetch_leaf, fingerprint_of, wait_for
from vmmigrate.appliance import mailports
from vmmigrate.appliance.mail import banner
from vmmigrate.appliance.net import firewall, network
from vmmigrate.appliance.port import Result
from vmmigrate.appliance.tls.handshake import served
from vmmigrate.appliance.web.locating import find_console

pytestmark = pytest.mark.lab

LIVE = {"192.0.2.10": "192.0.2.1", "2001:db8:2::10": "2001:db8:2::1"}  # the guest's, and ours beside it
STAGED = {LEASE: "198.51.100.1", "2001:db8:51::10": "2001:db8:51::1"}
LINK_LOCAL = "fe80::5054:ff:fe0a:b00"  # as the kernel makes it of eth0's MAC
PORTS = (22, 25, 8443)
OTHER = "02:00:00:00:00:66"
SILENT, RESET = "timed out", "[Errno 111] Connection refused"
# To an address of ours that is not allowed: rejected at once by its own kernel.
SPEAKS = ("python3", "-c", "import socket; socket.create_connection(('2001:db8:2::1', 25), 5)")


@pytest.fixture(scope="module")
def guest() -> Iterator[Guest]:
    """With an address of each family on both NICs, all plugged in, and every service up."""
    with booted(IFUPDOWN) as made:
        made.box.plug(1, up=True)
        made.root(
            "ip address add 192.0.2.10/24 dev eth1; ip address add 2001:db8:2::10/64 dev eth1 nodad;"
            "ip address add 2001:db8:51::10/64 dev eth0 nodad; ip link set eth1 up"
        )
        for address in (*STAGED, *LIVE):
            wait_for(address, lambda at=address: answers(made, at), timeout=180, clears="see cabled.log", pause=0.2)
        yield made


def answers(guest: Guest, address: str) -> None:
    for port in PORTS:
        said = guest.connects(address, port)
        if said != "answered":
            raise NotYet(f"{port}: {said}")


@pytest.fixture
def free(guest: Guest) -> Iterator[Guest]:
    yield guest
    firewall.open_intake(guest.shell)


@pytest.mark.parametrize("ours", [*STAGED.values()], ids=["ipv4", "ipv6"])
def test_isolated_it_speaks_with_that_one_address_of_ours(free: Guest, ours: str) -> None:
    """The family that is not named is shut as well, and so is every other address of that family."""
    (served,) = (at for at, by in STAGED.items() if by == ours)
    shell = free.shell_at(served)
    firewall.isolate(shell, (ours,))
    firewall.isolate(shell, (ours,))  # our own session goes on, and new ones begin
    assert seen(free) == {at: {"answered" if at == served else SILENT} for at in (*STAGED, *LIVE)}
    assert "Permission denied" in free.shell_at(served).run(SPEAKS, check=False).stderr
    firewall.remove_isolation(shell)


def test_a_closed_intake_resets_each_familys_new_sessions_and_no_other(free: Guest) -> None:
    begun = [free.connection(address, 25) for address in LIVE]
    laid = firewall.lay_intake(free.shell, allowed=("198.51.100.1",))
    firewall.close_intake(free.shell, laid)
    assert {at: free.connects(at, 25) for at in (*STAGED, *LIVE)} == {
        at: "answered" if at == LEASE else RESET for at in (*STAGED, *LIVE)
    }
    assert [free.connects(at, 8443) for at in LIVE] == ["answered"] * 2
    for session in begun:
        session.settimeout(30)
        with session, session.makefile("rb") as answers:
            session.sendall(b"NOOP\r\n")
            assert [answers.readline()[:4], answers.readline()[:4]] == [b"220 ", b"250 "]


def test_the_intake_is_closed_at_every_port_that_master_cf_gives_mail_by(free: Guest) -> None:
    """Submission by 465 and 587, and one more by a number; 10099 stays open: mail under way comes back by it."""
    master = "submission inet n - n - - smtpd\nsmtps inet n - n - - smtpd\n192.0.2.10:2525 inet n - n - - smtpd\n"
    ports = mailports.read(f"{master}127.0.0.1:10099 inet n - n - 10 smtpd\n").all
    assert set(ports) == {25, 465, 587, 2525}
    free.root(f"exec setsid -f python3 -c '{_LISTENS}' </dev/null >/dev/null 2>&1")
    try:
        aims = [(at, port) for at in LIVE for port in (465, 587, 2525, 10099)]
        wait_for("listeners", lambda: _all_take(free, aims), timeout=180, clears="see cabled.log", pause=0.2)
        firewall.close_intake(free.shell, firewall.lay_intake(free.shell, ports=ports))
        assert {aim: free.connects(*aim) for aim in aims} == {
            (at, port): "answered" if port == 10099 else RESET for at, port in aims
        }
    finally:
        free.root("kill $(cat /run/listens.pid) || true")  # else what failed above goes unseen


_LISTENS = """
import os, selectors, socket
chosen = selectors.DefaultSelector()
for port in (465, 587, 2525, 10099):
    listening = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    chosen.register(listening, selectors.EVENT_READ)
open("/run/listens.pid", "w").write(str(os.getpid()))
while True:
    for key, _ in chosen.select():
        key.fileobj.accept()[0].close()
"""


def _all_take(guest: Guest, aims: list[tuple[str, int]]) -> None:
    if late := [aim for aim in aims if guest.connects(*aim) != "answered"]:
        raise NotYet(f"{late} take no connection")


def seen(guest: Guest) -> dict[str, set[str]]:
    """All at once: silence takes as long as one waits for it."""
    aims = [(at, port) for at in (*STAGED, *LIVE) for port in PORTS]
    with ThreadPoolExecutor(len(aims)) as pool:
        said = list(pool.map(lambda aim: guest.connects(*aim), aims))
    return {at: {word for (to, _), word in zip(aims, said, strict=True) if to == at} for at in (*STAGED, *LIVE)}


def test_isolated_it_is_reached_by_a_link_local_address_and_its_zone(free: Guest) -> None:
    """Shell, console and mail, each by its own library; the host on our side is known by such an address too."""
    address = f"{LINK_LOCAL}%staging"
    shell = free.shell_at(address)
    firewall.isolate(shell, (shell.own_address(),))
    trust = TlsTrust(fingerprint_of(fetch_leaf(address, 8443)))
    assert find_console(address, trust) == f"https://[{LINK_LOCAL}%25staging]:8443/ciphermail"
    assert banner(address).endswith("ESMTP CipherMail")
    assert served(address, 25, starttls=True).chain
    assert free.connects(LEASE, 22) == SILENT
    firewall.remove_isolation(shell)


class Within:
    """A shell of this machine in the guest's network: a container's own root may not set what a kernel's may."""

    host = "mailgw"

    def __init__(self, guest: Guest) -> None:
        self._enter = ("nsenter", f"--net=/proc/{guest.box.inside()}/ns/net")

    def run(self, argv: Sequence[str], *, user: str | None = None, check: bool = True, timeout: float = 60.0) -> Result:
        done = subprocess.run((*self._enter, *argv), capture_output=True, text=True, timeout=timeout, check=check)
        return Result(done.returncode, done.stdout, done.stderr)


def test_whoever_knows_the_address_by_another_mac_learns_the_new_one(free: Guest) -> None:
    """Of both families, from behind the isolation: the table of a neighbour, in the kernel of our side."""
    shell, mac = Within(free), free.box.mac(LIVE_NIC)
    firewall.isolate(free.shell, tuple(STAGED.values()))
    set_before = shell.run(KNOBS).stdout
    for address in LIVE:
        entry = (address, "lladdr", OTHER, "dev", "live", "nud", "stale")
        free.box.outside("ip", "neigh", "replace", *entry)
    assert all(OTHER in line for line in known(free).values())
    assert network.renew_neighbours(shell, mac) == ""  # type: ignore[arg-type]
    wait_for("both tables", lambda: _learnt(free, mac), timeout=180, clears="see `ip neigh`", pause=0.2)
    assert shell.run(KNOBS).stdout == set_before
    firewall.remove_isolation(free.shell)


def test_a_guest_that_cannot_announce_its_mac_says_so(free: Guest) -> None:
    assert "Read-only file system" in network.renew_neighbours(free.shell, free.box.mac(LIVE_NIC))


KNOBS = ("cat", "/proc/sys/net/ipv4/conf/eth1/arp_notify", "/proc/sys/net/ipv6/conf/eth1/ndisc_notify")


def known(guest: Guest) -> dict[str, str]:
    return {address: guest.box.outside("ip", "neigh", "show", address) for address in LIVE}


def _learnt(guest: Guest, mac: str) -> None:
    if any(mac not in line for line in known(guest).values()):
        raise NotYet(str(known(guest)))
