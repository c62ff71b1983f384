"""The journal's file (chain, torn line, durability) and its fold, one fact a record kind."""

import json
import os
import resource
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from small_steps import HEADER, NAMES, STEPS, VM

from vmmigrate.errors import JournalDamaged, JournalFailed
from vmmigrate.facts import Claim, NewVm
from vmmigrate.learnt import group_to_json
from vmmigrate.run.clocks import THIS_MACHINE, Clocks
from vmmigrate.run.fold import Back, Note, RunState, Status, fold
from vmmigrate.run.journal import Journal
from vmmigrate.run.record import SCHEMA, START, Kind, read


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


@pytest.fixture
def journal(path: Path) -> Journal:
    return Journal.create(path, HEADER)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def rewrite(path: Path, number: int, **changes: object) -> None:
    """Forge line `number` (from 0), and leave the others as they are."""
    all_lines = path.read_bytes().splitlines()
    all_lines[number] = json.dumps({**json.loads(all_lines[number]), **changes}).encode()
    path.write_bytes(b"\n".join(all_lines) + b"\n")


# ---- the file --------------------------------------------------------------------------------------------


def test_the_first_record_is_the_run(path: Path) -> None:
    Journal.create(path, HEADER)
    (first,) = lines(path)
    assert first.pop("at")
    assert (first.pop("up") > 0, first.pop("boot")) == (True, THIS_MACHINE.boot())
    assert first == {"seq": 0, "kind": "run", "schema": SCHEMA, **HEADER, "prev": START}


def test_a_journal_is_private_and_leaves_no_other_file(path: Path, journal: Journal) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["journal.jsonl"]


def test_an_existing_journal_is_never_replaced(path: Path, journal: Journal) -> None:
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        Journal.create(path, HEADER)
    assert path.read_bytes() == before


def test_each_record_carries_the_digest_of_the_line_before(path: Path, journal: Journal) -> None:
    records = [journal.append(Kind.BEGIN, {"step": "claim"}), journal.append(Kind.DONE, {"step": "claim"})]
    assert [line["prev"] for line in lines(path)] == [START, journal.records[0].hash, records[0].hash]
    assert [line["seq"] for line in lines(path)] == [0, 1, 2]


def test_what_is_read_is_what_was_written(path: Path, journal: Journal) -> None:
    journal.append(Kind.FAILED, {"step": "claim", "error": "naïve \udcff path", "undoing": False})
    assert read(path) == journal.records


def test_a_record_knows_its_time(path: Path) -> None:
    path.touch()
    journal = Journal(path, [], clocks=Clocks(wall=lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp()))
    record = journal.append(Kind.RUN, {})
    assert (record.at, record.time) == ("2026-01-02T03:04:05.000+00:00", 1767323045.0)


@pytest.mark.parametrize("torn", [b'{"seq":2,"ki', b'{"seq":2,"kind":"done"}', b"\0" * 80, b"\0" * 80 + b"}\n"])
def test_a_torn_last_line_is_dropped_and_the_next_record_takes_its_place(path: Path, torn: bytes) -> None:
    journal = Journal.create(path, HEADER)
    journal.append(Kind.BEGIN, {"step": "claim"})
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    assert read(path) == journal.records
    assert path.read_bytes() == whole + torn  # looking changes nothing
    again = Journal.resume(path)
    assert path.read_bytes() == whole
    again.append(Kind.DONE, {"step": "claim"})
    assert [record.kind for record in read(path)] == [Kind.RUN, Kind.BEGIN, Kind.DONE]


def test_a_line_that_is_no_json_in_the_middle_is_damage(path: Path, journal: Journal) -> None:
    journal.append(Kind.BEGIN, {"step": "claim"})
    first, second = path.read_bytes().splitlines()
    path.write_bytes(first + b"\n" + second[:20] + b"\n" + second + b"\n")
    with pytest.raises(JournalDamaged, match="line 2"):
        read(path)


@pytest.mark.parametrize("content", [b"", b'{"seq":0', b"\0\0\0"])
def test_a_file_without_a_complete_record_is_no_journal(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(JournalDamaged, match="line 1: there is no complete record"):
        read(path)


def test_an_altered_record_breaks_the_chain(path: Path, journal: Journal) -> None:
    journal.append(Kind.BEGIN, {"step": "claim"})
    journal.append(Kind.DONE, {"step": "claim"})
    rewrite(path, 1, step="deploy")
    with pytest.raises(JournalDamaged, match="line 3: the chain of hashes is broken"):
        Journal.resume(path)


def test_a_missing_record_is_noticed(path: Path, journal: Journal) -> None:
    journal.append(Kind.BEGIN, {"step": "claim"})
    journal.append(Kind.DONE, {"step": "claim"})
    first, _, third = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + third)
    with pytest.raises(JournalDamaged, match="line 2: a record is missing or out of order"):
        read(path)


def test_a_newer_schema_is_refused_with_the_version_needed(path: Path, journal: Journal) -> None:
    journal.append(Kind.BEGIN, {"step": "claim"})
    rewrite(path, 0, schema=SCHEMA + 1, version="3.1.4")
    with pytest.raises(JournalDamaged, match=f"has schema {SCHEMA + 1}, this program knows up to {SCHEMA}") as refusal:
        read(path)
    assert refusal.value.hint == "use vmmigrate 3.1.4 or newer for this run"


def test_a_whole_last_record_of_an_unknown_kind_is_never_dropped(path: Path, journal: Journal) -> None:
    journal.append(Kind.BEGIN, {"step": "claim"})
    rewrite(path, 1, kind="hibernated")
    before = path.read_bytes()
    with pytest.raises(JournalDamaged, match="line 2: 'hibernated' is not a valid Kind"):
        Journal.resume(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "body", [b"[" * 100_000 + b"\n", b'{"schema":2,"kind":"begin","seq":0,"x":' + b"[" * 100_000 + b"\n"]
)
def test_a_record_that_is_nested_too_deep_is_damage(path: Path, journal: Journal, body: bytes) -> None:
    path.write_bytes(path.read_bytes() + body)
    with pytest.raises(JournalDamaged, match="line 2: it is nested too deep"):
        Journal.resume(path)


@pytest.mark.parametrize("at", ["yesterday", 5, None])
def test_a_record_without_a_time_is_damage(path: Path, journal: Journal, at: object) -> None:
    journal.append(Kind.BEGIN, {"step": "claim"})
    rewrite(path, 1, at=at)
    with pytest.raises(JournalDamaged, match="line 2: "):
        read(path)


@pytest.mark.parametrize("body", [b"[]\n", b"7\n", b"{}\n", b'{"schema":1}\n', b'{"schema":"one"}\n'])
def test_json_that_is_no_record_is_damage(path: Path, body: bytes) -> None:
    path.write_bytes(body)
    with pytest.raises(JournalDamaged, match="line 1"):
        read(path)


def test_a_failed_write_raises_and_nothing_is_written_afterwards(path: Path, journal: Journal) -> None:
    journal._file = Path("/dev/full").open("ab", buffering=0)  # noqa: SIM115 -- the journal closes it
    with pytest.raises(JournalFailed, match="No space left on device") as failure:
        journal.append(Kind.BEGIN, {"step": "claim"})
    assert failure.value.hint == "everything that was done is recorded: free some space, then resume or roll back"
    journal._file = path.open("ab", buffering=0)  # there is room again, but a record is missing
    with pytest.raises(JournalFailed):
        journal.append(Kind.DONE, {"step": "claim"})
    assert [record.kind for record in read(path)] == [Kind.RUN]


def test_a_record_is_on_the_disk_before_anything_follows(
    path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can take the power away in a test: whether the disk was asked is looked at."""
    synced: list[bytes] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(path.read_bytes()))
    journal.append(Kind.BEGIN, {"step": "claim"})
    assert synced == [path.read_bytes()]


def test_a_journal_that_cannot_be_begun_leaves_no_run_and_says_so(path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        with pytest.raises(JournalFailed) as failure:
            Journal.create(path, HEADER)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(failure.value) == f"{path} cannot be written: No space left on device"
    assert failure.value.hint == (
        f"nothing was changed, there is no run: free space (df -h {path.parent.parent}), start it again"
    )
    assert list(path.parent.iterdir()) == []


def test_a_line_of_which_the_disk_takes_a_part_is_not_written(path: Path, journal: Journal) -> None:
    """A limit on a file's size, as a full disk does it: the first part is written without an error."""
    before, (soft, hard) = path.stat().st_size, resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (before + 10, hard))
    try:
        with pytest.raises(JournalFailed, match="No space left on device"):
            journal.append(Kind.BEGIN, {"step": "claim"})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.stat().st_size == before + 10
    assert [record.kind for record in read(path)] == [Kind.RUN]


# ---- the fold --------------------------------------------------------------------------------------------


def begin(step: str) -> tuple[Kind, dict[str, Any]]:
    return Kind.BEGIN, {"step": step}


def done(step: str) -> tuple[Kind, dict[str, Any]]:
    return Kind.DONE, {"step": step}


def learnt(step: str, value: object) -> tuple[Kind, dict[str, Any]]:
    group, data = group_to_json(value)
    return Kind.LEARNT, {"step": step, "group": group, "value": data}


BACK = (Kind.DIRECTION, {"to": "back", "scope": "all", "reason": "asked", "steps": list(NAMES)})
FORWARD = (Kind.DIRECTION, {"to": "forward", "reason": "changed my mind"})
UNDO = (Kind.UNDO, {"step": "claim"})
UNDONE = (Kind.UNDONE, {"step": "claim"})
UNDO_FAILED = (Kind.FAILED, {"step": "claim", "error": "no luck", "hint": "", "undoing": True})


def state_after(path: Path, *records: tuple[Kind, dict[str, Any]]) -> RunState:
    journal = Journal.create(path, HEADER)
    for kind, data in records:
        journal.append(kind, data)
    assert fold(read(path)) == journal.state()
    return journal.state()


def test_run(path: Path) -> None:
    state = state_after(path)
    assert (state.run_id, state.version, state.plan_sha256) == ("r1", "0.1.0", "ab" * 32)
    assert list(state.steps.items()) == [(name, Status.PENDING) for name in NAMES]
    assert list(state.phases.values()) == ["prepare", "prepare", "prepare", "switch", "close"]
    assert (state.back, state.paused, state.ended, state.finished) == (None, None, None, False)
    assert (state.itinerary, state.ever_learnt) == ("small", frozenset())


def test_begin(path: Path) -> None:
    assert state_after(path, begin("claim")).steps["claim"] is Status.BEGUN


def test_learnt(path: Path) -> None:
    state = state_after(path, begin("deploy"), learnt("deploy", VM))
    assert state.facts.of(NewVm) == VM
    assert state.learnt_by == {"deploy": ("NewVm",)}
    assert state.ever_learnt == {"NewVm"}


def test_done(path: Path) -> None:
    assert state_after(path, begin("claim"), done("claim")).steps["claim"] is Status.DONE


def test_failed(path: Path) -> None:
    failed = (Kind.FAILED, {"step": "claim", "error": "no luck", "hint": "", "undoing": False})
    state = state_after(path, begin("claim"), failed)
    assert (state.steps["claim"], state.error, dict(state.troubles)) == (Status.FAILED, "no luck", {})


def test_failed_while_undoing(path: Path) -> None:
    state = state_after(path, begin("claim"), done("claim"), BACK, UNDO, UNDO_FAILED)
    assert (state.steps["claim"], state.error, dict(state.troubles)) == (Status.UNDOING, None, {"claim": "no luck"})


def test_direction_back(path: Path) -> None:
    state = state_after(path, begin("claim"), BACK)
    assert state.back == Back("all", "asked", NAMES)


def test_direction_forward(path: Path) -> None:
    state = state_after(path, begin("claim"), done("claim"), BACK, UNDO, UNDO_FAILED, FORWARD)
    assert (state.back, dict(state.troubles), state.steps["claim"]) == (None, {}, Status.UNDOING)


def test_undo(path: Path) -> None:
    state = state_after(path, begin("claim"), learnt("claim", Claim("", autostart=False)), BACK, UNDO)
    assert state.steps["claim"] is Status.UNDOING
    assert state.facts.find(Claim) is not None


def test_undone(path: Path) -> None:
    claim = learnt("claim", Claim("", autostart=False))
    state = state_after(path, begin("claim"), claim, BACK, UNDO, UNDO_FAILED, UNDO, UNDONE)
    assert (state.steps["claim"], state.facts.find(Claim), dict(state.troubles)) == (Status.PENDING, None, {})


def test_paused_until_something_happens(path: Path, tmp_path: Path) -> None:
    paused = (Kind.PAUSED, {"reason": "interrupted"})
    assert state_after(path, begin("claim"), paused).paused == "interrupted"
    assert state_after(tmp_path / "other", begin("claim"), paused, begin("claim")).paused is None


def test_end_until_something_happens(path: Path, tmp_path: Path) -> None:
    end = (Kind.END, {"outcome": "migrated"})
    assert state_after(path, begin("claim"), end).ended == "migrated"
    assert state_after(tmp_path / "other", begin("claim"), end, BACK).ended is None


def test_finished(path: Path) -> None:
    assert state_after(path, begin("claim"), (Kind.FINISHED, {})).finished is True


def test_remarks_and_warnings_are_kept_in_order(path: Path) -> None:
    remark, warning = (Kind.REMARK, {"step": "claim", "text": "a"}), (Kind.WARNING, {"step": "", "text": "b"})
    state = state_after(path, begin("claim"), remark, warning)
    assert state.notes == (Note(Kind.REMARK, "claim", "a"), Note(Kind.WARNING, "", "b"))
    assert state.steps["claim"] is Status.BEGUN


def test_titles_are_those_that_were_recorded(path: Path) -> None:
    assert state_after(path).titles == {step.name: step.title for step in STEPS}


def test_a_second_run_record_is_refused(path: Path) -> None:
    with pytest.raises(JournalDamaged, match="record 1 begins a second run"):
        state_after(path, (Kind.RUN, {"schema": 1, **HEADER}))


def test_a_journal_that_does_not_begin_with_a_run_is_refused(path: Path) -> None:
    path.touch()
    with pytest.raises(JournalDamaged, match="the first record is not a run record"):
        fold([Journal(path, []).append(*begin("claim"))])


def test_an_unknown_step_is_refused(path: Path) -> None:
    with pytest.raises(JournalDamaged, match="record 1 names an unknown step 'dance'"):
        state_after(path, begin("dance"))


DIRECTION = {"to": "back", "scope": "all", "reason": "asked"}


@pytest.mark.parametrize(
    ("kind", "data", "words"),
    [
        (Kind.BEGIN, {}, "record 1 (begin) lacks 'step'"),
        (Kind.BEGIN, {"step": ["claim"]}, "record 1 (begin) cannot be read: unhashable"),
        (Kind.LEARNT, {"step": "claim", "group": "Claim"}, "record 1 (learnt) lacks 'value'"),
        (Kind.LEARNT, {"step": "claim", "group": 5, "value": {}}, "record 1 (learnt) cannot be read: 'group' is not"),
        (Kind.LEARNT, {"step": "dance", "group": "Claim", "value": {}}, "record 1 names an unknown step 'dance'"),
        (Kind.REMARK, {"step": "claim"}, "record 1 (remark) lacks 'text'"),
        (Kind.WARNING, {"step": "claim", "text": 5}, "record 1 (warning) cannot be read: 'text' is not text"),
        (Kind.DIRECTION, {**DIRECTION, "steps": ["dance"]}, "record 1 names an unknown step 'dance'"),
        (Kind.DIRECTION, {**DIRECTION, "steps": 5}, "record 1 (direction) cannot be read: 'int' object is not"),
        (Kind.FAILED, {"step": "claim"}, "record 1 (failed) lacks 'error'"),
        (Kind.FAILED, {"step": "claim", "error": "x", "undoing": True}, "record 1 (failed) lacks 'hint'"),
        (Kind.END, {"outcome": []}, "record 1 (end) cannot be read: 'outcome' is not text"),
        (Kind.PAUSED, {}, "record 1 (paused) lacks 'reason'"),
    ],
)
def test_a_record_that_cannot_be_read_is_damage_with_its_number(
    path: Path, kind: Kind, data: dict[str, Any], words: str
) -> None:
    with pytest.raises(JournalDamaged) as damage:
        state_after(path, (kind, data))
    assert str(damage.value).startswith(words)
    assert damage.value.hint == "this file was edited: check both virtual machines, and restore it from a copy"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"steps": None}, "record 0 (run) cannot be read"),
        ({"plan": ["{}"]}, "record 0 (run) cannot be read: 'plan' is not text"),
        ({"settings": "{}"}, "record 0 (run) cannot be read"),
        ({"settings": [["limits", 5]]}, "record 0 (run) cannot be read"),
        ({"steps": [{"name": "claim"}]}, "record 0 (run) lacks 'phase'"),
        ({"steps": [{"name": "claim", "phase": "prepare", "title": 5}]}, "record 0 (run) cannot be read: 'title'"),
        ({"run_id": 5}, "record 0 (run) cannot be read: 'run_id'"),
    ],
)
def test_a_first_record_that_cannot_be_read_is_damage(path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(JournalDamaged) as damage:
        Journal.create(path, {**HEADER, **changes}).state()
    assert str(damage.value).startswith(words)


def test_a_first_record_without_steps_is_damage(path: Path) -> None:
    with pytest.raises(JournalDamaged, match=r"record 0 \(run\) lacks 'steps'"):
        Journal.create(path, {name: value for name, value in HEADER.items() if name != "steps"}).state()
