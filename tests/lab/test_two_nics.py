"""Two NICs of one guest on one LAN, judged by a real kernel: each answers for its own address, by its own MAC."""

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from two_nics import DESK, DESK_MAC, FAR, GIVEN, LIVE, LIVE_MAC, OLD_MAC, ROUTER, STAGING_MAC, Lan
from two_nics import lan as made

from vmmigrate.appliance.net import beside
from vmmigrate.appliance.net.asking_for import who_has
from vmmigrate.appliance.net.beside import UNIT, Beside, differences, unit_text
from vmmigrate.appliance.port import Result

pytestmark = pytest.mark.lab
STRICT = ("sysctl", "-q", "-w", "net/ipv4/conf/all/rp_filter=1")  # as RHEL has it
NEAR = Beside(STAGING_MAC, LIVE_MAC, IPv4Address(GIVEN), IPv4Address(DESK))
BEHIND = Beside(STAGING_MAC, LIVE_MAC, IPv4Address(GIVEN), IPv4Address(FAR), IPv4Address(ROUTER))


@pytest.fixture
def lan() -> Iterator[Lan]:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    with made() as there:
        yield there


def exec_lines(key: str, wanted: Beside) -> list[str]:
    return re.findall(rf"^{key}=-?/bin/sh -c '(.*)'$", unit_text("eth1", "eth0", wanted), re.MULTILINE)


def start(lan: Lan, wanted: Beside) -> None:
    for line in exec_lines("ExecStart", wanted):
        lan.within("guest", "sh", "-c", line)


def switch(lan: Lan) -> None:
    lan.plug("old", up=False)
    lan.plug("live", up=True)


def test_a_second_address_in_one_subnet_answers_for_the_live_one_too(lan: Lan) -> None:
    """What the unit is for: this is a Linux guest as it comes."""
    lan.within("guest", "ip", "address", "add", f"{GIVEN}/24", "dev", "eth1")
    lan.within("guest", "ip", "link", "set", "eth1", "up")
    assert lan.who_answers(LIVE) == [OLD_MAC, STAGING_MAC]


@pytest.mark.parametrize("strict", [False, True])
def test_before_the_switch_the_old_gateway_alone_answers_for_the_live_address(lan: Lan, strict: bool) -> None:
    if strict:
        lan.within("guest", *STRICT)
    start(lan, NEAR)
    assert lan.who_answers(LIVE) == [OLD_MAC]
    assert lan.who_answers(GIVEN) == [STAGING_MAC]
    assert lan.reaches("desk", GIVEN)
    assert lan.reaches("desk", LIVE)
    assert lan.known_mac(LIVE) == OLD_MAC


@pytest.mark.parametrize("strict", [False, True])
def test_after_the_switch_each_address_is_known_by_its_own_mac(lan: Lan, strict: bool) -> None:
    """And both are reached: what comes to the live one is answered by its own NIC, and its own way out is that one."""
    if strict:
        lan.within("guest", *STRICT)
    start(lan, NEAR)
    switch(lan)
    assert lan.who_answers(LIVE) == [LIVE_MAC]
    assert lan.who_answers(GIVEN) == [STAGING_MAC]
    assert lan.reaches("desk", LIVE)
    assert lan.reaches("desk", GIVEN)
    assert lan.reaches("far", LIVE)
    assert (lan.known_mac(LIVE), lan.known_mac(GIVEN)) == (LIVE_MAC, STAGING_MAC)
    assert "dev eth0 src 192.0.2.10" in lan.within("guest", "ip", "route", "get", DESK)
    assert "dev eth0 src 192.0.2.10" in lan.within("guest", "ip", "route", "get", FAR)


@pytest.mark.parametrize("strict", [False, True])
def test_a_workstation_behind_the_router_reaches_it_by_the_router(lan: Lan, strict: bool) -> None:
    if strict:
        lan.within("guest", *STRICT)
    start(lan, BEHIND)
    assert lan.reaches("far", GIVEN)
    assert lan.who_answers(LIVE) == [OLD_MAC]
    switch(lan)
    assert lan.reaches("far", GIVEN)
    assert lan.reaches("far", LIVE)


@pytest.fixture
def was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A namespace has no /run of its own."""
    monkeypatch.setattr(beside, "_WAS", f"{tmp_path}/was")


@pytest.mark.usefixtures("was")
def test_the_unit_stops_without_a_trace_and_starts_twice(lan: Lan) -> None:
    """What the guest itself had set for ARP, as hardened images do, is there again."""
    own = ("net/ipv4/conf/eth0/arp_ignore=2", "net/ipv4/conf/eth0/arp_announce=1")
    lan.within("guest", "sysctl", "-q", "-w", *own)
    for _ in range(2):
        for line in exec_lines("ExecStartPre", NEAR):
            lan.within("guest", "sh", "-c", line, check=False)
        start(lan, NEAR)
    assert lan.within("guest", "ip", "rule", "show").count(GIVEN) == 1
    for line in exec_lines("ExecStop", NEAR):
        lan.within("guest", "sh", "-c", line)
    assert GIVEN not in lan.within("guest", "ip", "rule", "show") + lan.within("guest", "ip", "address", "show")
    assert lan.within("guest", "sysctl", "-n", *(each.partition("=")[0] for each in own)) == "2\n1\n"


@pytest.mark.usefixtures("was")
def test_another_nic_that_has_the_name_gets_nothing_of_it(lan: Lan) -> None:
    lan.within("guest", "ip", "link", "set", "eth1", "address", "02:00:00:00:00:99")
    with pytest.raises(AssertionError, match="grep -qx"):
        lan.within("guest", "sh", "-ec", "\n".join(exec_lines("ExecStartPre", NEAR)))


class Within:
    """A shell of one guest's network, of this machine's own programs, as an ordinary account of Debian has them."""

    host = "mailgw"

    def __init__(self, lan: Lan, who: str = "old") -> None:
        path = "PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games"
        ordinary = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", path)
        self._enter = ("ip", "netns", "exec", f"{lan.stem}-{who}", *(ordinary if who == "guest" else ()))

    def run(self, argv: Sequence[str], *, user: str | None = None, check: bool = True, timeout: float = 60.0) -> Result:
        done = subprocess.run((*self._enter, *argv), capture_output=True, text=True, timeout=timeout, check=False)
        return Result(done.returncode, done.stdout, done.stderr)


def test_the_old_gateway_sees_who_has_an_address_and_who_no_longer_has(lan: Lan) -> None:
    """With or without a ping in it; the second time by what it knew before, for longer than the second here."""
    lan.within("old", "sysctl", "-q", "-w", "net/ipv4/neigh/eth0/base_reachable_time_ms=1000")
    assert who_has(Within(lan), DESK) == DESK_MAC  # type: ignore[arg-type]
    lan.plug("desk", up=False)
    assert who_has(Within(lan), DESK) == ""  # type: ignore[arg-type]
    assert who_has(Within(lan), "192.0.2.78") == ""  # type: ignore[arg-type]


SET_ASIDE = {f"{UNIT} is not enabled"}  # there is no unit: its lines were run
OTHERWISE = {
    "sysctl -q -w net/ipv4/conf/eth0/arp_ignore=0": "answer for each other's addresses",
    "sysctl -q -w net/ipv4/conf/eth1/arp_announce=0": "ask in each other's name",
    "sysctl -q -w net/ipv6/conf/eth1/disable_ipv6=0": "may be given an address of IPv6",
    "ip rule delete from 192.0.2.77 lookup 7714": "no rule leads what comes from 192.0.2.77",
    "ip route flush table 7714": "the table 7714 leads to nobody",
    "ip route add 192.0.2.99 dev eth1 table 7714": "leads to 192.0.2.50, 192.0.2.99",
    "ip address add 192.0.2.78/32 dev eth1": "eth1 has 192.0.2.77, 192.0.2.78",
}


@pytest.mark.parametrize("wanted", [NEAR, BEHIND], ids=["near", "behind"])
def test_an_ordinary_account_sees_that_all_is_as_it_was_set(lan: Lan, wanted: Beside) -> None:
    """Without any program of sbin."""
    start(lan, wanted)
    assert set(differences(Within(lan, "guest"), wanted)) == SET_ASIDE  # type: ignore[arg-type]


@pytest.mark.parametrize("change", OTHERWISE)
def test_what_is_otherwise_is_seen(lan: Lan, change: str) -> None:
    start(lan, NEAR)
    lan.within("guest", *change.split())
    seen = set(differences(Within(lan, "guest"), NEAR)) - SET_ASIDE  # type: ignore[arg-type]
    assert [OTHERWISE[change] in each for each in seen] == [True], seen


def test_nothing_of_ipv6_is_on_that_nic(lan: Lan) -> None:
    """No router's advertisement gives it an address, and nobody is asked for one."""
    start(lan, NEAR)
    assert lan.within("guest", "ip", "-6", "address", "show", "dev", "eth1") == ""
