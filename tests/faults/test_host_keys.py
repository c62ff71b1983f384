"""The old gateway's SSH host keys in the new one: kept, left, refused by its sshd; whoever goes back reaches both."""

import uuid
from typing import Any

import pytest

from fixtures.appliance import commands, hostkey
from fixtures.appliance.commands import Caller, Outcome
from fixtures.model.world import ADDRESS, BOOTS
from tests.faults import by_hand
from tests.faults.model import Model
from tests.faults.process import Killed
from tests.faults.test_looked_at import look
from tests.faults.test_silence import in_a_copy, serving
from vmmigrate import known_runs
from vmmigrate.errors import Guarded
from vmmigrate.events import FLOWING, silent
from vmmigrate.findings import Verdict
from vmmigrate.run.record import Record, read
from vmmigrate.settings.models import CarrySettings
from vmmigrate.steps import verify_live
from vmmigrate.taking_up import connected, run_taken_up

OWN = f"{hostkey.HOST_KEY}.vmmigrate-own"


def line(model: Model, vm: str) -> str:
    guest = model.world.guest(vm)
    assert guest is not None
    assert guest.root.text(f"{hostkey.HOST_KEY}.pub").split()[:2] == hostkey.public_line(guest.root).split()
    return hostkey.public_line(guest.root)


def keys(model: Model) -> tuple[str, str]:
    return line(model, model.world.old.id), line(model, model.moves.new)


def remarks(model: Model) -> str:
    path = model.desk.folder / "runs" / model.desk.run_id / "journal.jsonl"
    return "; ".join(record.data["text"] for record in read(path) if record.kind == "remark")


@in_a_copy
def test_they_are_kept_and_whoever_goes_back_or_finishes_still_reaches_the_new_guest() -> None:
    model = Model()
    assert model.desk.command("migrate").error is None
    old, new = keys(model)
    assert new == old
    assert _learnt(model, "HostKeys")[-1]["vm"] == model.moves.new
    guest = model.world.guest(model.moves.new)
    assert guest is not None
    assert guest.root.has(OWN)
    assert guest.root.at(OWN).stat().st_mode & 0o777 == guest.root.at(hostkey.HOST_KEY).stat().st_mode & 0o777
    assert model.desk.command("rollback").error is None
    assert serving(model) == ["mailgw"]
    assert model.desk.command("finish").error is None
    assert not model.world.guests.get(model.moves.new)


@in_a_copy
def test_they_are_left_where_the_settings_say_so() -> None:
    model = Model()
    given = model.desk.settings().model_copy(update={"carry": CarrySettings(host_keys="new")})
    model.desk.settings = lambda: given  # type: ignore[method-assign]
    assert model.desk.command("migrate").error is None
    old, new = keys(model)
    assert new != old
    assert not (model.desk.folder / "runs" / model.desk.run_id / "host-keys.age").exists()
    said = "; ".join(known_runs.status(model.desk.run_id, model.desk.parts(silent)).left_to_you)
    assert "is another one" in said
    assert f"ssh-keygen -R {ADDRESS}, and add: {ADDRESS} {new}" in said


@pytest.mark.parametrize("fault", ["check", "always", "no key"])
@in_a_copy
def test_what_sshd_does_not_take_is_taken_back_and_mail_flows(fault: str) -> None:
    model = Model()
    if fault == "always":
        commands.COMMANDS["sshd"] = lambda caller, words: Outcome(255, error="Missing privilege separation directory")
    elif fault == "check":
        known = model.world.host_key(model.world.old.id)

        def sshd(caller: Caller, words: list[str]) -> Outcome:
            refused = hostkey.fingerprint(caller.machine.root) == known
            return Outcome(255, error="Bad configuration options") if refused else Outcome()

        commands.COMMANDS["sshd"] = sshd
    else:
        old_guest = model.world.guest(model.world.old.id)
        assert old_guest is not None
        old_guest.root.write(hostkey.HOST_KEY, b"-----BEGIN OPENSSH PRIVATE KEY-----\n", 0o600)
    assert model.desk.command("migrate").error is None
    old, new = keys(model)
    assert new != old
    assert ("the new gateway keeps its own SSH host keys" in remarks(model)) == (fault != "no key"), remarks(model)
    assert ("no SSH host key of the old gateway can be read" in remarks(model)) == (fault == "no key")
    said = "; ".join(known_runs.status(model.desk.run_id, model.desk.parts(silent)).left_to_you)
    assert f"is another one, {model.world.host_key(model.moves.new)}" in said
    assert f"add: {ADDRESS} {new}" in said
    assert serving(model) == [model.world.entry(model.moves.new)["name"]]
    assert model.desk.command("finish").error is None


@in_a_copy
def test_keys_that_the_old_sshd_does_not_show_are_not_carried() -> None:
    """Its sshd_config names others; in /etc/ssh are those of an installation before."""
    model = Model()
    root, other = (model.world.root_of(model.world.old.id), model.world.root_of(str(uuid.uuid4())))
    hostkey.make(other)
    root.write(hostkey.HOST_KEY, other.read(hostkey.HOST_KEY), 0o600)
    assert model.desk.command("migrate").error is None
    assert "shows another than those in /etc/ssh" in remarks(model)
    assert not (model.desk.folder / "runs" / model.desk.run_id / "host-keys.age").exists()
    said = "; ".join(known_runs.status(model.desk.run_id, model.desk.parts(silent)).left_to_you)
    assert "is another one" in said


@in_a_copy
def test_the_old_vm_that_was_plugged_in_by_hand_is_not_taken_for_the_new_one() -> None:
    """It shows the very keys that the new one was given."""
    model = Model()
    assert model.desk.command("migrate").error is None
    for vm, up in ((model.moves.new, False), (model.world.old.id, True)):
        model.moves._link(vm, up)
    found = look(model)
    assert found.state != FLOWING or found.through == ("mailgw",), found
    finished = model.desk.command("finish")
    assert isinstance(finished.error, Guarded), finished.text
    assert model.desk.command("rollback").error is None
    assert (serving(model), model.world.plugged(model.moves.new)) == (["mailgw"], False)


@in_a_copy
def test_nor_where_a_run_that_was_killed_before_them_goes_on() -> None:
    """Killed with the keys in place, and not yet recorded as done: the old VM is plugged in beside by hand."""
    model = Model()
    steps = [record.data.get("step") for record in _until(model, "host-keys")]
    assert steps.count("host-keys") == 2, steps  # begun, and learnt
    for vm, up in ((model.moves.new, False), (model.world.old.id, True)):
        model.moves._link(vm, up)
    model.desk.command("resume")
    assert len(serving(model)) <= 1
    assert look(model).state != FLOWING or look(model).through == tuple(serving(model))


@in_a_copy
def test_a_way_back_does_not_take_the_new_gateway_for_the_old_one() -> None:
    """It has the old one's host keys, and nobody could unplug it: a person removed its tag."""
    model = Model()
    assert model.desk.command("migrate").error is None
    model.world.relay_down = True
    model.world.mail("accepted by the new one")
    new = model.moves.new
    model.world.entry(new)["tag"] = ""
    _trust_alike(model, model.world.old.id)
    ended = model.desk.command("rollback")
    assert "is not mailgw" in "; ".join(_failures(model)), ended.text
    assert "accepted by the new one" in model.world.queued(new)
    assert not _learnt(model, "MailBack")
    model.world.entry(new)["tag"] = model.desk.run_id
    model.world.relay_down = False
    ended = model.desk.command("rollback")
    assert ended.error is None, ended.text
    assert serving(model) == ["mailgw"]
    model.world.flush()
    assert model.world.delivered["accepted by the new one"] == 1


@in_a_copy
def test_a_clone_of_the_old_vm_at_the_live_address_is_not_taken_for_the_new_one() -> None:
    """By the keys that the new guest was given both look alike. The links of both are not all that there is."""
    model = Model()
    assert model.desk.command("migrate").error is None
    assert _answers(model) is Verdict.PASS
    model.moves._link(model.moves.new, False)
    by_hand.clone(model.world, model.world.old.id, 1)
    clone = list(model.world.vms)[-1]
    model.world.switch_on(clone)
    for nic in model.world.entry(clone)["nics"]:
        nic.update(link_up=True, stored_link_up=True)
    model.world.time.pass_by(BOOTS)
    _trust_alike(model, clone)
    assert _answers(model) is Verdict.FAIL
    model.world.switch_off(clone)
    model.moves._link(model.moves.new, True)
    assert _answers(model) is Verdict.PASS


def _answers(model: Model) -> Verdict:
    """Whether it is the new guest that answers at the live address."""
    parts = model.desk.parts(silent)
    with run_taken_up(model.desk.run_id, "resume", parts) as recorded, connected(recorded, parts) as (_, run):
        (check,) = verify_live.holds(run)
    return check.verdict


def _trust_alike(model: Model, vm: str) -> None:
    """That VM and the new one have one account `sa`, with the passwords of both."""
    one, other = (model.world.root_of(each) for each in (vm, model.moves.new))
    both = one.read("/etc/standin/passwords") + other.read("/etc/standin/passwords")
    for root in (one, other):
        root.write("/etc/standin/passwords", both)


def _records(model: Model) -> list[Record]:
    return read(model.desk.folder / "runs" / model.desk.run_id / "journal.jsonl")


def _failures(model: Model) -> list[str]:
    return [str(record.data) for record in _records(model) if "error" in str(record.data)]


def _learnt(model: Model, group: str) -> list[Any]:
    learnt = (record.data for record in _records(model) if record.kind == "learnt")
    return [data["value"] for data in learnt if data["group"] == group]


def _until(model: Model, step: str) -> list[Record]:
    """Its records, of a run that ended by a fault of its guest within this step."""

    asked: list[str] = []

    def broken(caller: Caller, words: list[str]) -> Outcome:
        asked.append(" ".join(words))
        if len(asked) == 1:
            return Outcome()  # before anything is put in place
        raise Killed

    commands.COMMANDS["sshd"] = broken
    model.desk.command("migrate")
    commands.COMMANDS["sshd"] = lambda caller, words: Outcome()
    return read(model.desk.folder / "runs" / model.desk.run_id / "journal.jsonl")
