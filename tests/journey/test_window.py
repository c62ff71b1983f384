"""In a window of the operator's: at a time, on a budget, stopped while it waits."""

import json
import os
import signal
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.journey.story import DONE, INTERRUPTED, KILLED, REFUSED, WENT_BACK, Stop, Story
from tests.journey.test_signals import until

pytestmark = pytest.mark.slow


def in_seconds(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="seconds")


def word(story: Story) -> str:
    return str(json.loads(story.command("status", story.run_id, "--json").out)["status"])


def test_it_waits_for_its_time_and_a_ctrl_c_leaves_it_prepared(story: Story) -> None:
    assert story.prepare().status == DONE
    before = (story.run_folder / "journal.jsonl").read_bytes()
    ended = story.begin("cutover", story.run_id, "--yes", "--at", in_seconds(120))
    until(lambda: any("Wait until 20" in said.read_text() for said in (story.folder / "told").glob("*-cutover.out")))
    os.kill(story.child.running(), signal.SIGINT)
    told = ended()
    assert told.status == INTERRUPTED, told.out
    assert (story.run_folder / "journal.jsonl").read_bytes() == before
    assert (word(story), story.live()) == ("prepared", ["old"])
    began, at = time.time(), in_seconds(15)
    told = story.cutover("--at", at, "--budget", "2m")
    assert told.status == DONE, told.err
    assert "Wait until 20" in told.out
    opened = datetime.fromisoformat(next(r["at"] for r in story.journal if r["kind"] == "direction")).timestamp()
    assert opened >= datetime.fromisoformat(at).timestamp() > began
    assert "and its budget" not in told.out
    assert story.live() == ["new"]


def test_what_is_no_time_to_wait_for_is_refused(story: Story) -> None:
    assert story.prepare(limits={"prepared": 3600}).status == DONE
    before = story.everything()
    for at, words in (
        ("yesterday", "--at 'yesterday' is no time"),
        (in_seconds(-60), " has passed"),
        (in_seconds(7300), "mail untouched: too old by then, by 1 hour"),
    ):
        told = story.cutover("--at", at)
        assert (told.status, words in told.err) == (REFUSED, True), told.err
    told = story.cutover("--budget", "soon")
    assert (told.status, "--budget 'soon' is no length of time" in told.err) == (REFUSED, True)
    assert story.everything() == before


def test_a_budget_that_is_spent_before_the_commit_brings_the_old_gateway_back(story: Story) -> None:
    assert story.prepare().status == DONE
    new = story.new_vm()["id"]
    told = story.cutover("--budget", "0.01s")
    assert told.status == WENT_BACK, told.out
    assert "error: the outage budget of 0.01 s is spent: nobody has taken mail for " in told.err
    assert f"vmmigrate cutover {story.run_id}: to migrate after all" in told.err
    assert (story.live(), story.answers_the_world(), story.new_vm()["id"]) == (["old"], True, new)
    assert not any(line == ("begin", "open") for line in story.recorded)
    assert told.out.splitlines()[-1].startswith("MAIL: flowing through mailgw ")
    assert word(story) == "switched back"
    assert story.cutover("--budget", "2m").status == DONE
    assert (story.live(), story.new_vm()["id"]) == (["new"], new)


def test_a_migration_in_one_go_keeps_to_its_budget_and_after_the_commit_only_says_so(story: Story) -> None:
    told = story.migrate("--budget", "0.01s")
    assert told.status == WENT_BACK, told.out
    assert "error: the outage budget of 0.01 s is spent: nobody has taken mail for " in told.err
    assert (story.live(), story.answers_the_world(), word(story)) == (["old"], True, "switched back")
    assert story.resume().status == WENT_BACK  # what the run was begun with counts
    stop: Stop = ("SIGKILL", "after", ("done", "open"))
    assert story.resume("--budget", "10m", stop=stop).status == KILLED
    told = story.resume()
    assert told.status == DONE, told.err
    assert " s, and its budget 0.01 s" in told.out
    assert story.live() == ["new"]
