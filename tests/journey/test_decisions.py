"""What differs stops the switch until the operator accepts it or fixes it; nothing is lost by that."""

import json
import socket
from typing import Any

import pytest

from fixtures.appliance import hostkey, machine, seed
from fixtures.appliance.files import Root
from fixtures.appliance.root import password_line
from fixtures.appliance.store import FILE_STORE
from tests.journey import moving
from tests.journey.story import ATTENTION, DONE, KILLED, WENT_BACK, Stop, Story, Told

pytestmark = pytest.mark.slow
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE8mU2nUBd0Kc0dQmHn4X9f2jv3pB7y1c2d3e4f5g6h7"
KEYS = "/home/sa/.ssh/authorized_keys"
UNDECIDED = {"switch": {"accept": ""}}
IDS = "main-cf,maps,first-password"  # of every migration of this lab
HEADER_CHECKS = "/etc/postfix/header_checks is missing"


def status(story: Story) -> dict[str, Any]:
    seen: dict[str, Any] = json.loads(story.command("status", story.run_id, "--json").out)
    return seen


def old_root(story: Story) -> Root:
    return story.lab.root_of(story.lab.old_id)


def new_root(story: Story) -> Root:
    return story.lab.root_of(story.new_vm()["id"])


def of_sa(root: Root, keys: str | bytes) -> None:
    """Read, as sshd does, with no more than that account's rights."""
    root.write(KEYS, keys if isinstance(keys, bytes) else keys.encode(), 0o600)
    root.note_owner(KEYS, "sa", "sa")


def resume(story: Story, *flags: str) -> Told:
    return story.command("resume", story.run_id, *flags, **UNDECIDED)


def cutover(story: Story, *flags: str, stop: Stop | None = None) -> Told:
    return story.command("cutover", story.run_id, "--yes", *flags, stop=stop, **UNDECIDED)


def untouched(story: Story) -> bool:
    begun = ("begin", "close-intake") in story.recorded
    return story.live() == ["old"] and story.answers_the_world() and not begun


def test_a_server_that_the_new_gateway_needs_and_that_is_silent_stops_the_switch(story: Story) -> None:
    """It is asked from the old guest: nothing is let out of the new one, which stays isolated."""
    with socket.socket() as closed, socket.create_server((story.lab.address, 0)) as smart:
        closed.bind((story.lab.address, 0))
        silent, port = closed.getsockname()[1], smart.getsockname()[1]
        host = f"{story.lab.address}:{silent}"
        told = story.migrate("--outgoing", f"{host},{story.lab.address}:{port}", switch={"accept": IDS})
        assert (told.status, untouched(story)) == (ATTENTION, True), told.err
        assert (
            f"outgoing-other: {story.lab.address} port {silent}, asked from the old gateway: expected answers; seen: "
            in told.err
        )
        assert f"port {port}, asked" not in told.err
        assert told.err.rstrip().endswith("--accept outgoing-other")
        assert "vmmigrate_isolation" in new_root(story).text("/etc/vmmigrate/isolation.nft")
        told = resume(story, "--accept", f"{IDS},outgoing-other")
    assert (told.status, story.live()) == (DONE, ["new"]), told.err
    seen = [check for check in status(story)["checks"] if check["id"].startswith("outgoing-")]
    assert sorted(check["verdict"] for check in seen) == ["fail", "pass"]


def test_a_server_that_is_not_named_any_more_stops_nothing(story: Story) -> None:
    """The operator has corrected the setting: what `verify` saw of the wrong one is no decision."""
    with socket.socket() as closed:
        closed.bind((story.lab.address, 0))
        silent = f"{story.lab.address}:{closed.getsockname()[1]}"
        told = story.migrate(switch={"accept": IDS, "outgoing": silent})
        assert (told.status, untouched(story)) == (ATTENTION, True), told.err
        told = story.command("resume", story.run_id, "--accept", IDS, switch={"accept": "", "outgoing": ""})
    assert (told.status, story.live()) == (DONE, ["new"]), told.err
    [seen] = [check for check in status(story)["checks"] if check["id"].startswith("outgoing-")]
    assert (seen["verdict"], seen["seen"]) == ("pass", "no longer named")


def test_each_is_named_and_stops_the_switch_until_it_is_fixed_or_accepted(story: Story) -> None:
    of_sa(old_root(story), f'from="192.0.2.7" {KEY} admin@desk\n'.encode())
    old_root(story).write(machine.OTHER_LISTENERS, b"161\n")
    told = story.migrate(**UNDECIDED)
    assert (told.status, untouched(story)) == (ATTENTION, True), told.err
    as_old = "expected as in the old gateway; seen:"
    for words in (
        f"main-cf: main.cf: {as_old} header_checks, maximal_queue_lifetime, smtpd_client",
        f"maps: files in which Postfix looks things up: {as_old} {HEADER_CHECKS}",
        f"authorized-keys: keys that may log in over SSH: {as_old} sa: 1 key missing",
        f"listeners: ports at which the guests listen: {as_old} only in the old one: 161",
        "first-password: the image's first password of 'sa': expected changed; seen: still valid",
        f"vmmigrate resume {story.run_id} --accept main-cf,maps,authorized-keys,listeners,first-password",
    ):
        assert words in told.err
    assert "to decide (listeners)" in told.out  # said when it was compared

    of_sa(new_root(story), f"{KEY} somebody else\n".encode())  # fixed
    told = resume(story, "--accept", IDS)
    assert (told.status, untouched(story)) == (ATTENTION, True)
    assert "authorized-keys" not in told.err
    assert "seen: only in the old one: 161" in told.err
    assert told.err.rstrip().endswith("--accept listeners")

    told = resume(story, "--accept", f"{IDS},listeners")
    assert told.status == DONE, told.err
    seen = status(story)
    assert seen["accepted"] == ["main-cf", "maps", "listeners", "first-password"]
    numbered = [line for line in told.out.splitlines() if line.startswith("left to you: ")]
    assert numbered == [f"left to you: {number}. {each}" for number, each in enumerate(seen["to_do"], start=1)]
    said = "\n".join(numbered)
    for words in (
        "accepted (listeners): ports at which the guests listen",
        "restarts the browser or clears its cache",
        f"the SSH host keys at {story.lab.address} are still the old gateway's",
        f"; for known_hosts: [{story.lab.address}]:{story.lab.ssh_port} {hostkey.public_line(new_root(story))}",
        f"by its id ({story.lab.old_id})",
        story.new_vm()["id"],
    ):
        assert words in said
    assert "exported by hand" not in said
    told = story.command("status", story.run_id)
    assert "did not pass" not in told.out
    assert "accepted (listeners): " in told.out
    assert "left to you: 1. " in told.out


def test_a_prepared_run_stays_so_until_it_is_decided_and_knows_it_after_a_kill(story: Story) -> None:
    assert story.prepare(**UNDECIDED).status == DONE
    told = cutover(story)
    assert (told.status, untouched(story)) == (ATTENTION, True)
    assert f"vmmigrate cutover {story.run_id} --accept {IDS}" in told.err
    assert status(story)["status"] == "prepared"
    assert cutover(story, "--accept", IDS, stop=("SIGKILL", "after", ("learnt", "decide"))).status == KILLED
    told = resume(story)
    assert told.status == DONE, told.err
    assert status(story)["accepted"] == IDS.split(",")


def test_what_passed_when_it_was_prepared_is_compared_again_days_later(story: Story) -> None:
    """In either gateway, at the cutover, and where that was killed after all was settled."""
    assert story.prepare(**UNDECIDED).status == DONE
    of_sa(old_root(story), f"{KEY} admin@desk\n".encode())
    new_root(story).write(machine.OTHER_LISTENERS, b"161\n")
    told = cutover(story, "--accept", IDS)
    assert (told.status, untouched(story)) == (ATTENTION, True)
    assert "authorized-keys: keys that may log in over SSH: expected as in the old gateway; seen: sa: 1 key" in told.err
    assert "listeners: ports at which the guests listen" in told.err
    assert "--accept authorized-keys,listeners" in told.err
    both = f"{IDS},authorized-keys,listeners"
    assert cutover(story, "--accept", both, stop=("SIGKILL", "after", ("done", "decide"))).status == KILLED
    of_sa(old_root(story), f"{KEY} admin@desk\n{KEY[:-1]}8 another\n".encode())
    told = resume(story)
    assert (told.status, untouched(story)) == (ATTENTION, True)
    assert "seen: sa: 2 keys missing" in told.err
    of_sa(new_root(story), old_root(story).read(KEYS))
    told = cutover(story)
    assert told.status == DONE, told.err
    assert status(story)["accepted"] == ["main-cf", "maps", "listeners", "first-password"]


def test_what_was_fixed_meanwhile_did_pass(story: Story) -> None:
    assert story.prepare(**UNDECIDED).status == DONE
    account = seed.Account("sa", "fixed-meanwhile")
    new_root(story).write("/etc/standin/passwords", password_line(account), 0o600)
    story.secrets["VMMIGRATE_NEW_SSH_NEW_PASSWORD"] = account.password
    told = cutover(story, "--accept", IDS)
    assert told.status == DONE, told.err
    assert "did not pass" not in story.command("status", story.run_id).out
    assert status(story)["accepted"] == ["main-cf", "maps"]


@pytest.mark.parametrize("both", [True, False])
def test_the_first_account_of_the_image_is_tried_after_the_import(story: Story, *, both: bool) -> None:
    """One that the old gateway has too; one that an import left where it was."""
    first = seed.ADMIN_FRESH if both else seed.Account("first", "first-of-the-image")
    if both:
        story.secrets["VMMIGRATE_OLD_CONSOLE_PASSWORD"] = first.password
        known(old_root(story), seed.admin_row(first))
        told = story.prepare(**UNDECIDED)
    else:
        story.secrets["VMMIGRATE_NEW_CONSOLE_PASSWORD"] = first.password
        known(old_root(story), seed.admin_row(seed.ADMIN_OLD), seed.admin_row(first))
        only = {"new": {"console": {"user": first.user}}}
        assert story.prepare(stop=("SIGKILL", "after", ("done", "ready")), **UNDECIDED, **only).status == KILLED
        known(new_root(story), seed.admin_row(first))
        told = resume(story)
    assert told.status == DONE, told.err
    seen = "the old gateway has it too" if both else "accepted"
    assert f"to decide (first-account): console log-in of {first.user!r}" in told.out
    assert f"expected refused; seen: {seen}" in told.out


def known(root: Root, *rows: tuple[str, ...]) -> None:
    """These accounts, and no others."""
    tables = json.loads(root.read(FILE_STORE))
    tables["cm_admins"]["rows"] = rows
    root.write(FILE_STORE, json.dumps(tables).encode(), 0o600)


def test_smtp_is_compared_behind_the_switch_before_it_is_open(story: Story) -> None:
    """By hand edits the old one relays for nobody, and takes larger mail: a restore brings neither."""
    path = "/etc/postfix/main.cf"
    edits = b"smtpd_relay_restrictions = reject_unauth_destination\nmessage_size_limit = 99000000\n"
    old_root(story).write(path, old_root(story).read(path) + edits)
    moving.restart(story, moving.old(story))
    told = story.migrate()
    assert told.status == WENT_BACK, told.err
    assert (story.live(), story.answers_the_world(), story.conflicts()) == (["old"], True, [])
    port = story.lab.smtp_port
    assert f"it takes mail for any other domain at port {port}, the old one refuses it" in told.err
    assert f"SIZE 31457280 at port {port}, the old one 99000000" in told.err
    assert f"SIZE 31457280 after STARTTLS at port {port}" in told.err
    assert f"vmmigrate resume {story.run_id} --accept smtp-offers,smtp-takes" in told.err
    assert moving.mail_in(story, moving.old(story)) == (0, 0)  # nothing was sent by asking
    told = story.resume("--accept", "smtp-offers,smtp-takes")
    assert told.status == DONE, told.err
    assert status(story)["accepted"][-2:] == ["smtp-offers", "smtp-takes"]
    assert story.command("status", story.run_id).out.count("did not pass") == 0
