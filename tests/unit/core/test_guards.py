"""Guards: right before an act that could make two machines live. What is not known does not pass."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
from guarded_run import HOST, MAC, Bench, bench, listening

from fixtures.memory import MemoryHypervisor
from hypervisors import Holder, HypervisorError, Unreachable, VmRef
from vmmigrate.errors import Guarded
from vmmigrate.facts import Claim, Opened
from vmmigrate.findings import Verdict
from vmmigrate.run.stage import Run
from vmmigrate.settings.sides import JumpSettings
from vmmigrate.steps import claim, guards, switch

OTHERS = "[vmmigrate] run r9 begun on workstation elsewhere: a migration is in progress"
Act = Callable[[Bench, Run], None]


@pytest.fixture
def world(tmp_path: Path) -> Bench:
    made = bench(tmp_path)
    made.hypervisor.set_notes(made.old, "[vmmigrate] run r1 begun")
    return made


def plug_in_new(world: Bench, run: Run) -> None:
    guards.before_plugging_in(run, world.new, down=(world.old,))


def plug_back(world: Bench, run: Run) -> None:
    guards.before_plugging_in(run, world.old, down=(world.new,), going_back=True)


def close(world: Bench, run: Run) -> None:
    guards.before_closing(run)


BOTH_WAYS = pytest.mark.parametrize("act", [plug_in_new, plug_back])


def ready_for(world: Bench, act: Act) -> Run:
    """Both down, or the old one live before its intake is closed."""
    if act is not close:
        world.link(world.old, up=False)
    return world.switched()


@pytest.mark.parametrize("act", [plug_in_new, plug_back, close])
class TestBeforeAnyAct:
    def test_where_all_is_as_it_should_be_nothing_is_said(self, world: Bench, act: Act) -> None:
        act(world, ready_for(world, act))
        assert world.remarks() == []

    def test_another_machine_that_is_live_is_named(self, world: Bench, act: Act) -> None:
        run = ready_for(world, act)
        other = world.another()
        with pytest.raises(Guarded) as caught:
            act(world, run)
        assert f"seen: clone ({other.id}, on lan)" in str(caught.value)
        assert "is live with the gateway's MAC" in caught.value.hint

    def test_one_that_is_suspended_could_go_on_at_any_moment(self, world: Bench, act: Act) -> None:
        run = ready_for(world, act)
        world.another(power="other")
        with pytest.raises(Guarded, match="clone"):
            act(world, run)

    def test_one_that_is_off_or_unplugged_is_nobody(self, world: Bench, act: Act) -> None:
        run = ready_for(world, act)
        world.another(power="off")
        world.link(world.another("unplugged"), up=False)
        act(world, run)

    def test_another_runs_claim_is_named(self, world: Bench, act: Act) -> None:
        run = ready_for(world, act)
        world.hypervisor.set_notes(world.old, OTHERS)
        with pytest.raises(Guarded, match=r"expected this run's; seen: .* run r9 begun") as caught:
            act(world, run)
        assert "vmmigrate status r9 shows how" in caught.value.hint
        assert world.notes() == OTHERS

    def test_a_claim_that_was_removed_is_claimed_again(self, world: Bench, act: Act) -> None:
        run = ready_for(world, act)
        world.hypervisor.set_notes(world.old, "the owner's words")
        act(world, run)
        assert claim.is_ours(world.notes(), "r1")
        assert world.remarks() == ["the claim in the notes of mailgw was removed: it is claimed again"]

    def test_one_that_a_half_finish_released_is_claimed_again(self, world: Bench, act: Act) -> None:
        world.hypervisor.set_notes(world.old, "Replaced by mailgw-2 (vmmigrate run r1, finished).")
        act(world, ready_for(world, act))
        assert claim.is_ours(world.notes(), "r1")
        assert "finished" not in world.notes()

    def test_it_is_not_claimed_again_where_another_guard_fails(self, world: Bench, act: Act) -> None:
        run = ready_for(world, act)
        world.hypervisor.set_notes(world.old, "the owner's words")
        world.another()
        with pytest.raises(Guarded):
            act(world, run)
        assert world.notes() == "the owner's words"

    def test_a_list_that_cannot_be_completed_is_no_pass(self, world: Bench, act: Act) -> None:
        class Incomplete(MemoryHypervisor):
            def holders(self, mac: str) -> tuple[Holder, ...]:
                raise HypervisorError("lost is inaccessible", hint="connect its host")

        run = ready_for(world, act)
        run.hypervisor = Incomplete(world.folder)
        with pytest.raises(Guarded, match="not known: lost is inaccessible") as caught:
            act(world, run)
        assert "connect its host" in caught.value.hint


@BOTH_WAYS
class TestBeforeALinkUp:
    def test_the_other_side_is_read_back(self, world: Bench, act: Act) -> None:
        run = ready_for(world, act)
        world.link(world.old if act is plug_in_new else world.new, up=True)
        with pytest.raises(Guarded, match="expected link down, also after its next start; seen: running, link up"):
            act(world, run)

    def test_one_that_would_come_up_plugged_in_is_not_down(self, world: Bench, act: Act) -> None:
        run = ready_for(world, act)
        other = world.old if act is plug_in_new else world.new
        [nic] = [nic for nic in world.hypervisor._entry(other)["nics"] if nic["mac"] == MAC]
        world.edit(other, nics=[{**nic, "link_up": False, "stored_link_up": True}])
        with pytest.raises(Guarded, match="running, link down, and up after its next start"):
            act(world, run)

    def test_who_takes_connections_at_the_address_is_somebody(self, world: Bench, act: Act) -> None:
        run = ready_for(world, act)
        with listening(run), pytest.raises(Guarded) as caught:
            act(world, run)
        port = run.settings.old.smtp_port
        assert f"who answers at {HOST}: expected nobody; seen: port {port} accepts connections" in str(caught.value)

    def test_one_that_is_live_already_may_answer(self, world: Bench, act: Act) -> None:
        """Killed after the link-up: it is that one."""
        run = ready_for(world, act)
        world.link(world.new if act is plug_in_new else world.old, up=True)
        with listening(run):
            act(world, run)


def test_only_the_way_back_goes_on_where_the_jump_host_is_away(world: Bench) -> None:
    def away(*_: object) -> None:
        raise Unreachable("the jump host is away", hint="look there")

    run = ready_for(world, plug_back)
    run.dial_to = lambda host: away  # type: ignore[method-assign, assignment]
    plug_back(world, run)
    assert world.remarks() == [f"who answers at {HOST}: not known: the jump host is away"]
    with pytest.raises(Guarded, match="not known: the jump host is away"):
        plug_in_new(world, run)


def test_the_way_back_logs_in_to_no_jump_host(world: Bench) -> None:
    """It would ask for a password while nobody is live."""
    run = ready_for(world, plug_back)
    via = JumpSettings(url="ssh://admin@jump.example.test")
    run.settings = run.settings.model_copy(update={"old": run.settings.old.model_copy(update={"via": via})})
    plug_back(world, run)
    assert world.remarks() == [f"who answers at {HOST}: not known: only the jump host could ask there"]


def test_behind_a_jump_host_an_answer_has_more_time(world: Bench) -> None:
    waited: list[float] = []

    def dial(host: str, port: int, timeout: float) -> NoReturn:
        waited.append(timeout)
        raise TimeoutError("no answer in time")

    run = ready_for(world, plug_in_new)
    run.dial_to = lambda host: dial  # type: ignore[method-assign]
    via = JumpSettings(url="ssh://admin@jump.example.test")
    run.settings = run.settings.model_copy(update={"old": run.settings.old.model_copy(update={"via": via})})
    plug_in_new(world, run)
    assert min(waited) >= 2


def test_on_the_way_back_a_machine_of_ours_that_is_off_is_down(world: Bench) -> None:
    run = ready_for(world, plug_back)
    world.link(world.new, up=True)
    world.edit(world.new, power="off")
    plug_back(world, run)
    world.link(world.old, up=True)
    world.link(world.new, up=False)
    world.edit(world.old, power="off")
    with pytest.raises(Guarded, match="off, link up"):
        plug_in_new(world, run)


class TestBeforeAStart:
    def test_one_that_starts_unplugged_is_not_asked_about(self, world: Bench) -> None:
        guards.before_starting(world.switched(), world.new)

    def test_one_that_would_start_beside_the_live_one_is_refused(self, world: Bench) -> None:
        world.edit(world.new, power="off")
        world.link(world.new, up=True)
        with pytest.raises(Guarded, match="mailgw is unplugged: expected link down"):
            guards.before_starting(world.switched(), world.new)


class TestBeforeARecordedRunIsTouched:
    def failed(self, run: Run) -> list[str]:
        return [check.id for check in guards.may_act(run) if check.verdict is not Verdict.PASS]

    def test_both_sides_are_our_own(self, world: Bench) -> None:
        world.link(world.new, up=True)
        assert self.failed(world.switched()) == []

    def test_a_third_one_that_is_live(self, world: Bench) -> None:
        world.another()
        assert self.failed(world.switched()) == [guards.OTHERS]

    def test_before_anything_live_was_touched_only_the_claim_counts(self, world: Bench) -> None:
        world.another()
        run = world.run("r1", Claim("", autostart=False))
        assert self.failed(run) == []
        world.hypervisor.set_notes(world.old, OTHERS)
        assert self.failed(run) == [guards.CLAIM]

    def test_a_run_that_has_claimed_nothing_yet_has_nothing_to_lose(self, world: Bench) -> None:
        world.hypervisor.set_notes(world.old, OTHERS)
        assert self.failed(world.run()) == []

    @pytest.mark.parametrize("words", ["replaced by mailgw-2; kept", "switched back; mailgw-2 is kept"])
    def test_a_journal_cut_before_its_claim_is_behind_the_note_of_its_own_end(self, world: Bench, words: str) -> None:
        """The file system lost all but the first record: the note is this run's own, and not to be removed."""
        notes = f"The mail gateway\n[vmmigrate] run r1: {words}, unplugged"
        world.hypervisor.set_notes(world.old, notes)
        assert self.failed(world.run()) == [guards.HERE]
        assert world.notes() == notes

    def test_a_journal_cut_before_its_claim_whose_old_vm_was_deleted_has_nothing_to_lose(self, world: Bench) -> None:
        run = world.run()
        run.plan = replace(run.plan, old=VmRef("gone", "mailgw"))
        assert self.failed(run) == []

    def test_after_the_commit_no_migration_is_said_to_be_in_progress(self, world: Bench) -> None:
        """As a `finish` that was interrupted left it."""
        notes = "Replaced by mailgw-2 (vmmigrate run r1, finished)."
        run = world.switched()
        run.learn(Opened(1.0))
        world.hypervisor.set_notes(world.old, notes)
        assert self.failed(run) == []
        assert (world.notes(), world.remarks()) == (notes, [])


class TestInTheSwitch:
    def test_the_old_one_is_not_plugged_in_beside_a_third(self, world: Bench) -> None:
        run = world.switched()
        world.link(world.old, up=False)
        world.link(world.new, up=True)
        world.another()
        with pytest.raises(Guarded, match="clone"):
            switch.undo(run)
        assert live(world) == ["clone"]

    def test_the_new_one_is_not_plugged_in_where_the_old_ones_link_did_not_go_down(self, world: Bench) -> None:
        class Stuck(MemoryHypervisor):
            def set_nic(self, vm, mac, **change):  # type: ignore[no-untyped-def]
                if vm == world.new:
                    super().set_nic(vm, mac, **change)

        run = world.switched()
        run.hypervisor = Stuck(world.folder)
        with pytest.raises(Guarded, match="mailgw is unplugged"):
            switch.do(run)
        assert live(world) == ["mailgw"]

    def test_one_that_is_plugged_in_during_the_link_up_is_seen_at_once(self, world: Bench) -> None:
        class Overtaken(MemoryHypervisor):
            def set_nic(self, vm, mac, **change):  # type: ignore[no-untyped-def]
                super().set_nic(vm, mac, **change)
                if vm == world.new and change["link_up"]:
                    super().set_nic(world.old, mac, link_up=True)

        run = world.switched()
        run.hypervisor = Overtaken(world.folder)
        with pytest.raises(Guarded, match="mailgw is unplugged"):
            switch.do(run)
        assert live(world) == ["mailgw"]

    def test_a_new_one_that_is_plugged_in_during_the_way_back_is_unplugged_again(self, world: Bench) -> None:
        class Overtaken(MemoryHypervisor):
            def set_nic(self, vm, mac, **change):  # type: ignore[no-untyped-def]
                super().set_nic(vm, mac, **change)
                if vm == world.old and change["link_up"]:
                    super().set_nic(world.new, mac, link_up=True)

        run = world.switched()
        world.link(world.old, up=False)
        run.hypervisor = Overtaken(world.folder)
        switch.undo(run)
        assert live(world) == ["mailgw"]

    def test_a_third_one_that_is_plugged_in_during_the_way_back_stays_alone(self, world: Bench) -> None:
        class Overtaken(MemoryHypervisor):
            def set_nic(self, vm, mac, **change):  # type: ignore[no-untyped-def]
                super().set_nic(vm, mac, **change)
                if vm == world.old and change["link_up"]:
                    world.another()

        run = world.switched()
        world.link(world.old, up=False)
        run.hypervisor = Overtaken(world.folder)
        with pytest.raises(Guarded, match="clone"):
            switch.undo(run)
        assert live(world) == ["clone"]

    def test_who_removes_the_claim_and_plugs_in_meanwhile_is_seen(self, world: Bench) -> None:
        """To claim again takes seconds where the hypervisor compares nothing."""

        class Overtaken(MemoryHypervisor):
            def set_notes(self, vm, notes, *, over=None):  # type: ignore[no-untyped-def]
                super().set_notes(vm, notes, over=over)
                super().set_nic(world.old, MAC, link_up=True)

            def set_nic(self, vm, mac, **change):  # type: ignore[no-untyped-def]
                plugged.append(vm.name) if change["link_up"] else None
                super().set_nic(vm, mac, **change)

        plugged: list[str] = []
        run = world.switched()
        world.hypervisor.set_notes(world.old, "the owner's words")
        run.hypervisor = Overtaken(world.folder)
        with pytest.raises(Guarded, match="mailgw is unplugged"):
            switch.do(run)
        assert plugged == []  # never beside the other, not for a moment
        assert live(world) == ["mailgw"]

    def test_the_new_ones_own_mac_counts_too(self, world: Bench) -> None:
        """Where the hypervisor does not let it have the old one's."""
        run = world.switched()
        run.plan = replace(run.plan, new_mac="52:54:00:00:00:99")
        world.link(world.old, up=False)
        world.another()
        with pytest.raises(Guarded, match="clone"):
            plug_in_new(world, run)


def live(world: Bench) -> list[str]:
    return [holder.vm.name for holder in world.hypervisor.holders(MAC) if holder.is_live]
