"""A transfer that would fill the disk is stopped before it does."""

from collections import namedtuple
from pathlib import Path

import pytest

from hypervisors import Progress
from vmmigrate import disk
from vmmigrate.errors import NoBackup

_Usage = namedtuple("_Usage", "total used free")
_MIB = 1 << 20


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Bytes that the disk has free, which a test changes."""
    here = [100 << 30]
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda folder: _Usage(0, 0, here[0]))
    return here


def test_one_that_never_ends_is_stopped_with_room_left(tmp_path: Path, free: list[int]) -> None:
    moved = disk.leaving_room(tmp_path, lambda progress: None)

    def fill() -> None:
        for done in range(0, 200 << 30, 16 * _MIB):
            free[0] = (100 << 30) - done
            moved(Progress(done, 0))

    with pytest.raises(NoBackup, match="does not end") as stopped:
        fill()
    assert (1 << 30) - 64 * _MIB < free[0] < 1 << 30
    assert "1024 MiB stay free" in stopped.value.hint


def test_one_that_says_it_is_too_large_is_refused_at_once(tmp_path: Path, free: list[int]) -> None:
    with pytest.raises(NoBackup, match="has 102400 MiB, and"):
        disk.leaving_room(tmp_path, lambda progress: None)(Progress(1, 100 << 30))


def test_on_a_small_disk_half_of_what_is_free_may_be_used(tmp_path: Path, free: list[int]) -> None:
    free[0] = 40 * _MIB
    heard: list[Progress] = []
    moved = disk.leaving_room(tmp_path, heard.append)
    moved(Progress(18 * _MIB, 19 * _MIB))
    assert heard == [Progress(18 * _MIB, 19 * _MIB)]
    with pytest.raises(NoBackup):
        moved(Progress(1, 21 * _MIB))
