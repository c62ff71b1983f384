"""What a person reads: a plan's names kept, mail first and last, a run in progress seen from elsewhere."""

import json
import os
import signal

import pytest

from fixtures.memory import MemoryHypervisor
from hypervisors import NotYet, VmRef, wait_for
from tests.journey.played import play
from tests.journey.story import ATTENTION, DONE, KILLED, REFUSED, WENT_BACK, Child, Story
from tests.journey.test_straight import queue

pytestmark = pytest.mark.slow


def test_a_plan_keeps_its_run_and_its_names_and_is_used_once(story: Story) -> None:
    file = story.folder / "plan.json"
    assert story.plan("-o", str(file)).status == DONE
    planned = json.loads(file.read_text())
    told = story.migrate("--plan", str(file))
    assert (told.status, story.run_ids) == (DONE, [planned["run_id"]])
    assert f"run {planned['run_id']}, recorded in" in told.out
    assert story.new_vm()["name"] == planned["new_name"] == f"mailgw-{planned['run_id']}"
    again = story.migrate("--plan", str(file))
    assert again.status == REFUSED
    assert f"this plan has been used already, by run {planned['run_id']}" in again.err


def test_the_last_line_is_whether_mail_flows_and_status_begins_with_it(story: Story) -> None:
    told = story.migrate()
    name = story.new_vm()["name"]
    flows = f"MAIL: flowing through {name} since "
    assert told.out.splitlines()[-1].startswith(flows)
    status = story.command("status", "last").out.splitlines()
    assert (status[0], status[1][:22]) == (told.out.splitlines()[-1], f"run {story.run_id}"[:22])
    back = story.rollback()
    assert back.out.splitlines()[-1].startswith("MAIL: flowing through mailgw since ")
    shown = json.loads(story.command("status", "mailgw", "--json").out)
    assert (shown["mail"]["state"], shown["mail"]["through"]) == ("flowing", ["mailgw"])
    assert [each["about"] for each in shown["outages"]] == [False, False]  # the switch, and the way back
    assert shown["outage"] == pytest.approx(sum(each["seconds"] for each in shown["outages"]))


@pytest.mark.parametrize(
    ("step", "why"), [("switch", "is plugged in and isolated"), ("close-intake", "is plugged in, but no SMTP at ")]
)
def test_a_run_that_was_killed_in_the_switch_is_shown_as_down(story: Story, step: str, why: str) -> None:
    assert story.migrate(stop=("SIGKILL", "after", ("done", step))).status == KILLED
    line = story.command("status", story.run_id).out.splitlines()[0]
    assert line.startswith("MAIL: DOWN since 20")
    assert f": now vmmigrate resume {story.run_id} or vmmigrate rollback {story.run_id} (" in line
    assert why in line
    assert story.rollback().out.splitlines()[-1].startswith("MAIL: flowing through mailgw since ")


def test_a_command_that_is_refused_ends_with_it_too(story: Story) -> None:
    story.migrate(mail={"queue": "refuse"})
    queue(story, story.new_vm()["id"])
    told = story.rollback()
    assert (told.status, "not going back: " in told.err) == (WENT_BACK, True)
    assert told.out.splitlines()[-1].startswith(f"MAIL: flowing through {story.new_vm()['name']} since ")


def test_after_links_only_the_outage_goes_on_until_the_way_back(story: Story) -> None:
    """The run plugged the gateway out that was live, and knows since when."""
    story.migrate()
    told = story.rollback("--links-only")
    assert told.status == ATTENTION
    began = next(record["at"] for record in story.journal if (record["kind"], record.get("step")) == ("undo", "switch"))
    down = f"MAIL: DOWN since {began[:10]} {began[11:19]} UTC: now vmmigrate rollback {story.run_id} ("
    assert told.out.splitlines()[-1].startswith(down)
    assert told.err.count("MAIL: ") == 0
    assert "nft delete table inet vmmigrate_intake" in told.err
    assert story.rollback().status == DONE
    shown = json.loads(story.command("status", "last", "--json").out)
    assert shown["outages"][-1]["began"] == began
    assert shown["outages"][-1]["seconds"] > 0
    assert not [each for each in shown["remarks"] if "nft delete" in each or "nothing was undone" in each]


def test_an_error_comes_before_the_last_line_which_comes_once(story: Story) -> None:
    assert story.migrate(stop=("SIGKILL", "after", ("done", "switch"))).status == KILLED
    wrong = {"VMMIGRATE_OLD_SSH_PASSWORD": "wrong"}
    played = play(story, [], "rollback", story.run_id, "--yes", environ={**story.environ(), **wrong})
    assert played.status == ATTENTION
    lines = played.screen.splitlines()
    assert lines[-1].startswith("MAIL: DOWN since ")
    assert f": now vmmigrate rollback {story.run_id} (" in lines[-1]
    assert played.screen.count("MAIL: ") == 1
    assert [line for line in lines if line.startswith("next: ")][-1].startswith(
        f"next: vmmigrate rollback {story.run_id}"
    )


def test_two_that_are_plugged_in_are_never_called_one(story: Story) -> None:
    """Somebody plugged the old VM in by hand: the journal has it as unplugged."""
    story.migrate()
    old, hypervisor = story.lab.vm("mailgw"), MemoryHypervisor(story.lab.folder)
    hypervisor.set_nic(VmRef(story.lab.old_id, "mailgw"), old["nics"][0]["mac"], link_up=True)
    line = story.command("status", "last").out.splitlines()[0]
    assert line.startswith(
        f"MAIL: flowing through mailgw AND {story.new_vm()['name']}, at the same address: now to keep mailgw: "
        f"vmmigrate rollback {story.run_id}; or to keep {story.new_vm()['name']}: virsh "
    )
    assert story.rollback().status == DONE
    assert story.live() == ["old"]


def test_a_run_in_progress_is_seen_from_another_terminal(story: Story) -> None:
    """It stands still at a record, as if it took long."""
    out, err = story.folder / "first.out", story.folder / "first.err"
    argv = ["migrate", story.lab.old_name, str(story.lab.image), "--yes"]
    paths = {"lab": str(story.lab.folder), "folder": str(story.folder), "out": str(out), "err": str(err)}
    odd = {"hypervisor": story.hypervisor, "only_port": 0, "stop": ("SIGSTOP", "after", ("done", "claim"))}
    story.child.begin({**paths, **odd, "argv": argv, "environ": story.environ()})
    wait_for("the record", lambda: stopped(story), timeout=120, clears="")
    process, second = story.child.running(), Child()
    try:
        told = Story(story.lab, story.folder, second).command("status", story.run_id)
        line = next(line for line in told.out.splitlines() if line.startswith("run "))
        assert f": in progress: migrate on {os.uname().nodename} (process {process}) since 20" in line
        assert "next: " not in told.out
        assert "vmmigrate resume" not in told.out
    finally:
        second.close()
        os.kill(process, signal.SIGKILL)
        story.child.end()
    assert "interrupted while migrating" in story.command("status").out


def stopped(story: Story) -> None:
    if not story.run_ids or ("done", "claim") not in story.recorded:
        raise NotYet("it is on its way")
