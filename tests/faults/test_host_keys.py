"""The old gateway's SSH host keys in the new one: kept, left, refused by its sshd; whoever goes back reaches both."""

import pytest

from fixtures.appliance import commands, hostkey
from fixtures.appliance.commands import Caller, Outcome
from tests.faults.model import Model
from tests.faults.test_silence import in_a_copy, serving
from vmmigrate.run.record import read
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
