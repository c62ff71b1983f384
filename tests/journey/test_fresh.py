"""What changed in the old gateway since its export is not lost: it is exported again, into a freshly deployed VM."""

import json
import os
import signal
import time
from collections.abc import Callable

import pytest

from fixtures.appliance import seed
from fixtures.appliance.store import FILE_STORE
from tests.journey import moving
from tests.journey.story import ATTENTION, DONE, KILLED, REFUSED, WENT_BACK, Stop, Story, Told
from tests.journey.test_moved_looks import moved

pytestmark = pytest.mark.slow
DORA = "dora@example.test"


def user(story: Story) -> None:
    moving.add_a_user(story, moving.old(story), DORA)


def main_cf(story: Story) -> None:
    root = story.lab.root_of(story.lab.old_id)
    root.write("/etc/postfix/main.cf", root.read("/etc/postfix/main.cf") + b"\nmynetworks_style = host\n")


def certificate(story: Story) -> None:
    story.lab.root_of(story.lab.old_id).write("/etc/postfix/tls.pem", seed.smtp_pem(f"{story.lab.lan_net}99"))


CHANGES: list[tuple[Callable[[Story], None], str]] = [
    (user, "the old gateway's database: expected as noted; seen: changed: cm_users"),
    (main_cf, "main.cf of the old gateway: expected as noted; seen: changed: mynetworks_style"),
    (certificate, "the old gateway's certificates: expected as noted; seen: changed: smtp"),
]


@pytest.mark.parametrize(("change", "words"), CHANGES, ids=lambda value: getattr(value, "__name__", ""))
def test_what_changed_since_it_was_prepared_comes_along_in_another_vm(
    story: Story, change: Callable[[Story], None], words: str
) -> None:
    assert story.prepare().status == DONE
    first = story.new_vm()["id"]
    change(story)
    told = story.cutover()
    assert told.status == DONE, told.err
    assert words in told.out
    assert (story.live(), len(story.world()), story.conflicts()) == (["new"], 2, [])
    assert story.new_vm()["id"] != first
    assert [kind for kind, step in story.recorded if step == "import"].count("done") == 2


def test_a_change_between_the_first_look_and_the_last_one_comes_along(story: Story) -> None:
    """Of a migration in one go too: its only look is the one right before the switch."""
    told = moved(story, ("done", "verify"), user)
    assert told.status == DONE, told.err
    assert DORA in users(story)
    assert story.live() == ["new"]


CLOSED: Stop = ("SIGKILL", "after", ("done", "close-console"))


def test_the_old_console_is_closed_to_others_for_the_last_look_and_what_it_shows_opens_it_again(story: Story) -> None:
    """Who has root there can change something all the same: it is named, and the next attempt takes it along."""
    assert story.prepare().status == DONE
    assert story.console_answers_the_world()
    assert story.cutover(stop=CLOSED).status == KILLED
    story.lab.settle()
    assert (story.console_answers_the_world(), story.answers_the_world()) == (False, True)
    user(story)
    told = story.resume()
    assert told.status == WENT_BACK, told.out
    assert "seen: changed: cm_users" in told.err
    assert f"add --accept-outage (no mail for minutes); then: vmmigrate cutover {story.run_id}, or" in told.err
    assert "vmmigrate resume" not in told.err + told.out
    assert not any(step == "close-intake" for _, step in story.recorded)
    assert (story.console_answers_the_world(), story.answers_the_world()) == (True, True)
    assert story.cutover().status == DONE
    assert DORA in users(story)


def changed_to_the_last(story: Story, change: Callable[[Story], None]) -> tuple[int, Callable[[], Told]]:
    """A cutover that accepts an outage; the old gateway changes though its console is closed. Its process, its end."""
    assert story.prepare().status == DONE
    stop: Stop = ("SIGSTOP", "after", ("done", "close-console"))
    ended = story.begin("cutover", story.run_id, "--yes", "--accept-outage", stop=stop)
    process = moving.wait_stopped(story.child)
    change(story)
    os.kill(process, signal.SIGCONT)
    return process, ended


def test_where_an_outage_is_accepted_it_is_prepared_once_more_with_the_intake_closed(story: Story) -> None:
    told = changed_to_the_last(story, user)[1]()
    assert told.status == DONE, told.err
    assert "and an outage is accepted: " in told.out
    steps = story.recorded
    second = len(steps) - 1 - steps[::-1].index(("begin", "export"))
    assert steps.index(("done", "close-intake")) < second < steps.index(("begin", "switch"))
    assert ("undone", "close-intake") not in steps
    assert DORA in users(story)
    assert (story.live(), story.answers_the_world(), len(story.world()), story.conflicts()) == (["new"], True, 2, [])


@pytest.mark.parametrize(("verb", "live"), [("resume", ["new"]), ("rollback", ["old"])])
def test_one_that_is_killed_in_that_outage_comes_to_its_end(story: Story, verb: str, live: list[str]) -> None:
    process, ended = changed_to_the_last(story, user)
    while ("undone", "deploy") not in story.recorded:
        time.sleep(0.02)
    os.kill(process, signal.SIGKILL)
    assert ended().status == KILLED
    assert not story.answers_the_world()
    told = getattr(story, verb)()
    story.lab.settle()
    assert told.status == DONE, told.err
    assert (story.live(), story.answers_the_world(), story.console_answers_the_world()) == (live, True, True)
    assert verb != "resume" or DORA in users(story)


@pytest.mark.parametrize("back", [("rollback",), ("rollback", "--scope", "switch")], ids=" ".join)
def test_each_way_back_opens_the_old_console(story: Story, back: tuple[str, ...]) -> None:
    assert story.migrate(stop=("SIGKILL", "after", ("done", "carry"))).status == KILLED
    assert not story.console_answers_the_world()
    assert story.command(back[0], story.run_id, "--yes", *back[1:]).status == DONE
    story.lab.settle()
    assert (story.console_answers_the_world(), story.answers_the_world()) == (True, True)


def test_a_console_that_stays_closed_is_named_with_what_opens_it_though_mail_flows(story: Story) -> None:
    assert story.prepare().status == DONE
    assert story.cutover(stop=CLOSED).status == KILLED
    password = story.secrets["VMMIGRATE_OLD_SSH_PASSWORD"]
    story.secrets["VMMIGRATE_OLD_SSH_PASSWORD"] = "another by now"
    told = story.rollback()
    story.lab.settle()
    assert (told.status, story.answers_the_world(), story.console_answers_the_world()) == (ATTENTION, True, False)
    assert "as root: nft delete table inet vmmigrate_console" in told.err
    assert "old VM: live, but its console may be closed to others\n" in told.out
    shown = story.command("status", story.run_id).out
    assert "as root: nft delete table inet vmmigrate_console" in shown
    story.secrets["VMMIGRATE_OLD_SSH_PASSWORD"] = password
    told = story.rollback()
    assert (told.status, story.console_answers_the_world()) == (DONE, True), told.err
    assert "may be closed" not in told.out


def test_an_old_guest_that_was_restarted_has_its_console_closed_again(story: Story) -> None:
    def restart(story: Story) -> None:
        moving.restart(story, moving.old(story))
        assert story.console_answers_the_world()

    told = moved(story, ("done", "close-console"), restart)
    assert told.status == DONE, told.err
    assert "the old gateway's console, to others: expected closed; seen: open: the old guest was restarted" in told.out
    assert story.live() == ["new"]
    assert story.console_answers_the_world()


def users(story: Story) -> list[str]:
    rows = json.loads(story.lab.root_of(story.new_vm()["id"]).read(FILE_STORE))["cm_users"]["rows"]
    return [row[0] for row in rows]


def test_without_a_round_it_stands_prepared_again_and_nothing_was_touched(story: Story) -> None:
    assert story.prepare().status == DONE
    until = status(story)["prepared"]["until"]
    user(story)
    first = story.new_vm()["id"]
    told = story.cutover("--rounds", "0")
    assert told.status == ATTENTION, told.out
    assert "seen: changed: cm_users" in told.err
    assert f"then: vmmigrate cutover {story.run_id}, or vmmigrate rollback {story.run_id}" in told.err
    assert (story.live(), story.answers_the_world(), story.new_vm()["id"]) == (["old"], True, first)
    seen = status(story)
    assert (seen["status"], seen["prepared"]["until"][:19]) == ("prepared", until[:19])
    assert [verb for verb, _ in seen["next"]] == ["cutover", "rollback"]
    assert told.out.splitlines()[-1].startswith("MAIL: flowing through ")
    assert story.cutover().status == DONE
    assert DORA in users(story)


def test_who_is_asked_hears_what_changed(story: Story) -> None:
    assert story.prepare().status == DONE
    user(story)
    told = story.command("cutover", story.run_id)
    assert told.status == REFUSED
    assert "will be unplugged and" in told.err
    assert "before that, what was prepared is prepared once more: the old gateway's database: " in told.err
    assert (status(story)["status"], story.live()) == ("prepared", ["old"])


def status(story: Story) -> dict[str, dict[str, str]]:
    data: dict[str, dict[str, str]] = json.loads(story.command("status", story.run_id, "--json").out)
    return data


def test_one_that_is_killed_while_it_is_prepared_once_more_is_resumed(story: Story) -> None:
    assert story.prepare().status == DONE
    user(story)
    for line in (("undo", "deploy"), ("done", "export"), ("begin", "import")):
        command: Callable[..., Told] = story.cutover if line == ("undo", "deploy") else story.resume
        assert command(stop=("SIGKILL", "after", line)).status < 0
        assert (story.live(), story.answers_the_world()) == (["old"], True)
    assert story.resume().status == DONE
    assert DORA in users(story)
    assert (story.live(), len(story.world()), story.conflicts()) == (["new"], 2, [])
