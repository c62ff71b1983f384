"""Room for a way back: held before the first live step, used on a full disk; a way back that nobody can record."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from small_steps import (
    ALL,
    HEADER,
    LIVE,
    MIGRATED,
    PREPARE,
    SMALL,
    SWITCH,
    SWITCH_BACK,
    Bench,
    Killed,
    Process,
    World,
    open_,
    start,
    trouble,
)

from vmmigrate.errors import JournalFailed, RolledBack, RunFolderFailed
from vmmigrate.run.engine import Engine
from vmmigrate.run.fold import Status
from vmmigrate.run.journal import Journal
from vmmigrate.run.record import Kind, read
from vmmigrate.run.room import SIZE, Room
from vmmigrate.run.supervise import supervise
from vmmigrate.settings.models import Settings
from vmmigrate.step import Phase, UndoRefused

KIB = 1 << 10


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 KiB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(folder)], check=False)
    if mounted.returncode:
        pytest.skip("no disk can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def path(disk: Path) -> Path:
    return disk / "journal.jsonl"


@pytest.fixture
def world() -> World:
    return World()


def fill(disk: Path, *, but: int = 0) -> Path:
    """Something takes all that is free."""
    hog = disk / "hog"
    with hog.open("ab", buffering=0) as file:
        try:
            while file.write(bytes(KIB)) == KIB:
                pass
        except OSError:
            pass
    if but:
        os.truncate(hog, hog.stat().st_size - but)
    return hog


def append_many(journal: Journal) -> None:
    for _ in range(1000):
        journal.append(Kind.BEGIN, {"step": "claim", "padding": "x" * 1000})


def fill_to_the_brim(disk: Path, journal: Journal) -> None:
    """Also what is left of the journal's last page."""
    before = journal.path.stat().st_size
    remark = {"step": "", "text": ""}
    journal.append(Kind.REMARK, remark)
    after = journal.path.stat().st_size
    journal.append(Kind.REMARK, {**remark, "text": "x" * ((before - 2 * after - 50) % 4096)})
    assert journal.path.stat().st_size % 4096 > 4000  # the next record is longer than what is left
    fill(disk)


def process_as_run(process: Process) -> Any:
    """What `supervise` asks of a run, over the small stage."""
    bench = process.bench

    class Run:
        run_id = "r1"
        rundir = SimpleNamespace(drop_secrets=lambda: None)
        plan = SimpleNamespace(insecure=())
        outside = None
        settings = Settings()
        emit = staticmethod(process.events.append)

        def __getattr__(self, name: str) -> Any:
            return getattr(bench, name)

    return cast(Any, Run())


def fills(process: Process, step: str, disk: Path, *, also_the_room: bool = False) -> None:
    """While that act is under way the disk becomes full."""
    plain, once = process.bench.act, [step]

    def act(name: str) -> None:
        plain(name)
        if name in once:
            once.remove(name)
            if also_the_room:
                process.engine.journal.room.drop()
            fill_to_the_brim(disk, process.engine.journal)

    process.bench.act = act  # type: ignore[method-assign]


# ---- the room itself -----------------------------------------------------------------------------------------


def test_it_is_on_the_disk_and_no_other_user_reads_it(tmp_path: Path) -> None:
    room = Room(tmp_path / "room")
    room.hold()
    assert room.path.stat().st_size == SIZE
    assert room.path.stat().st_blocks * 512 >= SIZE
    assert room.path.stat().st_mode & 0o777 == 0o600
    room.hold()
    assert room.path.stat().st_size == SIZE


def test_what_was_given_up_is_held_again_where_there_is_room(tmp_path: Path) -> None:
    room = Room(tmp_path / "room")
    room.hold()
    assert room.give()
    assert room.path.stat().st_size < SIZE
    room.hold()
    assert room.path.stat().st_size == SIZE
    while room.give():
        pass
    assert not room.path.exists()


def test_where_there_is_none_that_is_said(disk: Path) -> None:
    fill(disk, but=8 * KIB)
    with pytest.raises(RunFolderFailed, match="has no room for the record of a way back: No space left") as caught:
        Room(disk / "room").hold()
    assert caught.value.hint == f"free 64 KiB there: df -h {disk}"


# ---- a journal on a full disk --------------------------------------------------------------------------------


def test_a_record_for_which_there_is_no_room_takes_what_was_held(disk: Path, path: Path) -> None:
    journal = Journal.create(path, HEADER)
    journal.room.hold()
    fill(disk)
    for _ in range(20):
        journal.append(Kind.BEGIN, {"step": "claim", "padding": "x" * 2000})
    assert [record.kind for record in read(path)[1:]] == [Kind.BEGIN] * 20
    assert journal.room.path.stat().st_size < SIZE
    assert b"\n\n" not in path.read_bytes()


def test_when_all_of_it_is_used_the_journal_fails_with_every_record_before_it(disk: Path, path: Path) -> None:
    journal = Journal.create(path, HEADER)
    journal.room.hold()
    fill(disk)
    with pytest.raises(JournalFailed):
        append_many(journal)
    made = len(journal.records) - 1
    assert made > SIZE // 1200
    assert len(read(path)) == 1 + made


def test_the_longest_way_back_of_a_migration_has_room_where_every_undo_fails_once(tmp_path: Path) -> None:
    from vmmigrate.steps.migration import MIGRATE

    steps = [{"name": s.name, "phase": p.name, "title": s.title} for p in MIGRATE.phases for s in p.steps]
    journal = Journal.create(tmp_path / "journal.jsonl", {**HEADER, "itinerary": "migrate", "steps": steps})
    before = journal.path.stat().st_size
    names = [step.name for step in MIGRATE.steps]
    journal.append(Kind.DIRECTION, {"to": "back", "scope": "all", "reason": "x" * 300, "steps": names})
    for name in reversed(names):
        journal.append(Kind.UNDO, {"step": name})
        journal.append(Kind.REMARK, {"step": name, "text": "x" * 200})
        journal.append(Kind.FAILED, {"step": name, "error": "x" * 300, "hint": "x" * 200, "undoing": True})
        journal.append(Kind.UNDO, {"step": name})
        journal.append(Kind.UNDONE, {"step": name})
    journal.append(Kind.END, {"outcome": "rolled-back"})
    assert SIZE / 2 < journal.path.stat().st_size - before < SIZE


# ---- a run on one --------------------------------------------------------------------------------------------


def test_it_is_held_before_the_first_live_step_and_dropped_at_the_end(path: Path, world: World) -> None:
    process, held = start(path, world), list[bool]()
    plain = process.bench.act

    def act(name: str) -> None:
        held.append((path.parent / "journal.room").exists())
        plain(name)

    process.bench.act = act  # type: ignore[method-assign]
    process.engine.forward()
    assert dict(zip(world.acts, held, strict=True)) == {
        "claim": False,
        "deploy": False,
        "import": False,
        "open": True,
        "notes": True,
    }
    assert not (path.parent / "journal.room").exists()


def test_without_it_no_live_step_is_begun_and_the_run_goes_back(disk: Path, path: Path, world: World) -> None:
    process = start(path, world)
    plain = process.bench.act

    def act(name: str) -> None:
        plain(name)
        if name == "import":
            fill(disk, but=20 * KIB)

    process.bench.act = act  # type: ignore[method-assign]
    with pytest.raises(RolledBack, match="has no room for the record of a way back"):
        supervise(process.engine, process_as_run(process), Engine.forward)
    assert "open" not in world.acts
    assert world.marks == set()
    assert process.engine.journal.state().ended == "rolled-back"


def test_a_disk_that_becomes_full_in_a_live_phase_before_the_commit_makes_the_run_go_back(
    disk: Path, path: Path, world: World
) -> None:
    """Recorded whole: the next process reads it."""

    process = start(path, world, itinerary=LIVE)
    fills(process, "unplug", disk)
    with pytest.raises(RolledBack):
        supervise(process.engine, process_as_run(process), Engine.forward)
    assert "open" not in world.acts
    assert world.marks == set()
    assert start(path, world, itinerary=LIVE).engine.journal.state().ended == "rolled-back"


def test_after_the_commit_it_goes_on(disk: Path, path: Path, world: World) -> None:
    process = start(path, world)
    fills(process, "open", disk)
    process.engine.forward()
    assert world.marks == MIGRATED
    assert start(path, world).engine.journal.state().ended == "migrated"


def test_a_rollback_on_a_disk_that_is_full_needs_the_room_that_the_run_left(
    disk: Path, path: Path, world: World
) -> None:
    with pytest.raises(Killed):
        start(path, world, lives=14).engine.forward()  # before `done open`
    fill(disk)
    process = start(path, world)
    process.engine.back(SWITCH_BACK, "asked")
    assert process.engine.journal.state().paused == "switched back"


# ---- nothing can be recorded ---------------------------------------------------------------------------------


def test_in_a_live_phase_it_goes_back_without_a_record(disk: Path, path: Path, world: World) -> None:

    process = start(path, world, itinerary=LIVE)
    fills(process, "unplug", disk, also_the_room=True)
    with pytest.raises(JournalFailed, match=r"^the run went back out of its live phase, without a record\n") as caught:
        supervise(process.engine, process_as_run(process), Engine.forward)
    assert "No space left on device" in str(caught.value)
    assert "vmmigrate rollback r1" in caught.value.hint
    assert world.marks == {"claimed", "vm", "imported"}  # as before the live phase
    (disk / "hog").unlink()
    later = start(path, world, itinerary=LIVE)
    later.engine.back(ALL, "asked")
    assert world.marks == set()
    assert later.engine.journal.state().ended == "rolled-back"


def test_a_rollback_of_which_not_even_the_beginning_can_be_recorded(disk: Path, path: Path, world: World) -> None:
    """An earlier process died in the live phase, and its room is gone too."""
    with pytest.raises(Killed):
        start(path, world, itinerary=LIVE, lives=17).engine.forward()  # after `begin unplug`
    world.marks.add("unplugged")
    process = start(path, world, itinerary=LIVE)
    process.engine.journal.room.drop()
    fill_to_the_brim(disk, process.engine.journal)
    with pytest.raises(JournalFailed, match="without a record"):
        supervise(process.engine, process_as_run(process), lambda engine: engine.back(ALL, "asked"))
    assert world.marks == {"claimed", "vm", "imported"}


def test_what_fails_then_is_said_with_what_a_person_must_do(disk: Path, path: Path, world: World) -> None:

    process = start(path, world, itinerary=LIVE)
    fills(process, "unplug", disk, also_the_room=True)
    world.refuses["undo unplug"] = trouble("the host is down")
    process.engine.itinerary = replace(LIVE, by_hand=lambda plan, url, state: [f"virsh -c {url} and so on"])
    with pytest.raises(JournalFailed, match="unplug: the host is down → try another day") as caught:
        supervise(process.engine, process_as_run(process), Engine.forward)
    assert "takes mail; by hand, in this order:\n    1. virsh -c qemu:///system and so on" in caught.value.hint


def test_after_the_commit_nothing_is_undone(disk: Path, path: Path, world: World) -> None:
    process = start(path, world)
    fills(process, "notes", disk, also_the_room=True)
    with pytest.raises(JournalFailed, match=r"^/.* cannot be written"):
        supervise(process.engine, process_as_run(process), Engine.forward)
    assert not [act for act in world.acts if act.startswith("undo")]


def opening_without_a_record(process: Process, disk: Path) -> None:
    """The commit is recorded, and then nothing more can be."""
    plain, once = process.bench.act, ["served"]

    def act(name: str) -> None:
        if name in once:
            once.remove(name)
            process.engine.journal.room.drop()
            fill_to_the_brim(disk, process.engine.journal)
        plain(name)

    process.bench.act = act  # type: ignore[method-assign]


def served(bench: Bench) -> None:
    open_(bench)
    bench.act("served")


SERVED = replace(
    SMALL, phases=(PREPARE, Phase("switch", (replace(SWITCH.steps[0], do=served),), live=True), *SMALL.phases[2:])
)


def test_a_commit_that_was_made_and_not_recorded_stands(disk: Path, path: Path, world: World) -> None:
    """It was recorded that it would be; that it is made is seen by making it again."""
    process = start(path, world, itinerary=SERVED)
    opening_without_a_record(process, disk)
    with pytest.raises(JournalFailed, match=r"^/.* cannot be written"):
        supervise(process.engine, process_as_run(process), Engine.forward)
    assert "open" in world.marks
    assert not [act for act in world.acts if act.startswith("undo")]


def test_one_that_cannot_be_made_is_gone_back_from(disk: Path, path: Path, world: World) -> None:
    """Else nobody would be live: neither the new side nor the old one."""
    process = start(path, world, itinerary=SERVED)
    opening_without_a_record(process, disk)
    world.refuses["served"] = trouble("the guest does not answer")
    with pytest.raises(JournalFailed, match="without a record"):
        supervise(process.engine, process_as_run(process), Engine.forward)
    assert "open" not in world.marks
    assert world.acts[-1] == "undo open"


def test_a_way_back_that_closed_the_new_side_ends_without_its_records(disk: Path, path: Path, world: World) -> None:
    """From its closing on nobody is live until the old side is."""
    start(path, world).engine.forward()
    process = start(path, world)
    fills(process, "undo open", disk, also_the_room=True)
    world.acts.clear()
    with pytest.raises(JournalFailed, match="went back"):
        supervise(process.engine, process_as_run(process), lambda engine: engine.back(SWITCH_BACK, "asked"))
    assert world.acts == ["undo notes", "undo open", "undo open"]
    assert "open" not in world.marks


def test_one_that_is_refused_then_opens_the_new_side_again(disk: Path, path: Path, world: World) -> None:
    start(path, world).engine.forward()
    process = start(path, world)
    plain, refusals = process.bench.act, [UndoRefused("mail waits", hint="deliver it")]

    def act(name: str) -> None:
        plain(name)
        if name == "undo open" and "full" not in world.marks:
            world.marks.add("full")
            process.engine.journal.room.drop()
            fill_to_the_brim(disk, process.engine.journal)
        elif name == "undo open" and refusals:
            raise refusals.pop()

    process.bench.act = act  # type: ignore[method-assign]
    world.acts.clear()
    with pytest.raises(JournalFailed, match="open: mail waits → deliver it"):
        supervise(process.engine, process_as_run(process), lambda engine: engine.back(SWITCH_BACK, "asked"))
    assert world.acts[-2:] == ["open", "notes"]
    assert world.marks == {*MIGRATED, "full"}


def test_before_a_live_phase_the_run_stops_where_it_is(disk: Path, path: Path, world: World) -> None:
    process = start(path, world)
    fills(process, "deploy", disk)
    with pytest.raises(JournalFailed, match=r"^/.* cannot be written"):
        supervise(process.engine, process_as_run(process), Engine.forward)
    assert world.acts == ["claim", "deploy"]
    assert process.engine.journal.state().steps["deploy"] is Status.BEGUN


def test_a_disk_that_fails_to_sync_in_a_live_phase(path: Path, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can break a disk in a test."""

    process = start(path, world, itinerary=LIVE)
    plain = process.bench.act

    def act(name: str) -> None:
        plain(name)
        if name == "unplug":
            monkeypatch.setattr(os, "fsync", broken)

    process.bench.act = act  # type: ignore[method-assign]
    with pytest.raises(JournalFailed, match=r"without a record\n  because .*Input/output error"):
        supervise(process.engine, process_as_run(process), Engine.forward)
    assert world.marks == {"claimed", "vm", "imported"}


def broken(descriptor: int) -> None:
    raise OSError(5, "Input/output error")
