"""Commands of a run after which nobody would take mail: refused or told by their exit, with what ends the outage."""

import pytest

from tests.faults.model import Model
from tests.faults.schedule import Leg, Move
from tests.faults.test_damaged_folder import PLUGS_OLD_IN
from tests.faults.test_found import INTAKE_CLOSED
from tests.faults.test_silence import in_a_copy, serving
from vmmigrate.errors import Guarded, NeedsAttention
from vmmigrate.steps.intake import BY_HAND

BETWEEN = (("before hypervisor set_nic mailgw-", ("kill", 0.5)),)  # the old one is unplugged, the new one is not in


LIVE_BUT_NOT_NOTED = (("after hypervisor set_nic mailgw-", ("kill", 0.5)),)
INTAKE_IS_CLOSED = ((INTAKE_CLOSED, ("kill", 0.5)),)


def copied_before_the_original_died(model: Model, during: tuple[tuple[int | str, Move], ...]) -> None:
    """Of a prepared run; the original was killed at that moment of its cut-over."""
    assert model.command(Leg("prepare")).error is None
    model.moves.make("keep-folder", 0.5)
    assert model.command(Leg("cutover", during=during)).killed
    model.moves.make("older-folder", 0.5)


@in_a_copy
def test_an_older_copy_deletes_no_new_vm_while_the_original_stands_between_the_links() -> None:
    model = Model()
    copied_before_the_original_died(model, BETWEEN)
    assert serving(model) == []
    for verb in ("rollback", "cutover"):
        refused = model.desk.command(verb)
        assert isinstance(refused.error, Guarded), refused.text
        assert "mailgw is unplugged and does not start with its host any more" in refused.text
        assert PLUGS_OLD_IN.format(old=model.moves.old) in refused.text
        assert model.moves.new, "it was deleted"


@in_a_copy
@pytest.mark.slow
def test_what_that_refusal_says_ends_the_outage() -> None:
    model = Model()
    copied_before_the_original_died(model, BETWEEN)
    assert serving(model) == []
    for typed in ("plug-old", "boots-old", "flush-old", "start-postfix-old"):
        model.moves.make(typed, 0.5)
    assert model.desk.command("rollback").error is None
    assert serving(model) == ["mailgw"]
    assert not model.moves.new


@in_a_copy
@pytest.mark.slow
def test_an_old_vm_that_somebody_unplugged_in_the_switch_is_said_at_once_and_how_to_plug_it_in() -> None:
    model = Model()
    began = model.world.time.now
    ended = model.command(Leg("migrate", during=((INTAKE_CLOSED, ("unplug-old", 0.5)),)))
    assert isinstance(ended.error, NeedsAttention), ended.text
    assert model.world.time.now - began < 100  # 60 until a cut connection is noticed; more attempts take twice that
    plugs_in = f"virsh -c memory:/// {PLUGS_OLD_IN.format(old=model.moves.old)}"
    assert f"if mailgw is unplugged, and no other machine is live: {plugs_in}" in ended.text
    model.moves.make("plug-old", 0.5)
    assert model.desk.command("rollback").error is None
    assert serving(model) == ["mailgw"]


@in_a_copy
@pytest.mark.slow
def test_a_rollback_while_the_old_vm_is_off_says_so_by_its_exit() -> None:
    model = Model()
    assert model.command(Leg("prepare")).error is None
    model.moves.make("off-old", 0.5)
    ended = model.desk.command("rollback")
    assert isinstance(ended.error, NeedsAttention), ended.text
    assert ended.reported == "rolled-back"
    assert f"start {model.moves.old}" in ended.text


@in_a_copy
@pytest.mark.slow
def test_an_older_copy_says_how_an_intake_is_opened_that_the_original_has_closed() -> None:
    model = Model()
    copied_before_the_original_died(model, INTAKE_IS_CLOSED)
    ended = model.desk.command("rollback")
    assert isinstance(ended.error, NeedsAttention), ended.text
    assert f"on the screen of mailgw, as root: {BY_HAND}" in ended.text


@in_a_copy
def test_an_older_copy_plugs_no_old_vm_in_beside_a_new_one_that_is_live() -> None:
    model = Model()
    copied_before_the_original_died(model, LIVE_BUT_NOT_NOTED)
    assert model.world.plugged(model.moves.new)
    refused = model.desk.command("rollback")
    assert isinstance(refused.error, Guarded), refused.text
    assert "is live, and this journal has not plugged it in" in refused.text
    assert PLUGS_OLD_IN.format(old=model.moves.old) not in refused.text


@in_a_copy
@pytest.mark.slow
def test_what_a_way_back_must_not_plug_in_it_advises_nobody_to() -> None:
    """A third machine got the gateway's MAC in the switch: the undo of the links refuses."""
    model = Model()
    between = (("before hypervisor set_nic mailgw-", ("twin-old", 0.5)),)
    ended = model.command(Leg("migrate", during=between))
    assert isinstance(ended.error, NeedsAttention), ended.text
    assert "this run has not done that" not in ended.text
