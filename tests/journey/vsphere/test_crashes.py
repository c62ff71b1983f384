"""Killed at every record of a run against the simulator, then resumed; and rolled back from a sample of them.

One story each with a vCenter and an ESXi is killed at record after record, by turns just before it (the act is done and
not recorded) and just after. The places that a run goes back from are a sample: each once, right after its record or
when the next one is due, with a vCenter or an ESXi. What depends on the engine and the steps alone is tried in all ways
in tests/journey/test_crashes.py; here it is the adapter that is looked at. Each of its writes is the last one once,
too, further below. In `make long` alone: the same at an ESXi, and most of the places that a run goes back from.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pytest

pytest.importorskip("pyVmomi", reason="needs pyvmomi")

from pyVmomi import vim

from fixtures.vsphere import belongings, inventory
from tests.journey.conftest import Worlds
from tests.journey.records import MIGRATION, is_committed
from tests.journey.story import DONE, KILLED, World, assert_same
from tests.journey.test_crashes import (
    Crash,
    assert_ended,
    killed_at_each,
    nobody_came_too_early,
)
from tests.journey.vsphere.conftest import Tell
from tests.journey.vsphere.story import VsphereStory

pytestmark = [pytest.mark.vsphere, pytest.mark.slow]

WRITES = 18


@dataclass(frozen=True)
class Case:
    """A crash at one record, and where."""

    crash: Crash
    kind: str

    def __str__(self) -> str:
        return f"{self.crash}-{self.kind}"


def _case(there: int) -> Case:
    """With so many records in the journal. All four ways, over and over."""
    crash = Crash("before", there + 1) if there % 2 else Crash("after", there)
    return Case(crash, ("vpx", "esx")[there // 8 % 2])


ROLLED_BACK = [_case(there) for there in range(1, len(MIGRATION)) if there // 2 % 4 == 1]
AT_LEAST = ROLLED_BACK[1::5]  # each way once, before the commit and after it


def test_the_sample_has_each_way_often() -> None:
    ways = Counter((case.crash.when, case.kind) for case in ROLLED_BACK)
    assert len(ways) == 4
    assert min(ways.values()) >= 3
    assert {(case.crash.when, case.kind) for case in AT_LEAST} == set(ways)
    assert {is_committed(case.crash.past) for case in AT_LEAST} == {True, False}


@pytest.mark.parametrize("kind", ["vpx", pytest.param("esx", marks=pytest.mark.long)])
def test_a_run_that_is_killed_at_every_record_is_resumed(
    tell: Tell, kind: str, undisturbed: Callable[[str], Worlds]
) -> None:
    worlds = undisturbed(kind)  # before there is another lab: certificates hold a lab's address
    story = tell(kind)
    boot = story.old_boot()
    assert story.migrate(stop=("SIGKILL", "after", MIGRATION[1])).status == KILLED
    for number, line in enumerate(MIGRATION[2:], start=kind == "esx"):
        killed_at_each(story.resume, ("before", "after")[number % 2], [line])
        nobody_came_too_early(story)
    assert_ended(story, story.resume(), "migrated")
    assert_same(story.world(), worlds.migrated)
    assert (story.live(), story.conflicts(), story.old_boot()) == (["new"], [], boot)
    assert story.answers_the_world()


@pytest.mark.parametrize(
    "case",
    [pytest.param(each, marks=() if each in AT_LEAST else pytest.mark.long, id=str(each)) for each in ROLLED_BACK],
)
def test_a_crashed_run_is_rolled_back(tell: Tell, case: Case, undisturbed: Callable[[str], Worlds]) -> None:
    worlds = undisturbed(case.kind)
    story, past = tell(case.kind), case.crash.past
    files = story.files()
    boot = crashed(story, case)
    last = story.rollback()
    if is_committed(past):
        assert_ended(story, last, "switched back")
        assert_same(kept(story.world()), kept(worlds.switched_back))
    else:
        assert_ended(story, last, "rolled-back")
        assert_same(story.world(), worlds.before)
        assert story.files() == files
    assert (story.live(), story.conflicts(), story.old_boot()) == (["old"], [], boot)
    assert story.answers_the_world()


@pytest.mark.parametrize("number", range(1, WRITES + 1))
def test_a_run_killed_after_a_change_of_the_hypervisor_ends_well(
    tell: Tell, number: int, undisturbed: Callable[[str], Worlds]
) -> None:
    """The change was made, its answer never came. Resumed and rolled back by turns."""
    worlds = undisturbed("vpx")
    story = tell("vpx")
    files = story.files()
    story.lab.proxy.after_write(number, story.kill)
    assert story.migrate().status == KILLED
    past = story.recorded
    if number % 2:
        assert story.resume().status == DONE
        assert_same(story.world(), worlds.migrated)
        assert (story.live(), story.conflicts()) == (["new"], [])
        assert carried_over(story) == {"tags", "custom-attributes", "permissions", "shares"}
    else:
        assert story.rollback().status == DONE
        committed = is_committed(past)
        expected = kept(worlds.switched_back) if committed else worlds.before
        assert_same(kept(story.world()) if committed else story.world(), expected)
        assert committed or story.files() == files
        assert (story.live(), story.conflicts()) == (["old"], [])


def test_those_are_all_changes_of_the_hypervisor(story: VsphereStory) -> None:
    story.lab.proxy.forget_calls()
    assert story.migrate().status == DONE
    assert story.lab.proxy.writes().total() == WRITES


def carried_over(story: VsphereStory) -> set[str]:
    """What the new VM has as the old one, beside its hardware; that one still has all of it."""
    with inventory.administrator(story.lab.simulator) as service:
        machines = {each.name: each for each in inventory._all(service, vim.VirtualMachine)}
        old, new = (
            belongings.of(story.lab.simulator, service, machines[name]) for name in ("mailgw", f"mailgw-{story.run_id}")
        )
    assert (old["tags"], old["permissions"]) == ([belongings.TAG], [belongings.PRINCIPAL])
    return {word for word in old if old[word] == new[word]}


def crashed(story: VsphereStory, case: Case) -> str:
    """The old VM's boot before; nobody answered who was not yet let in."""
    boot, (signal, when, record) = story.old_boot(), case.crash.stop
    assert isinstance(record, int)
    warned = record > 1  # right after the first record: the plan's, of --trust-staging
    assert story.migrate(stop=(signal, when, record + warned)).status == KILLED
    assert tuple(line for line in story.recorded if line != ("warning", "")) == case.crash.past
    nobody_came_too_early(story)
    return boot


def kept(switched_back: World) -> World:
    """Without the new VM's notes, which the simulator does not let anybody empty."""
    return {**switched_back, "new": {**switched_back["new"], "notes": ""}}
