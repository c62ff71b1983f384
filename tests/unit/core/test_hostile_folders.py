"""What lies in the folder of the runs is read only where nobody else can have put it there, and never waited for."""

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from recorded_runs import TinyHypervisor, parts
from test_stored_runs import STORED, laid

from hypervisors import Problem
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
        assert f"chown -hR {os.geteuid()} {run.path}" in refused.value.hint


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_one_of_another_user_is_not_read(run: RunDir, here: Parts) -> None:
    os.chown(run.path, 65534, 65534)
    with pytest.raises(UsageProblem, match="belongs to nobody"):
        operations.resume(run.run_id, here)


FILES = ("journal.jsonl", "plan.json", "settings.json", "given.json", "lock", "log.txt", "archive.age", "digests.json")


def link(path: Path) -> None:
    path.symlink_to("/etc/hostname")


def loose(path: Path) -> None:
    path.touch()
    path.chmod(0o666)


@pytest.mark.parametrize(("odd", "why"), [(os.mkfifo, "is a pipe"), (link, "is a link"), (loose, "by everybody")])
@pytest.mark.parametrize("name", FILES)
def test_one_look_at_each_file_before_any_is_read(
    run: RunDir, here: Parts, name: str, odd: Callable[[Path], None], why: str
) -> None:
    (run.path / name).unlink(missing_ok=True)
    odd(run.path / name)
    for act in (known_runs.status, operations.resume, operations.rollback, operations.finish):
        with pytest.raises(UsageProblem, match=f"{name} .*{why}"):
            act(run.run_id, here)
    with pytest.raises(JournalDamaged, match=why):
        list(known_runs.statuses(here))


@pytest.mark.parametrize("name", FILES)
def test_a_folder_in_place_of_a_file_is_an_error_in_words(run: RunDir, here: Parts, name: str) -> None:
    (run.path / name).unlink(missing_ok=True)
    (run.path / name).mkdir()
    for act in (known_runs.status, operations.resume):
        with suppress(Problem):
            act(run.run_id, here)


def test_the_key_and_its_folder_are_looked_at_too(run: RunDir, here: Parts) -> None:
    run.key_path.parent.mkdir(mode=0o700, exist_ok=True)
    run.key_path.unlink(missing_ok=True)
    os.mkfifo(run.key_path)
    with pytest.raises(UsageProblem, match="is a pipe"):
        known_runs.status(run.run_id, here)
    run.key_path.unlink()
    run.key_path.parent.chmod(0o777)
    with pytest.raises(UsageProblem, match="can be written by everybody"):
        known_runs.status(run.run_id, here)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_file_of_another_user_and_a_device_are_not_read(run: RunDir, here: Parts) -> None:
    os.chown(run.settings, 65534, 65534)
    with pytest.raises(UsageProblem, match=r"settings.json belongs to nobody"):
        operations.resume(run.run_id, here)
    run.settings.unlink()
    os.mknod(run.settings, 0o600 | stat.S_IFCHR, os.makedev(1, 5))
    with pytest.raises(UsageProblem, match=r"settings.json is a device"):
        operations.resume(run.run_id, here)


@pytest.mark.parametrize("name", ["x\nMAIL: flowing through mailgw", "\x1b[2J", "\u202e20261122"])
def test_a_folder_whose_name_is_not_one_of_ours_is_no_run(run: RunDir, here: Parts, name: str) -> None:
    (run.path.parent / name).mkdir()
    (run.path.parent / name / "journal.jsonl").touch()
    assert known_runs.ids(here) == (run.run_id,)
