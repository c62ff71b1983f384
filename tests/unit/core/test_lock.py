"""Who works on a run: one process, which others can name; what is left of one that is gone, and of one elsewhere."""

import json
import multiprocessing
import os
from contextlib import ExitStack
from pathlib import Path

import pytest
from recorded_runs import END, PREPARED, SWITCHED, TinyHypervisor, done, parts, record
from small_plan import PLAN

from vmmigrate import known_runs, operations
from vmmigrate.errors import RunFolderFailed, UsageProblem
from vmmigrate.events import Event, Warned
from vmmigrate.run.lock import Holder, holder_of, locked
from vmmigrate.run.rundir import RunDir
from vmmigrate.show.status import status_json, status_lines

SINCE = 1767323045.0
ELSEWHERE = {"host": "another", "pid": 7, "verb": "migrate", "since": "2026-01-02T03:04:05.000+00:00"}


@pytest.fixture
def rundir(tmp_path: Path) -> RunDir:
    return record(tmp_path, "r1", [*done(SWITCHED), END])


def lock_here(rundir: RunDir, verb: str = "migrate") -> ExitStack:
    stack = ExitStack()
    stack.enter_context(locked(rundir, verb, host=lambda: "here", wall=lambda: SINCE))
    return stack


def test_a_run_in_progress_names_its_host_and_its_process(rundir: RunDir, tmp_path: Path) -> None:
    given = parts(tmp_path, TinyHypervisor())
    with lock_here(rundir):
        seen = known_runs.status("r1", given)
        lines = status_lines(seen)
        assert lines[0].startswith(
            f"run r1: in progress: migrate on here (process {os.getpid()}) since 2026-01-02 03:04:05 UTC, mailgw → "
        )
        assert not [line for line in lines if line.startswith("next: ")]
        assert status_json(seen)["status"] == "in progress"
        assert status_json(seen)["in_progress"] == {
            "host": "here",
            "pid": os.getpid(),
            "verb": "migrate",
            "since": "2026-01-02T03:04:05.000+00:00",
            "certain": True,
        }
    assert known_runs.status("r1", given).word == "migrated"
    assert (rundir.path / "lock").read_bytes() == b""


def test_a_second_process_is_refused_and_hears_who_works_on_it(rundir: RunDir) -> None:
    with lock_here(rundir), pytest.raises(UsageProblem) as refused, locked(rundir):
        pass
    assert str(refused.value) == (
        f"another process is working on run r1: migrate on here (process {os.getpid()}) since 2026-01-02 03:04:05 UTC"
    )
    with lock_here(rundir):  # the lock is let go, and had again
        pass


def test_a_process_that_was_killed_works_on_nothing(rundir: RunDir) -> None:
    def die() -> None:
        taken = locked(rundir, "migrate")
        taken.__enter__()
        os._exit(9)

    child = multiprocessing.get_context("fork").Process(target=die)
    child.start()
    child.join()
    assert json.loads((rundir.path / "lock").read_text())["pid"] == child.pid
    assert holder_of(rundir) is None
    with locked(rundir) as left:
        assert left is None


def test_on_a_shared_folder_another_workstation_may_work_on_it(rundir: RunDir, tmp_path: Path) -> None:
    """Its lock may not be seen from here: what it wrote is shown, and is no refusal, for it may be gone."""
    (rundir.path / "lock").write_text(json.dumps(ELSEWHERE))
    found = holder_of(rundir)
    assert found == Holder(**ELSEWHERE, certain=False)  # type: ignore[arg-type]
    seen = known_runs.status("r1", parts(tmp_path, TinyHypervisor()))
    assert seen.words == "migrated (or migrate on another (process 7) since 2026-01-02 03:04:05 UTC)"
    assert (seen.word, bool(seen.verbs)) == ("migrated", True)


def test_who_takes_it_up_after_another_workstation_is_warned(tmp_path: Path) -> None:
    rundir, told = record(tmp_path, "r1", done(PREPARED)), list[Event]()
    (rundir.path / "lock").write_text(json.dumps(ELSEWHERE))
    operations.rollback("r1", parts(tmp_path, TinyHypervisor(plugged_in={PLAN.old.id}), listen=told.append), yes=True)
    warned = (
        "not ended as far as this workstation can see: migrate on another (process 7) since 2026-01-02 03:04:05 UTC;"
        " make sure that it is gone"
    )
    assert Warned(warned) in told


@pytest.mark.parametrize("words", ["", "{", "[1]", '{"host": 1}', "\0\0"])
def test_a_lock_of_an_earlier_version_says_nothing_of_itself(rundir: RunDir, words: str) -> None:
    with lock_here(rundir):
        (rundir.path / "lock").write_text(words)
        found = holder_of(rundir)
        assert found is not None
        assert str(found) == "by another process"
    assert holder_of(rundir) is None


def test_a_look_at_the_lock_changes_nothing(rundir: RunDir) -> None:
    (rundir.path / "lock").unlink(missing_ok=True)
    assert holder_of(rundir) is None
    assert not (rundir.path / "lock").exists()


def test_a_folder_in_which_nothing_can_be_locked(rundir: RunDir) -> None:
    (rundir.path / "lock").unlink(missing_ok=True)
    (rundir.path / "lock").mkdir()
    with pytest.raises(RunFolderFailed, match="cannot be used"), locked(rundir):
        pass


# ---- the run that is meant -------------------------------------------------------------------------------------


def test_the_last_run_and_those_of_a_virtual_machine(tmp_path: Path) -> None:
    given = parts(tmp_path, TinyHypervisor())
    for run_id in ("20260102-1", "20260103-1"):
        record(tmp_path, run_id, [])
    ids = {word: [seen.run_id for seen in known_runs.found(word, given)] for word in ("last", "mailgw", "20260102-1")}
    assert ids == {"last": ["20260103-1"], "mailgw": ["20260103-1", "20260102-1"], "20260102-1": ["20260102-1"]}
    (tmp_path / "runs" / "20260103-1" / "journal.jsonl").write_text("damaged")
    assert [seen.run_id for seen in known_runs.found("mailgw", given)] == ["20260102-1"]
    with pytest.raises(UsageProblem, match="there is no run 'other'"):
        known_runs.found("other", given)


def test_without_any_run_there_is_no_last(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match=r"there is no run 'last' in .*\(known: none\)"):
        known_runs.found("last", parts(tmp_path, TinyHypervisor()))
