"""Files of a run's folder that are gone or damaged: refused in words, with what ends an outage; nothing is lost."""

from collections.abc import Callable
from typing import Any

import pytest

from fixtures.model.disk import File, Folder
from tests.faults.model import Model
from tests.faults.schedule import Leg
from tests.faults.test_silence import in_a_copy, serving
from tests.journey.transplant import without_copies
from vmmigrate.errors import Guarded, JournalDamaged, NeedsAttention, NoLonger


def folder_of(model: Model) -> Folder:
    return model.world.disk.folder(f"{model.desk.folder}/runs/{model.desk.run_id}")


def damage(model: Model, name: str) -> None:
    node = folder_of(model).entries[name]
    assert isinstance(node, File)
    node.data[:] = b"\xff{"


BETWEEN = (("before hypervisor set_nic mailgw-", ("kill", 0.5)),)  # the old one is unplugged, the new one is not in
PLUGS_OLD_IN = "domif-setlink {old} 52:54:00:0a:00:01 up"
OPENS_IT = "nft delete table inet vmmigrate_intake"


def killed_between(model: Model) -> None:
    assert model.command(Leg("migrate", during=BETWEEN)).killed
    assert serving(model) == []


def lose(model: Model, *names: str) -> None:
    for name in names:
        folder_of(model).entries.pop(name)


def edit(model: Model, name: str, change: Callable[[bytes], bytes]) -> None:
    node = folder_of(model).entries[name]
    assert isinstance(node, File)
    node.data[:] = change(bytes(node.data))


def cut_in_two(journal: bytes) -> bytes:
    """In a record of the middle, as by a disk that gave back other bytes."""
    return journal[: len(journal) // 2] + b"\x00" * 40 + journal[len(journal) // 2 + 40 :]


SPOILT = {
    "both gone": lambda model: lose(model, "settings.json", "plan.json"),
    "both damaged": lambda model: [damage(model, name) for name in ("settings.json", "plan.json")],
    "plan edited": lambda model: edit(model, "plan.json", lambda plan: plan.replace(b"10.0.0.5", b"10.0.0.6") + b" "),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
@pytest.mark.parametrize("options", [{"scope": "links"}, {}], ids=["links only", "whole"])
@in_a_copy
def test_no_file_but_the_journal_is_in_the_way_back(spoil: Callable[[Model], object], options: dict[str, Any]) -> None:
    model = Model()
    killed_between(model)
    spoil(model)
    assert model.desk.command("status").error is None
    [line] = (line for line in model.desk.shown if line.endswith("the copy in the journal is used"))
    assert line.startswith("warning: ")
    assert "plan.json" in line
    if options:  # its intake is closed in the guest, which is not asked
        plugged = model.desk.command("rollback", **options)
        assert isinstance(plugged.error, NeedsAttention), plugged.text
        assert [nic["link_up"] for nic in model.world.entry(model.moves.old)["nics"]] == [True]
    assert model.desk.command("rollback").error is None
    assert serving(model) == ["mailgw"]


@in_a_copy
def test_a_run_whose_files_are_gone_goes_on_with_the_copies() -> None:
    model = Model()
    killed_between(model)
    lose(model, "settings.json", "plan.json")
    assert model.desk.command("resume").error is None
    assert serving(model) != []


@pytest.mark.parametrize("name", ["settings.json", "plan.json"])
@in_a_copy
def test_what_a_person_edited_is_not_gone_forward_without_and_the_way_back_is_named(name: str) -> None:
    model = Model()
    killed_between(model)
    damage(model, name)
    refused = model.desk.command("resume")
    assert isinstance(refused.error, JournalDamaged), refused.text
    assert f"without {name} the copy in the journal is used" in refused.text
    assert f"1. where only a guest is out of reach: vmmigrate rollback {model.desk.run_id} --links-only" in refused.text
    assert f"; to go back now: vmmigrate rollback {model.desk.run_id}\n" in refused.text
    assert PLUGS_OLD_IN.format(old=model.moves.old) in refused.text


@in_a_copy
def test_before_it_is_unplugged_the_way_back_is_named_too() -> None:
    model = Model()
    assert model.command(Leg("migrate", during=(("before hypervisor set_nic mailgw", ("kill", 0.0)),))).killed
    damage(model, "plan.json")
    refused = model.desk.command("resume")
    assert f"; to go back now: vmmigrate rollback {model.desk.run_id}\n" in refused.text
    assert model.desk.command("rollback").error is None
    assert serving(model) == ["mailgw"]


@pytest.mark.parametrize(
    ("gone", "says"),
    [
        (("settings.json",), PLUGS_OLD_IN),
        (("plan.json",), "plug in the virtual machine whose notes name run {run}, its NIC with MAC 52:54:00:0a:00:01"),
        (("plan.json", "settings.json"), "unplug {name} ({new}), its NIC with MAC 52:54:00:0a:00:01"),
    ],
    ids="-".join,
)
@in_a_copy
def test_a_run_of_an_earlier_version_says_what_to_type_by_what_is_left(gone: tuple[str, ...], says: str) -> None:
    model = Model()
    killed_between(model)
    edit(model, "journal.jsonl", without_copies)
    lose(model, *gone)
    new = model.moves.new
    wanted = says.format(old=model.moves.old, new=new, run=model.desk.run_id, name=model.world.entry(new)["name"])
    verbs = ("rollback", "resume") if gone == ("settings.json",) else ("rollback", "resume", "status")
    for verb in verbs:
        refused = model.desk.command(verb)
        assert isinstance(refused.error, JournalDamaged), refused.text
        assert wanted in refused.text
        assert OPENS_IT in refused.text
        assert "links-only" not in refused.text


@in_a_copy
def test_a_damaged_journal_says_what_to_type_where_nobody_takes_mail() -> None:
    model = Model()
    killed_between(model)
    edit(model, "journal.jsonl", cut_in_two)
    for verb in ("rollback", "resume", "status"):
        refused = model.desk.command(verb)
        assert isinstance(refused.error, JournalDamaged), refused.text
        assert "how far the run came is not known; where nobody takes mail, by hand, in this order" in refused.text
        assert "see that mailgw starts with its host if it did, and that mailgw-" in refused.text
        assert PLUGS_OLD_IN.format(old=model.moves.old) in refused.text
        assert OPENS_IT in refused.text


@pytest.mark.parametrize("name", ["digests.json", "verified.json"])
@in_a_copy
@pytest.mark.slow
def test_digests_that_cannot_be_read_leave_what_was_prepared(name: str) -> None:
    model = Model()
    model.desk.command("prepare")
    damage(model, name)
    ended = model.desk.command("cutover")
    assert ended.error is None or isinstance(ended.error, NoLonger), ended.text
    assert ended.error is None or "does not have the digests that were written there" in ended.text
    assert len(serving(model)) == 1
    assert model.desk.command("rollback").error is None
    assert serving(model) == ["mailgw"]


@in_a_copy
@pytest.mark.slow
def test_what_cannot_be_compared_is_not_deleted() -> None:
    model = Model()
    for verb in ("migrate", "rollback"):
        model.desk.command(verb)
    damage(model, "imported.json")
    ended = model.desk.command("finish")
    assert isinstance(ended.error, Guarded), ended.text
    assert "imported.json does not have the digests that were written there" in ended.text
    assert "--discard-settings unseen" in ended.text
    assert len(model.world.vms) == 2
