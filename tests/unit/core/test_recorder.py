"""What is shown once is recorded for a later report, and never where an earlier version could not read it."""

import json
from pathlib import Path
from typing import Any, cast

import pytest
from small_steps import HEADER

from hypervisors import Secret
from vmmigrate.errors import JournalFailed
from vmmigrate.events import Event, StepBegan, StepEnded, StepProgress, StepRemark, Warned
from vmmigrate.run.journal import Journal
from vmmigrate.run.record import Kind
from vmmigrate.run.recorder import Recorder
from vmmigrate.run.stage import Run


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal.create(tmp_path / "journal.jsonl", HEADER)


def notes(journal: Journal) -> list[tuple[Kind, str, str]]:
    return [(record.kind, record.data["step"], record.data["text"]) for record in journal.records[1:]]


def test_remarks_and_warnings_are_recorded_and_all_is_heard(journal: Journal) -> None:
    heard: list[Event] = []
    recorder = Recorder(heard.append)
    events = StepBegan("a", "Act", 1, 1), StepProgress("a", 1, 2), StepRemark("a", "so"), Warned("take care")
    with recorder.into(journal):
        for event in events:
            recorder(event)
    assert heard == list(events)
    assert notes(journal) == [(Kind.REMARK, "a", "so"), (Kind.WARNING, "a", "take care")]


def test_what_is_heard_names_its_run_and_its_virtual_machines(journal: Journal) -> None:
    heard: list[Event] = []
    recorder = Recorder(heard.append)
    recorder(Warned("from planning"))
    with recorder.into(journal, lambda state: {"old": f"of {state.run_id}"}):
        recorder(StepBegan("a", "Act", 1, 1))
    assert [(event.run_id, event.vms) for event in heard] == [("", {}), ("r1", {"old": "of r1"})]


def test_a_warning_between_two_steps_belongs_to_none(journal: Journal) -> None:
    recorder = Recorder(lambda event: None)
    with recorder.into(journal):
        for event in (StepBegan("a", "Act", 1, 1), StepEnded("a", "Act", 1.0), Warned("take care")):
            recorder(event)
    assert notes(journal) == [(Kind.WARNING, "", "take care")]


def test_what_came_before_the_journal_is_recorded_once_there_is_one(journal: Journal) -> None:
    recorder = Recorder(lambda event: None)
    recorder(Warned("no manifest"))
    with recorder.into(journal):
        assert notes(journal) == [(Kind.WARNING, "", "no manifest")]
    recorder(Warned("too late"))
    assert len(journal.records) == 2


def test_no_secret_is_recorded(journal: Journal) -> None:
    Secret("hunter2-of-this-process")
    recorder = Recorder(lambda event: None)
    with recorder.into(journal):
        recorder(StepRemark("a", "the server said hunter2-of-this-process"))
        recorder(Warned("\x1b[2Jhunter2-of-this-process"))
    assert [text for _, _, text in notes(journal)] == ["the server said …", " [2J…"]
    assert b"hunter2" not in journal.path.read_bytes()


def test_a_journal_of_an_earlier_schema_gets_no_record_that_it_does_not_have(tmp_path: Path) -> None:
    earlier = Journal.create(tmp_path / "earlier", HEADER)
    earlier.records[0] = type(earlier.records[0])(**{**vars(earlier.records[0]), "data": {**HEADER, "schema": 1}})
    recorder = Recorder(lambda event: None)
    with recorder.into(earlier):
        recorder(StepRemark("a", "so"))
    assert [json.loads(line)["kind"] for line in earlier.path.read_text().splitlines()] == ["run"]


def test_a_remark_in_another_machines_words_is_harmless_where_it_is_shown_too() -> None:
    heard: list[Event] = []
    nothing = cast(Any, None)
    run = Run("r1", nothing, nothing, nothing, nothing, nothing, heard.append, nothing, step="a")
    run.remark(f"\x1b[2J{Secret('hunter2-of-this-process').reveal()} refused")
    assert heard == [StepRemark("a", " [2J… refused")]


def test_a_note_that_cannot_be_written_fails_nothing_and_the_next_record_says_so(journal: Journal) -> None:
    recorder = Recorder(lambda event: None)
    journal.close()
    with Path("/dev/full").open("ab", buffering=0) as journal._file, recorder.into(journal):
        recorder(StepRemark("a", "so"))
        with pytest.raises(JournalFailed, match="No space left on device"):
            journal.append(Kind.BEGIN, {"step": "claim"})
    assert len(journal.records) == 1


def test_a_listener_with_a_bug_stops_nothing_and_is_known_at_the_end(journal: Journal) -> None:
    heard: list[Event] = []

    def listen(event: Event) -> None:
        heard.append(event)
        if isinstance(event, StepBegan):
            raise KeyError("bug")

    recorder, act = Recorder(listen), StepBegan("a", "Act", 1, 1)
    with pytest.raises(KeyError, match="bug"):
        recorder(act)  # before there is a run

    def run() -> None:
        with recorder.into(journal):
            recorder(act)
            recorder(StepRemark("a", "so"))

    with pytest.raises(KeyError, match="bug"):
        run()
    assert heard[1:] == [act, StepRemark("a", "so")]
    assert notes(journal) == [(Kind.REMARK, "a", "so")]
