"""Runs that nobody disturbs: plan, migrate, roll back, switch back, finish."""

import json
import os
import signal
import time
from datetime import datetime

import pytest

from fixtures import guest_commands
from fixtures.appliance import hostkey, mailspool, state
from tests.journey import moving
from tests.journey.conftest import Tell, Worlds
from tests.journey.records import number
from tests.journey.story import DONE, KILLED, REFUSED, WENT_BACK, Story, assert_same

GUEST_COMMANDS = 110  # the most of a whole migration, over SSH: on an emulated guest each sudo costs a second or two
GUEST_COMMANDS_IN_OUTAGE = 10  # one stops the old Postfix and lists what waits; one holds what the new VM wrote itself


def when(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def queue(story: Story, vm_id: str) -> None:
    """A message that never leaves."""
    root = story.lab.root_of(vm_id)
    mailspool.put(root, "alice@example.test", ["bob@partner.example.net"], "hello", stuck=True)


# ---- plan ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_planning_is_provably_read_only(story: Story) -> None:
    before = story.everything()
    told = story.plan()
    assert (told.status, told.err) == (DONE, "")
    assert "mailgw.example.test" in told.out
    assert story.everything() == before
    assert story.run_ids == []
    assert not (story.folder / "keys").exists()


# ---- migrate -------------------------------------------------------------------------------------------------


def test_a_migration_puts_the_new_vm_in_the_old_ones_place(story: Story) -> None:
    before, boot = story.world()["old"], story.old_boot()
    told = story.migrate()
    assert (told.status, told.err) == (DONE, "")
    assert "old VM: kept, unplugged\nnew VM: live\n" in told.out
    world = story.world()
    old, new = world["old"], world["new"]
    assert old["nics"] == [("lan", False, False)]
    assert new["nics"] == [("lan", True, True), ("staging", True, True)]
    assert (old["power"], new["power"]) == ("running", "running")
    assert (old["autostart"], new["autostart"]) == (False, before["autostart"])
    assert old["notes"].splitlines()[0] == before["notes"]
    assert "replaced by" in old["notes"]
    assert old["files"] == before["files"]
    assert (story.live(), story.conflicts(), story.old_boot()) == (["new"], [], boot)
    assert story.answers_the_world()
    assert hostkey.fingerprint(story.lab.root_of(moving.new(story).id)) == story.lab.host_key
    assert "are still the old gateway's; for known_hosts: [" in " ".join(told.out.split())
    commands = guest_commands.of_run(story.lab.folder, story.journal)
    assert len(commands) <= GUEST_COMMANDS, guest_commands.listed(commands)
    in_outage = [each for each in commands if each.in_outage]
    assert 0 < len(in_outage) <= GUEST_COMMANDS_IN_OUTAGE, guest_commands.listed(in_outage)


@pytest.mark.slow
def test_what_the_old_guest_calls_things_steers_no_terminal(story: Story) -> None:
    root, main_cf = story.lab.root_of(story.lab.old_id), "/etc/postfix/main.cf"
    root.write(main_cf, f"{root.text(main_cf)}\n\x1b]0;EVIL\x07\x1b[31mx_y\x9b = 1\n".encode())
    told = story.migrate()
    assert told.status == DONE
    status, log = story.command("status", story.run_id), (story.run_folder / "log.txt").read_text()
    notes = [record["text"] for record in story.journal if record["kind"] == "remark"]
    for text in (told.out, status.out, log, *notes):
        assert not {"\x1b", "\x07", "\x9b"} & set(text)
    assert all("]0;EVIL" in text for text in (told.out, status.out, log, "".join(notes)))


@pytest.mark.slow
def test_until_the_commit_nobody_but_this_workstation_reaches_the_new_vm(story: Story) -> None:
    assert story.answers_the_world()
    assert story.migrate(stop=("SIGKILL", "after", number("done", "verify-live"))).status == KILLED
    assert (story.live(), story.answers_the_world()) == (["new"], False)
    assert story.resume().status == DONE
    assert (story.live(), story.answers_the_world()) == (["new"], True)


@pytest.mark.slow
def test_an_archive_that_carries_the_network_changes_nothing_about_it(tell: Tell, undisturbed: Worlds) -> None:
    story = tell(old={"backup_carries_network": True}, new={"backup_carries_network": True})
    assert story.migrate().status == DONE
    world, expected = story.world(), undisturbed.migrated
    for name in ("etc/network/interfaces", "etc/hostname", "etc/hosts"):
        assert world["new"]["files"][name] == expected["new"]["files"][name]
    assert (story.live(), story.answers_the_world()) == (["new"], True)


@pytest.mark.slow
def test_a_second_run_is_kept_away_by_the_first_ones_claim(story: Story) -> None:
    assert story.migrate(stop=("SIGKILL", "after", number("done", "note-old"))).status == KILLED
    first, before = story.run_id, story.everything()
    told = story.migrate()
    assert told.status == REFUSED
    assert f"another run has claimed this VM: [vmmigrate] run {first} begun on workstation " in told.err
    assert (story.everything(), story.run_ids) == (before, [first])


# ---- roll back -----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_there_is_nothing_to_roll_back_before_there_was_a_run(story: Story) -> None:
    before = story.everything()
    told = story.command("rollback", "20200101-000000-0000", "--yes")
    assert told.status == REFUSED
    assert "there is no run '20200101-000000-0000'" in told.err
    assert story.everything() == before


@pytest.mark.slow
def test_after_the_commit_a_rollback_switches_back_and_keeps_the_new_vm(story: Story) -> None:
    before, boot = story.world()["old"], story.old_boot()
    assert story.migrate().status == DONE
    told = story.rollback()
    assert (told.status, told.err) == (DONE, "")
    assert "old VM: live\nnew VM: kept, unplugged\n" in told.out
    world = story.world()
    old, new = world["old"], world["new"]
    assert new["nics"] == [("lan", False, False), ("staging", True, True)]
    assert (new["power"], new["autostart"]) == ("running", False)
    assert old["notes"].splitlines()[0] == before["notes"]
    assert {**old, "notes": ""} == {**before, "notes": ""}
    assert (story.live(), story.conflicts(), story.old_boot()) == (["old"], [], boot)
    assert story.answers_the_world()
    assert story.key.exists()


@pytest.mark.slow
def test_a_rollback_starts_an_old_vm_that_somebody_switched_off(story: Story) -> None:
    assert story.migrate().status == DONE
    with state.edit(story.lab.folder) as now:
        now["vms"][story.lab.old_id]["power"] = "off"
    assert story.rollback().status == DONE
    assert (story.live(), story.answers_the_world()) == (["old"], True)


@pytest.mark.slow
def test_after_the_commit_all_is_never_rolled_back(story: Story) -> None:
    assert story.migrate().status == DONE
    migrated = story.world()
    told = story.rollback("--scope", "all")
    assert told.status == REFUSED
    assert "may hold mail, so it is not deleted" in told.err
    assert_same(story.world(), migrated)


@pytest.mark.slow
def test_a_rollback_is_refused_while_mail_waits_in_the_new_vm(story: Story) -> None:
    assert story.migrate(mail={"queue": "refuse"}).status == DONE  # else it is carried back: test_carried_mail
    new = story.new_vm()["id"]
    queue(story, new)
    migrated = story.world()
    told = story.rollback()
    assert told.status == WENT_BACK
    assert "not going back: " in told.err
    assert "--leave-mail" in told.err
    assert_same(story.world(), migrated)
    assert (story.live(), story.conflicts()) == (["new"], [])
    assert story.answers_the_world()
    assert story.journal[-1]["outcome"] == "migrated"


@pytest.mark.slow
def test_with_leave_mail_it_goes_back_and_the_mail_stays_in_the_new_vm(story: Story) -> None:
    assert story.migrate().status == DONE
    new = story.new_vm()["id"]
    queue(story, new)
    told = story.rollback("--leave-mail")
    assert (told.status, told.err) == (DONE, "")
    assert len(list(mailspool.waiting(story.lab.root_of(new)))) == 1
    assert (story.live(), story.conflicts()) == (["old"], [])
    assert story.answers_the_world()


# ---- finish --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_finish_after_a_migration_retires_the_old_vm(story: Story) -> None:
    assert story.migrate().status == DONE
    files = story.world()["new"]["files"]
    told = story.finish()
    assert (told.status, told.err) == (DONE, "")
    world = story.world()
    old, new = world["old"], world["new"]
    assert (old["power"], old["nics"], old["autostart"]) == ("off", [("lan", False, False)], False)
    assert old["notes"] == "The mail gateway\nReplaced by mailgw-RUN (vmmigrate run RUN, finished)."
    assert new["nics"] == [("lan", True, True)]
    assert new["files"] == files
    assert story.answers_the_world()
    assert_no_secrets_left(story)
    assert_is_over(story)


@pytest.mark.slow
def test_finish_after_a_switch_back_deletes_the_new_vm(story: Story) -> None:
    before = story.world()
    assert story.migrate().status == DONE
    assert story.rollback().status == DONE
    assert story.finish().status == DONE
    assert_same(story.world(), before)
    assert story.answers_the_world()
    assert_no_secrets_left(story)
    assert_is_over(story)


@pytest.mark.slow
def test_a_run_under_way_is_not_finished(story: Story) -> None:
    assert story.migrate(stop=("SIGKILL", "after", number("done", "export"))).status == KILLED
    world = story.world()
    told = story.finish()
    assert told.status == REFUSED
    assert "cannot be finished: interrupted while migrating" in told.err
    assert_same(story.world(), world)


def assert_no_secrets_left(story: Story) -> None:
    left = {path.name for path in story.run_folder.iterdir()}
    assert left == {"journal.jsonl", "plan.json", "settings.json", "given.json", "log.txt", "lock"}
    assert list((story.folder / "keys").iterdir()) == []


def assert_is_over(story: Story) -> None:
    world = story.world()
    for told in (story.rollback(), story.resume(), story.finish()):
        assert told.status == REFUSED
        assert "is finished" in told.err
    assert_same(story.world(), world)


@pytest.mark.slow
def test_the_outage_is_measured_from_this_workstation_too(story: Story) -> None:
    """The new VM lets this workstation in before the world: what it answers here before it is opened does not count."""
    what = ("migrate", story.lab.old_name, str(story.lab.image), "--yes", "--json")
    ended = story.begin(*what, stop=("SIGSTOP", "after", number("done", "switch")), outage={"watch": True})
    process = moving.wait_stopped(story.child)
    time.sleep(1.5)  # else the whole switch may take less than the quarter of a second between two questions
    os.kill(process, signal.SIGCONT)
    told = ended()
    assert told.status == DONE
    lines = [json.loads(line) for line in told.out.splitlines()]
    [end] = [line for line in lines if line["event"] == "RunEnded"]
    [smtp] = [each for each in end["seen"] if each["service"] == f"smtp:{story.lab.smtp_port}"]
    [gap] = [gap for gap in smtp["gaps"] if gap["seconds"] is not None]
    opening = next(each["at"] for each in story.journal if (each["kind"], each.get("step")) == ("begin", "open"))
    assert 1.5 < gap["seconds"] < 60
    assert when(gap["ended"]) >= when(opening) - 0.01  # `done open` is recorded a moment after the world gets through
    assert abs(when(gap["began"]) - when(end["outages"][0]["began"])) < 10  # a busy machine asks late
    said = f"seen from this workstation: smtp:{story.lab.smtp_port} did not answer for {gap['seconds']:.1f} s"
    [remark] = [line["text"] for line in lines if line["event"] == "StepRemark" and "smtp:" in line["text"]]
    assert remark.startswith(said)
    assert said in story.command("status", story.run_id).out
