"""The claim on the old VM: of two workstations at the same moment exactly one passes."""

import threading
import time
from itertools import cycle
from pathlib import Path

import pytest
from guarded_run import Bench, bench

from fixtures.memory import MemoryHypervisor
from hypervisors import Changed, HypervisorError, VmRef, let_settle
from vmmigrate.errors import ApplianceError
from vmmigrate.findings import Verdict
from vmmigrate.steps import claim

OTHERS = "[vmmigrate] run r9 begun on workstation elsewhere: a migration is in progress"


class NotComparing(MemoryHypervisor):
    """As libvirt: between the look and the write are two calls, and somebody else may write there."""

    delays = cycle((0.03, 0.0, 0.01, 0.02, 0.0, 0.03, 0.01))  # seconds between both

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._between, self._changed = 0, threading.Condition()

    def set_notes(self, vm: VmRef, notes: str, *, over: str | None = None) -> None:
        self._are_between(1)
        try:
            if over is not None and self.inventory(vm).notes not in (over, notes):
                raise Changed("changed", hint="look again")
            time.sleep(next(self.delays))
            super().set_notes(vm, notes)
        finally:
            self._are_between(-1)

    def _are_between(self, more: int) -> None:
        with self._changed:
            self._between += more
            self._changed.notify_all()

    def settle(self, *_: object) -> None:
        """As long as it takes until who has looked has written: on a busy machine longer than any number of seconds."""
        with self._changed:
            assert self._changed.wait_for(lambda: not self._between, 60)


@pytest.fixture
def world(tmp_path: Path) -> Bench:
    return bench(tmp_path)


def race(world: Bench, hypervisor: MemoryHypervisor, runs: int) -> list[str]:
    """The ids of those that passed."""
    passed: list[str] = []
    refused: list[str] = []
    start = threading.Barrier(runs)

    def claims(run_id: str) -> None:
        run = world.run(run_id, hypervisor=hypervisor)
        start.wait()
        try:
            claim.do(run)
            passed.append(run_id)
        except ApplianceError as refusal:
            refused.append(str(refusal))

    threads = [threading.Thread(target=claims, args=(f"r{number}",)) for number in range(runs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all("another run has claimed this VM" in words for words in refused)
    assert len(passed) + len(refused) == runs
    return passed


@pytest.mark.parametrize("kind", [MemoryHypervisor, NotComparing])
@pytest.mark.parametrize("runs", [2, 3])
def test_of_several_at_the_same_moment_exactly_one_passes(
    world: Bench, kind: type[MemoryHypervisor], runs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(4 if kind is NotComparing else 12):
        world.hypervisor.set_notes(world.old, "the owner's words")
        hypervisor = kind(world.folder)
        monkeypatch.setattr(claim, "let_settle", getattr(hypervisor, "settle", let_settle))
        [winner] = race(world, hypervisor, runs)
        assert [claim.is_ours(world.notes(), f"r{number}") for number in range(runs)].count(True) == 1
        assert claim.is_ours(world.notes(), winner)
        assert world.notes().startswith("the owner's words\n")


def test_it_is_written_under_the_owners_words_and_again_where_it_was_removed(world: Bench) -> None:
    world.hypervisor.set_notes(world.old, "the owner's words")
    run = world.run()
    for _ in range(2):
        claim.do(run)
        line = "[vmmigrate] run r1 begun on workstation the workstation of r1: a migration is in progress"
        assert world.notes() == f"the owner's words\n{line}"
    world.hypervisor.set_notes(world.old, "the owner's other words")
    claim.do(run)
    assert world.notes() == f"the owner's other words\n{line}"
    claim.undo(run)
    assert world.notes() == "the owner's other words"


def test_anothers_is_refused_and_named(world: Bench) -> None:
    world.hypervisor.set_notes(world.old, OTHERS)
    with pytest.raises(ApplianceError, match=r"another run has claimed this VM: .* run r9 ") as caught:
        claim.do(world.run())
    assert "vmmigrate status r9 shows how" in caught.value.hint
    assert world.notes() == OTHERS


@pytest.mark.parametrize("run_id", ["r", "r99", "r9-1"])
def test_a_run_whose_name_is_part_of_anothers_is_another(world: Bench, run_id: str) -> None:
    world.hypervisor.set_notes(world.old, OTHERS)
    assert not claim.is_ours(OTHERS, run_id)
    with pytest.raises(ApplianceError, match="another run"):
        claim.do(world.run(run_id))


@pytest.mark.parametrize("left", ["20261130", "20261130-0339", "20261130-033932-30b"])
def test_half_a_claim_is_named_as_that(left: str) -> None:
    """No command can be offered for a run of which only half the id is left."""
    hint = claim.how_to_end(f"[vmmigrate] run {left}")
    assert "has no whole run's id" in hint
    assert "vmmigrate status" not in hint
    assert "vmmigrate status 20261130-033932-30b5" in claim.how_to_end("[vmmigrate] run 20261130-033932-30b5: x")


def test_the_last_words_of_a_finished_run_are_no_claim() -> None:
    assert claim.claims("Replaced by mailgw-2 (vmmigrate run r9, finished).") == ()


def test_what_others_write_at_that_moment_is_kept(world: Bench) -> None:
    class Busy(MemoryHypervisor):
        def set_notes(self, vm: VmRef, notes: str, *, over: str | None = None) -> None:
            if over == "":
                super().set_notes(vm, "somebody's words")
            super().set_notes(vm, notes, over=over)

    claim.do(world.run(hypervisor=Busy(world.folder)))
    assert world.notes().startswith("somebody's words\n[vmmigrate] run r1 ")


def test_who_never_gets_to_write_is_refused(world: Bench) -> None:
    class Restless(MemoryHypervisor):
        writes = 0

        def set_notes(self, vm: VmRef, notes: str, *, over: str | None = None) -> None:
            self.writes += 1
            super().set_notes(vm, f"number {self.writes}")
            super().set_notes(vm, notes, over=over)

    with pytest.raises(HypervisorError, match="have changed"):
        claim.do(world.run(hypervisor=Restless(world.folder)))
    assert world.notes() == "number 5"


def test_one_that_is_removed_as_soon_as_it_is_written_is_no_claim(world: Bench) -> None:
    class Cleaned(MemoryHypervisor):
        def set_notes(self, vm: VmRef, notes: str, *, over: str | None = None) -> None:
            super().set_notes(vm, "")

    with pytest.raises(ApplianceError, match="was removed as soon as it was written"):
        claim.do(world.run(hypervisor=Cleaned(world.folder)))


@pytest.mark.parametrize(
    "edited",
    [
        "  [vmmigrate] run r9 begun on workstation elsewhere: a migration is in progress",
        "[VMMIGRATE] RUN R9 BEGUN ON WORKSTATION ELSEWHERE: A MIGRATION IS IN PROGRESS",
        "[vmmigrate] run\nr9 begun on workstation elsewhere: a migration is in progress",
        "[vmmigrate]\n  run r9 begun on workstation elsewhere: a migration is in progress",
    ],
    ids=["indented", "in-capitals", "wrapped", "wrapped-and-indented"],
)
def test_a_claim_that_a_person_has_edited_is_still_one(world: Bench, edited: str) -> None:
    """Another run's is refused; one's own is recognised, and removed as a whole."""
    world.hypervisor.set_notes(world.old, f"The mail gateway\n{edited}")
    with pytest.raises(ApplianceError, match=r"another run has claimed this VM.*") as refusal:
        claim.do(world.run("r1"))
    assert "vmmigrate status r9" in refusal.value.hint.lower()
    run = world.run("r9")
    assert claim.is_ours(world.notes(), "r9")
    claim.release(run)
    assert world.notes() == "The mail gateway"


def test_a_run_that_another_has_overtaken_and_finished_does_not_go_on(world: Bench) -> None:
    run = world.run("r1")
    claim.do(run)
    world.hypervisor.set_notes(world.old, "The mail gateway\nReplaced by mailgw-2 (vmmigrate run r2, finished).")
    check = next(claim.holds(run))
    assert (check.verdict, check.seen) == (Verdict.FAIL, "Replaced by mailgw-2 (vmmigrate run r2, finished).")


def test_what_a_run_finished_before_this_one_is_history(world: Bench) -> None:
    world.hypervisor.set_notes(world.old, "Replaced by mailgw-2 (vmmigrate run r0, finished).")
    run = world.run("r1")
    claim.do(run)
    assert next(claim.holds(run)).verdict is Verdict.PASS


def test_its_own_last_word_does_not_stop_a_finish_that_is_run_again(world: Bench) -> None:
    run = world.run("r1")
    claim.do(run)
    claim.release(run, "Replaced by mailgw-2 (vmmigrate run r1, finished).")
    check = next(claim.holds(run))
    assert (check.verdict, check.seen) == (Verdict.PASS, claim.RELEASED)


def test_a_last_word_is_said_once_however_often_it_is_released(world: Bench) -> None:
    run, last = world.run("r1"), "Replaced by mailgw-2 (vmmigrate run r1, finished)."
    claim.do(run)
    claim.release(run, last)
    claim.release(run, last)
    assert world.notes() == last
