"""Which commands count as changes: what is known only to read, and all the rest."""

import shlex
from collections.abc import Sequence
from typing import cast

import pytest

from vmmigrate.appliance.asking import ask_all
from vmmigrate.appliance.changing import SHOWN, changes_of, heard
from vmmigrate.appliance.port import Result, Shell
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
        "sudo -k -n true",
        "sudo -k -n -l -- rm x",
        "sudo -k -n -- cat x",
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
        "sudo -k -n -- rm x",
        "sudo -k -n",
        "sudo -u sa cat x",
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


def heard_of(argv: Sequence[str], status: int, said: str = "") -> list[tuple[str, str]]:
    told: list[tuple[str, str]] = []
    with heard(argv, lambda what, how: told.append((what, how))) as ended:
        ended.status, ended.said = status, said
    return told


class Answers:
    """A shell whose every second command of a line fails, and which ends with 0 all the same."""

    host = "gateway"

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def run(self, argv: Sequence[str], **named: object) -> Result:
        mark = cast(Line, argv).mark
        said = f"{mark} 0\nwords without an end of line{mark} 1\n"
        self.told = heard_of(argv, 0, said)
        return Result(0, said, f"{mark}\n{mark}\n")


def test_of_questions_in_one_command_each_has_its_own_end() -> None:
    shell = Answers()
    ask_all(cast(Shell, shell), (("rm", "x"), ("nft", "-f", "x")))
    assert shell.told == [("rm x", "ended with 0"), ("nft -f x", "ended with 1")]


def test_a_question_that_has_no_answer_is_not_said_to_have_ended() -> None:
    line = Line(("rm", "x"), '; echo "5e $?"; ', ("rm", "y"), '; echo "5e $?"; ', mark="5e")
    assert heard_of(line, 0, "5e 0\n") == [("rm x", "ended with 0"), ("rm y", "did not end well")]


def test_of_commands_that_end_with_the_first_that_fails_none_is_said_to_be_that_one() -> None:
    line = Line(("rm", "x"), " && ", ("rm", "y"))
    assert {how for _, how in heard_of(line, 1)} == {"ended with 1, or did not run"}
    assert {how for _, how in heard_of(line, 0)} == {"ended with 0"}


def test_what_a_plan_may_run_changes_nothing() -> None:
    for each in PRIVILEGES:
        argv = tuple("SELECT 1" if word == "*" else word for word in each.argv)
        if each.phase == READING and each.user == "root":
            assert list(changes_of(argv)) == [], argv
