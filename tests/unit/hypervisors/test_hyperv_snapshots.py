"""Checkpoints of a host that makes none, or is at work on another one: what is waited for, and in which words."""

from collections.abc import Callable
from typing import Any

import pytest

from hypervisors import HypervisorError, VmRef, limits
from hypervisors.hyperv import sending, snapshots

VM = VmRef("id-1", "mail's gw")
MACHINE = {"id": VM.id, "name": VM.name, "state": "Running"}


class Host:
    """A machine that runs, with these checkpoints, whatever is asked of it."""

    def __init__(self, *made: dict[str, Any], kind: str = "Standard") -> None:
        self.facts = {"machine": MACHINE, "checkpoint_type": kind, "disks": [], "found": True}
        self.made = list(made)

    def ask(self, script: str, **_asked: Any) -> dict[str, Any]:
        return {"found": True, "checkpoints": self.made} if script == "checkpoints" else self.facts


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots.machines, "details", lambda session, vm: session.facts)


def test_what_the_host_says_it_made_must_be_there() -> None:
    with pytest.raises(HypervisorError, match="the host made no checkpoint before of mail's gw"):
        snapshots.make(Host(), VM, "before")  # type: ignore[arg-type]


def test_the_command_for_its_type_names_the_machine() -> None:
    for kind in ("Disabled", "Production"):
        said = snapshots.fault(Host(kind=kind), VM)  # type: ignore[arg-type]
        assert said.endswith(": Set-VM -Name 'mail''s gw' -CheckpointType Standard")


def test_a_merge_is_waited_for_as_long_as_a_checkpoint_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scanner lets go of a file in two minutes; a disk of a terabyte is merged in an hour."""
    waits: list[tuple[float, str]] = []

    def wait_for(_what: str, _act: Callable[[], object], *, timeout: float, clears: str) -> dict[str, Any]:
        waits.append((timeout, clears))
        return {"found": True, "restored": True}

    monkeypatch.setattr(sending, "wait_for", wait_for)
    host: Any = Host({"name": "before", "taken": 1000, "state": "Saved"})
    snapshots.revert(host, VM, "before")
    snapshots.remove(host, VM, "before")
    sending.let_go("a file", dict)
    (long, words), same, (short, others) = waits
    assert (long, words) == same
    assert long == limits.SNAPSHOT.most > short
    assert "merged" in words
    assert "file" in others
    assert "file" not in words
