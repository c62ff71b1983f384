"""Give a lab's run the journal, plan and settings that an earlier version wrote: its shape, this lab's values.

A stored run's addresses, ids, fingerprints and digests belong to a lab that is gone. A run of this version is
stopped at the same point in a lab of today; then its folder gets the stored files, in which each value that both
have is this lab's, and the journal is chained anew.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

START = "0" * 64


class Told(Protocol):
    """A story of one run, of whatever kind."""

    @property
    def run_folder(self) -> Path: ...

    @property
    def journal(self) -> list[dict[str, Any]]: ...


def transplant(stored: Path, story: Told) -> None:
    """Into the story's one run, which was stopped where the stored one was."""
    folder = story.run_folder
    for name in ("plan.json", "settings.json"):
        then, now = json.loads((stored / name).read_text()), json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(grafted(then, now)))
    digest = hashlib.sha256((folder / "plan.json").read_bytes()).hexdigest()
    lines = _chained(_records(stored, story.journal, digest))
    (folder / "journal.jsonl").write_text("".join(line + "\n" for line in lines))


def grafted(then: Any, now: Any) -> Any:
    """`then`, with each value that `now` has at the same place and of the same kind.

    Where no key is in both it is by what a lab has, as a leaf by its kind of key.
    """
    if isinstance(then, dict) and isinstance(now, dict):
        if then and now and not then.keys() & now.keys():
            return now
        return {key: grafted(value, now[key]) if key in now else value for key, value in then.items()}
    if isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        return [grafted(one, other) for one, other in zip(then, now, strict=True)]
    return now if type(then) is type(now) and not isinstance(then, list) else then


def _records(stored: Path, now: list[dict[str, Any]], plan_sha256: str) -> list[dict[str, Any]]:
    """The stored records, each with the values that this lab's run learnt in its place."""
    learnt = {record["group"]: record["value"] for record in now if record["kind"] == "learnt"}
    records = [json.loads(line) for line in (stored / "journal.jsonl").read_text().splitlines()]
    records[0] |= {"run_id": now[0]["run_id"], "plan_sha256": plan_sha256}
    for record in records:
        if record["kind"] == "learnt":
            record["value"] = grafted(record["value"], learnt[record["group"]])
    return records


def _chained(records: list[Mapping[str, Any]] | list[dict[str, Any]]) -> list[str]:
    lines, prev = [], START
    for record in records:
        line = json.dumps({**record, "prev": prev}, separators=(",", ":"), ensure_ascii=False)
        prev = hashlib.sha256(line.encode()).hexdigest()
        lines.append(line)
    return lines


def without_copies(journal: bytes) -> bytes:
    """As an earlier version began it: the first record has no copies of plan and settings."""
    first, *others = [json.loads(line) for line in journal.splitlines()]
    kept = {name: value for name, value in first.items() if name not in ("plan", "settings")}
    return "".join(f"{line}\n" for line in _chained([kept, *others])).encode()
