"""Whole runs through the stand-in Hyper-V host, whose machines are gateways that live: forth, back, to the end.

What is shown is the adapter and the steps; no PowerShell runs (fixtures/hyperv/README.md).
"""

import contextlib
import json
from collections.abc import Iterator

import pytest

from fixtures.hyperv import faults, scripts, windows
from hypervisors.hyperv.answered import FILE, host_of
from hypervisors.hyperv.questions import QUESTIONS
from tests.journey.hyperv_story import NEEDS, Tell, a_hyperv_story
from tests.journey.story import ATTENTION, DONE, REFUSED, WENT_BACK, Child

pytestmark = [pytest.mark.slow, *NEEDS]


@pytest.fixture
def tell(child: Child) -> Iterator[Tell]:
    """`tell(2)`: an old VM of generation 2."""
    with contextlib.ExitStack() as stack:
        yield lambda generation: stack.enter_context(a_hyperv_story(child, generation))


def test_a_plan_changes_nothing_there(tell: Tell) -> None:
    story = tell(1)
    before = story.world()
    told = story.plan()
    assert (told.status, told.err) == (DONE, "")
    assert "switch:lan" in told.out
    assert story.world() == before
    assert "nobody has asked this host" in told.out
    assert f"vmmigrate doctor --hypervisor {story.lab.reached.url}" in told.out


@pytest.mark.parametrize(("seen", "holds", "status"), [("yes", True, DONE), ("0x800701E7", False, REFUSED)])
def test_a_plan_has_what_the_host_answered_when_it_was_asked(tell: Tell, seen: str, holds: bool, status: int) -> None:
    """The record is written as the probe writes it; tests/integration/test_hyperv_host.py has the probe itself."""
    story = tell(2)
    answers = [{"id": each.id, "seen": each.expected, "holds": True} for each in QUESTIONS]
    crux = next(one for one in answers if one["id"] == "same-mac-starts")
    crux.update(seen=seen, holds=holds)
    record = {"form": 1, "at": 1_796_000_000, "host": host_of(scripts.host(story.lab.folder, {})), "answers": answers}
    (windows.home(story.lab.folder) / FILE).write_text(json.dumps(record))
    told = story.plan()
    assert told.status == status
    asked = f"may a second machine with the MAC of one that runs be started, disconnected? {seen}"
    assert asked in " ".join((told.out if holds else told.err).split())


@pytest.mark.parametrize("generation", [1, 2])
def test_forth_and_finished(tell: Tell, generation: int) -> None:
    """Generation 1 keeps its staging NIC, disconnected, as long as it runs."""
    story = tell(generation)
    told = story.migrate()
    assert (told.status, told.err) == (DONE, "")
    world = story.world()
    assert (story.live(), story.conflicts(), story.answers_the_world()) == (["new"], [], True)
    assert [up for _, *up in world["old"]["nics"]] == [[False, False]]
    finished = story.finish()
    assert finished.status == DONE
    assert ("keeps its staging NIC for now" in finished.out) is (generation == 1)
    nics = story.new_vm()["nics"]
    assert [nic["network"] for nic in nics if nic["link_up"]] == ["lan"]
    assert (story.live(), story.answers_the_world()) == (["new"], True)


def test_forth_and_back(tell: Tell) -> None:
    """Each side is linked up into the switch that was recorded: Hyper-V knows none for a NIC that is down."""
    story = tell(2)
    before = story.world()["old"]
    assert story.migrate().status == DONE
    assert story.rollback().status == DONE
    assert (story.live(), story.conflicts(), story.answers_the_world()) == (["old"], [], True)
    old = story.world()["old"]
    assert (old["nics"], old["autostart"]) == (before["nics"], before["autostart"])


def test_prepared_today_and_cut_over_another_day(tell: Tell) -> None:
    """Each command enters the host anew, and by the host's clock days have gone by."""
    story = tell(2)
    assert story.prepare().status == DONE
    assert (story.live(), story.conflicts(), story.answers_the_world()) == (["old"], [], True)
    faults.set_switch(story.lab.folder, "clock", 6 * 86_400)
    told = story.cutover()
    assert (told.status, told.err) == (DONE, "")
    assert (story.live(), story.conflicts(), story.answers_the_world()) == (["new"], [], True)
    assert [up for _, *up in story.world()["old"]["nics"]] == [[False, False]]
    assert story.finish().status == DONE


@pytest.mark.parametrize("script", ["attach", "set-nic"])
def test_a_call_that_fails_for_good_goes_back_by_itself(tell: Tell, script: str) -> None:
    story = tell(2)
    before = story.world()["old"]
    error = {"category": "NotSpecified", "reason": "X", "id": "OperationFailed", "hresult": "0x80131500", "codes": []}
    faults.add(story.lab.folder, script, error={**error, "message": "Fehler beim Vorgang."})
    told = story.migrate()
    assert told.status in (WENT_BACK, ATTENTION)
    assert "Fehler beim Vorgang." in told.err
    assert (story.live(), story.conflicts(), story.answers_the_world()) == (["old"], [], True)
    assert story.world()["old"]["nics"] == before["nics"]


@pytest.mark.parametrize(("script", "when"), [("start", "before"), ("set-nic", "after"), ("create", "late")])
def test_a_connection_that_breaks_off_is_made_again(tell: Tell, script: str, when: str) -> None:
    story = tell(2)
    faults.add(story.lab.folder, script, drop=when)
    told = story.migrate()
    assert (told.status, told.err) == (DONE, "")
    assert (story.live(), story.conflicts(), story.answers_the_world()) == (["new"], [], True)


def test_without_a_kvp_daemon_in_the_guest_the_plan_or_the_run_says_so(tell: Tell) -> None:
    story = tell(2)
    faults.set_switch(story.lab.folder, "keeps_silent", True)
    told = story.migrate()
    assert told.status != DONE
    assert "address" in told.err
    assert (story.live(), story.answers_the_world()) == (["old"], True)


def test_a_store_that_is_not_there_is_refused_by_the_plan(tell: Tell) -> None:
    story = tell(2)
    told = story.plan(hypervisor={"store": f"{scripts.STORE}-2"})
    assert told.status != DONE
    assert f"no active storage pool or datastore '{scripts.STORE}-2'" in told.err.replace("\\\\", "\\")
    assert "--store NAME" in told.err
