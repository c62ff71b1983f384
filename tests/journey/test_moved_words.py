"""What is said is so: who takes mail now, who works on a run now, why it failed, and for how long nobody took mail."""

import json
import os
import re
import signal
import socket

import pytest

from tests.journey import moving
from tests.journey.child import NOWHERE
from tests.journey.conftest import Tell
from tests.journey.story import DONE, KILLED, REFUSED, WENT_BACK, Child, Stop, Story, Told

pytestmark = pytest.mark.slow
UNPLUGGED: Stop = ("SIGKILL", "after", ("done", "switch"))
IN_THE_SWITCH: Stop = ("SIGSTOP", "after", ("done", "close-intake"))


def first_line(told: Told) -> str:
    return told.out.splitlines()[0]


def last_line(told: Told) -> str:
    return told.out.splitlines()[-1]


def status(story: Story, *argv: str) -> Told:
    """Where no password is known: `status` asks for none."""
    secrets, story.secrets = story.secrets, {}
    try:
        return story.command("status", *(argv or (story.run_id,)))
    finally:
        story.secrets = secrets


# ---- whether mail flows --------------------------------------------------------------------------------------


def test_each_last_and_first_line_follows_the_world(story: Story) -> None:
    """One story: down in the switch, back by hand, both plugged in, gone."""
    assert story.migrate(stop=UNPLUGGED).status == KILLED
    assert re.match(r"MAIL: DOWN since \d{4}-", first_line(status(story)))
    assert f"vmmigrate resume {story.run_id}" in first_line(status(story))
    told = story.resume()
    assert last_line(told).startswith(f"MAIL: flowing through {moving.new(story).name} since ")
    assert first_line(story.command("status", story.run_id)) == last_line(told)
    assert f"{moving.new(story).name} is plugged in and answers this workstation" in first_line(status(story))
    moving.plug(story, moving.old(story))
    assert f"mailgw AND {moving.new(story).name}, at the same address" in first_line(status(story))
    moving.plug(story, moving.new(story), up=False)
    assert first_line(status(story)).startswith("MAIL: DOWN")  # its intake was closed before it was unplugged
    moving.restart(story, moving.old(story))
    assert first_line(status(story)).startswith("MAIL: flowing through mailgw")
    moving.switch_off(story, moving.old(story))
    assert first_line(status(story)).startswith("MAIL: DOWN")


@pytest.mark.parametrize(
    "act", [moving.switch_off, lambda story, vm: moving.plug(story, vm, up=False)], ids=["off", "out"]
)
def test_what_a_way_back_would_not_end_is_not_to_be_gone_back_for(story: Story, act: moving.Move) -> None:
    """The run stands prepared and has touched nothing of the old VM: to go back deletes the new one, and no more."""
    assert story.prepare().status == DONE
    old = moving.old(story)
    act(story, old)
    told = first_line(status(story))
    assert (told.startswith("MAIL: DOWN"), "vmmigrate rollback" in told) == (True, False), told
    assert f" start {old.id}" in told or f"domif-setlink {old.id} " in told
    moving.plug(story, old)
    moving.switch_on(story, old)
    assert story.cutover().status == DONE


def test_one_that_was_unplugged_once_it_was_closed_has_to_be_plugged_in_before_the_way_back(story: Story) -> None:
    """That way back plugs in what the run unplugged, and no more."""
    assert story.migrate(stop=("SIGKILL", "after", ("done", "close-intake"))).status == KILLED
    old = moving.old(story)
    moving.plug(story, old, up=False)
    told = first_line(status(story))
    assert re.search(rf"domif-setlink {old.id} .* up --config .*; then vmmigrate resume {story.run_id}", told), told
    moving.plug(story, old)
    assert story.rollback().status == DONE
    assert first_line(status(story)).startswith("MAIL: flowing through mailgw")


def test_what_cannot_be_asked_is_not_looked_at(story: Story) -> None:
    """No guest answers this workstation; whether others are answered it cannot know."""
    assert story.migrate().status == DONE
    story.only_port = NOWHERE
    assert not first_line(status(story)).startswith("MAIL: flowing")
    story.only_port, story.secrets = 0, {}  # its greeting alone, without a password at hand, proves nothing
    said = f"MAIL: not looked at: {moving.new(story).name} is plugged in and answers this workstation; whether"
    assert first_line(status(story)).startswith(said)


# ---- who works on it -----------------------------------------------------------------------------------------


def test_a_run_in_progress_is_named_with_its_host_and_process(story: Story) -> None:
    """And no other command of this workstation takes it up meanwhile."""
    second = Child()
    other = Story(story.lab, story.folder, second)
    try:
        ended = other.begin("migrate", story.lab.old_name, str(story.lab.image), "--yes", stop=IN_THE_SWITCH)
        process = moving.wait_stopped(second)
        told = story.command("status", story.run_id)
        assert f"in progress: migrate on {socket.gethostname()} (process {process})" in told.out
        assert "interrupted" not in told.out
        for verb in (story.resume, story.rollback):
            refused = verb()
            assert refused.status == REFUSED
            assert str(process) in refused.err
        os.kill(process, signal.SIGCONT)
        assert ended().status == DONE
    finally:
        second.close()
    assert (story.live(), story.conflicts()) == (["new"], [])


def test_a_run_is_named_by_last_and_by_its_machine(story: Story) -> None:
    assert story.migrate(stop=UNPLUGGED).status == KILLED
    expected = status(story).out
    for name in ("last", story.lab.old_name, moving.new(story).name):
        assert status(story, name).out == expected


def test_another_workstation_knows_no_run_and_may_not_begin_one(story: Story) -> None:
    assert story.migrate(stop=UNPLUGGED).status == KILLED
    other = moving.elsewhere(story)
    before = story.everything()
    for verb in ("status", "resume", "rollback"):
        told = other.command(verb, story.run_id, *(["--yes"] if verb == "rollback" else []))
        assert (told.status, "there is no run" in told.err) == (REFUSED, True)
    told = other.migrate()
    assert told.status == REFUSED
    assert story.everything() == before


# ---- why, and for how long -----------------------------------------------------------------------------------


def test_a_failed_run_says_why_in_its_status(tell: Tell) -> None:
    story = tell(new={"personality": "RefusesRestore:The moon is in the wrong phase"})
    assert story.migrate().status == WENT_BACK
    told = status(story)
    assert "failed: " in told.out
    assert "The moon is in the wrong phase" in told.out
    assert first_line(told).startswith("MAIL: flowing through mailgw")


def test_a_clock_that_jumps_makes_no_longer_outage(story: Story) -> None:
    story.clock = 3060.0
    told = story.migrate()
    assert told.status == DONE
    [found] = re.findall(r"outage (about )?([0-9.]+) s", told.out)
    assert float(found[1]) < 60
    shown = json.loads(story.command("status", story.run_id, "--json").out)
    assert all(each["seconds"] < 60 for each in shown["outages"])


def test_a_switch_that_failed_and_its_way_back_are_an_outage_too(story: Story) -> None:
    assert story.migrate(stop=UNPLUGGED).status == KILLED
    told = story.rollback()
    assert told.status == DONE
    assert re.search(r"outage (about )?[0-9.]+ s", told.out)
    assert story.migrate().status == DONE
    told = story.rollback()
    assert re.search(r"outage [0-9.]+ s in all: [0-9.]+ s, [0-9.]+ s", told.out)


# ---- another version -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["resume", "rollback"])
def test_a_setting_that_another_version_stored_is_left_out_with_a_warning(story: Story, verb: str) -> None:
    assert story.migrate(stop=UNPLUGGED).status == KILLED
    place = story.run_folder / "settings.json"
    stored = json.loads(place.read_text())
    stored["new"]["colour"] = "green"
    place.chmod(0o600)
    place.write_text(json.dumps(stored))
    told = getattr(story, verb)()
    assert told.status == DONE, told.err
    assert "new.colour" in told.out + told.err
    assert len(story.live()) == 1


# ---- a person asks -------------------------------------------------------------------------------------------


def test_a_rollback_says_what_it_takes_away_and_only_says_it_in_a_dry_run(story: Story) -> None:
    assert story.migrate(stop=UNPLUGGED).status == KILLED
    before = story.everything()
    told = story.command("rollback", story.run_id, "--dry-run")
    assert told.status == DONE
    assert f"{moving.new(story).name} will be deleted with all its data" in told.out
    assert "nothing was changed" in told.out
    refused = story.command("rollback", story.run_id)
    assert refused.status == REFUSED
    assert "--yes" in refused.err
    assert story.everything() == before


def test_a_rollback_after_mail_came_says_who_has_it(story: Story) -> None:
    assert story.migrate().status == DONE
    moving.send(story)
    told = story.rollback()
    assert told.status == DONE
    assert (story.live(), sum(moving.mail_in(story, moving.new(story)))) == (["old"], 1)
    assert last_line(told).startswith("MAIL: flowing through mailgw since ")
