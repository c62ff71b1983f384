"""The engine over small steps: forward, back, again from the ground, and after a kill at any record."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from small_steps import (
    ALL,
    HEADER,
    LIVE,
    MIGRATED,
    NAMES,
    SMALL,
    STEPS,
    SWITCH_BACK,
    VM,
    Bench,
    Killed,
    Process,
    World,
    claim,
    start,
    trouble,
    unclaim,
    with_steps,
)

from hypervisors import (
    Cancelled,
    Clock,
    LoginRefused,
    NotFound,
    NotPermitted,
    Pace,
    Problem,
    TimedOut,
    TrustRefused,
    Unreachable,
)
from vmmigrate.errors import JournalDamaged, JournalFailed, NeedsAttention, NoLonger, describe
from vmmigrate.events import DirectionTaken, StepBegan, StepEnded, StepFailed, StepRemark
from vmmigrate.facts import Claim, NewVm, Opened, StartsAtBoot
from vmmigrate.findings import Check, Verdict
from vmmigrate.itinerary import Itinerary, Scope, Stop
from vmmigrate.run.engine import Engine
from vmmigrate.run.fold import Status
from vmmigrate.run.journal import Journal
from vmmigrate.run.persistent import TIMES
from vmmigrate.run.record import Kind
from vmmigrate.step import Look, Nothing, Otherwise, Phase, Step, UndoRefused


class Adversary(World):
    """As soon as something is plugged in, it is unplugged again."""

    @property  # type: ignore[override]
    def marks(self) -> set[str]:
        self._marks.discard("plugged")
        return self._marks

    @marks.setter
    def marks(self, marks: set[str]) -> None:
        self._marks = marks


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


@pytest.fixture
def world() -> World:
    return World()


def migrated(path: Path, world: World) -> Process:
    process = start(path, world)
    process.engine.forward()
    return process


# ---- forward ---------------------------------------------------------------------------------------------


def test_forward_does_every_step_and_records_each_act(path: Path, world: World) -> None:
    process = migrated(path, world)
    assert world.marks == MIGRATED
    assert process.kinds == [
        *("begin claim", "learnt claim", "done claim"),
        *("begin deploy", "learnt deploy", "done deploy"),
        *("begin import", "done import"),
        *("begin open", "learnt open", "done open"),
        *("begin notes", "done notes"),
        "end",
    ]
    assert process.engine.journal.state().ended == "migrated"


def test_the_world_is_watched_around_each_live_step_and_it_is_known_who_answers_us_alone(
    path: Path, world: World
) -> None:
    """Live are `open` and `notes`; until `open` is done, only this workstation is let in."""
    small = replace(SMALL, alone=lambda state: state.steps["open"] is not Status.DONE)
    process = start(path, world, itinerary=small)
    process.engine.forward()
    assert process.bench.watched == [True, False]


def test_forward_skips_what_is_done(path: Path, world: World) -> None:
    world.refuses["open"] = trouble()
    with pytest.raises(Problem):
        start(path, world).engine.forward()
    world.refuses.clear()
    world.acts.clear()
    start(path, world).engine.forward()
    assert world.acts == ["open", "notes"]


def test_a_step_is_told_with_its_number_and_its_end(path: Path, world: World) -> None:
    events = migrated(path, world).events
    assert events[0] == StepBegan("claim", "Claim", 1, 5)
    assert events[-2] == StepBegan("notes", "Note", 5, 5)
    assert [e.step for e in events if isinstance(e, StepEnded)] == list(NAMES)


def test_a_failing_step_is_recorded_and_told_with_its_hint(path: Path, world: World) -> None:
    world.refuses["deploy"] = trouble("the pool is full")
    process = start(path, world)
    with pytest.raises(Problem, match="the pool is full"):
        process.engine.forward()
    assert process.engine.journal.records[-1].data == {
        "step": "deploy",
        "error": "the pool is full",
        "hint": "try another day",
        "undoing": False,
    }
    state = process.engine.journal.state()
    assert (state.steps["deploy"], state.error) == (Status.FAILED, "the pool is full")
    assert process.events[-1] == StepFailed("deploy", "Deploy", "the pool is full", "try another day")


def test_of_a_bug_only_its_kind_is_recorded(path: Path, world: World) -> None:
    world.refuses["deploy"] = RuntimeError("password=hunter2")
    process = start(path, world)
    with pytest.raises(RuntimeError):
        process.engine.forward()
    assert process.engine.journal.state().error == "a bug: RuntimeError"
    assert b"hunter2" not in path.read_bytes()
    assert describe(KeyError("hunter2")) == ("a bug: KeyError", "see log.txt in the run's folder")


def test_an_interrupted_step_stays_begun(path: Path, world: World) -> None:
    world.refuses["deploy"] = Cancelled("interrupted", hint="resume")
    process = start(path, world)
    with pytest.raises(Cancelled):
        process.engine.forward()
    assert process.kinds[-1] == "begin deploy"


def test_the_cancel_token_is_asked_before_a_step_begins(path: Path, world: World) -> None:
    process = start(path, world)

    def stop_before_deploy() -> None:
        if "claimed" in world.marks:
            raise Cancelled("interrupted", hint="resume")

    process.bench.pace = Pace(cancelled=stop_before_deploy)
    with pytest.raises(Cancelled):
        process.engine.forward()
    assert process.kinds == ["begin claim", "learnt claim", "done claim"]


def test_what_one_step_learns_the_next_one_knows_also_in_another_process(path: Path, world: World) -> None:
    world.refuses["open"] = trouble()
    with pytest.raises(Problem):
        start(path, world).engine.forward()
    facts = start(path, world).bench.facts
    assert facts.of(Claim) == Claim("the owner's words", autostart=True)
    assert facts.of(NewVm) == VM
    assert facts.find(Opened) is None


def test_a_recorded_step_that_this_version_lacks_is_refused(path: Path, world: World) -> None:
    start(path, world)
    with pytest.raises(Problem, match="this version has no step notes") as refusal:
        start(path, world, itinerary=with_steps(*STEPS[:-1]))
    assert refusal.value.hint == "use vmmigrate 0.1.0 for this run"


@pytest.mark.parametrize(
    ("group", "value", "words"),
    [
        ("Weather", {}, "this version has nothing called Weather"),
        ("Claim", {"notes": 1}, "what the journal has as Claim cannot be read"),
        ("Claim", None, "what the journal has as Claim cannot be read"),
    ],
)
def test_what_was_learnt_and_this_version_does_not_know_is_refused(
    path: Path, world: World, group: str, value: object, words: str
) -> None:
    journal = start(path, world).engine.journal
    journal.append(Kind.LEARNT, {"step": "claim", "group": group, "value": value})
    with pytest.raises(JournalDamaged, match=words):
        start(path, world)


def test_a_recorded_way_back_that_this_version_does_not_know_is_refused(path: Path, world: World) -> None:
    journal = start(path, world).engine.journal
    journal.append(Kind.DIRECTION, {"to": "back", "scope": "nowhere", "reason": "x", "steps": ["claim"]})
    with pytest.raises(JournalDamaged, match="this version has no way back 'nowhere', which the run recorded") as it:
        start(path, world)
    assert it.value.hint == "use vmmigrate 0.1.0 for this run"


def test_a_step_learns_nothing_that_it_does_not_declare(path: Path, world: World) -> None:
    secretive = Step("claim", "Claim", claim, unclaim)
    process = start(path, world, itinerary=with_steps(secretive, *STEPS[1:]))
    with pytest.raises(TypeError, match="step 'claim' does not declare that it learns Claim"):
        process.engine.forward()
    assert process.kinds == ["begin claim", "failed claim"]


def test_the_recorded_order_holds_not_todays(path: Path, world: World) -> None:
    start(path, world)
    extra = Step("newer", "Newer", lambda bench: bench.act("newer"), lambda bench: None)
    start(path, world, itinerary=with_steps(extra, *reversed(STEPS))).engine.forward()
    assert world.acts == list(NAMES)


# ---- back ------------------------------------------------------------------------------------------------


def test_a_way_back_over_a_live_phase_cannot_be_interrupted(path: Path, world: World) -> None:
    def stop() -> None:
        raise Cancelled("interrupted", hint="resume")

    migrated(path, world)
    process = start(path, world)
    process.bench.pace = Pace(cancelled=stop)
    process.engine.back(ALL, "asked")
    process.bench.pace.cancelled()
    assert world.marks == set()


def test_back_undoes_in_reverse_and_leaves_the_world_as_before(path: Path, world: World) -> None:
    migrated(path, world)
    world.acts.clear()
    process = start(path, world)
    process.engine.back(ALL, "asked")
    assert world.acts == ["undo notes", "undo open", "undo deploy", "undo claim"]
    assert world.marks == set()
    state = process.engine.journal.state()
    assert state.ended == "rolled-back"
    assert set(state.steps.values()) == {Status.PENDING}
    assert process.events[0] == DirectionTaken("back", "all", "asked", "undoing everything")


def test_back_records_the_direction_before_the_first_undo(path: Path, world: World) -> None:
    migrated(path, world)
    process = start(path, world)
    before = len(process.kinds)
    process.engine.back(ALL, "asked")
    assert process.kinds[before : before + 3] == ["direction", "undo notes", "undone notes"]
    assert process.engine.journal.records[before + 1].data == {
        "to": "back",
        "scope": "all",
        "reason": "asked",
        "steps": list(NAMES),
        "leave_mail": False,
    }


def test_back_skips_what_never_began_and_undoes_what_began_but_was_not_done(path: Path, world: World) -> None:
    process = start(path, world, lives=9)  # killed before 'learnt deploy': the VM is there, unrecorded
    with pytest.raises(Killed):
        process.engine.forward()
    assert process.engine.journal.state().steps["deploy"] is Status.BEGUN
    assert world.marks == {"claimed", "vm"}
    world.acts.clear()
    start(path, world).engine.back(ALL, "asked")
    assert world.acts == ["undo deploy", "undo claim"]
    assert world.marks == set()


def test_a_failed_step_is_undone_too(path: Path, world: World) -> None:
    world.refuses["deploy"] = trouble()
    process = start(path, world)
    with pytest.raises(Problem):
        process.engine.forward()
    process.engine.back(ALL, "a step failed")
    assert world.acts == ["claim", "deploy", "undo deploy", "undo claim"]


def test_what_an_undone_step_learnt_is_forgotten(path: Path, world: World) -> None:
    migrated(path, world)
    process = start(path, world)
    process.engine.back(SWITCH_BACK, "asked")
    assert process.bench.facts.find(Opened) is None
    assert process.bench.facts.of(NewVm) == VM
    assert process.engine.journal.state().facts == process.bench.facts


def test_that_the_new_vm_was_open_once_is_not_forgotten(path: Path, world: World) -> None:
    migrated(path, world)
    process = start(path, world)
    process.engine.back(SWITCH_BACK, "asked")
    assert process.engine.standing.committed is True


def test_scope_switch_undoes_its_steps_alone_and_pauses(path: Path, world: World) -> None:
    migrated(path, world)
    process = start(path, world)
    process.engine.back(SWITCH_BACK, "asked")
    assert world.marks == {"claimed", "vm", "imported"}
    state = process.engine.journal.state()
    assert (state.paused, state.ended) == ("switched back", None)


def test_turned_forward_a_switched_back_run_goes_on_to_its_end(path: Path, world: World) -> None:
    migrated(path, world)
    process = start(path, world)
    process.engine.back(SWITCH_BACK, "asked")
    process.engine.turn_forward("resumed")
    process.engine.go_on()
    assert world.marks == MIGRATED
    assert process.engine.journal.state().ended == "migrated"


def test_a_failing_undo_goes_on_with_its_phase_and_needs_attention(path: Path, world: World) -> None:
    migrated(path, world)
    world.acts.clear()
    world.refuses["undo open"] = trouble("the guest does not answer")
    process = start(path, world)
    process.engine.back(ALL, "asked")
    assert world.acts == ["undo notes", *["undo open"] * TIMES]  # its phase, and none before the live ones
    assert world.marks == MIGRATED - {"noted"}
    state = process.engine.journal.state()
    assert state.ended == "needs-attention"
    assert dict(state.troubles) == {"open": "the guest does not answer → try another day"}
    assert state.steps["open"] is Status.UNDOING


def test_what_fails_in_one_live_phase_keeps_no_other_from_being_undone(path: Path, world: World) -> None:
    """A note that cannot be written is no reason to leave nobody live; what was prepared waits all the same."""
    migrated(path, world)
    world.acts.clear()
    world.refuses["undo notes"] = trouble("no room for a note")
    process = start(path, world)
    process.engine.back(ALL, "asked")
    assert world.acts == [*["undo notes"] * TIMES, "undo open"]
    assert world.marks == {"claimed", "vm", "imported", "noted"}
    assert process.engine.journal.state().ended == "needs-attention"


def test_what_was_undone_and_is_not_so_any_more_is_undone_again(path: Path, world: World) -> None:
    start(path, world, itinerary=LIVE).engine.forward()
    killed = start(path, world, itinerary=LIVE)
    world.refuses["undo unplug"] = Killed()
    with pytest.raises(Killed):
        killed.engine.back(SWITCH_BACK, "asked")
    world.refuses.clear()
    killed = start(path, world, itinerary=LIVE)
    killed.engine.journal.append(Kind.UNDONE, {"step": "unplug"})
    process = start(path, world, itinerary=LIVE)
    process.engine.go_on()
    assert "unplugged" not in world.marks
    assert process.kinds[-4:] == ["looked", "undo unplug", "undone unplug", "paused"]


def test_whoever_unplugs_it_in_the_way_back_is_seen_before_anything_is_deleted(path: Path, world: World) -> None:
    in_vain = replace(LIVE.steps[3], undo=lambda bench: bench.act("undo unplug"))
    itinerary = replace(
        LIVE,
        phases=tuple(
            replace(phase, steps=tuple(in_vain if step.name == "unplug" else step for step in phase.steps))
            for phase in LIVE.phases
        ),
    )
    start(path, world, itinerary=LIVE).engine.forward()
    start(path, world, itinerary=itinerary).engine.back(ALL, "asked")
    acts = world.acts[world.acts.index("undo unplug") :]
    assert acts == ["undo unplug", "undo unplug", "undo deploy", "undo claim"]


def test_an_undo_in_a_live_phase_is_tried_again(path: Path, world: World) -> None:
    migrated(path, world)
    world.acts.clear()
    process, refused = start(path, world), [trouble("busy"), Unreachable("away", hint="wait")]
    process.bench.act = in_turn(process.bench.act, "undo open", refused)  # type: ignore[method-assign]
    process.engine.back(SWITCH_BACK, "asked")
    assert world.acts == ["undo notes", "undo open"]
    assert refused == []
    assert process.engine.journal.state().paused == "switched back"
    assert process.kinds.count("undo open") == 1


@pytest.mark.parametrize("kind", [LoginRefused, TrustRefused, NotPermitted, NotFound, NeedsAttention])
def test_one_that_would_end_the_same_is_not(path: Path, world: World, kind: type[Problem]) -> None:
    migrated(path, world)
    world.acts.clear()
    world.refuses["undo open"] = kind("no", hint="see there")
    start(path, world).engine.back(SWITCH_BACK, "asked")
    assert world.acts == ["undo notes", "undo open"]


def test_one_that_takes_long_to_fail_is_not_begun_again_after_a_minute(path: Path, world: World) -> None:
    migrated(path, world)
    world.acts.clear()
    process, at = start(path, world), [0.0]
    process.bench.pace = Pace(Clock(lambda: at[0], lambda seconds: None))
    plain = process.bench.act

    def slow(name: str) -> None:
        at[0] += 40
        plain(name)

    process.bench.act = slow  # type: ignore[method-assign]
    world.refuses["undo open"] = TimedOut("waited 40 s", hint="is it on?")
    process.engine.back(SWITCH_BACK, "asked")
    assert world.acts == ["undo notes", "undo open", "undo open"]
    assert dict(process.engine.journal.state().troubles) == {"open": "waited 40 s → is it on?"}


def in_turn(act: Callable[[str], None], which: str, raised: list[Problem]) -> Callable[[str], None]:
    def again(name: str) -> None:
        if name == which and raised:
            raise raised.pop(0)
        act(name)

    return again


def test_gone_on_with_a_way_back_that_failed_is_tried_where_it_failed(path: Path, world: World) -> None:
    migrated(path, world)
    world.refuses["undo open"] = trouble()
    start(path, world).engine.back(ALL, "asked")
    world.refuses.clear()
    world.acts.clear()
    process = start(path, world)
    process.engine.go_on()
    assert world.acts == ["undo open", "undo deploy", "undo claim"]
    assert world.marks == set()
    assert (process.engine.journal.state().ended, dict(process.engine.journal.state().troubles)) == ("rolled-back", {})


def test_a_refused_undo_turns_the_run_forward_again(path: Path, world: World) -> None:
    migrated(path, world)
    world.marks.add("mail")
    world.acts.clear()
    process = start(path, world)
    with pytest.raises(UndoRefused, match="mail waits"):
        process.engine.back(SWITCH_BACK, "asked")
    assert world.acts == ["undo notes", "undo open", "open", "notes"]
    assert world.marks == {*MIGRATED, "mail"}
    state = process.engine.journal.state()
    assert (state.ended, state.back) == ("migrated", None)


def test_one_that_changed_nothing_leaves_its_step_done(path: Path, world: World) -> None:
    """And those before it that have nothing to undo: what nobody touched is not done again."""
    idle = Step("tidy", "Tidy", lambda bench: bench.act("tidy"), Nothing("`open` does it"))
    itinerary = replace(LIVE, phases=(*LIVE.phases[:2], Phase("close", (idle, *LIVE.phases[2].steps), live=True)))
    start(path, world, itinerary=itinerary).engine.forward()
    world.refuses["undo open"] = UndoRefused("it does not answer", hint="wait", untouched=True)
    world.acts.clear()
    process = start(path, world, itinerary=itinerary)
    with pytest.raises(UndoRefused, match="it does not answer"):
        process.engine.back(SWITCH_BACK, "asked")
    assert world.acts == ["undo notes", "undo open", "notes"]
    assert world.marks == {*MIGRATED, "unplugged"}
    assert process.engine.journal.state().ended == "migrated"
    assert DirectionTaken("forward", "", "it does not answer", "the run stays where it was") in process.events


def test_nor_does_it_make_a_step_done_that_was_only_begun(path: Path, world: World) -> None:
    """Whoever takes it for done says that the new side serves."""
    world.refuses["open"] = trouble()
    process = start(path, world)
    with pytest.raises(Problem):
        process.engine.forward()
    world.refuses["undo open"] = UndoRefused("it does not answer", hint="wait", untouched=True)
    with pytest.raises(UndoRefused, match="it does not answer"):
        process.engine.back(SWITCH_BACK, "asked")
    assert process.engine.journal.state().steps["open"] is not Status.DONE


def gone_back_by_links(path: Path, world: World) -> Process:
    """Through its commit and back by the plugging alone; then mail came."""
    links = Scope("links", "the plugging alone", only=("unplug", "open"), pauses_as="plugged back")
    itinerary = replace(LIVE, scopes=(*LIVE.scopes, links))
    process = start(path, world, itinerary=LIVE)
    process.engine.forward()
    process.engine.itinerary = itinerary
    process.engine.back(links, "asked")
    world.marks.add("mail")
    return process


def test_one_of_a_run_that_stands_still_after_its_commit_does_not_turn_it_forward(path: Path, world: World) -> None:
    """The old side serves there, and what came to it since is not in the new one."""
    process = gone_back_by_links(path, world)
    world.acts.clear()
    with pytest.raises(UndoRefused, match="mail waits"):
        process.engine.back(SWITCH_BACK, "asked")
    assert world.acts == ["undo notes", "undo open"]
    assert process.engine.journal.state().paused == "plugged back"


def test_nor_does_it_where_it_was_killed_before_the_refusal(path: Path, world: World) -> None:
    process = gone_back_by_links(path, world)
    process.engine.journal.lives = 2  # type: ignore[attr-defined]
    with pytest.raises(Killed):
        process.engine.back(SWITCH_BACK, "asked")
    assert process.kinds[-1] == "direction"
    again = start(path, world, itinerary=LIVE)
    again.engine.itinerary = process.engine.itinerary
    with pytest.raises(UndoRefused, match="mail waits"):
        again.engine.go_on()
    assert again.engine.journal.state().paused == "plugged back"


def test_the_leave_to_leave_something_behind_reaches_the_undo(path: Path, world: World) -> None:
    migrated(path, world)
    world.marks.add("mail")
    process = start(path, world)
    process.engine.back(SWITCH_BACK, "asked", leave_behind=True)
    assert "open" not in world.marks


def test_the_leave_to_leave_something_behind_is_still_known_to_who_resumes(path: Path, world: World) -> None:
    migrated(path, world)
    world.marks.add("mail")
    world.refuses["undo notes"] = Cancelled("interrupted", hint="resume")
    with pytest.raises(Cancelled):
        start(path, world).engine.back(SWITCH_BACK, "asked", leave_behind=True)
    del world.refuses["undo notes"]
    start(path, world).engine.go_on()
    assert "open" not in world.marks


def stopped() -> None:
    raise Cancelled("interrupted", hint="resume")


def test_a_way_back_in_which_no_live_phase_was_begun_can_be_interrupted(path: Path, world: World) -> None:
    world.refuses["import"] = trouble()
    with pytest.raises(Problem):
        start(path, world).engine.forward()
    process = start(path, world)
    process.bench.pace = Pace(cancelled=stopped)
    with pytest.raises(Cancelled):
        process.engine.back(ALL, "asked")
    assert process.kinds[-1] == "undo deploy"


def test_an_interrupted_undo_is_no_failed_undo(path: Path, world: World) -> None:
    migrated(path, world)
    world.refuses["undo open"] = Cancelled("interrupted", hint="resume")
    process = start(path, world)
    with pytest.raises(Cancelled):
        process.engine.back(ALL, "asked")
    assert process.kinds[-1] == "undo open"


# ---- again from the ground -------------------------------------------------------------------------------


def test_a_half_import_is_undone_from_its_ground_and_done_again(path: Path, world: World) -> None:
    world.die_in_import = True
    with pytest.raises(Killed):
        start(path, world).engine.forward()
    assert world.marks == {"claimed", "vm", "half imported"}
    world.acts.clear()
    process = start(path, world)
    process.engine.go_on()
    assert world.acts == ["undo deploy", "deploy", "import", "open", "notes"]
    assert world.marks == MIGRATED
    directions = [r.data for r in process.engine.journal.records if r.kind is Kind.DIRECTION]
    assert [(d["to"], d.get("scope"), d.get("steps")) for d in directions] == [
        ("back", "redo", ["deploy", "import"]),
        ("forward", None, None),
    ]


def test_a_failed_import_is_not_tried_again_on_the_same_vm(path: Path, world: World) -> None:
    world.refuses["import"] = trouble()
    with pytest.raises(Problem):
        start(path, world).engine.forward()
    world.refuses.clear()
    world.acts.clear()
    start(path, world).engine.forward()
    assert world.acts == ["undo deploy", "deploy", "import", "open", "notes"]


def test_where_the_ground_cannot_be_cleared_nothing_is_imported(path: Path, world: World) -> None:
    world.die_in_import = True
    with pytest.raises(Killed):
        start(path, world).engine.forward()
    world.refuses["undo deploy"] = trouble("the host is down")
    process = start(path, world)
    process.engine.go_on()
    assert world.marks == {"claimed", "vm", "half imported"}
    assert process.engine.journal.state().ended == "needs-attention"
    world.refuses.clear()
    start(path, world).engine.go_on()
    assert world.marks == MIGRATED


def test_an_import_is_not_repeated_where_only_its_undo_was_recorded(path: Path, world: World) -> None:
    """Killed on the way back, after `undone import` and before the VM is destroyed; then it goes forward again."""
    world.die_in_import = True
    with pytest.raises(Killed):
        start(path, world).engine.forward()
    world.refuses["undo deploy"] = Killed()
    with pytest.raises(Killed):
        start(path, world).engine.back(ALL, "asked")
    assert start(path, world).engine.journal.state().steps["import"] is Status.PENDING
    world.refuses.clear()
    process = start(path, world)
    process.engine.back(SWITCH_BACK, "asked")
    process.engine.turn_forward("resumed")
    world.acts.clear()
    process.engine.go_on()
    assert world.acts == ["undo deploy", "deploy", "import", "open", "notes"]
    assert world.marks == MIGRATED


# ---- looks: a record is not the world ------------------------------------------------------------------------


def seen(mark: str, *, missing: Verdict = Verdict.FAIL) -> Look:
    """Whether the world has that mark."""

    def look(bench: Bench) -> Iterator[Check]:
        verdict = Verdict.PASS if mark in bench.world.marks else missing
        yield Check("mark", mark, "there", verdict.value, verdict, f"set {mark}")

    return look


def watched(**changes: dict[str, Any]) -> Itinerary:
    """The small itinerary, some steps of which have looks."""
    phases = (
        replace(phase, steps=tuple(replace(step, **changes.get(step.name, {})) for step in phase.steps))
        for phase in SMALL.phases
    )
    return replace(SMALL, phases=tuple(phases))


CLAIM = {"holds": seen("claimed")}
DEPLOY = {"holds": seen("vm"), "otherwise": Otherwise.FROM_HERE}
OPEN = {"looks_back": ("claim", "deploy")}


def stopped_before_open(path: Path, world: World) -> None:
    world.refuses["open"] = Killed()
    with pytest.raises(Killed):
        start(path, world).engine.forward()
    world.refuses.clear()
    world.acts.clear()


def stopped_when_prepared(path: Path, world: World) -> None:
    """Interrupted before a live phase is begun."""

    def stop() -> None:
        if "imported" in world.marks:
            raise Cancelled("interrupted", hint="resume")

    process = start(path, world)
    process.bench.pace = Pace(cancelled=stop)
    with pytest.raises(Cancelled):
        process.engine.forward()
    world.acts.clear()


def looks_of(process: Process) -> list[tuple[str, list[tuple[str, str]]]]:
    """Recorded looks: before which step, and what each check said."""
    looked = [record.data for record in process.engine.journal.records if record.kind is Kind.LOOKED]
    return [(data["step"], [(check["what"], check["verdict"]) for check in data["checks"]]) for data in looked]


def test_what_holds_is_looked_at_and_recorded_and_nothing_is_done_again(path: Path, world: World) -> None:
    stopped_before_open(path, world)
    process = start(path, world, itinerary=watched(claim=CLAIM, deploy=DEPLOY))
    process.engine.go_on()
    assert world.acts == ["open", "notes"]
    assert looks_of(process) == [("", [("claimed", "pass"), ("vm", "pass")])]


def test_a_run_that_is_not_resumed_looks_where_a_step_looks_back(path: Path, world: World) -> None:
    process = start(path, world, itinerary=watched(claim=CLAIM, deploy=DEPLOY, open=OPEN))
    process.engine.forward()
    assert looks_of(process) == [("open", [("claimed", "pass"), ("vm", "pass")])]


def test_what_does_not_hold_is_done_again_and_said(path: Path, world: World) -> None:
    stopped_when_prepared(path, world)
    world.marks.discard("claimed")
    process = start(path, world, itinerary=watched(claim=CLAIM))
    process.engine.go_on()
    assert world.acts == ["claim", "open", "notes"]
    assert world.marks == MIGRATED
    assert looks_of(process) == [("", [("claimed", "fail")])]
    (remark,) = [event for event in process.events if isinstance(event, StepRemark)]
    assert remark.text == "this does not hold any more, so it is done again: claimed: expected there; seen: fail"


def test_what_still_does_not_hold_when_done_again_stops_the_run(path: Path, world: World) -> None:
    stopped_when_prepared(path, world)
    process = start(path, world, itinerary=watched(claim={"holds": seen("a second sun")}))
    with pytest.raises(NoLonger, match="done again, and it still does not hold: a second sun") as stopped_by:
        process.engine.go_on()
    assert stopped_by.value.hint == "set a second sun; then: vmmigrate resume r1, or vmmigrate rollback r1"
    assert world.acts == ["claim"]


def test_a_ground_that_is_gone_is_made_again_with_all_that_stood_on_it(path: Path, world: World) -> None:
    stopped_when_prepared(path, world)
    world.marks -= {"vm", "imported"}
    process = start(path, world, itinerary=watched(deploy=DEPLOY))
    process.engine.go_on()
    assert world.acts == ["undo deploy", "deploy", "import", "open", "notes"]
    assert world.marks == MIGRATED
    assert process.kinds.count("end") == 1


@pytest.mark.parametrize("mark", ["claimed", "vm"])
@pytest.mark.parametrize("missing", [Verdict.FAIL, Verdict.UNKNOWN])
def test_while_perhaps_nobody_serves_nothing_that_was_prepared_is_done_again(
    path: Path, world: World, mark: str, missing: Verdict
) -> None:
    """First somebody must be live: whoever caught this goes back."""
    stopped_before_open(path, world)
    world.marks.discard(mark)
    watching = watched(
        claim={"holds": seen("claimed", missing=missing)},
        deploy={"holds": seen("vm", missing=missing), "otherwise": Otherwise.FROM_HERE},
    )
    with pytest.raises(NoLonger, match=mark):
        start(path, world, itinerary=watching).engine.go_on()
    assert world.acts == []


def blinking(answers: list[Verdict]) -> Look:
    """One verdict a look; then the last for ever."""

    def look(bench: Bench) -> Iterator[Check]:
        bench.act("look")
        yield Check("mark", "it", "there", "", answers.pop(0) if len(answers) > 1 else answers[0])

    return look


def test_while_perhaps_nobody_serves_what_is_only_unknown_is_asked_again(path: Path, world: World) -> None:
    stopped_before_open(path, world)
    look = blinking([Verdict.UNKNOWN, Verdict.UNKNOWN, Verdict.PASS])
    start(path, world, itinerary=watched(deploy={"holds": look})).engine.go_on()
    assert world.acts == ["look", "look", "look", "open", "notes"]


def test_and_not_for_ever(path: Path, world: World) -> None:
    stopped_before_open(path, world)
    look = blinking([Verdict.UNKNOWN])
    with pytest.raises(NoLonger, match="it: not known"):
        start(path, world, itinerary=watched(deploy={"holds": look})).engine.go_on()
    assert world.acts == ["look"] * 5


def test_before_that_one_look_is_enough(path: Path, world: World) -> None:
    stopped_when_prepared(path, world)
    look = blinking([Verdict.UNKNOWN, Verdict.PASS])
    start(path, world, itinerary=watched(claim={"holds": look})).engine.go_on()
    assert world.acts == ["look", "claim", "look", "open", "notes"]


def test_what_has_no_hint_gets_the_steps_and_the_commands(path: Path, world: World) -> None:
    stopped_before_open(path, world)
    watching = watched(deploy={"holds": blinking([Verdict.FAIL]), "remedy": "look behind the moon"})
    with pytest.raises(NoLonger) as stopped:
        start(path, world, itinerary=watching).engine.go_on()
    assert stopped.value.hint == "look behind the moon; then: vmmigrate resume r1, or vmmigrate rollback r1"


@pytest.mark.parametrize("stopped", [stopped_before_open, stopped_when_prepared])
def test_what_could_not_be_looked_at_is_not_undone(
    path: Path, world: World, stopped: Callable[[Path, World], None]
) -> None:
    """Between two gateways, and before a live phase, where what fails is undone and done again."""
    stopped(path, world)
    world.marks -= {"vm"}
    unknown = {**DEPLOY, "holds": seen("vm", missing=Verdict.UNKNOWN)}
    with pytest.raises(NoLonger, match="vm: not known"):
        start(path, world, itinerary=watched(deploy=unknown)).engine.go_on()
    assert world.acts == []


def test_a_look_that_fails_is_no_pass(path: Path, world: World) -> None:
    def blind(bench: Bench) -> Iterator[Check]:
        yield from ()
        raise trouble("the host is down")

    stopped_before_open(path, world)
    process = start(path, world, itinerary=watched(deploy={"holds": blind, "otherwise": Otherwise.REFUSE}))
    with pytest.raises(NoLonger, match="Deploy: not known: the host is down"):
        process.engine.go_on()
    assert looks_of(process) == [("", [("Deploy", "unknown")])]
    assert world.acts == []


def test_a_look_learns_nothing(path: Path, world: World) -> None:
    def curious(bench: Bench) -> Iterator[Check]:
        bench.learn(VM)
        yield from ()

    stopped_before_open(path, world)
    with pytest.raises(TypeError, match="a look learns nothing, and not NewVm"):
        start(path, world, itinerary=watched(deploy={"holds": curious})).engine.go_on()


def two_live_steps(look: Look | None = None) -> Itinerary:
    """`plug`, whose mark may go, and `open`, which looks back at it."""

    def plug(bench: Bench) -> None:
        bench.act("plug")
        bench.world.marks.add("plugged")

    def unplug(bench: Bench) -> None:
        bench.act("undo plug")
        bench.world.marks.discard("plugged")

    plugging = Step("notes", "Plug", plug, unplug, holds=look or seen("plugged"))
    opening = replace(STEPS[3], looks_back=("notes",))
    live = Phase("switch", (plugging, opening), live=True)
    return replace(SMALL, phases=(SMALL.phases[0], live))


LIVE_HEADER = {
    **HEADER,
    "steps": [{"name": n, "phase": "switch" if n in ("notes", "open") else "prepare"} for n in
              ("claim", "deploy", "import", "notes", "open")],
}  # fmt: skip


def test_what_does_not_hold_in_a_live_phase_takes_that_phase_back_and_forward_again(path: Path, world: World) -> None:
    Journal.create(path, LIVE_HEADER).close()
    world.refuses["open"] = Killed()
    with pytest.raises(Killed):
        start(path, world, itinerary=two_live_steps()).engine.forward()
    world.refuses.clear()
    world.marks.discard("plugged")
    world.acts.clear()
    process = start(path, world, itinerary=two_live_steps())
    process.engine.go_on()
    assert world.acts == ["undo open", "undo plug", "plug", "open"]
    assert process.engine.journal.state().ended == "migrated"


def test_nothing_is_taken_back_because_it_could_not_be_looked_at(path: Path, world: World) -> None:
    Journal.create(path, LIVE_HEADER).close()
    world.refuses["open"] = Killed()
    with pytest.raises(Killed):
        start(path, world, itinerary=two_live_steps()).engine.forward()
    world.refuses.clear()
    world.acts.clear()
    with pytest.raises(NoLonger, match="it: not known"):
        start(path, world, itinerary=two_live_steps(blinking([Verdict.UNKNOWN]))).engine.go_on()
    assert world.acts == ["look"] * 5


def test_that_is_not_done_for_ever(path: Path, world: World) -> None:
    """Somebody unplugs it each time: then a step has failed, and the run goes back for good."""
    Journal.create(path, LIVE_HEADER).close()
    process = start(path, world, itinerary=two_live_steps())
    world.marks.add("an adversary")
    process.bench.world = Adversary(world.marks, world.acts)
    with pytest.raises(Problem, match="this did not hold any more, 3 times: plugged"):
        process.engine.forward()
    assert world.acts.count("plug") == 3
    assert "open" not in world.acts


def test_after_the_commit_nothing_is_undone_because_of_a_look(path: Path, world: World) -> None:
    world.refuses["notes"] = Killed()
    with pytest.raises(Killed):
        start(path, world).engine.forward()
    world.refuses.clear()
    world.marks.discard("vm")
    world.acts.clear()
    with pytest.raises(NoLonger, match="vm: expected there"):
        start(path, world, itinerary=watched(deploy=DEPLOY)).engine.go_on()
    assert world.acts == []


def test_after_the_commit_only_what_is_relied_on_is_looked_at(path: Path, world: World) -> None:
    """What else was prepared is the administrator's by then."""
    world.refuses["notes"] = Killed()
    with pytest.raises(Killed):
        start(path, world).engine.forward()
    world.refuses.clear()
    world.acts.clear()
    watching = watched(claim=CLAIM, deploy=DEPLOY, **{"import": {"holds": seen("a second sun")}})
    process = start(path, world, itinerary=watching)
    process.engine.go_on()
    assert world.acts == ["notes"]
    assert looks_of(process) == [("", [("claimed", "pass"), ("vm", "pass")])]


def test_a_journal_of_an_earlier_schema_gets_no_looks(path: Path, world: World) -> None:
    stopped_before_open(path, world)
    process = start(path, world, itinerary=watched(claim=CLAIM))
    process.engine.journal.records[0].data["schema"] = 2  # type: ignore[index]
    process.engine.go_on()
    assert looks_of(process) == []


def test_an_earlier_journal_gets_no_group_that_its_version_does_not_know(path: Path, world: World) -> None:
    def modern(bench: Bench) -> None:
        bench.learn(StartsAtBoot(new=True))

    journal = start(path, world).engine.journal
    journal.records[0].data["schema"] = 2  # type: ignore[index]
    step = Step("claim", "Claim", modern, unclaim, learns=(StartsAtBoot,))
    bench = Bench(world)
    Engine(journal, with_steps(step, *STEPS[1:]), bench, lambda event: None).forward()
    assert bench.facts.find(StartsAtBoot) is None


def test_a_redo_in_a_live_phase_leaves_the_rest_of_the_run_interruptible(path: Path, world: World) -> None:
    Journal.create(path, LIVE_HEADER).close()
    world.refuses["open"] = Killed()
    with pytest.raises(Killed):
        start(path, world, itinerary=two_live_steps()).engine.forward()
    world.refuses.clear()
    world.marks.discard("plugged")
    world.acts.clear()
    process = start(path, world, itinerary=two_live_steps())

    def stop_when_plugged() -> None:
        if "plug" in world.acts:
            raise Cancelled("interrupted", hint="resume")

    process.bench.pace = Pace(cancelled=stop_when_plugged)
    with pytest.raises(Cancelled):
        process.engine.go_on()
    assert process.kinds[-1] == "done notes"


# ---- a journal that fails --------------------------------------------------------------------------------


def test_a_record_that_cannot_be_written_stops_the_run_there(path: Path, world: World) -> None:
    process = start(path, world)
    journal = process.engine.journal

    def deploy_on_a_full_disk(bench: Bench) -> None:
        journal.close()  # the next write fails
        journal._file = Path("/dev/full").open("ab", buffering=0)  # noqa: SIM115 -- the journal closes it
        bench.learn(VM)

    steps = (STEPS[0], Step("deploy", "Deploy", deploy_on_a_full_disk, STEPS[1].undo, learns=(NewVm,)), *STEPS[2:])
    process.engine._steps = list(steps)
    with pytest.raises(JournalFailed, match="No space left on device"):
        process.engine.forward()
    assert world.acts == ["claim"]
    assert not [event for event in process.events if isinstance(event, StepFailed)]
    with pytest.raises(JournalFailed):
        process.engine.back(ALL, "a step failed")
    assert world.acts == ["claim"]


# ---- killed at every record ------------------------------------------------------------------------------


@pytest.fixture
def quick() -> Iterator[Path]:
    """A folder in memory where there is one: these tests wait for some ten thousand fsyncs."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


def moments(path: Path) -> int:
    """How many moments of death an uninterrupted run has: before and after each record, but the first."""
    return 2 * (len(path.read_bytes().splitlines()) - 1)


def finished(path: Path, world: World) -> None:
    start(path, world).engine.go_on()
    state = start(path, world).engine.journal.state()
    assert world.marks == MIGRATED
    assert (state.ended, set(state.steps.values())) == ("migrated", {Status.DONE})
    assert state.facts.of(NewVm) == VM


def test_killed_at_every_record_and_gone_on_the_run_ends_as_uninterrupted(quick: Path) -> None:
    migrated(quick / "whole", World())
    for lives in range(moments(quick / "whole")):
        path, world = quick / f"{lives}", World()
        with pytest.raises(Killed):
            start(path, world, lives=lives).engine.forward()
        finished(path, world)


@pytest.mark.slow
def test_killed_again_at_every_record_while_going_on(quick: Path) -> None:
    migrated(quick / "whole", World())
    for first in range(moments(quick / "whole")):
        for second in range(100):
            path, world = quick / f"{first}-{second}", World()
            with pytest.raises(Killed):
                start(path, world, lives=first).engine.forward()
            try:
                start(path, world, lives=second).engine.go_on()
            except Killed:
                finished(path, world)
            else:
                break  # it came to its end before it was to be killed
        assert 1 <= second < 60


def rolled_back(path: Path, world: World) -> None:
    """As an operator does: where the direction was not recorded yet, ask again."""
    process = start(path, world)
    if process.engine.journal.state().back is None:
        process.engine.back(ALL, "asked")
    else:
        process.engine.go_on()
    assert world.marks == set()
    assert process.engine.journal.state().ended == "rolled-back"
    assert process.bench.facts.find(NewVm) is None


def test_rolled_back_from_every_record_the_world_is_as_before(quick: Path) -> None:
    migrated(quick / "whole", World())
    for lives in range(moments(quick / "whole")):
        path, world = quick / f"{lives}", World()
        with pytest.raises(Killed):
            start(path, world, lives=lives).engine.forward()
        rolled_back(path, world)


def test_killed_at_every_record_of_the_way_back(quick: Path) -> None:
    for lives in range(60):
        path, world = quick / f"{lives}", World()
        migrated(path, world)
        try:
            start(path, world, lives=lives).engine.back(ALL, "asked")
        except Killed:
            rolled_back(path, world)
        else:
            break
    assert lives == 24  # direction, five times undo and undone, end: twelve records


# ---- a stop --------------------------------------------------------------------------------------------------

STOP = Stop(
    "prepare", "ready", "go", "to go on", lambda plan, state: "it goes on", lambda bench: 60.0, "nothing touched"
)
STOPPING = replace(SMALL, stop=STOP)
PREPARED = {"claimed", "vm", "imported"}


def begun_to_stop(path: Path, world: World, *, lives: int = -1) -> Process:
    if not path.exists():
        Journal.create(path, {**HEADER, "stops": STOP.stands_as}).close()
    return start(path, world, lives=lives, itinerary=STOPPING)


def test_it_stands_still_at_its_stop_and_says_until_when(path: Path, world: World) -> None:
    process = begun_to_stop(path, world)
    process.engine.forward()
    standing = process.engine.standing
    assert (process.kinds[-1], world.marks) == ("paused", PREPARED)
    assert (standing.word, standing.stands, standing.may_go_past) == ("ready", STOP, STOP)
    assert standing.verbs == (("go", "to go on"), ("rollback", SMALL.rollback_does))
    until = process.engine.journal.records[-1].time + 60
    assert standing.state.until == until
    assert (
        standing.words == f"ready, valid until {datetime.fromtimestamp(until, UTC):%Y-%m-%d %H:%M} UTC; nothing touched"
    )


def test_past_its_stop_it_is_a_run_like_any_other(path: Path, world: World) -> None:
    begun_to_stop(path, world).engine.forward()
    process = begun_to_stop(path, world)
    process.engine.turn_forward("asked", past=STOP.stands_as)
    process.engine.go_on()
    assert (world.marks, process.engine.standing.word) == (MIGRATED, "migrated")
    assert (process.engine.standing.stands, process.engine.standing.may_go_past) == (None, None)


@pytest.mark.parametrize("lives", range(0, 22, 1))
def test_killed_anywhere_it_goes_on_to_its_stop_and_no_further(path: Path, world: World, lives: int) -> None:
    with suppress(Killed):
        begun_to_stop(path, world, lives=lives).engine.forward()
    process = begun_to_stop(path, world)
    process.engine.go_on()
    assert (world.marks, process.engine.standing.word) == (PREPARED, "ready")


def test_a_half_import_that_is_done_again_does_not_carry_it_through(path: Path, world: World) -> None:
    world.die_in_import = True
    with pytest.raises(Killed):
        begun_to_stop(path, world).engine.forward()
    process = begun_to_stop(path, world)
    process.engine.go_on()
    assert "direction" in process.kinds
    assert (world.marks, process.engine.standing.word) == (PREPARED, "ready")


def test_a_run_that_was_not_begun_so_has_no_stop(path: Path, world: World) -> None:
    process = start(path, world, itinerary=STOPPING)
    process.engine.forward()
    assert world.marks == MIGRATED
