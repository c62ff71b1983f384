"""The live network gets another name, or is taken away, at a bad moment: a refusal in words, or it works."""

import pytest

from tests.faults.model import Model
from tests.faults.test_looked_at import look
from tests.faults.test_silence import in_a_copy, serving
from vmmigrate.errors import Guarded, RolledBack
from vmmigrate.events import DOWN, FLOWING


def rename(model: Model, *, nics: bool) -> None:
    """`nics`: they follow, as a distributed portgroup's do; else they name what is not there, as libvirt's domains."""
    lan = next(each for each in model.world.state["networks"] if each["name"] == "lan")
    lan["name"] = "lan-2"
    if nics:
        plug_into(model, "lan-2")


def plug_into(model: Model, name: str) -> None:
    """All live NICs, by hand."""
    for entry in model.world.vms.values():
        for nic in entry["nics"]:
            nic["network"] = name if nic["network"].startswith("lan") else nic["network"]
    model.world.lan = name
    model.world.settle()


def name_of_new(model: Model) -> str:
    return str(model.world.entry(model.moves.new)["name"])


@in_a_copy
def test_nics_that_follow_their_network_go_on_in_it() -> None:
    model = Model()
    assert model.desk.command("migrate").error is None
    rename(model, nics=True)
    found = look(model)
    assert (found.state, found.through) == (FLOWING, (name_of_new(model),))
    assert model.desk.command("rollback").error is None
    assert serving(model) == ["mailgw"]
    assert model.desk.command("finish").error is None
    assert (look(model).through, len(model.world.vms)) == (("mailgw",), 1)


@pytest.mark.parametrize("verbs", [("migrate", "finish"), ("prepare", "cutover"), ("prepare", "rollback")])
@in_a_copy
@pytest.mark.slow
def test_between_two_commands_too(verbs: tuple[str, str]) -> None:
    model = Model()
    assert model.desk.command(verbs[0]).error is None
    rename(model, nics=True)
    ended = model.desk.command(verbs[1])
    assert ended.error is None, ended.text
    assert serving(model) == ["mailgw" if verbs[1] == "rollback" else name_of_new(model)]


@pytest.mark.parametrize("options", [{}, {"scope": "links"}])
@in_a_copy
@pytest.mark.slow
def test_no_way_back_is_begun_where_no_link_could_be_set(options: dict[str, str]) -> None:
    """The live gateway stays so, where it would have been unplugged or switched off and nobody live after it."""
    model = Model()
    assert model.desk.command("migrate").error is None
    rename(model, nics=False)
    assert look(model).through == (name_of_new(model),)
    refused = model.desk.command("rollback", **options)
    assert isinstance(refused.error, Guarded), refused.text
    assert "live NIC of mailgw: expected there; seen: lan is not there, or not active" in refused.text
    assert "give that network its name back" in refused.text
    assert serving(model) == [name_of_new(model)]
    plug_into(model, "lan-2")
    assert model.desk.command("rollback").error is None
    assert serving(model) == ["mailgw"]


@in_a_copy
@pytest.mark.slow
def test_the_old_gateway_stays_live_where_no_link_could_be_set() -> None:
    model = Model()
    assert model.desk.command("prepare").error is None
    rename(model, nics=False)
    refused = model.desk.command("cutover")
    assert isinstance(refused.error, RolledBack), refused.text
    assert "lan is not there, or not active" in refused.text
    assert (serving(model), look(model).state) == (["mailgw"], FLOWING)
    assert name_of_new(model)  # what was prepared is kept for the next window
    plug_into(model, "lan-2")
    ended = model.desk.command("cutover")
    assert ended.error is None, ended.text
    assert serving(model) == [name_of_new(model)]


@in_a_copy
@pytest.mark.slow
def test_a_machine_that_was_moved_into_another_network_is_not_live() -> None:
    """That one was not renamed: it is still there."""
    model = Model()
    assert model.desk.command("migrate").error is None
    model.world.state["networks"].append({"name": "lab", "kind": "network", "active": True})
    next(nic for nic in model.world.entry(model.moves.new)["nics"] if nic["network"] == "lan")["network"] = "lab"
    assert look(model).state == DOWN
