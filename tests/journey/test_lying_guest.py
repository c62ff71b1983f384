"""An old gateway whose root lies about who we are: nobody passes the new one's isolation by its word."""

import pytest

from fixtures.appliance.sshd import ENVIRONMENT
from fixtures.processlab import ProcessLab
from tests.journey.conftest import Worlds
from tests.journey.records import number
from tests.journey.story import ATTENTION, DONE, KILLED, REFUSED, Story, assert_same

pytestmark = pytest.mark.slow

ATTACKER = "203.0.113.66"
RULES = "/etc/vmmigrate/isolation.nft"


def say(lab: ProcessLab, seen: str) -> None:
    lab.root_of(lab.old_id).write(ENVIRONMENT, f"SSH_CONNECTION={seen}\n".encode())


def test_the_old_gateways_word_lets_nobody_in(story: Story, undisturbed: Worlds) -> None:
    say(story.lab, f"{ATTACKER} 40000 192.0.2.10 22")
    told = story.plan()
    assert (told.status, told.err) == (DONE, "")
    assert f"the old gateway says that it sees this workstation as {ATTACKER}; its address is 127.0.0.1" in told.out
    told = story.migrate()
    assert told.status == ATTENTION
    assert f"sees this workstation as {ATTACKER}; the new one, until it is opened, lets in only 127.0.0.1" in told.err
    assert "set old.seen_as to it and run this again" in told.err
    assert not story.lab.root_of(story.new_vm()["id"]).has(RULES)
    assert ("begin", "import") not in story.recorded
    own_word = {"seen_as": ATTACKER}
    stop = ("SIGKILL", "after", number("done", "isolate"))
    assert story.command("resume", story.run_id, stop=stop, old=own_word).status == KILLED
    assert ATTACKER in story.lab.root_of(story.new_vm()["id"]).text(RULES)
    assert story.command("resume", story.run_id, old=own_word).status == DONE
    story.lab.root_of(story.lab.old_id).remove(ENVIRONMENT)
    assert_same(story.world(), undisturbed.migrated)


@pytest.mark.parametrize("seen", ["", "$(reboot) 1 2 3", "127.0.0.1; accept 1 2 3"], ids=["nothing", "command", "rule"])
def test_what_is_no_address_is_refused_before_anything_is_changed(story: Story, seen: str) -> None:
    say(story.lab, seen)
    before = story.everything()
    told = story.migrate()
    assert told.status == REFUSED
    assert "`printenv SSH_CONNECTION` printed " in told.err
    assert story.everything() == before


def test_an_address_of_a_socket_of_both_families_is_ours(story: Story) -> None:
    say(story.lab, "::ffff:127.0.0.1 40000 ::ffff:127.0.77.1 22")
    told = story.plan()
    assert (told.status, told.err) == (DONE, "")
    assert "sees this workstation as" not in told.out
