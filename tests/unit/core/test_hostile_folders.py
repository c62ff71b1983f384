"""What lies in the folder of the runs is read only where nobody else can have put it there, and never waited for."""

import os
from pathlib import Path

import pytest
from recorded_runs import TinyHypervisor, parts
from test_stored_runs import STORED, laid

from vmmigrate import known_runs, operations
from vmmigrate.errors import JournalDamaged, UsageProblem
from vmmigrate.parts import Parts
from vmmigrate.run.rundir import RunDir


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    made = laid(next(each for each in STORED if each.name == "migrated"), tmp_path)
    made.path.chmod(0o700)
    return made


@pytest.fixture
def here(tmp_path: Path) -> Parts:
    return parts(tmp_path, TinyHypervisor())


def test_one_of_ours_is_read(run: RunDir, here: Parts) -> None:
    run.path.chmod(0o755)
    assert known_runs.status(run.run_id, here).run_id == run.run_id


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o707])
def test_one_that_others_may_write_to_is_not_read(run: RunDir, here: Parts, mode: int) -> None:
    """Its settings name programs that give passwords, and hosts that get them."""
    run.path.chmod(mode)
    for act in (known_runs.status, operations.resume, operations.rollback):
        with pytest.raises(UsageProblem, match=r"is not read, because .* can be written by everybody") as refused:
            act(run.run_id, here)
        assert f"chown -R {os.geteuid()} {run.path}" in refused.value.hint


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_one_of_another_user_is_not_read(run: RunDir, here: Parts) -> None:
    os.chown(run.path, 65534, 65534)
    with pytest.raises(UsageProblem, match="belongs to nobody"):
        operations.resume(run.run_id, here)


def test_a_pipe_in_place_of_a_journal_is_not_waited_for(run: RunDir, here: Parts) -> None:
    run.journal.unlink()
    os.mkfifo(run.journal)
    with pytest.raises(JournalDamaged, match="it is no file"):
        list(known_runs.statuses(here))


def test_a_pipe_in_place_of_a_lock_is_not_waited_for(run: RunDir, here: Parts) -> None:
    os.mkfifo(run.path / "lock")
    assert known_runs.status(run.run_id, here).run_id == run.run_id


@pytest.mark.parametrize("name", ["x\nMAIL: flowing through mailgw", "\x1b[2J", "\u202e20261122"])
def test_a_folder_whose_name_is_not_one_of_ours_is_no_run(run: RunDir, here: Parts, name: str) -> None:
    (run.path.parent / name).mkdir()
    (run.path.parent / name / "journal.jsonl").touch()
    assert known_runs.ids(here) == (run.run_id,)
