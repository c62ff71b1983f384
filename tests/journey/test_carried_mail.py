"""Mail that waits in the old gateway at the switch: carried, each message delivered once, whatever stops the run."""

from collections import Counter

import pytest

from fixtures.appliance import mailspool
from tests.journey import moving
from tests.journey.story import DONE, KILLED, WENT_BACK, Story
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
    assert "2 carried, 1 held" in waiting.finish().out


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    "line", [("learnt", "carry"), ("done", "carry"), ("done", "switch"), ("done", "open")], ids=str
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


def test_after_the_commit_the_old_copies_are_not_sent_again(waiting: Story) -> None:
    assert waiting.migrate().status == DONE
    told = waiting.rollback("--leave-mail")
    assert told.status == DONE, told.err
    assert waiting.answers_the_world()
    assert not queued(waiting, waiting.lab.old_id)
    assert delivered(waiting) == Counter(["one", "two"])


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
    assert sum(queued(waiting, waiting.lab.old_id).values()) == 3
    assert not queued(waiting, moving.new(waiting).id)


def test_the_plan_says_what_becomes_of_it(waiting: Story) -> None:
    assert "mail that waits now: 2 deferred, 1 hold; what waits at the switch is carried" in waiting.plan().out
