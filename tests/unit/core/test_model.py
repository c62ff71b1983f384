"""Plans and facts: what they decide, and that JSON brings them back as they were."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from small_plan import PLAN

from hypervisors import Carried, Fate, VmRef
from vmmigrate.errors import JournalDamaged
from vmmigrate.facts import (
    Backup,
    CarriedBack,
    CarriedMail,
    Claim,
    ConsoleClosed,
    Frozen,
    HostKeys,
    Intake,
    KeptHostKeys,
    MailAccount,
    MailBack,
    NewGuest,
    NewVm,
    OldState,
    Opened,
    Plugged,
    Reboot,
    StartsAtBoot,
    TableDigest,
    TlsInstalled,
    TlsKept,
    TlsPort,
    Verified,
    VerifiedLive,
)
from vmmigrate.findings import Check, Verdict
from vmmigrate.learnt import Facts, group_to_json
from vmmigrate.model import Premise, plan_from_json, plan_to_json
from vmmigrate.steps.accounts import AccountsMade
from vmmigrate.steps.decide import Decided
from vmmigrate.steps.migration import MIGRATE
from vmmigrate.steps.trial import Trial

GUEST = NewGuest(
    "198.51.100.100",
    "SHA256:abc",
    "the guest agent",
    "https://198.51.100.100:8443/ciphermail",
    "f" * 64,
    "198.51.100.1",
    {"djigzo": "5.5.3"},
)
PASSED = Check("units", "units active", "postfix", "postfix", Verdict.PASS)
FAILED = Check("database", "database", "all 5 rows", "", Verdict.UNKNOWN)
ONE_OF_EACH = (
    Claim("notes\nof the owner", autostart=True),
    OldState({"djigzo": "5.4.1"}, "mailgw ESMTP", {"postfix": "active"}, {"myhostname": "ab"}, "192.0.2.1"),
    Backup("b.tgz", "gzip", 2**33, "e" * 64, 2, {"cm_users": TableDigest(3, "d")}, by_hand=True),
    TlsKept("a" * 64, "", ("expires soon",)),
    KeptHostKeys({"ed25519": "ssh-ed25519 AAAA"}),
    AccountsMade(("anna",)),
    HostKeys(("mailgw ssh-ed25519 AAAA",), ("ssh-ed25519 AAAA",)),
    NewVm(VmRef("id", "new"), "52:54:00:00:00:01", "52:54:00:00:00:02"),
    GUEST,
    Reboot("8e7c"),
    TlsInstalled((TlsPort("SMTP", 25, True, {"RSA": "a" * 64, "ECDSA": "b" * 64}),)),
    Verified((PASSED, FAILED), ("myhostname",)),
    Decided((PASSED, FAILED)),
    Trial(2.0, "sent"),
    VerifiedLive((PASSED,)),
    Intake(1.5, "3f8a", ("fetchmail",)),
    ConsoleClosed(1.25, "a-boot"),
    Frozen(1.75),
    CarriedMail(3, {"deferred": 2, "hold": 1}, 4, "c" * 64),
    StartsAtBoot(new=True),
    Plugged("52:54:00:00:00:01", old_link_up=True, old_autostart=True, old_autostart_entry="second"),
    Opened(2.25, ("4F1A",)),
    MailAccount(2, 1, own=1),
    CarriedBack(3, {"deferred": 2, "hold": 1}),
    MailBack(back=2, unaccounted=1),
)


@pytest.mark.parametrize("value", ONE_OF_EACH, ids=lambda value: type(value).__name__)
def test_a_group_comes_back_from_json_as_it_was(value: object) -> None:
    facts = Facts().with_json(*group_to_json(value))
    assert facts.of(type(value)) == value


def test_every_group_is_tried_above() -> None:
    learnt = {group for step in MIGRATE.steps for group in step.learns}
    assert {type(value) for value in ONE_OF_EACH} == learnt


def test_what_an_earlier_version_recorded_of_the_old_vm_is_read() -> None:
    data = {"old_mac": "52:54:00:00:00:01", "old_link_up": True, "old_autostart": True}
    assert Facts().with_json("Plugged", data).of(Plugged) == Plugged(
        "52:54:00:00:00:01", old_link_up=True, old_autostart=True
    )


@pytest.mark.parametrize("data", [{"notes": 1}, None])
def test_a_group_that_this_version_cannot_read_is_damage(data: object) -> None:
    with pytest.raises(JournalDamaged, match="what the journal has as Claim cannot be read") as refusal:
        Facts().with_json("Claim", data).of(Claim)
    assert refusal.value.hint == "use the version that wrote it"


def test_a_check_that_an_earlier_version_recorded_in_words_is_read() -> None:
    verified = Facts().with_json("Verified", {"checks": ["SMTP greets with 'mailgw'"], "drift": []}).of(Verified)
    assert verified == Verified((Check("in-words", "SMTP greets with 'mailgw'", "", "", Verdict.PASS),))
    assert [str(check) for check in verified.checks] == ["SMTP greets with 'mailgw'"]


def test_facts_hold_one_value_of_a_group() -> None:
    intake = Facts().with_json(*group_to_json(Intake(1.0)))
    facts = intake.with_json(*group_to_json(Reboot("a"))).with_json(*group_to_json(Reboot("b")))
    assert facts.of(Reboot) == Reboot("b")
    assert facts.without(["Reboot", "Opened"]) == intake
    assert facts.find(Opened) is None
    with pytest.raises(KeyError):
        facts.of(Opened)


def test_a_plan_comes_back_from_json_as_it_was() -> None:
    assert plan_from_json(plan_to_json(PLAN)) == PLAN
    assert isinstance(plan_from_json(plan_to_json(PLAN)).image.path, Path)


def test_the_list_of_what_is_carried_is_in_the_plan_and_an_earlier_plan_has_none() -> None:
    listed = replace(PLAN, carried=(Carried("devices/tpm", Fate.CHANGED, "new"), Carried("cpu", Fate.KEPT)))
    text = plan_to_json(listed)
    assert plan_from_json(text) == listed
    assert json.loads(text)["carried"][0] == {"what": "devices/tpm", "fate": "changed", "why": "new"}
    earlier = {name: value for name, value in json.loads(text).items() if name != "carried"}
    assert plan_from_json(json.dumps(earlier)).carried == ()


@pytest.mark.parametrize("text", ["", "{}", "no JSON", '{"hypervisor": 1}'])
def test_what_is_no_plan_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="Plan"):
        plan_from_json(text)


def test_premises_that_no_longer_hold_are_named_with_what_is_there_now() -> None:
    then = replace(PLAN, premises=(Premise("pool", "a"), Premise("version", "1"), Premise("old", "x")))
    now = replace(PLAN, premises=(Premise("pool", "b"), Premise("version", "1")))
    assert then.broken_premises(now) == (
        (Premise("pool", "a"), Premise("pool", "b")),
        (Premise("old", "x"), None),
    )
    assert then.broken_premises(then) == ()


def test_the_host_of_an_identity_is_its_bare_address() -> None:
    assert PLAN.identity.host == "192.0.2.10"


@pytest.mark.parametrize(("url", "port"), [("https://h:8443/ciphermail", 8443), ("https://h/admin", 443)])
def test_the_console_port(url: str, port: int) -> None:
    assert replace(GUEST, console_url=url).console_port == port
