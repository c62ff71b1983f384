"""Which commands count as changes: what is known only to read, and all the rest."""

import shlex

import pytest

from vmmigrate.appliance.changing import SHOWN, changes_of
from vmmigrate.appliance.privileges import PRIVILEGES, READING
from vmmigrate.appliance.several import Line


@pytest.mark.parametrize(
    "line",
    [
        "systemctl is-active a b",
        "systemctl --no-pager show a",
        "nft list table inet x",
        "postconf -M",
        "postqueue -j",
        "ip -json -details link show",
        "find . -type f -printf x",
        "iptables -w -S",
        "dpkg --audit",
    ],
)
def test_these_only_read(line: str) -> None:
    assert list(changes_of(line.split())) == []


@pytest.mark.parametrize(
    "line",
    [
        "systemctl stop is-active",
        "systemctl --now enable show",
        "nft -f list",
        "nft delete table inet x",
        "postconf -e a=b",
        "postconf -M smtp/inet=x",
        "postqueue -f",
        "ip link set eth0 down",
        "find . -delete",
        "find . -exec rm {} +",
        "iptables -A INPUT",
        "hostname other",
        "sh",
        "nothing-we-know",
        "psql -c DELETE",
        "dpkg -i x.deb",
    ],
)
def test_these_change(line: str) -> None:
    assert list(changes_of(line.split())) == [shlex.join(line.split())]


def test_of_sh_only_one_simple_command_is_looked_into() -> None:
    assert list(changes_of(("sh", "-c", "cat /etc/*.pem"))) == []
    for script in ("cat x; rm x", "cat $(rm x)", "cat x >y", "cat x && rm x", "cat x\nrm x", "rm x"):
        assert len(list(changes_of(("sh", "-c", script)))) == 1
    assert list(changes_of(("sh", "-c", "any", "vmmigrate-queue-look", "x"))) == []
    assert list(changes_of(("sh", "-c", "any", "vmmigrate-queue-lay", "x"))) == ["vmmigrate-queue-lay x"]


def test_of_a_line_each_command_counts() -> None:
    line = Line("exec </dev/null; ", ("cat", "x"), "; ", ("rm", "x"), "; ", ("rm", "y" * 999))
    assert [len(each) for each in changes_of(line)] == [4, SHOWN]


def test_what_a_plan_may_run_changes_nothing() -> None:
    for each in PRIVILEGES:
        argv = tuple("SELECT 1" if word == "*" else word for word in each.argv)
        if each.phase == READING and each.user == "root":
            assert list(changes_of(argv)) == [], argv
