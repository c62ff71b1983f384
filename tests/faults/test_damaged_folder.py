"""Files of a run's folder that are gone or damaged: refused in words, with what ends an outage; nothing is lost."""

from collections.abc import Callable

import pytest

from fixtures.model.disk import File, Folder
from tests.faults.model import Model
from tests.faults.schedule import Leg
from tests.faults.test_silence import in_a_copy, serving
from vmmigrate.errors import Guarded, JournalDamaged, NoLonger


def folder_of(model: Model) -> Folder:
    return model.world.disk.folder(f"{model.desk.folder}/runs/{model.desk.run_id}")


def damage(model: Model, name: str) -> None:
    node = folder_of(model).entries[name]
    assert isinstance(node, File)
    node.data[:] = b"\xff{"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda model: folder_of(model).entries.pop("settings.json"),
        pytest.param(lambda model: damage(model, "settings.json"), marks=pytest.mark.slow),
    ],
    ids=["gone", "damaged"],
)
@in_a_copy
def test_without_its_settings_a_run_that_left_nobody_live_says_what_to_type(spoil: Callable[[Model], object]) -> None:
    model = Model()
    killed = model.command(Leg("migrate", during=(("before hypervisor set_nic mailgw-", ("kill", 0.5)),)))
    assert killed.killed
    spoil(model)
    assert serving(model) == []
    for verb in ("rollback", "resume"):
        refused = model.desk.command(verb)
        assert isinstance(refused.error, JournalDamaged), refused.text
        assert "settings.json" in refused.text
        assert f"domif-setlink {model.moves.old} 52:54:00:0a:00:01 up" in refused.text
        assert "nft delete table inet vmmigrate_intake" in refused.text


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
