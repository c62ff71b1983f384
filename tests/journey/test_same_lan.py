"""One network for all: the new VM is prepared on the live one at another address, and nobody there ever hears it."""

import smtplib
from collections.abc import Iterator

import pytest

from fixtures.appliance import agent, commands_system, state
from fixtures.processlab import OLD_MAC
from tests.journey.conftest import a_story
from tests.journey.records import MIGRATION, PREPARED, forward, rolled_back
from tests.journey.story import ATTENTION, DONE, KILLED, REFUSED, WENT_BACK, Child, Story, assert_same
from tests.journey.test_crashes import BOTH, killed_at_each, killed_at_each_edit

pytestmark = pytest.mark.slow
UP, DOWN = ("lan", True, True), ("lan", False, False)
ANOTHERS = "52:54:00:0a:00:99"


@pytest.fixture
def story(child: Child) -> Iterator[Story]:
    with a_story(child) as story:
        story.standing = {"new": {"staging": "same-lan", "staging_address": given(story)}}
        yield story


def given(story: Story) -> str:
    """The address that the operator names."""
    return f"{story.lab.lan_net}77"


def hears_the_world(story: Story, address: str) -> bool:
    """Whether mail from anywhere is taken there."""
    try:
        with smtplib.SMTP(address, story.lab.smtp_port, "localhost", 30, ("127.0.0.2", 0)) as client:
            return client.ehlo()[0] == 250
    except (OSError, smtplib.SMTPException):
        return False


def taken_by_another(story: Story) -> None:
    old = story.lab.root_of(story.lab.old_id)
    old.write(commands_system.NEIGHBOURS, f"{given(story)} {ANOTHERS}\n".encode())


def only_the_old_one_is_live(story: Story) -> None:
    """And whatever of the new one is plugged in hears nobody but this workstation."""
    world = story.world()
    assert world["old"]["nics"] == [UP]
    assert world.get("new", {"nics": [DOWN]})["nics"][0] == DOWN
    assert not hears_the_world(story, given(story))
    assert story.answers_the_world()


# ---- all goes well -------------------------------------------------------------------------------------------


def test_it_is_prepared_there_switched_to_and_gone_back_from(story: Story) -> None:
    before = story.world()
    assert story.prepare().status == DONE
    assert story.world()["new"]["nics"] == [DOWN, UP]
    only_the_old_one_is_live(story)
    told = story.cutover()
    assert told.status == DONE, told.err
    assert story.answers_the_world()
    assert story.world()["new"]["nics"] == [UP, UP]
    assert story.world()["old"]["nics"] == [DOWN]
    assert story.rollback().status == DONE
    only_the_old_one_is_live(story)
    assert story.finish().status == DONE
    assert_same(story.world(), before)
    assert story.conflicts() == []


def test_after_finish_nothing_of_the_second_address_is_left(story: Story) -> None:
    assert story.migrate().status == DONE
    unit = "etc/systemd/system/vmmigrate-same-lan.service"
    assert unit in story.world()["new"]["files"]
    assert story.finish().status == DONE
    assert story.world()["new"]["nics"] == [UP]
    assert [name for name in story.world()["new"]["files"] if "same-lan" in name or "beside" in name] == []
    assert story.answers_the_world()


def test_the_plan_says_where(story: Story) -> None:
    told = story.plan()
    assert told.status == DONE, told.err
    assert f"live on lan (unplugged until the switch), staging on the same network, at {given(story)}/24" in told.out
    assert "same-lan: the new VM is prepared on lan itself" in told.out


def test_a_lease_of_that_network_is_not_taken(story: Story) -> None:
    """Whatever the image would ask for, its NIC there has the address that was given and no other."""
    with state.edit(story.lab.folder) as now:
        next(net for net in now["networks"] if net["name"] == "lan")["lease_prefix"] = story.lab.lan_net
    told = story.prepare()
    assert told.status == DONE, told.err
    leased = [address for mac, address in story.new_vm()["leases"].items() if mac != OLD_MAC]
    assert leased  # the hypervisor would give it one
    assert "iface eth1" not in story.world()["new"]["files"]["etc/network/interfaces"]
    for address in leased:
        assert not hears_the_world(story, address)
    only_the_old_one_is_live(story)


# ---- what is refused -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "says"),
    [
        ("10", "10 is the old gateway's own address"),
        ("1", "1 is a router's address"),
        ("0", "is no address of a machine in "),
        ("255", "is no address of a machine in "),
    ],
)
def test_an_address_that_cannot_be_its_own(story: Story, last: str, says: str) -> None:
    before = story.everything()
    told = story.migrate(new={"staging_address": f"{story.lab.lan_net}{last}"})
    assert (told.status, says in told.err) == (REFUSED, True), told.err
    assert "with new.staging_address" in told.err
    assert story.everything() == before


@pytest.mark.parametrize("address", ["198.51.100.9", "2001:db8::9", "mailgw-2.example"])
def test_an_address_of_another_network(story: Story, address: str) -> None:
    told = story.migrate(new={"staging_address": address})
    assert (told.status, f"{address} is no address of a machine in " in told.err) == (REFUSED, True), told.err


def test_an_address_must_be_given(story: Story) -> None:
    story.standing = {"new": {"staging": "same-lan"}}
    told = story.migrate()
    assert (told.status, "no address is given for the new VM on the live network" in told.err) == (REFUSED, True)


def test_an_address_that_somebody_has(story: Story) -> None:
    """Who answers no ping answers ARP."""
    taken_by_another(story)
    before = story.everything()
    told = story.migrate()
    assert (told.status, f"{given(story)} is taken: {ANOTHERS}" in told.err) == (REFUSED, True), told.err
    assert story.everything() == before


def test_an_address_that_somebody_has_by_now(story: Story) -> None:
    """Asked again right before the cable is plugged in: it is not until whoever has the address is gone."""
    assert story.migrate(stop=("SIGKILL", "after", ("done", "deploy"))).status == KILLED
    taken_by_another(story)
    told = story.resume()
    assert (told.status, "is taken by now" in told.err) == (ATTENTION, True), told.err
    assert story.world()["new"]["nics"] == [DOWN, DOWN]
    story.lab.root_of(story.lab.old_id).remove(commands_system.NEIGHBOURS)
    assert story.resume().status == DONE
    assert story.answers_the_world()


@pytest.mark.parametrize("kind", ["SilentAgent", "NoCommands"])
def test_an_image_without_an_agent_that_runs_commands_is_never_plugged_in(story: Story, kind: str) -> None:
    before = story.world()
    story.hypervisor = kind
    told = story.migrate(limits={"boot": 2, "answer": 1})
    assert told.status == WENT_BACK, told.err
    assert "guest agent" in told.err or "guest-exec" in told.err
    assert_same(story.world(), before)


def test_a_guest_that_is_not_seen_to_be_isolated_is_not_plugged_in(story: Story) -> None:
    story.hypervisor = "LoadsNoRules"
    told = story.migrate()
    assert (told.status, "it is not isolated. It is not plugged in" in told.err) == (ATTENTION, True), told.err
    assert story.world()["new"]["nics"] == [DOWN, DOWN]
    story.hypervisor = "MemoryHypervisor"
    assert story.resume().status == DONE


def test_a_hypervisor_without_one_is_refused_by_the_plan(story: Story) -> None:
    story.hypervisor = "WithoutAgent"
    told = story.migrate()
    assert (told.status, "runs no commands in a Linux guest" in told.err) == (REFUSED, True), told.err
    assert "make a network without an uplink" in told.err


# ---- killed, and gone on from --------------------------------------------------------------------------------


@BOTH
def test_killed_at_every_record_it_is_resumed(story: Story, when: str) -> None:
    assert story.migrate(stop=("SIGKILL", "after", MIGRATION[1])).status == KILLED
    preparation = tuple(forward(PREPARED))[1:-1]
    killed_at_each(story.resume, when, preparation, look=lambda: only_the_old_one_is_live(story))
    killed_at_each(story.resume, when, MIGRATION[len(preparation) + 2 :])
    assert story.resume().status in (DONE, REFUSED)
    assert story.answers_the_world()
    assert (story.world()["old"]["nics"], story.world()["new"]["nics"]) == ([DOWN], [UP, UP])
    assert story.conflicts() == []


def test_killed_after_every_change_of_the_hypervisor_it_is_resumed(story: Story) -> None:
    _, told = killed_at_each_edit(story)
    assert told.status == DONE, told.err
    assert (story.world()["old"]["nics"], story.world()["new"]["nics"]) == ([DOWN], [UP, UP])
    assert story.conflicts() == []
    assert story.answers_the_world()


@BOTH
def test_a_way_back_that_is_killed_at_every_record(story: Story, when: str) -> None:
    before, past = story.world(), MIGRATION[: MIGRATION.index(("learnt", "open"))]
    assert story.migrate(stop=("SIGKILL", "before", ("learnt", "open"))).status == KILLED
    killed_at_each(story.rollback, when, rolled_back(past))
    assert story.rollback().status in (DONE, REFUSED)
    assert_same(story.world(), before)
    assert story.conflicts() == []
    assert story.answers_the_world()


def test_by_links_alone_after_the_commit_it_is_said_that_the_new_one_stays_plugged_in_there(story: Story) -> None:
    """Nobody asks its guest, so it is not isolated again; no other way leads out of that address."""
    assert story.migrate().status == DONE
    asked = story.command("rollback", story.run_id, "--links-only")
    stays = f"stays plugged in at {given(story)}/24 on the live network: its firewall is open to this network"
    assert stays in asked.err, asked.err
    assert "domif-setlink" in asked.err
    assert story.rollback("--links-only").status == ATTENTION
    assert story.world()["new"]["nics"] == [DOWN, UP]


def test_one_that_lost_the_address_is_given_it_again_by_its_agent(story: Story) -> None:
    """As where an archive brought back what an image had for that NIC: our own way in is gone with it."""
    assert story.migrate(stop=("SIGKILL", "after", ("done", "import"))).status == KILLED
    new = story.lab.folder / "vms" / story.new_vm()["id"]
    root = story.lab.root_of(story.new_vm()["id"])
    stanza = f"\nauto eth1\niface eth1 inet static\n    address {story.lab.address}\n    netmask 255.255.255.0\n"
    root.write("/etc/network/interfaces", (root.text("/etc/network/interfaces") + stanza).encode())
    agent.ask(new / agent.SOCKET, ("ip", "address", "delete", f"{given(story)}/32", "dev", "eth1"), b"", 30.0)
    only_the_old_one_is_live(story)
    told = story.resume()
    assert told.status == DONE, told.err
    assert "iface eth1" not in root.text("/etc/network/interfaces")
    assert story.conflicts() == []
    assert story.answers_the_world()


def test_our_own_address_there_is_one_of_ipv4(story: Story) -> None:
    """What the plan refuses is refused of a resume's settings too, in words."""
    assert story.migrate(stop=("SIGKILL", "after", ("done", "deploy"))).status == KILLED
    told = story.command("resume", story.run_id, old={"seen_as": "2001:db8::9"})
    assert (told.status, "is given as 2001:db8::9" in told.err) == (ATTENTION, True), told.err
    assert story.world()["new"]["nics"] == [DOWN, DOWN]


def test_it_restarts_isolated_and_alone(story: Story) -> None:
    """By whom ever: a boot of the new guest brings back what was prepared, and no more."""
    assert story.prepare().status == DONE
    with state.edit(story.lab.folder) as now:
        entry = now["vms"][story.new_vm()["id"]]
        entry.update(power="off", booted=False)
    story.lab.settle()
    with state.edit(story.lab.folder) as now:
        now["vms"][story.new_vm()["id"]]["power"] = "running"
    story.lab.settle()
    only_the_old_one_is_live(story)
    told = story.cutover()
    assert told.status == DONE, told.err
    assert story.answers_the_world()
