"""Another MAC at the live address is announced, once at the switch and once more behind the commit."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from hypervisors import Unreachable
from vmmigrate.appliance.net import firewall
from vmmigrate.appliance.port import Result
from vmmigrate.steps import isolate, neighbours, switch
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
