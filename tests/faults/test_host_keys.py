"""The old gateway's SSH host keys in the new one: kept, left, refused by its sshd; whoever goes back reaches both."""

import pytest

from fixtures.appliance import commands, hostkey
from fixtures.appliance.commands import Caller, Outcome
from fixtures.model.world import ADDRESS
from tests.faults.model import Model
from tests.faults.process import Killed
from tests.faults.test_looked_at import look
from tests.faults.test_silence import in_a_copy, serving
from vmmigrate import known_runs
from vmmigrate.errors import Guarded
from vmmigrate.events import FLOWING, silent
from vmmigrate.run.record import Record, read
from vmmigrate.settings.models import CarrySettings

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


@pytest.mark.parametrize("fault", ["check", "no key"])
@in_a_copy
def test_what_sshd_does_not_take_is_taken_back_and_mail_flows(fault: str) -> None:
    model = Model()
    if fault == "check":
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
    assert ("the new gateway keeps its own SSH host keys" in remarks(model)) == (fault == "check"), remarks(model)
    assert ("no SSH host key of the old gateway can be read" in remarks(model)) == (fault != "check")
    assert serving(model) == [model.world.entry(model.moves.new)["name"]]
    assert model.desk.command("finish").error is None


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


def _until(model: Model, step: str) -> list[Record]:
    """Its records, of a run that ended by a fault of its guest within this step."""

    def broken(caller: Caller, words: list[str]) -> Outcome:
        raise Killed

    commands.COMMANDS["sshd"] = broken
    model.desk.command("migrate")
    commands.COMMANDS["sshd"] = lambda caller, words: Outcome()
    return read(model.desk.folder / "runs" / model.desk.run_id / "journal.jsonl")
