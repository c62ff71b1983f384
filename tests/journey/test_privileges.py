"""Whole runs by an account that sudo on the old gateway permits no more than the documented commands."""

import pytest

from fixtures.appliance import mailspool, sudoers
from tests.journey import moving
from tests.journey.story import DONE, KILLED, WENT_BACK, Story, Told
from vmmigrate.appliance.privileges import GOING_BACK, PHASES, READING, SWITCHING, rules


def permit(story: Story, *phases: str, without: str = "") -> None:
    lines = rules(story.lab.sa_old.user, *phases).splitlines()
    kept = [line for line in lines if not without or without not in line]
    story.lab.root_of(story.lab.old_id).write(sudoers.PATH, "".join(f"{line}\n" for line in kept).encode())


NOT_CARRIED = "does not let this account run the scripts that carry mail"


def unwrapped(told: Told) -> str:
    return " ".join(told.out.split())


def refused(story: Story) -> str:
    root = story.lab.root_of(story.lab.old_id)
    return root.text(sudoers.REFUSED) if root.has(sudoers.REFUSED) else ""


@pytest.mark.slow
def test_a_whole_run_asks_for_nothing_else(story: Story) -> None:
    permit(story, *PHASES)

    def with_accounts() -> Told:
        return story.migrate(carry={"accounts": "*"})

    for act in (story.plan, story.migrate, story.rollback, story.finish, with_accounts, story.finish):
        told = act()
        assert (told.status, told.err, refused(story)) == (DONE, "", "")


@pytest.mark.slow
def test_a_plan_only_reads(story: Story) -> None:
    assert NOT_CARRIED not in unwrapped(story.plan())
    permit(story, READING)
    told = story.plan()
    assert (told.status, told.err, refused(story)) == (DONE, "", "")
    assert NOT_CARRIED in unwrapped(told)
    assert NOT_CARRIED not in unwrapped(story.plan("--queue", "leave"))


@pytest.mark.slow
def test_what_a_way_back_needs_is_less_than_the_way_there(story: Story) -> None:
    permit(story, *PHASES)
    assert story.migrate().status == DONE
    permit(story, READING, GOING_BACK)
    assert "nft -f" not in rules("sa", READING, GOING_BACK)
    told = story.rollback()
    assert (told.status, told.err, refused(story)) == (DONE, "", "")


@pytest.mark.slow
def test_a_rule_that_is_missing_is_named_as_it_must_be_written(story: Story) -> None:
    """One of a look with several questions, in the order of its words."""
    permit(story, *PHASES, without="base64 /etc/postfix/tls.pem")
    told = story.plan()
    assert told.status != DONE
    assert "sudo on " in told.err
    assert "does not let 'sa' run `base64` as root" in told.err
    assert "sa ALL=(root) NOPASSWD: /usr/bin/base64 /etc/postfix/tls.pem" in told.err
    assert "stat" not in told.err


@pytest.mark.slow
def test_where_the_switch_is_not_permitted_the_old_gateway_serves_on(story: Story) -> None:
    permit(story, READING, GOING_BACK, SWITCHING, without="nft -f /run/vmmigrate/intake")
    told = story.migrate()
    assert told.status == WENT_BACK
    assert "sa ALL=(root) NOPASSWD: /usr/sbin/nft -f /run/vmmigrate/intake.nft" in told.err
    assert (story.live(), story.answers_the_world()) == (["old"], True)


@pytest.mark.slow
def test_mail_that_waits_is_not_carried_by_listed_commands(story: Story) -> None:
    """Its programs are scripts: whoever may run them as root may run anything."""
    permit(story, *PHASES)
    root = story.lab.root_of(story.lab.old_id)
    mailspool.put(root, "alice@example.test", ["bob@partner.example.net"], "hello", stuck=True)
    told = story.migrate(mail={"queue": "carry"})
    assert told.status == WENT_BACK
    assert "does not let 'sa' run `sh` as root" in told.err
    assert (story.live(), story.answers_the_world()) == (["old"], True)


def with_mail(story: Story) -> None:
    mailspool.put(story.lab.root_of(story.lab.old_id), "a@example.test", ["b@partner.example.net"], "hello", stuck=True)


@pytest.mark.slow
@pytest.mark.parametrize("line", [("done", "carry"), ("done", "notes")], ids=str)
def test_where_mail_is_left_a_way_back_by_listed_commands_starts_the_old_mail_server(
    story: Story, line: tuple[str, str]
) -> None:
    """As the plan advises there: nothing was put on hold, so no script is needed, also where new mail stays behind."""
    permit(story, *PHASES)
    with_mail(story)
    assert story.migrate(stop=("SIGKILL", "after", line), mail={"queue": "leave"}).status == KILLED
    if line == ("done", "notes"):
        moving.wait_in_queue(story, moving.new(story))
    told = story.rollback()
    assert (told.status, story.live(), story.answers_the_world()) == (DONE, ["old"], True), told.err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "said"),
    [
        (("done", "carry"), "mail that was carried stays on hold in mailgw: sudo on "),
        (("done", "notes"), "copies of it stay on hold in mailgw; do not let them go: sudo on "),
    ],
    ids=str,
)
def test_where_the_rights_were_taken_since_it_serves_with_its_mail_on_hold(
    story: Story, line: tuple[str, str], said: str
) -> None:
    with_mail(story)
    assert story.migrate(stop=("SIGKILL", "after", line)).status == KILLED
    permit(story, *PHASES)
    told = story.rollback()
    assert (told.status, story.live(), story.answers_the_world()) == (DONE, ["old"], True), told.err
    assert said in unwrapped(story.command("status", story.run_id))
    assert [each.queue for each in mailspool.waiting(story.lab.root_of(story.lab.old_id))] == ["hold"]


@pytest.mark.slow
def test_by_listed_commands_mail_of_the_new_gateway_stays_on_hold_in_it(story: Story) -> None:
    """On a way back after the commit the old gateway serves all the same, and nothing is lost."""
    permit(story, *PHASES)
    assert story.migrate(mail={"queue": "carry"}).status == DONE
    moving.wait_in_queue(story, moving.new(story))
    told = story.rollback()
    assert told.status == DONE, told.err
    assert "mail: 0 carried, 1 held, 0 unaccounted" in told.out
    assert "are not carried back, and stay on hold in it" in story.command("status", story.run_id).out
    assert (story.live(), story.answers_the_world()) == (["old"], True)
    assert moving.mail_in(story, moving.new(story))[0] == 1
    assert "--discard-mail 1" in story.finish().err
