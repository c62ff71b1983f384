"""The MACs of all machines, read a card at a time: complete by the server's own count, or the machine is read whole."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("pyVmomi", reason="needs pyvmomi")

from pyVmomi import vim, vmodl

from hypervisors import HypervisorError
from hypervisors.vmware import cards, properties
from hypervisors.vmware.faults import door
from hypervisors.vmware.properties import Properties

MAC, OTHER = "00:50:56:00:00:01", "00:50:56:00:00:02"


def card(key: int, mac: str, kind: type = vim.vm.device.VirtualVmxnet3) -> Any:
    return kind(key=key, macAddress=mac.upper())


def machine(number: int, count: int | None, *there: Any) -> tuple[Any, Properties]:
    """As the server lists it: its count of cards, and those of its cards that the paths reach."""
    rows = [SimpleNamespace(name=f"config.hardware.device[{each.key}]", val=each) for each in there]
    if count is not None:
        rows.append(SimpleNamespace(name="summary.config.numEthernetCards", val=count))
    return vim.VirtualMachine(f"vm-{number}"), Properties("a machine", SimpleNamespace(propSet=rows, missingSet=()))


class Server:
    """Counts how often it lists all, and says which machines it was asked for whole."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *machines: Any) -> None:
        self.session: Any = SimpleNamespace(content=SimpleNamespace(rootFolder=None), cards=None)
        self.lists = 0

        def listed(*_: Any, **__: Any) -> Sequence[Any]:
            self.lists += 1
            return machines

        monkeypatch.setattr(properties, "of_all_keyed", listed)
        monkeypatch.setattr(properties, "of_each", lambda session, things, paths, what: [(t, None) for t in things])

    def silence(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """From the second reading on nothing comes."""
        monkeypatch.setattr(properties, "of_each", lambda *_: [])

    def whole(self, mac: str = MAC, *, lately: bool = False) -> list[str]:
        rows = cards.that_may_have(self.session, frozenset([mac]), ("name",), lately=lately)
        return [thing._moId for thing, _ in rows]


def test_only_who_has_the_mac_is_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(
        monkeypatch,
        machine(1, 1, card(4000, MAC)),
        machine(2, 1, card(4000, OTHER)),
        machine(3, 0),
        machine(4, 2, card(4000, OTHER), card(4009, MAC)),
    )
    assert server.whole() == ["vm-1", "vm-4"]


@pytest.mark.parametrize(
    "incomplete",
    [
        machine(1, None),  # it cannot be read now
        machine(1, None, card(4000, OTHER)),
        machine(1, 2, card(4000, OTHER)),  # one has a number that nobody expected
        machine(1, 1),  # the server knows no such paths
        machine(1, 0, card(4000, OTHER)),  # the count is not to be relied on
    ],
    ids=["nothing", "no count", "one too few", "none of them", "one too many"],
)
def test_one_whose_cards_did_not_all_come_is_read_whole(monkeypatch: pytest.MonkeyPatch, incomplete: Any) -> None:
    assert Server(monkeypatch, incomplete, machine(2, 1, card(4000, OTHER))).whole() == ["vm-1"]


def test_one_of_which_nothing_comes_any_more_is_not_taken_for_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(monkeypatch, machine(1, 1, card(4000, MAC)), machine(2, 0))
    server.silence(monkeypatch)
    [(thing, row)] = cards.that_may_have(server.session, frozenset([MAC]), ("name",))
    assert (thing._moId, row.get("name")) == ("vm-1", None)


def test_a_card_that_is_passed_through_is_one_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    passed = card(13015, MAC, vim.vm.device.VirtualSriovEthernetCard)
    assert Server(monkeypatch, machine(1, 1, passed), machine(2, 0)).whole() == ["vm-1"]


def test_a_plan_lists_them_once_and_a_guard_lists_them_now(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(monkeypatch, machine(1, 1, card(4000, MAC)))
    server.whole()
    assert (server.whole(lately=True), server.whole(OTHER, lately=True), server.lists) == (["vm-1"], [], 1)
    server.whole()
    assert server.lists == 2


def test_what_was_read_long_ago_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(monkeypatch, machine(1, 0))
    server.whole()
    monkeypatch.setattr(cards, "_SHORTLY", -1.0)
    server.whole(lately=True)
    assert server.lists == 2


class TestAServerThatKnowsNoSuchPaths:
    KEYED = ("config.hardware.device[4000]",)

    def read(self, monkeypatch: pytest.MonkeyPatch, fault: Exception) -> list[Any]:
        def of_all(session: Any, kind: Any, paths: Sequence[str], root: Any) -> list[Any]:
            if set(paths) & set(self.KEYED):
                with door("the list"):
                    raise fault
            return list(paths)

        monkeypatch.setattr(properties, "of_all", of_all)
        session: Any = None
        return properties.of_all_keyed(
            session, vim.VirtualMachine, ("name",), self.KEYED, session, instead=("config.extraConfig",)
        )

    def test_is_asked_for_the_lists_themselves(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.read(monkeypatch, vmodl.query.InvalidProperty()) == ["name", "config.extraConfig"]

    def test_any_other_refusal_stays_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(HypervisorError, match="busy"):
            self.read(monkeypatch, vmodl.fault.SystemError(msg="busy"))

    def test_also_where_it_reports_each_path_as_missing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        missing = SimpleNamespace(path=self.KEYED[0], fault=vmodl.query.InvalidProperty())
        row = Properties("a machine", SimpleNamespace(propSet=(), missingSet=(missing,)))
        asked: list[Sequence[str]] = []

        def of_all(session: Any, kind: Any, paths: Sequence[str], root: Any) -> list[Any]:
            asked.append(paths)
            return [(vim.VirtualMachine("vm-1"), row)]

        monkeypatch.setattr(properties, "of_all", of_all)
        session: Any = None
        properties.of_all_keyed(session, vim.VirtualMachine, ("name",), self.KEYED, session)
        assert asked == [("name", *self.KEYED), ("name",)]
