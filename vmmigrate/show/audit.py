"""Show what a run changed in either virtual machine, for people and for programs. Pure functions."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from vmmigrate.run.audit import Act, Audit


def audit_lines(run_id: str, names: Mapping[str, str], seen: Audit) -> list[str]:
    lines = [f"run {run_id}: {' → '.join(names.values())}"]
    lines += [line for act in seen.acts for line in _act(act)]
    return [*lines, f"chain: whole, {seen.records} records, the last one's SHA-256 is {seen.head}"]


def _act(act: Act) -> list[str]:
    how = act.ended or "not seen to end"
    what = f"undo: {act.what}" if act.undoing else act.what
    lines = [f"{act.at}  {act.vm:<4} {act.step:<13} {what} ({how})"]
    return [*lines, f"  noted: {act.before}"] if act.before else lines


def audit_json(run_id: str, seen: Audit) -> dict[str, Any]:
    acts = [asdict(act) for act in seen.acts]
    return {"event": "Audit", "run_id": run_id, "acts": acts, "records": seen.records, "head": seen.head}
