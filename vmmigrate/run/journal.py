"""The journal of a run, open for appending: each record is on the disk before the program goes on."""

import errno
import hashlib
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import IO, Any

from vmmigrate.durable import aside
from vmmigrate.errors import JournalFailed, RunFolderFailed
from vmmigrate.interrupts import INTERRUPTS
from vmmigrate.run.clocks import THIS_MACHINE, Clocks
from vmmigrate.run.fold import RunState, fold
from vmmigrate.run.record import CHANGED, SCHEMA, START, UP_SINCE, Kind, Record, parse
from vmmigrate.run.room import FULL, Room
from vmmigrate.run.rundir import to_write_there


class Journal:
    """One run's file, open for appending. A failed write or fsync raises JournalFailed, which stops the run.

    `room`: what may be held on its disk for a way back.
    """

    def __init__(self, path: Path, records: list[Record], *, clocks: Clocks = THIS_MACHINE) -> None:
        self.path = path
        self.records = records
        self._clocks = clocks
        self._boot = clocks.boot()
        self._file: IO[bytes] = path.open("ab", buffering=0)
        self._failure: JournalFailed | None = None
        self._state: RunState | None = None
        self._added = 0  # how many records are in `_state`
        self.room = Room(path.with_name("journal.room"))
        self._changes: list[dict[str, str]] = []  # what was changed since the last record, for the next one
        self._one_at_a_time = Lock()  # a warning may come from a thread that transfers

    @classmethod
    def create(cls, path: Path, header: Mapping[str, Any], *, clocks: Clocks = THIS_MACHINE) -> "Journal":
        """A new file whose first record is `header`: complete, or not there at all. Raises JournalFailed."""
        if path.exists():
            raise FileExistsError(path)
        try:
            with aside(path) as part:
                journal = cls(part, [], clocks=clocks)
                journal.append(Kind.RUN, {"schema": SCHEMA, **header})
        except (OSError, JournalFailed) as error:
            cause = error.__cause__ if isinstance(error, JournalFailed) else error
            raise JournalFailed(
                f"{path} cannot be written: {cause.strerror if isinstance(cause, OSError) else cause}",
                hint=f"nothing was changed, there is no run: free space (df -h {path.parent.parent}), start it again",
            ) from error
        journal.path = path
        return journal

    @classmethod
    def resume(cls, path: Path, *, clocks: Clocks = THIS_MACHINE) -> "Journal":
        """The existing file; a torn last line is dropped from it. Raises JournalDamaged, RunFolderFailed."""
        records, good = parse(path)
        try:
            if good < path.stat().st_size:
                _cut(path, good)
            return cls(path, records, clocks=clocks)
        except OSError as error:
            raise RunFolderFailed(
                f"{path} cannot be written: {error.strerror}",
                hint=f"nothing was changed: {to_write_there(path.parent, error)}",
            ) from error

    @property
    def schema(self) -> int:
        return int(self.records[0].data["schema"])

    def append(self, kind: Kind, data: Mapping[str, Any] | None = None) -> Record:
        """Write one record and wait until it is on the disk. After a failure nothing more is written."""
        with INTERRUPTS.whole(), self._one_at_a_time:
            return self._append(kind, data or {})

    def changed(self, **change: str) -> None:
        """What was changed in a virtual machine just now: it is in the next record, whatever that is about.

        Not in one of its own, each of which costs an fsync: a process that is killed before it leaves the step begun,
        and what it did is done again or undone.
        """
        self._changes.append({"at": self._now(), **change})

    def keep_changes(self) -> None:
        """Have them on the disk now, where no other record is due. Raises JournalFailed."""
        if self._changes and self.schema >= Kind.LOOKED.since:
            self.append(Kind.LOOKED, {"step": "", "checks": []})

    def rest(self, kind: Kind, **data: Any) -> None:
        """Record where the run came to rest; the room for a way back is given up."""
        self.append(kind, data)
        self.room.drop()

    def _append(self, kind: Kind, data: Mapping[str, Any]) -> Record:
        if self._failure:
            raise self._failure
        prev = self.records[-1].hash if self.records else START
        seq = len(self.records)
        changes, self._changes = self._changes, []
        data = {**data, CHANGED: changes} if changes else data
        up = self._up(data)
        body = {"seq": seq, "at": (at := self._now()), **up, "kind": kind.value, **data, "prev": prev}
        line = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
        try:
            self._write_with_room(line + b"\n")
        except OSError as error:
            self._failure = JournalFailed(
                f"{self.path} cannot be written: {error.strerror}",
                hint="everything that was done is recorded: free some space, then resume or roll back",
            )
            raise self._failure from error
        record = Record(seq, at, kind, dict(data), hashlib.sha256(line).hexdigest(), **up)
        self.records.append(record)
        return record

    def _now(self) -> str:
        return datetime.fromtimestamp(self._clocks.wall(), UTC).isoformat(timespec="milliseconds")

    def _up(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Of this machine's boot; a journal that an earlier version began gets none."""
        schema = self.schema if self.records else data.get("schema", SCHEMA)
        return {"up": round(self._clocks.up(), 3), "boot": self._boot} if schema >= UP_SINCE else {}

    def _write_with_room(self, line: bytes) -> None:
        """On a full disk, what was held for this is given up, the torn line is cut off, and the line written again."""
        good = os.fstat(self._file.fileno()).st_size
        while True:
            try:
                self._write(line)
            except OSError as error:
                if error.errno not in FULL or not self.room.give():
                    raise
                os.truncate(self.path, good)
            else:
                return

    def _write(self, line: bytes) -> None:
        if self._file.write(line) != len(line):  # a full disk takes the first part of a line without an error
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(self._file.fileno())

    def state(self) -> RunState:
        """Each record is added once: a run asks hundreds of times, mostly without a record since the last time."""
        if self._state and self._added == len(self.records):
            return self._state
        with INTERRUPTS.whole(), self._one_at_a_time:
            if self._added < len(self.records):
                self._state = fold(self.records[self._added :], self._state)
                self._added = len(self.records)
            assert self._state is not None
            return self._state

    def close(self) -> None:
        self._file.close()


def _cut(path: Path, size: int) -> None:
    """On the disk when this returns: what follows is appended to it."""
    with path.open("r+b", buffering=0) as file:
        file.truncate(size)
        os.fsync(file.fileno())
