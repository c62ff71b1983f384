"""Another MAC at the live address is announced, once at the switch and once more behind the commit."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from hypervisors import Unreachable, VmRef
from vmmigrate.appliance.net import firewall
from vmmigrate.appliance.port import Result
from vmmigrate.appliance.queues import carrying
from vmmigrate.facts import CarriedMail, Frozen, NewVm, Plugged
from vmmigrate.learnt import Facts, group_to_json
from vmmigrate.steps import carry, intake, isolate, migration, neighbours, switch
from vmmigrate.steps import open as opening

MAC = "00:50:56:00:00:07"


class Guest:
    """One NIC with that MAC."""

    host = "mailgw"

    def __init__(self, status: int = 0, error: str = "", silent: bool = False) -> None:
        self.answer, self.silent = Result(status, "", error), silent
        self.announced: list[tuple[str, ...]] = []

    def run(self, argv: Sequence[str], *, user: str | None = None, check: bool = True, timeout: float = 60.0) -> Result:
        if self.silent:
            raise Unreachable("no answer", hint="")
        if "vmmigrate-announce" not in argv:
            return Result(0, f'[{{"ifname": "eth1", "address": "{MAC}", "flags": [], "addr_info": []}}]', "")
        assert (user, check) == ("root", False)
        self.announced.append(tuple(argv[-2:]))
        return self.answer


class Run:
    def __init__(self, guest: Guest, new_mac: str | None) -> None:
        self.new_shell, self.remarks = guest, list[str]()
        self.plan = type("Plan", (), {"new_mac": new_mac})
        self.remark = self.remarks.append


@pytest.mark.parametrize(
    ("guest", "said"),
    [
        (Guest(), []),
        (Guest(2, "sh: 1: cannot create /proc/…: Read-only\n"), ["not be announced (sh: 1: cannot create"]),
        (Guest(1), ["could not be announced (status 1)"]),
        (Guest(silent=True), ["was not announced (no answer)"]),
    ],
)  # fmt: skip
def test_it_stops_nothing(guest: Guest, said: list[str]) -> None:
    run = Run(guest, MAC)
    neighbours.renew(run)  # type: ignore[arg-type]
    assert len(run.remarks) == len(said)
    assert all(words in remark for words, remark in zip(said, run.remarks, strict=True))
    assert guest.announced == ([] if guest.silent else [("eth1", MAC)])


def test_the_same_mac_is_known_to_all() -> None:
    run = Run(Guest(silent=True), None)
    neighbours.renew(run)  # type: ignore[arg-type]
    assert run.remarks == []


def test_both_places_do_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What follows a link-up, and what is done with mail flowing."""
    run: Any = Run(Guest(), MAC)
    monkeypatch.setattr(isolate, "allowed", lambda _: ("192.0.2.1",))
    switch._announce(run, SimpleNamespace(live_mac=MAC))  # type: ignore[arg-type]
    assert run.new_shell.announced == [("eth1", MAC)]
    monkeypatch.setattr(firewall, "remove_isolation", lambda _: None)
    monkeypatch.setattr(opening, "holds", lambda _: ())
    opening.tidy(run)
    assert run.new_shell.announced == [("eth1", MAC)] * 2


OWN = "52:54:00:00:00:01"
ROUTES = """[{"dst": "default", "gateway": "192.0.2.1", "dev": "eth0"},
 {"dst": "default", "gateway": "198.51.100.1", "dev": "eth1"}, {"dst": "192.0.2.0/24", "dev": "eth0"}]"""


class Old:
    """Its live NIC is eth0; `status`: of its ping."""

    host = "mailgw"

    def __init__(self, status: int = 0, silent: bool = False) -> None:
        self.status, self.silent, self.asked = status, silent, list[tuple[str, ...]]()

    def run(self, argv: Sequence[str], *, user: str | None = None, check: bool = True, timeout: float = 60.0) -> Result:
        assert user is None, "no right is needed"
        if self.silent:
            raise Unreachable("no answer", hint="")
        if argv[0] == "ping":
            self.asked.append((argv[-2], argv[-1]))
            return Result(self.status, "", "")
        if "route" in argv:
            return Result(0, "[]" if "-6" in argv else ROUTES, "")
        return Result(0, f'[{{"ifname": "eth0", "address": "{OWN}", "flags": [], "addr_info": []}}]', "")


def _went_back(old: Old, new_mac: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    run: Any = Run(Guest(), new_mac)
    run.facts, run.old_shell = _facts(new_mac), old
    run.plan.old = SimpleNamespace(name="mailgw")
    monkeypatch.setattr(intake, "answering", lambda *_: None)
    intake.undo(run)
    return run.remarks  # type: ignore[no-any-return]


def _facts(new_mac: str) -> Facts:
    facts = Facts()
    vm = VmRef("2", "mailgw-new")
    for fact in (NewVm(vm, new_mac, "52:54:00:00:00:09"), Plugged(OWN, True, False, "", vm.id)):
        facts = facts.with_json(*group_to_json(fact))
    return facts


@pytest.mark.parametrize(
    ("old", "said"),
    [
        (Old(), []),
        (Old(1), ["192.0.2.1 did not answer mailgw: machines beside it may send to the new VM's MAC"]),
        (Old(silent=True), ["mailgw could not ask its routers (no answer)"]),
    ],
)
def test_on_the_way_back_the_routers_learn_the_old_one_again(
    old: Old, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By an ordinary account, and it stops nothing; of another NIC's router nothing is asked."""
    remarks = _went_back(old, MAC, monkeypatch)
    assert len(remarks) == len(said)
    assert all(words in remark for words, remark in zip(said, remarks, strict=True))
    assert old.asked == ([] if old.silent else [("eth0", "192.0.2.1")])


def test_with_one_mac_nobody_asks_on_the_way_back(monkeypatch: pytest.MonkeyPatch) -> None:
    old = Old(silent=True)
    assert _went_back(old, OWN, monkeypatch) == []


def test_they_learn_it_before_the_new_guest_is_asked_for_the_copies_of_carried_mail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """That guest may hang, and until they have learnt it nothing reaches the old one."""
    old, run = Old(), cast("Any", Run(Guest(), MAC))
    run.facts, run.old_shell = _facts(MAC), old
    for fact in (Frozen(1.0), CarriedMail(messages=1, queues={"deferred": 1})):
        run.facts = run.facts.with_json(*group_to_json(fact))
    run.plan.old, run.plan.new_name = SimpleNamespace(name="mailgw"), "mailgw-new"
    run.learn = lambda _: None
    monkeypatch.setattr(intake, "answering", lambda *_: None)
    monkeypatch.setattr(intake, "open_again", lambda _: old.asked.append(("open", "")))
    monkeypatch.setattr(carrying, "take_away", lambda _: old.asked.append(("take away", "")))
    carry.undo(run)
    assert [what for what, _ in old.asked] == ["open", "eth0", "take away"]


@pytest.mark.parametrize(("new_mac", "said"), [(MAC, True), (OWN, False)])
def test_by_the_links_alone_it_is_said_how_long_it_may_take(new_mac: str, said: bool) -> None:
    leaves = migration.LINKS.leaves(_facts(new_mac), False)
    assert any("may send to the new VM's MAC" in each for each in leaves) is said
