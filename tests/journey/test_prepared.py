"""A run that is prepared stands still before any mail is touched; `cutover` goes on, `rollback` deletes it."""

import json
from datetime import datetime, timedelta

import pytest

from tests.journey.conftest import Worlds
from tests.journey.records import MIGRATION, PREPARED, Line, forward, rolled_back
from tests.journey.story import DONE, KILLED, REFUSED, Story, assert_same
from tests.journey.test_crashes import BOTH, killed_at_each

SAID: Line = ("remark", "")  # how long nobody would take mail
STOP: Line = ("paused", "")
PREPARATION: tuple[Line, ...] = (*MIGRATION[: MIGRATION.index(("done", PREPARED[-1])) + 1], SAID, STOP)
BEYOND = tuple(step for step in dict.fromkeys(step for _, step in MIGRATION if step) if step not in PREPARED)


@pytest.mark.slow
def test_a_migration_in_two_parts_ends_as_one_in_one(story: Story, undisturbed: Worlds) -> None:
    boot = story.old_boot()
    told = story.prepare()
    assert told.status == DONE, told.err
    assert story.recorded == PREPARATION
    assert "\nnext: vmmigrate cutover" in told.out
    assert told.out.splitlines()[-1].startswith("MAIL: flowing through ")
    assert (story.live(), story.conflicts()) == (["old"], [])
    assert story.answers_the_world()
    status = story.command("status", story.run_id).out
    assert f"run {story.run_id}: prepared, valid until " in status
    assert " UTC; mail untouched, " in status
    assert "\nprepared: less than a minute ago, at " in status
    prepared = json.loads(story.command("status", story.run_id, "--json").out)["prepared"]
    assert datetime.fromisoformat(prepared["until"]) - datetime.fromisoformat(prepared["at"]) == timedelta(days=7)
    assert prepared["seconds"] < 60
    told = story.cutover()
    assert told.status == DONE, told.err
    assert_same(story.world(), undisturbed.migrated)
    assert (story.live(), story.conflicts(), story.old_boot()) == (["new"], [], boot)
    assert story.answers_the_world()
    assert json.loads(story.command("status", story.run_id, "--json").out)["prepared"] is None


@pytest.mark.slow
@BOTH
def test_one_that_is_killed_at_every_record_goes_on_to_its_stop_and_no_further(
    story: Story, when: str, undisturbed: Worlds
) -> None:
    assert story.prepare(stop=("SIGKILL", "after", PREPARATION[1])).status == KILLED
    killed_at_each(story.resume, when, PREPARATION[2:-1], look=lambda: untouched(story))
    assert story.resume().status == DONE
    assert story.recorded[-1] == STOP
    untouched(story)
    if when != "after":
        assert story.cutover(stop=("SIGKILL", "before", ("direction", ""))).status == KILLED
        assert story.resume().status == REFUSED
    assert story.cutover(stop=("SIGKILL", "after", ("direction", ""))).status == KILLED
    killed_at_each(story.resume, when, forward(BEYOND))
    assert story.resume().status in (DONE, REFUSED)
    assert_same(story.world(), undisturbed.migrated)
    assert (story.live(), story.conflicts()) == (["new"], [])


def untouched(story: Story) -> None:
    assert (story.live(), story.conflicts(), story.answers_the_world()) == (["old"], [], True)


@pytest.mark.slow
@BOTH
def test_to_give_it_up_needs_no_password_of_a_guest(story: Story, when: str, undisturbed: Worlds) -> None:
    assert story.prepare().status == DONE
    story.secrets.clear()
    killed_at_each(story.rollback, when, rolled_back(PREPARATION[:-2]), look=lambda: untouched(story))
    assert story.rollback().status in (DONE, REFUSED)
    assert story.journal[-1].get("outcome") == "rolled-back"
    assert_same(story.world(), undisturbed.before)
    untouched(story)
    assert not story.key.exists()


@pytest.mark.slow
def test_what_is_refused_of_one_that_stands_and_of_one_that_is_too_old(story: Story) -> None:
    """With what leads on, each."""
    assert story.prepare(limits={"prepared": 0.001}).status == DONE
    before, run = story.everything(), story.run_id
    journal = (story.run_folder / "journal.jsonl").read_bytes()
    told = story.resume()
    assert told.status == REFUSED
    assert f"error: run {run} is prepared, valid until " in told.err
    assert f"  → vmmigrate cutover {run}: to replace the old VM; `resume` is for a run that was interrupted" in told.err
    told = story.command("cutover", run, "--yes")
    assert told.status == REFUSED
    assert "mail untouched: too old, by " in told.err
    assert f"vmmigrate cutover {run} --accept-old" in told.err
    told = story.command("finish", run, "--yes")
    assert told.status == REFUSED
    assert f"vmmigrate cutover {run}: to replace the old VM" in told.err
    assert (story.everything(), (story.run_folder / "journal.jsonl").read_bytes()) == (before, journal)
    told = story.command("cutover", run, "--accept-old")
    assert told.status == REFUSED
    assert "this must be confirmed, and there is no terminal" in told.err
    assert story.recorded[-1] == STOP
    assert story.command("cutover", run, "--yes", "--accept-old").status == DONE
    assert story.live() == ["new"]
    told = story.command("cutover", run, "--yes")
    assert told.status == REFUSED
    assert f"run {run} is migrated: only one that is prepared can be cut over" in told.err


@pytest.mark.slow
def test_a_cutover_that_fails_keeps_what_was_prepared(story: Story) -> None:
    """Who prepared it for a window tries again in the next one."""
    assert story.prepare().status == DONE
    console = story.new_vm()
    told = story.cutover(stop=("SIGINT", "after", ("begin", "switch")))
    assert told.status != DONE
    assert story.live() == ["old"]
    assert story.new_vm()["id"] == console["id"]
    last = json.loads(story.command("status", story.run_id, "--json").out)
    assert last["status"] == "switched back"
    assert story.cutover().status == DONE
    assert (story.live(), story.new_vm()["id"]) == (["new"], console["id"])
