"""A rehearsal prepares on real data, says how long nobody would take mail, and leaves nothing behind."""

import json
import re

import pytest

from tests.journey.conftest import Tell, Worlds
from tests.journey.records import MIGRATION, PREPARED, Line, rolled_back
from tests.journey.story import DONE, KILLED, REFUSED, WENT_BACK, Story, assert_same
from tests.journey.test_crashes import BOTH, killed_at_each

pytestmark = pytest.mark.slow
THERE: tuple[Line, ...] = MIGRATION[: MIGRATION.index(("done", PREPARED[-1])) + 1]
REHEARSAL: tuple[Line, ...] = (*THERE, ("remark", ""), *rolled_back(THERE))
SAID = re.compile(r"note: would be out about (\d+) s \(old guest [^)]*\); 0 blocking, (\d+) to decide")


def test_it_says_what_it_would_cost_and_undoes_everything(story: Story, undisturbed: Worlds) -> None:
    boot = story.old_boot()
    told = story.rehearse()
    assert told.status == DONE, told.err
    assert story.recorded == REHEARSAL
    assert "\nrehearsed\n" in told.out
    said = SAID.search(told.out)
    assert said is not None, told.out
    assert 0 < int(said[1]) < 30
    assert int(said[2]) == len(warned(story))  # what differs in this lab was accepted
    assert_same(story.world(), undisturbed.before)
    assert (story.live(), story.conflicts(), story.old_boot()) == (["old"], [], boot)
    assert not story.key.exists()
    seen = json.loads(story.command("status", story.run_id, "--json").out)
    assert (seen["status"], seen["next"]) == ("rehearsed", [])
    for verb in ("resume", "cutover", "rollback", "finish"):
        assert story.command(verb, story.run_id, *([] if verb == "resume" else ["--yes"])).status == REFUSED


def warned(story: Story) -> list[str]:
    plan = json.loads((story.run_folder / "plan.json").read_text())
    return [finding["id"] for finding in plan["findings"] if finding["severity"] == "warning"]


@BOTH
def test_one_that_is_killed_at_every_record_is_resumed_to_its_end(story: Story, when: str, undisturbed: Worlds) -> None:
    assert story.rehearse(stop=("SIGKILL", "after", REHEARSAL[1])).status == KILLED
    killed_at_each(story.resume, when, REHEARSAL[2:])
    assert story.resume().status in (DONE, REFUSED)
    assert json.loads(story.command("status", story.run_id, "--json").out)["status"] == "rehearsed"
    assert_same(story.world(), undisturbed.before)
    assert (story.live(), story.answers_the_world(), story.conflicts()) == (["old"], True, [])


def test_one_that_cannot_come_to_its_stop_goes_back_and_says_why(tell: Tell) -> None:
    story = tell(old={"personality": "CutShort"})
    before = story.world()
    told = story.rehearse()
    assert told.status == WENT_BACK
    assert "error: " in told.err
    assert "rehearsed" not in told.out
    assert_same(story.world(), before)


def test_what_a_prepared_run_would_cost_is_kept_and_near_what_it_does(story: Story) -> None:
    told = story.prepare()
    said = SAID.search(told.out)
    assert said is not None, told.out
    assert SAID.search(story.command("status", story.run_id).out)
    assert story.cutover().status == DONE
    outage = json.loads(story.command("status", story.run_id, "--json").out)["outage"]
    assert outage / 8 < int(said[1]) < outage * 8 + 3, f"said {said[1]} s, was {outage} s"
