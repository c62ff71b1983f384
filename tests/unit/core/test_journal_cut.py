"""A torn last line is cut off for good: a second power failure must not find the file as it was before."""

import os
from pathlib import Path

import pytest

from vmmigrate.run.journal import Journal
from vmmigrate.run.record import Kind


def test_what_was_cut_off_is_on_the_disk_before_anything_is_appended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.jsonl"
    made = Journal.create(path, {})
    made.append(Kind.BEGIN, {"step": "claim"})
    made.close()
    whole = path.stat().st_size
    path.write_bytes(path.read_bytes() + b'{"seq":2,"torn')
    synced: list[tuple[int, int]] = []
    fsync = os.fsync

    def counted(fd: int) -> None:
        seen = os.fstat(fd)
        synced.append((seen.st_ino, seen.st_size))
        fsync(fd)

    monkeypatch.setattr(os, "fsync", counted)
    Journal.resume(path).close()
    assert synced == [(path.stat().st_ino, whole)]
