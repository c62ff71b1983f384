"""What each setter is reported to alter: looked at before it, nothing where nothing is done."""

from pathlib import Path

import pytest

from fixtures.memory import MemoryHypervisor, add_vm, create_lab
from hypervisors import Altered, HypervisorError, Network, NicSpec, TimedOut, VmRef, lasting
from hypervisors.again import _READS, REPEATABLE
from hypervisors.altering import NOT_KNOWN, SETTERS
from hypervisors.errors import Problem

MAC = "52:54:00:00:00:01"
LAN = Network("lan", "network")


@pytest.fixture
def vm(tmp_path: Path) -> VmRef:
    networks = [{"name": name, "kind": "network", "active": True} for name in ("lan", "other")]
    create_lab(tmp_path, networks=networks, store="default", available=1 << 30)
    return add_vm(tmp_path, "gw", [NicSpec(LAN, MAC, link_up=True)], power="running", autostart=True, notes="words")


def heard(vm: VmRef, folder: Path, kind: type[MemoryHypervisor] = MemoryHypervisor) -> tuple[object, list[Altered]]:
    found: list[Altered] = []
    made = lasting("memory", lambda: kind(folder), kind(folder), 0.1)
    made.report_to(found.append)  # type: ignore[attr-defined]
    return made, found


def test_all_calls_but_those_that_read_are_reported() -> None:
    """A command in a guest is reported by the shell that gives it, which knows those that only read."""
    assert {name for name, why in REPEATABLE.items() if why != _READS} == SETTERS | {"run_in_guest"}


def test_what_is_so_already_is_no_change(vm: VmRef, tmp_path: Path) -> None:
    made, found = heard(vm, tmp_path)
    for _time in range(2):
        made.set_nic(vm, MAC, link_up=False, network=Network("other", "network"))
        made.set_notes(vm, "others")
        made.set_autostart(vm, False)
    assert [(each.what, each.before, each.after) for each in found] == [
        (f"link of {MAC}", "up", "down"),
        (f"network of {MAC}", "lan", "other"),
        ("notes", "words", "others"),
        ("autostart", "on", "off"),
    ]
    assert {each.vm for each in found} == {vm}


def test_of_notes_only_the_lines_that_change_are_reported(vm: VmRef, tmp_path: Path) -> None:
    """The owner's own may hold a secret, and the journal has no room for a text of any length."""
    made, found = heard(vm, tmp_path)
    made.set_notes(vm, "root: hunter2\n[vmmigrate] claimed")
    made.set_notes(vm, "root: hunter2")
    made.set_notes(vm, "root: hunter2\n" + "x" * 9000)
    assert [(each.before, each.after) for each in found[1:2]] == [("[vmmigrate] claimed", "")]
    assert "hunter2" not in f"{found[1]}{found[2]}"
    assert found[2].after.endswith("… (9000 characters)")
    assert len(found[2].after) < 400


class Fails(MemoryHypervisor):
    """Its guest does not shut down, its NICs cannot be read, and its notes cannot be written."""

    def inventory(self, vm: VmRef) -> object:  # type: ignore[override]
        raise HypervisorError("no", hint="x")

    def shut_down(self, vm: VmRef, timeout: float) -> None:
        raise TimedOut("no", hint="x")

    def set_notes(self, vm: VmRef, notes: str, *, over: str | None = None) -> None:
        raise HypervisorError("no", hint="x")


def test_a_call_that_failed_may_have_had_its_effect_and_a_look_that_failed_ends_no_call(
    vm: VmRef, tmp_path: Path
) -> None:
    made, found = heard(vm, tmp_path, Fails)
    for act in (lambda: made.shut_down(vm, 1.0), lambda: made.set_notes(vm, "others")):
        with pytest.raises(Problem):
            act()
    made.set_nic(vm, MAC, link_up=False)
    assert [(each.what, each.before, each.after) for each in found] == [
        ("power", "running", NOT_KNOWN),
        ("notes", NOT_KNOWN, NOT_KNOWN),
        (f"link of {MAC}", NOT_KNOWN, "down"),
    ]
