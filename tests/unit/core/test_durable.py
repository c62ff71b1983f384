"""Files appear whole or not at all, for their owner alone, and are on the disk before they have their name."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from vmmigrate.durable import new_file, part_of, replacing, write_durably
from vmmigrate.errors import UsageProblem


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "it"


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what was fsynced, in order; a power cut itself cannot be provoked here."""
    names: list[str] = []
    fsync = os.fsync

    def note(fd: int) -> None:
        names.append(Path(f"/proc/self/fd/{fd}").readlink().name)
        fsync(fd)

    monkeypatch.setattr(os, "fsync", note)
    return names


@pytest.fixture(params=[0o000, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def fail_after(written: int) -> None:
    raise ZeroDivisionError(written)


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@pytest.mark.usefixtures("umask")
def test_a_file_is_private(target: Path) -> None:
    write_durably(target, b"secret")
    assert (target.read_bytes(), target.stat().st_mode & 0o777) == (b"secret", 0o600)
    assert names(target.parent) == ["it"]


def test_its_bytes_are_on_the_disk_before_its_name_and_then_the_folder(target: Path, synced: list[str]) -> None:
    write_durably(target, b"data")
    assert synced == ["it.part", target.parent.name]


def test_a_file_the_user_names_is_on_the_disk_before_its_name_too(target: Path, synced: list[str]) -> None:
    with new_file(target, force=False) as (sink, part):
        sink.write(b"data")
    assert synced == [part.name, target.parent.name]


def test_a_failure_leaves_what_was_there(target: Path) -> None:
    target.write_bytes(b"before")
    with pytest.raises(ZeroDivisionError), replacing(target) as file:
        fail_after(file.write(b"half"))
    assert (target.read_bytes(), names(target.parent)) == (b"before", ["it"])


def test_what_a_crash_left_is_replaced_and_not_continued(target: Path) -> None:
    part_of(target).write_bytes(b"a longer part that a crash left, readable for all")
    write_durably(target, b"new")
    assert (target.read_bytes(), names(target.parent)) == (b"new", ["it"])
    assert target.stat().st_mode & 0o777 == 0o600


def test_a_failure_leaves_nothing_where_the_user_named_a_file(target: Path) -> None:
    with pytest.raises(ZeroDivisionError), new_file(target, force=False) as (sink, _):
        fail_after(sink.write(b"half"))
    assert names(target.parent) == []


def test_a_file_that_came_to_be_in_the_meantime_is_not_overwritten(target: Path) -> None:
    with pytest.raises(UsageProblem, match="exists"), new_file(target, force=False):
        target.write_bytes(b"theirs")
    assert (target.read_bytes(), names(target.parent)) == (b"theirs", ["it"])


def test_a_dangling_link_is_a_file_that_exists(target: Path) -> None:
    target.symlink_to("nowhere")
    with pytest.raises(UsageProblem, match="exists"), new_file(target, force=False):
        raise AssertionError
    assert names(target.parent) == ["it"]


def test_force_replaces(target: Path) -> None:
    target.write_bytes(b"before")
    with new_file(target, force=True) as (sink, _):
        sink.write(b"after")
    assert (target.read_bytes(), names(target.parent)) == (b"after", ["it"])


def test_two_processes_may_write_one_target(target: Path) -> None:
    with new_file(target, force=True) as (one, _), new_file(target, force=True) as (other, _):
        one.write(b"one")
        other.write(b"other")
    assert (target.read_bytes(), names(target.parent)) == (b"one", ["it"])


def test_a_folder_that_is_not_there_is_reported_with_the_targets_name(tmp_path: Path) -> None:
    target = tmp_path / "missing" / "it"
    with pytest.raises(UsageProblem, match=f"{target} cannot be written: No such file"), new_file(target, force=False):
        raise AssertionError
