"""A journal's records: kinds, the chain of hashes, and what is read from the file. Damage is refused."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from vmmigrate import limits, reading
from vmmigrate.errors import JournalDamaged

SCHEMA = 3  # a journal stays in the schema that it was begun in, so that the version which began it can go on
UP_SINCE = 3  # the schema whose records have `up` and `boot`
CHANGED = "changed"  # of any record: what was changed in a virtual machine since the one before
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
    REMARK = "remark"
    WARNING = "warning"
    LOOKED = "looked"

    @property
    def since(self) -> int:
        """The schema that has it first."""
        return {Kind.REMARK: 2, Kind.WARNING: 2, Kind.LOOKED: 3}.get(self, 1)


@dataclass(frozen=True)
class Record:
    """One line. `at` is an ISO 8601 time in UTC, `hash` the SHA-256 of the line itself.

    `up`: seconds since the boot of the machine that wrote it, comparable within one `boot`; an earlier schema has none.
    """

    seq: int
    at: str
    kind: Kind
    data: Mapping[str, Any]
    hash: str
    up: float | None = None
    boot: str = ""

    @property
    def time(self) -> float:
        """Unix seconds."""
        return datetime.fromisoformat(self.at).timestamp()


def read(path: Path) -> list[Record]:
    """The records of a journal, for reading only; a torn last line is skipped. Raises JournalDamaged."""
    return parse(path)[0]


def parse(path: Path) -> tuple[list[Record], int]:
    """The records and the length in bytes of the good part."""
    lines = _bytes(path).split(b"\n")
    torn = lines.pop()  # b"" after a whole last line
    records: list[Record] = []
    good = 0
    for number, line in enumerate(lines, start=1):
        try:
            record = _record(path, number, line, records[-1].hash if records else START)
        except ValueError as error:
            if number == len(lines) and not torn:
                break  # only the end of a last line is on the disk
            raise _damaged(path, number, str(error)) from error
        records.append(record)
        good += len(line) + 1
    if not records:
        raise _damaged(path, 1, "there is no complete record")
    return records, good


def sound_part(path: Path) -> tuple[list[Record], bool]:
    """The records before the first damaged one, and whether there is none. Raises JournalDamaged if there are none."""
    try:
        return parse(path)[0], True
    except JournalDamaged:
        records: list[Record] = []
        for number, line in enumerate(_bytes(path).split(b"\n"), start=1):
            try:
                records.append(_record(path, number, line, records[-1].hash if records else START))
            except (JournalDamaged, ValueError):
                break
        if not records:
            raise
        return records, False


def _bytes(path: Path) -> bytes:
    try:
        _refuse_special(path)
        return reading.data(path, limits.JOURNAL)
    except OSError as error:
        raise JournalDamaged(
            f"{path} cannot be read: {error.strerror}", hint="is it a file, and may this user read it?"
        ) from error
    except ValueError as error:
        raise JournalDamaged(f"{path} is no journal: {error}", hint="restore the file from a backup") from error


def _refuse_special(path: Path) -> None:
    """A pipe would be waited for without end. Raises ValueError."""
    if path.exists() and not path.is_file():
        raise ValueError("it is no file")


def _record(path: Path, number: int, line: bytes, prev: str) -> Record:
    """One line's record. Raises ValueError where it is not JSON, JournalDamaged for all else."""
    try:
        body = json.loads(line.decode("utf-8", "surrogatepass"))  # of bytes, json first asks for their encoding
    except RecursionError as error:
        raise _damaged(path, number, "it is nested too deep") from error
    try:
        if number == 1:
            _refuse_newer(body)
        seq, at, kind = body.pop("seq"), body.pop("at"), Kind(body.pop("kind"))
        up, boot = _uptime(body)
        if seq != number - 1:
            raise _damaged(path, number, "a record is missing or out of order")
        datetime.fromisoformat(at)
        if body.pop("prev") != prev:
            raise _damaged(path, number, "the chain of hashes is broken")
    except KeyError as error:
        raise _damaged(path, number, f"it has no field {error}") from error
    except (ValueError, AttributeError, TypeError) as error:
        raise _damaged(path, number, str(error)) from error
    return Record(seq, at, kind, body, hashlib.sha256(line).hexdigest(), up, boot)


def _uptime(body: dict[str, Any]) -> tuple[float | None, str]:
    """Raises TypeError for what is neither a number nor text."""
    up, boot = body.pop("up", None), body.pop("boot", "")
    if not (up is None or isinstance(up, int | float)) or not isinstance(boot, str):
        raise TypeError("'up' is no number or 'boot' is no text")
    return up, boot


def _refuse_newer(header: Mapping[str, Any]) -> None:
    """Checked first: a newer schema may have record kinds that this version does not know."""
    if header["schema"] > SCHEMA:
        raise JournalDamaged(
            f"the journal has schema {header['schema']}, this program knows up to {SCHEMA}",
            hint=f"use vmmigrate {header['version']} or newer for this run",
        )


def _damaged(path: Path, number: int, what: str) -> JournalDamaged:
    return JournalDamaged(
        f"{path} is damaged, line {number}: {what}",
        hint="restore the file from a backup; without one, check which of the two virtual machines is plugged in",
    )
