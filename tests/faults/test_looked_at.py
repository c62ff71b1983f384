"""Whether mail flows is looked at where it is decided: in the guest's own rules, which no greeting here shows."""

from dataclasses import replace
from typing import Any

import pytest

from hypervisors import VmRef
from tests.faults import by_hand
from tests.faults.model import Model
from tests.faults.test_silence import cut_staging, first, in_a_copy, serving, undone
from vmmigrate import known_runs
from vmmigrate.appliance.net import nft
from vmmigrate.appliance.net.firewall import CONSOLE_PORTS, intake_rules, isolation_rules
from vmmigrate.appliance.net.rules import CONSOLE, Addresses
from vmmigrate.errors import NeedsAttention, RolledBack
from vmmigrate.events import DOWN, FLOWING, NOT_LOOKED_AT, RunEnded, Service, StepRemark, silent
from vmmigrate.run import supervise
from vmmigrate.service import service
from vmmigrate.settings.secrets import ProcessSecrets
from vmmigrate.steps import intake
from vmmigrate.steps.close_console import BY_HAND


def look(model: Model, *, passwords: bool = True) -> Service:
    """As `status` does."""
    parts = model.desk.parts(silent)
    parts = parts if passwords else replace(parts, secrets=ProcessSecrets({}))
    found = service(known_runs.status(model.desk.run_id, parts), parts)
    assert found is not None
    return found


def load(model: Model, vm: str, rules: str) -> None:
    guest = model.world.guest(vm)
    assert guest is not None
    guest.ruleset.load(rules)


@in_a_copy
def test_a_new_gateway_that_is_isolated_again_takes_no_mail() -> None:
    """As a snapshot from before its opening leaves it: it greets this workstation, and nobody else."""
    model = Model()
    model.desk.command("migrate")
    assert (look(model).state, look(model).seen) == (FLOWING, "")
    load(model, model.moves.new, isolation_rules(tuple(model.world.me.values())))
    assert serving(model) == []
    found, name = look(model), model.world.entry(model.moves.new)["name"]
    assert (found.state, found.machines["new VM"]) == (DOWN, "plugged in, but it may not be open")
    assert f"{name} is plugged in, but its firewall keeps the world out: isolated" in str(found)
    assert f"now on the screen of {name}, as root: nft delete table inet vmmigrate_isolation" in str(found)
    assert f"or vmmigrate rollback {model.desk.run_id}" in found.now
    assert model.desk.command("rollback").error is None
    assert serving(model) == ["mailgw"]


@in_a_copy
def test_an_old_console_that_is_closed_again_after_a_way_back_is_opened_by_the_next() -> None:
    """As a snapshot from within the switch leaves it."""
    model = Model()
    model.desk.command("migrate")
    assert model.desk.command("rollback").error is None
    again = model.desk.command("rollback")
    assert again.error is not None  # there is nothing to go back from
    me = Addresses.of(tuple(model.world.me.values()))
    load(model, model.world.old.id, nft.console(me, CONSOLE_PORTS))
    opened = model.desk.command("rollback")
    assert opened.error is None, opened.text
    guest = model.world.guest(model.world.old.id)
    assert guest is not None
    assert ("inet", CONSOLE) not in guest.ruleset.tables
    assert serving(model) == ["mailgw"]


@in_a_copy
def test_an_old_guest_that_lets_nobody_in_any_more_keeps_no_way_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was undone in the switch needs its log-in no more: its console is not looked at, and that is said."""
    model = Model()
    monkeypatch.setattr(intake.mail, "wait_until_quiet", first(model, cut_staging, intake.mail.wait_until_quiet))
    assert isinstance(model.desk.command("migrate").error, RolledBack)
    model.heal()
    guest = model.world.guest(model.world.old.id)
    assert guest is not None
    guest.root.write("/etc/standin/passwords", b"")
    back = model.desk.command("rollback")
    assert (back.error, model.world.guests.get(model.moves.new)) == (None, None), back.text
    said = [event.text for event in back.events if isinstance(event, StepRemark)]
    assert any("console is still open could not be looked at" in text and BY_HAND in text for text in said)


@in_a_copy
@pytest.mark.slow
def test_rules_that_could_not_be_looked_at_are_said() -> None:
    """Isolated again or not: without a password nobody knows."""
    model = Model()
    model.desk.command("migrate")
    name = model.world.entry(model.moves.new)["name"]
    for isolated in (False, True):
        if isolated:
            load(model, model.moves.new, isolation_rules(tuple(model.world.me.values())))
        found = look(model, passwords=False)
        assert (found.state, found.machines["new VM"]) == (NOT_LOOKED_AT, "plugged in, but it may not be open")
        assert found.seen.startswith(f"{name} is plugged in and answers this workstation; whether its firewall")


@in_a_copy
@pytest.mark.slow
def test_what_is_finished_is_its_owners_and_not_looked_into() -> None:
    model = Model()
    model.desk.command("migrate")
    assert model.desk.command("finish").error is None
    assert (look(model).state, look(model).seen) == (FLOWING, "")


@in_a_copy
@pytest.mark.slow
def test_a_closed_intake_of_the_new_gateway_is_down_too() -> None:
    model = Model()
    model.desk.command("migrate")
    load(model, model.moves.new, intake_rules())
    assert look(model).state == DOWN


@in_a_copy
def test_a_gateway_whose_nic_was_replaced_is_not_called_down() -> None:
    """It greets at its address, by another MAC: who that is, no hypervisor says. The cut-over leaves it live."""
    model = Model()
    model.desk.command("prepare")
    by_hand.change_mac(model.world, model.moves.old, "52:54:00:dd:00:01")
    found = look(model)
    assert (found.state, found.impossible) == (NOT_LOOKED_AT, ("finish",))
    assert "somebody greets at 192.0.2.10, but" in found.seen
    assert "see whose MAC it is: ip neigh show 192.0.2.10" in found.seen
    ended = model.desk.command("cutover")
    assert "the NIC 52:54:00:0a:00:01 of mailgw: expected on lan; seen: there is none" in ended.text
    assert serving(model) == ["mailgw"]
    assert {"switch", "carry"}.isdisjoint(undone(ended))  # its intake was never closed


@pytest.mark.parametrize("tagged", [True, False])
@in_a_copy
@pytest.mark.slow
def test_a_copy_of_the_new_gateway_is_not_said_to_take_mail(*, tagged: bool) -> None:
    """It answers this workstation as the isolated one does of which it was made. Seed 8885: the tag was removed."""
    model = Model()
    model.desk.command("prepare")
    if not tagged:
        model.world.entry(model.moves.new)["tag"] = None
    by_hand.copy_whole(model.world, model.moves.new, "copy", plugged=True)
    model.world.time.pass_by(60)
    model.world.switch_off(model.moves.old)
    assert serving(model) == []
    found = look(model)
    assert (found.state, found.through) == (NOT_LOOKED_AT, ())
    assert "copy, a copy of the new VM, is plugged in and answers this workstation" in found.seen


@pytest.mark.parametrize("verbs", [("migrate", "rollback"), ("prepare", "cutover", "rollback")])
@in_a_copy
@pytest.mark.slow
def test_rules_that_are_back_in_the_old_gateway_after_a_way_back_are_lifted_by_it(verbs: tuple[str, ...]) -> None:
    model = Model()
    for verb in verbs:
        assert model.desk.command(verb).error is None
    old = VmRef(model.moves.old, "mailgw")
    load(model, old.id, intake_rules())
    assert serving(model) == []
    found = look(model)
    assert found.state == DOWN
    assert found.now.startswith(f"vmmigrate rollback {model.desk.run_id}; or on the screen of mailgw, as root: nft ")
    again = model.desk.command("rollback")
    assert again.error is None, again.text
    (ended,) = [event for event in again.events if isinstance(event, RunEnded)]
    assert (ended.mail and ended.mail.state, serving(model)) == (FLOWING, ["mailgw"])


@pytest.mark.parametrize("options", [{}, {"leave_behind": True}, {"scope": "switch"}])
@in_a_copy
@pytest.mark.slow
def test_a_way_back_after_which_nobody_takes_mail_needs_attention(options: dict[str, object]) -> None:
    """All of it was undone, and then somebody switched the old VM off: the look at its end decides, not its records."""
    model = Model()
    assert model.desk.command("migrate").error is None
    mail_now, moved = supervise.mail_now, []

    def after_somebody(*args: Any) -> Service | None:
        if not moved:
            moved.append(model.world.switch_off(model.moves.old))
        return mail_now(*args)

    supervise.mail_now = after_somebody
    ended = model.desk.command("rollback", **options)
    assert isinstance(ended.error, NeedsAttention), ended.text
    assert str(ended.error) == "switched back, and no mail is taken yet"
    said = [event.mail for event in ended.events if isinstance(event, RunEnded)][-1]
    assert said is not None
    assert (said.state, said.now) == (DOWN, ended.error.hint)
    assert "mailgw is switched off" in said.seen
    assert f"start {model.moves.old} (mailgw)" in said.now
    model.world.switch_on(model.moves.old)
    model.world.settle()
    model.world.time.pass_by(60)
    assert (serving(model), look(model).state) == (["mailgw"], FLOWING)
