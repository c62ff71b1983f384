"""Show where a run stands, for people and for programs. Pure functions."""

from dataclasses import asdict

from vmmigrate.run.status import RunStatus
from vmmigrate.show.ending import next_lines
from vmmigrate.show.outages import outage_line


def status_line(run: RunStatus) -> str:
    """A run in a list."""
    return f"run {run.run_id}: {run.words}, {' → '.join(run.plan.names.values())}"


def status_lines(run: RunStatus) -> list[str]:
    """A run for people: where it stands, each step, what was proved, what can be done."""
    lines = [status_line(run), f"folder {run.folder}"]
    lines += [
        f"  {_undone(run, step) or state.value:<8} {step:<13} {run.titles.get(step, '')}".rstrip()
        for step, state in run.state.steps.items()
    ]
    lines += [outage_line(each) for each in run.outages]
    lines += [f"proved: {check}" for check in run.proofs]
    lines += [f"did not pass: {check}{f' → {check.hint}' if check.hint else ''}" for check in run.failed]
    lines += [f"warning: {warning}" for warning in run.warnings]
    lines += [f"note: {remark}" for remark in run.remarks]
    lines += [f"left to you: {step}: {text}" for step, text in run.state.troubles.items()]
    lines += [f"insecure, as asked: {flag}" for flag in run.plan.insecure]
    return lines + next_lines(run.run_id, run.standing.verbs)


def _undone(run: RunStatus, step: str) -> str:
    """Programs read such a step as pending, as before, and find it among `undone`."""
    return "undone" if step in run.state.undone else ""


def status_json(run: RunStatus) -> dict[str, object]:
    """A run for programs."""
    return {
        "run_id": run.run_id,
        "status": run.word,
        "itinerary": run.itinerary.name,
        **run.plan.names,
        "steps": {step: state.value for step, state in run.state.steps.items()},
        "undone": sorted(run.state.undone),
        "titles": dict(run.titles),
        "outage": run.outage,
        "outages": [asdict(each) for each in run.outages],
        "proofs": list(run.proofs),
        "checks": [asdict(check) for check in run.checks],
        "warnings": list(run.warnings),
        "remarks": list(run.remarks),
        "left_to_you": dict(run.state.troubles),
        "insecure": list(run.plan.insecure),
        "folder": str(run.folder),
    }
