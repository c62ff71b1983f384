"""Mail that waits in the old gateway at the switch: carried, each message delivered once, whatever stops the run."""

import smtplib
from collections import Counter

import pytest

from fixtures.appliance import mailspool
from tests.journey import moving
from tests.journey.story import DONE, KILLED, WENT_BACK, Story
from tests.journey.test_crashes import one_side
from tests.journey.test_signals import Hanging
from vmmigrate.appliance.queues.programs import LET_GO_BY_HAND as LET_GO

pytestmark = pytest.mark.slow
SENDER, TO = "carol@partner.example.net", ["alice@example.test"]


@pytest.fixture
def waiting(story: Story) -> Story:
    """Three messages that the old gateway cannot deliver; the new one can. One of them is on hold."""
    for name, queue in (("one", "deferred"), ("two", "deferred"), ("three", "hold")):
        mailspool.put(story.lab.root_of(story.lab.old_id), SENDER, TO, name, queue=queue, stuck=False)
    return story


def queued(story: Story, vm: str) -> Counter[tuple[str, str]]:
    """Content and queue of what waits there."""
    return Counter((each.content, each.queue) for each in mailspool.waiting(story.lab.root_of(vm)))


def delivered(story: Story) -> Counter[str]:
    """By either."""
    vms = (story.lab.old_id, *(vm.id for vm in [moving.new(story)] if "new" in story.world()))
    return Counter(content for vm in vms for content in mailspool.delivered(story.lab.root_of(vm)))


def test_what_waits_is_carried_and_delivered_by_the_new_gateway(waiting: Story) -> None:
    told = waiting.migrate()
    assert told.status == DONE, told.err
    assert "mail: 2 carried, 1 held, 0 unaccounted" in told.out
    old, new = waiting.lab.old_id, moving.new(waiting).id
    assert delivered(waiting) == Counter(["one", "two"])
    assert queued(waiting, new) == Counter([("three", "hold")])
    assert queued(waiting, old) == Counter([(name, "hold") for name in ("one", "two", "three")])
    finished = waiting.finish()
    assert "2 carried, 1 held" in finished.out
    each = f"{2 * len(TO)} sent, 0 bounced, {len(TO)} waiting there, 0 unaccounted"
    said = " ".join(finished.out.split())
    assert f"of the mail that was carried, 3 messages, by recipients: {each}" in said
    assert "has taken, 2 messages: 2 delivered or returned, 0 waiting there, 0 unaccounted" in said


def test_what_the_new_gateway_took_itself_is_in_the_account(story: Story) -> None:
    """Nothing was carried: what it has taken since it is open leaves it, waits in it, or is named."""
    assert story.migrate().status == DONE
    root = story.lab.root_of(moving.new(story).id)
    gone, waits, lost = (mailspool.put(root, SENDER, TO, name, queue="deferred") for name in ("one", "two", "three"))
    for each in (gone, waits, lost):
        mailspool.note_taken(root, each)
    mailspool.note(root, gone)
    for each in (gone, lost):
        mailspool.drop(root, each)
    said = " ".join(story.finish().out.split())
    assert "has taken, 3 messages: 1 delivered or returned, 1 waiting there, 1 unaccounted" in said
    assert f"neither in its queue nor in its log: {lost.id}" in said


def test_what_nobody_knows_of_is_named(waiting: Story) -> None:
    """Taken out of the queue by hand, and with no line in the log; of another the log is lost, and it was bounced."""
    assert waiting.migrate().status == DONE
    root = waiting.lab.root_of(moving.new(waiting).id)
    held = next(iter(mailspool.waiting(root)))
    mailspool.drop(root, held)
    log = root.text(mailspool.LOG).splitlines()
    gone = log[0].split(": ")[1]
    kept = [line for line in log if line.split(": ")[1] != gone]
    expired = f"Nov 30 12:00:00 mailgw postfix/qmgr[9]: {gone}: from=<a@b>, status=expired, returned to sender"
    root.write(mailspool.LOG, "\n".join((*kept, expired, "")).encode())
    said = " ".join(waiting.finish().out.split())
    number = len(TO)
    assert f"{number} sent, {number} bounced, 0 waiting there, {number} unaccounted" in said
    assert f"neither in its queue nor in its log: {held.id}" in said


@pytest.mark.parametrize(
    ("line", "when"), one_side([("learnt", "carry"), ("done", "carry"), ("done", "switch"), ("done", "open")])
)
def test_a_run_that_was_killed_carries_nothing_twice(waiting: Story, line: tuple[str, str], when: str) -> None:
    assert waiting.migrate(stop=("SIGKILL", when, line)).status == KILLED
    told = waiting.resume()
    assert told.status == DONE, told.err
    assert delivered(waiting) == Counter(["one", "two"])
    assert queued(waiting, moving.new(waiting).id) == Counter([("three", "hold")])


@pytest.mark.parametrize(
    "line", [("learnt", "carry"), ("done", "carry"), ("done", "switch"), ("done", "verify-live")], ids=str
)
def test_before_the_commit_it_is_the_old_gateway_s_again(waiting: Story, line: tuple[str, str]) -> None:
    assert waiting.migrate(stop=("SIGKILL", "after", line)).status == KILLED
    told = waiting.rollback()
    assert told.status == DONE, told.err
    assert waiting.answers_the_world()
    assert queued(waiting, waiting.lab.old_id) == Counter([("one", "deferred"), ("two", "deferred"), ("three", "hold")])
    assert list(waiting.world()) == ["old"]
    if line != ("learnt", "carry"):  # that is before anything was listed
        assert "mail: 3 back in the old gateway, 0 unaccounted" in told.out


@pytest.mark.parametrize("line", [None, ("learnt", "open"), ("done", "carry")], ids=str)
def test_what_the_new_vm_wrote_itself_before_it_was_open_is_never_sent(
    waiting: Story, line: tuple[str, str] | None
) -> None:
    """By cron, or as a bounce: nobody outside is to have it from two gateways."""
    assert waiting.migrate(stop=("SIGKILL", "after", ("done", "verify"))).status == KILLED
    new = moving.new(waiting)
    mailspool.put(waiting.lab.root_of(new.id), "root@mailgw", ["root@mailgw"], "cron", queue="deferred", stuck=False)
    told = waiting.command("resume", waiting.run_id, stop=("SIGKILL", "after", line) if line else None)
    told = waiting.resume() if line else told
    assert told.status == DONE, told.err
    assert "mail: 2 carried, 1 held, 0 unaccounted, 1 of the new VM's own on hold" in told.out
    assert delivered(waiting) == Counter(["one", "two"])
    assert queued(waiting, new.id) == Counter([("three", "hold"), ("cron", "hold")])
    status = waiting.command("status", waiting.run_id)
    assert "mail: 2 carried, 1 held, 0 unaccounted, 1 of the new VM's own on hold" in status.out
    assert "wrote itself before it was open are on hold there" in status.out
    assert '"account": "mail: 2 carried' in waiting.command("status", waiting.run_id, "--json").out


def accepted(story: Story, *names: str) -> None:
    """By the new gateway, after the switch; it cannot deliver them yet."""
    new = story.lab.root_of(moving.new(story).id)
    for name in names:
        mailspool.put(new, SENDER, TO, name, queue="deferred", stuck=False)


def test_after_the_commit_what_the_new_gateway_did_not_deliver_is_carried_back(waiting: Story) -> None:
    """What was carried to it and is delivered there is not sent again; what is on hold stays so."""
    assert waiting.migrate().status == DONE
    accepted(waiting, "four", "five")
    told = waiting.rollback()
    assert told.status == DONE, told.err
    assert "mail: 3 back in the old gateway, 0 unaccounted" in told.out
    assert waiting.answers_the_world()
    assert queued(waiting, waiting.lab.old_id) == Counter([("three", "hold")])
    assert delivered(waiting) == Counter(["one", "two", "four", "five"])
    assert not queued(waiting, moving.new(waiting).id)
    assert waiting.finish().status == DONE  # nothing is in it that anybody must permit to be lost
    assert list(waiting.world()) == ["old"]


def with_its_own(waiting: Story) -> None:
    """A switch, before which the new VM wrote a message itself."""
    assert waiting.migrate(stop=("SIGKILL", "after", ("done", "verify"))).status == KILLED
    new = waiting.lab.root_of(moving.new(waiting).id)
    mailspool.put(new, "root@mailgw", ["root@mailgw"], "cron", queue="deferred", stuck=False)
    assert waiting.resume().status == DONE
    accepted(waiting, "four")


@pytest.mark.slow
@pytest.mark.parametrize("line", [None, ("learnt", "open"), ("undone", "open")], ids=str)
def test_what_the_new_vm_wrote_itself_is_not_carried_back(waiting: Story, line: tuple[str, str] | None) -> None:
    with_its_own(waiting)
    if line:
        assert waiting.rollback(stop=("SIGKILL", "after", line)).status == KILLED
    told = waiting.rollback()
    assert told.status == DONE, told.err
    assert "mail: 2 back in the old gateway, 0 unaccounted" in told.out
    assert queued(waiting, waiting.lab.old_id) == Counter([("three", "hold")])
    assert delivered(waiting) == Counter(["one", "two", "four"])
    assert "is not carried back: it stays there" in waiting.command("status", waiting.run_id).out
    assert waiting.finish().status == DONE


@pytest.mark.slow
def test_after_a_way_back_that_is_refused_the_new_vm_has_its_own_on_hold_again(waiting: Story) -> None:
    with_its_own(waiting)
    with smtplib.SMTP(waiting.lab.address, waiting.lab.smtp_port, "localhost", 5, ("127.0.0.2", 0)) as caller:
        caller.ehlo()
        assert waiting.rollback(stop=None).status == WENT_BACK
    assert queued(waiting, moving.new(waiting).id)["cron", "hold"] == 1
    assert "cron" not in delivered(waiting)


BACK = [("undo", "open"), ("learnt", "open"), ("undone", "open"), ("undone", "switch"), ("undo", "carry")]


@pytest.mark.parametrize(("line", "when"), one_side([*BACK, ("undone", "carry"), ("undone", "close-intake")]))
def test_a_way_back_after_the_commit_that_was_killed_carries_nothing_twice(
    waiting: Story, line: tuple[str, str], when: str
) -> None:
    assert waiting.migrate().status == DONE
    accepted(waiting, "four", "five")
    assert waiting.rollback(stop=("SIGKILL", when, line)).status == KILLED
    told = waiting.rollback()
    assert told.status == DONE, told.err
    assert waiting.answers_the_world()
    assert queued(waiting, waiting.lab.old_id) == Counter([("three", "hold")])
    assert delivered(waiting) == Counter(["one", "two", "four", "five"])


def test_a_way_back_that_is_refused_leaves_the_new_gateway_its_mail(waiting: Story) -> None:
    """A session that does not end: its sender may have its answer at any moment."""
    assert waiting.migrate().status == DONE
    accepted(waiting, "four")
    with smtplib.SMTP(waiting.lab.address, waiting.lab.smtp_port, "localhost", 5, ("127.0.0.2", 0)) as caller:
        caller.ehlo()
        assert waiting.rollback(stop=None).status == WENT_BACK
    assert waiting.answers_the_world()
    assert sum(queued(waiting, moving.new(waiting).id).values()) + delivered(waiting)["four"] == 2
    assert waiting.rollback().status == DONE
    assert delivered(waiting)["four"] == 1


def test_after_the_commit_mail_may_be_left(waiting: Story) -> None:
    assert waiting.migrate().status == DONE
    accepted(waiting, "four")
    told = waiting.rollback("--leave-mail")
    assert told.status == DONE, told.err
    assert waiting.answers_the_world()
    assert not queued(waiting, waiting.lab.old_id)
    assert delivered(waiting) == Counter(["one", "two"])
    assert sum(queued(waiting, moving.new(waiting).id).values()) == 2


@pytest.mark.parametrize("line", [("done", "switch"), ("done", "notes")], ids=str)
def test_a_way_back_by_links_alone_says_what_stays_on_hold(waiting: Story, line: tuple[str, str]) -> None:
    """After the commit it is not to be let go: the new gateway has delivered it."""
    assert waiting.migrate(stop=("SIGKILL", "after", line)).status == KILLED
    told = waiting.rollback("--links-only")
    if line == ("done", "switch"):
        assert f"mail that was carried (3) is on hold in the old gateway; to let it go, as root: {LET_GO}" in told.out
    else:
        assert "copies of the mail that was carried (3) are on hold in the old gateway; do not let" in told.out
        assert LET_GO not in told.out
    assert "on hold in the old gateway" in waiting.command("status", waiting.run_id).out


def test_a_new_guest_that_hangs_keeps_nobody_waiting_on_the_way_back(waiting: Story) -> None:
    """It is asked for its copies when the old gateway takes mail, with its queue as it was, and let go."""
    assert waiting.migrate(stop=("SIGKILL", "after", ("done", "verify-live"))).status == KILLED
    hanging = Hanging(waiting, "ssh vmmigrate-queue-take-away", "rollback", waiting.run_id, "--yes")
    assert waiting.answers_the_world()
    queues = {name: queue for name, queue in queued(waiting, waiting.lab.old_id) if name == "three"}
    assert queues == {"three": "hold"}
    assert {queue for name, queue in queued(waiting, waiting.lab.old_id) if name != "three"} <= {"deferred"}
    told = hanging.told()
    assert told.status == DONE, told.err
    assert list(waiting.world()) == ["old"]


def test_copies_that_a_way_back_left_behind_are_not_taken_for_the_mail_of_the_next_switch(waiting: Story) -> None:
    """Its new guest did not answer then. As many messages wait now, and they are others."""
    assert waiting.migrate(stop=("SIGKILL", "after", ("done", "carry"))).status == KILLED
    new, old = moving.new(waiting), waiting.lab.root_of(waiting.lab.old_id)
    moving.plug_staging(waiting, new, up=False)
    assert waiting.command("resume", waiting.run_id, limits={"network": 1.0}).status == WENT_BACK
    moving.plug_staging(waiting, new, up=True)
    assert waiting.answers_the_world()
    assert sum(queued(waiting, new.id).values()) == 3
    for message in list(mailspool.waiting(old)):
        mailspool.drop(old, message)
    for name, queue in (("four", "deferred"), ("five", "deferred"), ("six", "hold")):
        mailspool.put(old, SENDER, TO, name, queue=queue, stuck=False)
    told = waiting.resume()
    assert told.status == DONE, told.err
    assert delivered(waiting) == Counter(["four", "five"])
    assert queued(waiting, new.id) == Counter([("six", "hold")])


def test_a_transport_that_the_new_gateway_lacks_stops_before_the_switch(waiting: Story) -> None:
    master = waiting.lab.root_of(waiting.lab.old_id).at("/etc/postfix/master.cf")
    master.write_text(f"{master.read_text()}scan unix - - n - 4 smtp\n")
    (master.parent / "transport").write_text("example.org scan:[192.0.2.7]\n")
    told = waiting.migrate()
    assert told.status == WENT_BACK, told.err
    assert "scan, named in /etc/postfix/transport" in told.err
    assert waiting.answers_the_world()


def test_what_is_to_be_left_is_left(waiting: Story) -> None:
    told = waiting.migrate(mail={"queue": "leave"})
    assert told.status == DONE, told.err
    assert "left in mailgw, as requested: 2 deferred, 1 hold" in told.out
    assert "mail: 0 carried, 0 held, 3 left, 0 unaccounted" in told.out
    assert sum(queued(waiting, waiting.lab.old_id).values()) == 3
    assert not queued(waiting, moving.new(waiting).id)


def test_the_plan_says_what_becomes_of_it(waiting: Story) -> None:
    assert "mail that waits now: 2 deferred, 1 hold; what waits at the switch is carried" in waiting.plan().out
