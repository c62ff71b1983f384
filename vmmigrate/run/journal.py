"""The append-only, fsynced, hash-chained record of a run, and the fold that turns it into state."""

import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

from vmmigrate.errors import JournalDamaged, JournalFailed
from vmmigrate.model import Facts, group_from_json

SCHEMA = 1
START = "0" * 64  # `prev` of the first record


class Kind(StrEnum):
    RUN = "run"
    BEGIN = "begin"
    LEARNT = "learnt"
    DONE = "done"
    FAILED = "failed"
    DIRECTION = "direction"
    UNDO = "undo"
    UNDONE = "undone"
    PAUSED = "paused"
    END = "end"
    FINISHED = "finished"


class Scope(StrEnum):
    """How far back. `REDO` undoes what cannot be continued and then goes forward again."""

    SWITCH = "switch"
    ALL = "all"
    REDO = "redo"


class Status(StrEnum):
    PENDING = "pending"
    BEGUN = "begun"
    DONE = "done"
    FAILED = "failed"
    UNDOING = "undoing"


@dataclass(frozen=True)
class Record:
    """One line. `at` is an ISO 8601 time in UTC, `hash` the SHA-256 of the line itself."""

    seq: int
    at: str
    kind: Kind
    data: Mapping[str, Any]
    hash: str

    @property
    def time(self) -> float:
        """Unix seconds."""
        return datetime.fromisoformat(self.at).timestamp()


@dataclass(frozen=True)
class Back:
    """The recorded way back: the steps it covers, in the order of the run."""

    scope: Scope
    reason: str
    steps: tuple[str, ...]
    leave_mail: bool = False  # the operator's word that mail may stay behind in the new VM


@dataclass(frozen=True)
class RunState:
    """A run as its journal tells it. The order of `steps` is the recorded one."""

    run_id: str
    version: str
    plan_sha256: str
    phases: Mapping[str, str]  # step → phase
    steps: Mapping[str, Status]
    facts: Facts = field(default_factory=Facts)
    back: Back | None = None
    paused: str | None = None
    ended: str | None = None
    finished: bool = False
    committed: bool = False  # the new VM has been open to the world at some time
    learnt_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    troubles: Mapping[str, str] = field(default_factory=dict)  # step → what its undo left to a person
    error: str | None = None


# ---- the file --------------------------------------------------------------------------------------------


def fsync_folder(folder: Path) -> None:
    """Make a creation or a rename in `folder` durable."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class Journal:
    """One run's file, open for appending. A failed write or fsync raises JournalFailed, which ends the run."""

    def __init__(self, path: Path, records: list[Record], *, now: Callable[[], datetime] | None = None) -> None:
        self.path = path
        self.records = records
        self._now = now or (lambda: datetime.now(UTC))
        self._file: IO[bytes] = path.open("ab", buffering=0)
        self._failure: JournalFailed | None = None

    @classmethod
    def create(cls, path: Path, header: Mapping[str, Any]) -> "Journal":
        """A new file whose first record is `header`: it is there whole, or not at all. Raises FileExistsError."""
        part = path.with_name(path.name + ".part")
        if path.exists():
            raise FileExistsError(path)
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
        journal = cls(part, [])
        journal.append(Kind.RUN, {"schema": SCHEMA, **header})
        part.rename(path)
        fsync_folder(path.parent)
        journal.path = path
        return journal

    @classmethod
    def resume(cls, path: Path) -> "Journal":
        """The existing file; a torn last line is dropped from it. Raises JournalDamaged."""
        records, good = _parse(path)
        if good < path.stat().st_size:
            os.truncate(path, good)
        return cls(path, records)

    def append(self, kind: Kind, data: Mapping[str, Any] | None = None) -> Record:
        """Write one record and wait until it is on the disk. After a failure nothing is written ever again."""
        if self._failure:
            raise self._failure
        prev = self.records[-1].hash if self.records else START
        seq = len(self.records)
        at = self._now().isoformat(timespec="milliseconds")
        body = {"seq": seq, "at": at, "kind": kind.value, **(data or {}), "prev": prev}
        line = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
        try:
            self._write(line + b"\n")
        except OSError as error:
            self._failure = JournalFailed(
                f"{self.path} cannot be written: {error.strerror}",
                hint="nothing was done that is not recorded: make room, then resume or roll back",
            )
            raise self._failure from error
        record = Record(seq, at, kind, dict(data or {}), hashlib.sha256(line).hexdigest())
        self.records.append(record)
        return record

    def _write(self, line: bytes) -> None:
        if self._file.write(line) != len(line):  # a full disk takes the first part of a line without a word
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(self._file.fileno())

    def state(self) -> RunState:
        return fold(self.records)

    def close(self) -> None:
        self._file.close()


def read(path: Path) -> list[Record]:
    """The records of a journal, for looking at; a torn last line is passed over. Raises JournalDamaged."""
    return _parse(path)[0]


def _parse(path: Path) -> tuple[list[Record], int]:
    """The records and the length in bytes of the good part."""
    lines = path.read_bytes().split(b"\n")
    torn = lines.pop()  # b"" after a whole last line
    records: list[Record] = []
    good = 0
    for number, line in enumerate(lines, start=1):
        try:
            body = json.loads(line)
        except ValueError as error:
            if number == len(lines) and not torn:
                break  # a last line of which the disk kept the end alone
            raise _damaged(path, number, str(error)) from error
        records.append(_record(path, number, line, body, records[-1].hash if records else START))
        good += len(line) + 1
    if not records:
        raise _damaged(path, 1, "there is no complete record")
    return records, good


def _record(path: Path, number: int, line: bytes, body: Any, prev: str) -> Record:
    """One line's record. Raises JournalDamaged."""
    try:
        if number == 1:
            _refuse_newer(body)
        seq, at, kind = body.pop("seq"), body.pop("at"), Kind(body.pop("kind"))
        if seq != number - 1:
            raise _damaged(path, number, "a record is missing or out of order")
        if body.pop("prev") != prev:
            raise _damaged(path, number, "the chain of hashes is broken")
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise _damaged(path, number, str(error)) from error
    return Record(seq, at, kind, body, hashlib.sha256(line).hexdigest())


def _refuse_newer(header: Mapping[str, Any]) -> None:
    """Before anything else is looked at: a newer schema may have kinds of records that are not known here."""
    if header["schema"] > SCHEMA:
        raise JournalDamaged(
            f"the journal has schema {header['schema']}, this program knows up to {SCHEMA}",
            hint=f"use vmmigrate {header['version']} or newer for this run",
        )


def _damaged(path: Path, number: int, what: str) -> JournalDamaged:
    return JournalDamaged(
        f"{path}, line {number}: {what}",
        hint="do not edit a journal; look at both virtual machines and restore the file from a copy",
    )


# ---- the fold --------------------------------------------------------------------------------------------


def fold(records: Iterable[Record]) -> RunState:
    """The state that the records add up to. Raises JournalDamaged."""
    ordered = iter(records)
    state = _start(next(ordered))
    for record in ordered:
        state = _FOLDS[record.kind](state, record)
    return state


def _start(record: Record) -> RunState:
    data = record.data
    if record.kind is not Kind.RUN:
        raise JournalDamaged("the first record is no run record", hint="this file is no journal")
    phases = {step["name"]: step["phase"] for step in data["steps"]}
    pending = dict.fromkeys(phases, Status.PENDING)
    return RunState(data["run_id"], data["version"], data["plan_sha256"], phases, pending)


def _with_status(state: RunState, record: Record, status: Status) -> RunState:
    name = record.data["step"]
    if name not in state.steps:
        raise JournalDamaged(f"record {record.seq} names an unknown step {name!r}", hint="this file was edited")
    return replace(state, steps={**state.steps, name: status}, paused=None, ended=None)


def _begin(state: RunState, record: Record) -> RunState:
    return _with_status(state, record, Status.BEGUN)


def _learnt(state: RunState, record: Record) -> RunState:
    name, step = record.data["group"], record.data["step"]
    try:
        value = group_from_json(name, record.data["value"])
    except (KeyError, ValueError) as error:
        raise JournalDamaged(f"record {record.seq}: {name}: {error}", hint="use the version that wrote it") from error
    names = (*state.learnt_by.get(step, ()), name)
    return replace(
        state,
        facts=state.facts.with_(value),
        learnt_by={**state.learnt_by, step: names},
        committed=state.committed or name == "Opened",
    )


def _done(state: RunState, record: Record) -> RunState:
    return _with_status(state, record, Status.DONE)


def _failed(state: RunState, record: Record) -> RunState:
    name = record.data["step"]
    if record.data.get("undoing"):
        trouble = " → ".join(words for words in (record.data["error"], record.data["hint"]) if words)
        return replace(state, troubles={**state.troubles, name: trouble})
    return replace(_with_status(state, record, Status.FAILED), error=record.data["error"])


def _direction(state: RunState, record: Record) -> RunState:
    if record.data["to"] == "forward":
        return replace(state, back=None, paused=None, ended=None, troubles={})
    data = record.data
    back = Back(Scope(data["scope"]), data["reason"], tuple(data["steps"]), data.get("leave_mail", False))
    return replace(state, back=back, paused=None, ended=None, troubles={})


def _undo(state: RunState, record: Record) -> RunState:
    return _with_status(state, record, Status.UNDOING)


def _undone(state: RunState, record: Record) -> RunState:
    name = record.data["step"]
    state = _with_status(state, record, Status.PENDING)
    facts = state.facts.without(state.learnt_by.get(name, ()))
    troubles = {step: text for step, text in state.troubles.items() if step != name}
    return replace(state, facts=facts, learnt_by={**state.learnt_by, name: ()}, troubles=troubles)


def _paused(state: RunState, record: Record) -> RunState:
    return replace(state, paused=record.data["reason"])


def _end(state: RunState, record: Record) -> RunState:
    return replace(state, ended=record.data["outcome"])


def _finished(state: RunState, record: Record) -> RunState:
    return replace(state, finished=True)


def _second_run(state: RunState, record: Record) -> RunState:
    raise JournalDamaged(f"record {record.seq} begins a second run in one file", hint="this file was edited")


_FOLDS: dict[Kind, Callable[[RunState, Record], RunState]] = {
    Kind.RUN: _second_run,
    Kind.BEGIN: _begin,
    Kind.LEARNT: _learnt,
    Kind.DONE: _done,
    Kind.FAILED: _failed,
    Kind.DIRECTION: _direction,
    Kind.UNDO: _undo,
    Kind.UNDONE: _undone,
    Kind.PAUSED: _paused,
    Kind.END: _end,
    Kind.FINISHED: _finished,
}
