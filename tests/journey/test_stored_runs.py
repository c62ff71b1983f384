"""Runs that an earlier version began are resumed, rolled back and finished in a lab of today."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.journey.conftest import Worlds
from tests.journey.records import number
from tests.journey.story import ATTENTION, DONE, INTERRUPTED, KILLED, Stop, Story, assert_same
from tests.journey.transplant import transplant

JOURNALS = Path(__file__).parents[1] / "journals"
SCHEMA_1 = JOURNALS / "schema-1"
ACCEPTED = "--accept", "main-cf,maps,first-password"  # as of every migration of this lab
KINDS_OF_SCHEMA_1 = frozenset(
    ("run", "begin", "learnt", "done", "failed", "direction", "undo", "undone", "paused", "end", "finished")
)
STOPS: dict[str, Stop] = {
    "killed-in-the-import": ("SIGKILL", "after", number("begin", "import")),
    "killed-in-the-switch": ("SIGKILL", "edit", 8),
    "killed-before-the-commit": ("SIGKILL", "after", number("done", "verify-live")),
    "killed-after-the-commit": ("SIGKILL", "after", number("learnt", "open")),
    "interrupted": ("SIGINT", "after", number("done", "isolate")),
    "interrupted-in-the-switch": ("SIGINT", "after", number("done", "switch")),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["killed-before-autostart", "killed-before-the-commit"])
def test_a_run_that_hands_autostart_over_after_the_opening_keeps_that_order(
    story: Story, name: str, undisturbed: Worlds
) -> None:
    stop: Stop = ("SIGKILL", "after", ("done", "tidy" if name == "killed-before-autostart" else "verify-live"))
    assert story.migrate(stop=stop, mail={"queue": "refuse"}).status == KILLED
    transplant(JOURNALS / "schema-2" / name, story)
    told = story.resume()
    assert told.status == DONE, told.err
    done = [record["step"] for record in story.journal if record["kind"] == "done"]
    assert done[-4:] == ["open", "tidy", "autostart", "notes"]
    assert story.journal[0]["schema"] == 2
    assert_same(story.world(), undisturbed.migrated)
    assert (story.live(), story.conflicts(), story.answers_the_world()) == (["new"], [], True)


def records_of(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SCHEMA_1 / name / "journal.jsonl").read_text().splitlines()]


def taken_over(story: Story, name: str) -> None:
    """A run that the earlier version left at that point, in this lab."""
    stop = STOPS[name]
    # It did not stop the old Postfix; and its second for sessions to end is short on a busy machine.
    told = story.migrate(stop=stop, mail={"queue": "refuse"}, limits={"drain": 60})
    assert told.status == (INTERRUPTED if stop[0] == "SIGINT" else KILLED)
    transplant(SCHEMA_1 / name, story)
    assert story.journal[0]["schema"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", STOPS)
def test_a_run_of_an_earlier_version_is_resumed(story: Story, name: str, undisturbed: Worlds) -> None:
    taken_over(story, name)
    told = story.resume(*ACCEPTED)
    assert told.status == DONE, told.err
    assert_same(story.world(), undisturbed.migrated)
    assert (story.live(), story.conflicts(), story.answers_the_world()) == (["new"], [], True)


@pytest.mark.slow
@pytest.mark.parametrize("name", STOPS)
def test_a_run_of_an_earlier_version_is_rolled_back(story: Story, name: str, undisturbed: Worlds) -> None:
    taken_over(story, name)
    told = story.rollback()
    assert told.status == DONE, told.err
    if name != "killed-after-the-commit":
        assert_same(story.world(), undisturbed.before)
    assert (story.live(), story.conflicts(), story.answers_the_world()) == (["old"], [], True)


@pytest.mark.slow
def test_what_resumes_an_earlier_journal_writes_nothing_that_its_version_cannot_read(story: Story) -> None:
    taken_over(story, "interrupted")
    assert story.resume(*ACCEPTED).status == DONE
    assert {record["kind"] for record in story.journal} <= KINDS_OF_SCHEMA_1
    groups = {record["group"] for record in story.journal if record["kind"] == "learnt"}
    assert groups <= {record["group"] for record in records_of("migrated") if record["kind"] == "learnt"}


@pytest.mark.slow
def test_a_run_that_has_no_step_for_it_stops_for_what_is_to_be_decided_too(story: Story) -> None:
    taken_over(story, "interrupted")
    nothing = {"switch": {"accept": ""}}
    told = story.command("resume", story.run_id, **nothing)
    assert (told.status, story.live(), story.answers_the_world()) == (ATTENTION, ["old"], True), told.err
    assert f"vmmigrate resume {story.run_id} --accept main-cf,maps,first-password" in told.err
    told = story.command("resume", story.run_id, *ACCEPTED, **nothing)
    assert told.status == DONE, told.err
    seen = json.loads(story.command("status", story.run_id, "--json").out)
    assert seen["accepted"] == ["main-cf", "maps", "first-password"]


@pytest.mark.slow
def test_a_run_of_an_earlier_version_goes_back_after_its_commit_and_is_finished(story: Story) -> None:
    assert story.migrate(mail={"queue": "refuse"}, carry={"host_keys": "new"}).status == DONE
    transplant(SCHEMA_1 / "migrated", story)
    assert story.rollback().status == DONE
    assert story.live() == ["old"]
    assert story.finish().status == DONE
    assert story.world().keys() == {"old"}
