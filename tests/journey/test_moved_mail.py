"""Mail and settings that came while nobody looked: none is switched off, unplugged or deleted without a word."""

import smtplib

import pytest

from fixtures.appliance import state
from tests.journey import moving
from tests.journey.conftest import Worlds
from tests.journey.story import ATTENTION, DONE, KILLED, WENT_BACK, Story, Told, assert_same

pytestmark = pytest.mark.slow


def last_line(told: Told) -> str:
    return told.out.splitlines()[-1]


# ---- in the old VM -------------------------------------------------------------------------------------------


def test_mail_that_came_after_the_old_guest_was_restarted_is_not_cut_off(story: Story) -> None:
    """Its intake was closed and the record says so; the reboot opened it again."""
    assert story.migrate(stop=("SIGKILL", "after", ("done", "close-intake"))).status == KILLED
    moving.restart(story, moving.old(story))
    moving.send(story)
    moving.wait_in_queue(story, moving.old(story))
    told = story.resume()
    assert told.status == DONE, told.err
    assert "mail: 1 carried (1 deferred), on hold in" in told.out
    assert "mail: 1 carried, 0 held, 0 unaccounted" in told.out
    assert story.live() == ["new"]
    assert moving.mail_in(story, moving.old(story)) == (1, 1)  # the one that was delivered there, and a copy on hold
    assert moving.mail_in(story, moving.new(story)) == (1, 0)


def test_finish_says_what_it_cannot_know_of_the_old_queue_and_keeps_its_disk(story: Story) -> None:
    """Behind a link that is down its guest cannot be asked."""
    assert story.migrate().status == DONE
    moving.wait_in_queue(story, moving.old(story))
    told = story.finish()
    assert told.status == DONE
    assert "mailgw's mail queue was empty when it was unplugged" in told.out
    assert "nobody can look again" in told.out
    assert (story.world()["old"]["power"], moving.mail_in(story, moving.old(story))) == ("off", (1, 0))


# ---- in the new VM -------------------------------------------------------------------------------------------


def test_a_new_gateway_that_took_mail_before_the_commit_is_not_deleted_with_it(story: Story) -> None:
    """Its isolation was lifted by hand between the switch and the commit, and mail came."""
    assert story.migrate(stop=("SIGKILL", "after", ("done", "verify-live"))).status == KILLED
    unit = "/etc/systemd/system/sysinit.target.wants/vmmigrate-isolation.service"
    moving.lose_at_boot(story, moving.new(story), unit)
    moving.send(story)
    moving.wait_in_queue(story, moving.new(story))
    new = moving.new(story)
    told = story.rollback()
    assert told.status == ATTENTION
    assert f"mail in {new.name}: expected none; seen: 1 message (1 deferred)" in told.err
    assert "--discard-mail 1" in told.err
    assert (story.live(), moving.mail_in(story, new)) == (["old"], (1, 1))
    assert "MAIL: flowing through mailgw" in last_line(told)
    assert story.rollback("--discard-mail", "1").status == DONE
    assert list(story.world()) == ["old"]


def test_what_an_isolated_guest_writes_to_root_is_no_obstacle_to_a_way_back(story: Story, undisturbed: Worlds) -> None:
    """sudo does, where it cannot resolve the new host name."""
    assert story.migrate(stop=("SIGKILL", "after", ("done", "verify-live"))).status == KILLED
    moving.wait_in_queue(story, moving.new(story))
    told = story.rollback()
    assert told.status == DONE, told.err
    assert_same(story.world(), undisturbed.before)


def switched_back(story: Story) -> None:
    assert story.migrate().status == DONE
    moving.send(story)
    assert story.rollback().status == DONE


def test_finish_after_a_switch_back_does_not_delete_waiting_mail(story: Story) -> None:
    switched_back(story)
    new = moving.new(story)
    moving.wait_in_queue(story, new)
    told = story.finish()
    assert told.status == ATTENTION
    assert "--discard-mail 1" in told.err
    assert story.command("finish", story.run_id, "--yes", "--discard-mail", "2").status == ATTENTION
    assert moving.mail_in(story, new)[0] == 1
    assert story.command("finish", story.run_id, "--yes", "--discard-mail", "1").status == DONE
    assert (list(story.world()), story.live()) == (["old"], ["old"])


def test_mail_that_waits_in_the_new_gateway_goes_back_with_a_rollback(story: Story) -> None:
    assert story.migrate().status == DONE
    moving.wait_in_queue(story, moving.new(story))
    told = story.rollback()
    assert told.status == DONE, told.err
    assert (story.live(), story.answers_the_world()) == (["old"], True)
    assert moving.mail_in(story, moving.old(story))[0] == 1
    assert moving.mail_in(story, moving.new(story))[0] == 0


def test_a_rollback_that_is_refused_for_waiting_mail_leaves_the_new_gateway_open(story: Story) -> None:
    """Of a run that carries none."""
    assert story.migrate(mail={"queue": "refuse"}).status == DONE
    moving.wait_in_queue(story, moving.new(story))
    told = story.rollback()
    assert told.status == WENT_BACK
    assert "--leave-mail" in told.err
    assert "remove" not in told.err
    assert (story.live(), story.answers_the_world()) == (["new"], True)
    assert "MAIL: flowing through" in last_line(told)


def test_a_way_back_waits_for_a_session_that_is_open_at_the_new_gateway(story: Story) -> None:
    assert story.migrate().status == DONE
    with smtplib.SMTP(story.lab.address, story.lab.smtp_port, "localhost", 5, ("127.0.0.2", 0)) as caller:
        caller.ehlo()
        told = story.rollback()
    assert (told.status, "(last seen: 1 sessions, queues: empty)" in told.err) == (WENT_BACK, True), told.err
    assert (story.live(), story.answers_the_world()) == (["new"], True)


def test_a_user_that_was_made_in_the_new_gateway_is_not_deleted_without_a_word(story: Story) -> None:
    switched_back(story)
    new = moving.new(story)
    moving.add_a_user(story, new, "newcomer@example.test")
    told = story.finish()
    assert told.status == ATTENTION
    assert "--discard-settings 1" in told.err
    assert list(story.world()) == ["old", "new"]
    assert story.command("finish", story.run_id, "--yes", "--discard-settings", "1").status == DONE
    assert list(story.world()) == ["old"]


# ---- finish looks first --------------------------------------------------------------------------------------


def test_finish_leaves_an_old_vm_alone_that_was_made_live_by_hand(story: Story) -> None:
    assert story.migrate().status == DONE
    moving.plug(story, moving.new(story), up=False)
    moving.plug(story, moving.old(story))
    moving.restart(story, moving.old(story))  # its intake was closed
    before = story.world()
    told = story.finish()
    assert told.status == ATTENTION
    assert "mailgw" in told.err
    assert (story.world(), story.live()) == (before, ["old"])
    assert "MAIL: flowing through mailgw" in last_line(told)


def test_finish_is_refused_where_both_are_plugged_in(story: Story) -> None:
    assert story.migrate().status == DONE
    moving.plug(story, moving.old(story))
    told = story.finish()
    assert told.status == ATTENTION
    assert (story.live(), story.world()["old"]["power"]) == (["old", "new"], "running")


@pytest.mark.parametrize("move", [moving.switch_off, moving.delete], ids=["off", "deleted"])
def test_finish_is_refused_where_the_new_gateway_does_not_serve(story: Story, move: moving.Move) -> None:
    assert story.migrate().status == DONE
    move(story, moving.new(story))
    told = story.finish()
    assert told.status == ATTENTION
    assert story.world()["old"]["power"] == "running"
    assert "MAIL: DOWN" in last_line(told)


def test_finish_does_not_delete_a_new_vm_that_was_plugged_in_again(story: Story) -> None:
    switched_back(story)
    moving.plug(story, moving.old(story), up=False)
    moving.plug(story, moving.new(story))
    told = story.finish()
    assert told.status == ATTENTION
    assert story.live() == ["new"]


# ---- a `finish` that was killed ------------------------------------------------------------------------------


@pytest.fixture
def half_finished(story: Story) -> Story:
    """Switched back with two messages in the new VM, which a `finish` was permitted to delete, and did not get to."""
    assert story.migrate().status == DONE
    moving.wait_in_queue(story, moving.new(story))
    moving.wait_in_queue(story, moving.new(story))
    assert story.rollback("--leave-mail").status == DONE
    killed = story.command(
        "finish", story.run_id, "--yes", "--discard-mail", "2", stop=("SIGKILL", "after", ("undo", "deploy"))
    )
    assert killed.status == KILLED
    return story


@pytest.mark.parametrize("verb", ["finish", "resume", "rollback"])
def test_a_finish_that_was_killed_is_continued_with_what_it_was_permitted(half_finished: Story, verb: str) -> None:
    story = half_finished
    assert f"next: vmmigrate finish {story.run_id}" in story.command("status", story.run_id).out
    told = {"finish": story.finish, "resume": story.resume, "rollback": story.rollback}[verb]()
    assert told.status == DONE, told.err
    assert story.live() == ["old"]
    assert list(state.read(story.lab.folder)[1]["vms"]) == [story.lab.old_id]
    assert "[vmmigrate]" not in moving.notes(story)


def test_one_that_was_killed_right_before_its_last_record_is_offered(story: Story) -> None:
    """Its VM is deleted by then, and the keys of the run may be there still."""
    switched_back(story)
    assert story.command("finish", story.run_id, "--yes", stop=("SIGKILL", "after", ("end", ""))).status == KILLED
    assert f"next: vmmigrate finish {story.run_id}" in story.command("status", story.run_id).out
    assert story.finish().status == DONE
    assert not story.key.exists()
    assert story.recorded[-1][0] == "finished"
    assert "next:" not in story.command("status", story.run_id).out


@pytest.mark.parametrize("verb", ["finish", "resume", "rollback"])
def test_where_more_came_since_its_vm_and_its_claim_stay(half_finished: Story, verb: str) -> None:
    story = half_finished
    moving.wait_in_queue(story, moving.new(story))
    told = {"finish": story.finish, "resume": story.resume, "rollback": story.rollback}[verb]()
    assert (told.status, "--discard-mail 3" in told.err) == (ATTENTION, True)
    assert "[vmmigrate]" in moving.notes(story)
    assert story.command("finish", story.run_id, "--yes", "--discard-mail", "3").status == DONE
    assert "[vmmigrate]" not in moving.notes(story)
