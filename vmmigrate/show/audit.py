"""Show what a run changed in either virtual machine, for people and for programs. Pure functions."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from hypervisors import in_one_line
from vmmigrate.run.audit import Act, Audit, Made


def audit_lines(run_id: str, names: Mapping[str, str], seen: Audit) -> list[str]:
    lines = [f"run {run_id}: {' → '.join(names.values())}"]
    lines += [line for act in seen.acts for line in _act(act)]
    return [*lines, f"chain: whole, {seen.records} records, the last one's SHA-256 is {seen.head}"]


def _act(act: Act) -> Iterator[str]:
    how = act.ended or "not seen to end"
    what = f"undo: {act.what}" if act.undoing else act.what
    said = f"{what} ({how})" if act.what else "beside that" if act.step else ""
    yield f"{act.at}  {act.vm:<4} {act.step or 'finish':<13} {said}".rstrip()
    if act.before:
        yield f"  noted: {act.before}"
    yield from map(_made, act.made)


def _made(made: Made) -> str:
    before = f"{in_one_line(made.before)} → " if made.before else ""
    return f"  {made.at[11:19]} {made.what}: {before}{in_one_line(made.after)}"


def audit_json(run_id: str, seen: Audit) -> dict[str, Any]:
    acts = [asdict(act) for act in seen.acts]
    return {"event": "Audit", "run_id": run_id, "acts": acts, "records": seen.records, "head": seen.head}
