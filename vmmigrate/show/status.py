"""Show where a run stands, for people and for programs. Pure functions."""

from dataclasses import asdict
from datetime import datetime

from vmmigrate.events import Service
from vmmigrate.findings import Check, Verdict
from vmmigrate.run.clocks import span
from vmmigrate.run.record import Record
from vmmigrate.run.service import offered
from vmmigrate.run.status import Failure, RunStatus, Stood
from vmmigrate.show.ending import left_lines, next_lines
from vmmigrate.show.mail import mail_json
from vmmigrate.show.outages import clock, outage_line


def status_line(run: RunStatus) -> str:
    """A run in a list."""
    return f"run {run.run_id}: {run.words}, {' → '.join(run.plan.names.values())}"


def status_lines(run: RunStatus, mail: Service | None = None) -> list[str]:
    """A run for people: whether mail flows, where it stands, each step, what was proved, what can be done."""
    lines = [*([str(mail)] if mail else []), status_line(run), f"folder {run.folder}"]
    lines += [_stood(run.stood)] if run.stood else []
    lines += [
        f"  {_undone(run, step) or state.value:<8} {step:<13} {run.titles.get(step, '')}".rstrip()
        for step, state in run.state.steps.items()
    ]
    lines += [_why(run.failure)] if run.failure else []
    lines += [outage_line(each) for each in run.outages]
    lines += [run.account] if run.account else []
    lines += [_refused(each) for each in run.refused]
    lines += _proved(run)
    lines += [f"looked: {_held(run.looks[-1])}"] if run.looks else []
    lines += [f"warning: {warning}" for warning in run.warnings]
    lines += [f"note: {remark}" for remark in run.remarks]
    lines += left_lines(run.left_to_you)
    lines += [f"insecure, as asked: {flag}" for flag in run.plan.insecure]
    lines += [f"in the way: {mail.barred}"] if mail and mail.barred else []
    return lines + next_lines(run.run_id, offered(run.verbs, mail))


def _stood(stood: Stood) -> str:
    old = stood.seconds > (datetime.fromisoformat(stood.until) - datetime.fromisoformat(stood.at)).total_seconds()
    return f"prepared: {span(stood.seconds)} ago, at {clock(stood.at)}{': too old' if old else ''}"


def _why(failure: Failure) -> str:
    hint = f" → {failure.hint}" if failure.hint else ""
    return f"failed: {clock(failure.at)}: {failure.title}: {failure.error}{hint}"


def _refused(look: Record) -> str:
    """A command that was stopped before it touched anything: it would be again, unless that has changed since."""
    checks = [Check(**{**data, "verdict": Verdict(data["verdict"])}) for data in look.data["checks"]]
    hints = "; ".join(dict.fromkeys(check.hint for check in checks if check.hint))
    why = "; ".join(map(str, checks)) + (f" → {hints}" if hints else "")
    return f"{look.data['step']} was refused: {clock(look.at)}: {why}"


def _proved(run: RunStatus) -> list[str]:
    """How many comparisons passed, and each that did not; programs get all."""
    passed = [check for check in run.checks if check.verdict is Verdict.PASS]
    last = max((run.proved_at[check] for check in passed if check in run.proved_at), default="")
    at = f", the last at {clock(last)}" if last else ""
    proved = (
        f"proved: {len(passed)} of {len(run.checks)} checks{at}; each of them: vmmigrate status {run.run_id} --json"
    )
    return [
        *([proved] if passed else []),
        *(_accepted(check) for check in run.accepted),
        *(_failed(run, check) for check in run.failed),
    ]


def _accepted(check: Check) -> str:
    return f"accepted ({check.id}): {check}"


def _failed(run: RunStatus, check: Check) -> str:
    """One comparison, with when it was made."""
    at = f" ({clock(run.proved_at[check])})" if check in run.proved_at else ""
    return f"did not pass: {check}{f' → {check.hint}' if check.hint else ''}{at}"


def _held(look: Record) -> str:
    """How much of what was done was seen to hold, the last time that it was looked at."""
    verdicts = [check["verdict"] for check in look.data["checks"]]
    return f"{verdicts.count('pass')} of {len(verdicts)} checks of what was done held ({clock(look.at)})"


def _undone(run: RunStatus, step: str) -> str:
    """Programs read such a step as pending, as before, and find it among `undone`."""
    return "undone" if step in run.state.undone else ""


def status_json(run: RunStatus, mail: Service | None = None) -> dict[str, object]:
    """A run for programs."""
    return {
        "run_id": run.run_id,
        "status": run.word,
        "itinerary": run.itinerary.name,
        **run.plan.names,
        "steps": {step: state.value for step, state in run.state.steps.items()},
        "undone": sorted(run.state.undone),
        "titles": dict(run.titles),
        "prepared": asdict(run.stood) if run.stood else None,
        "outage": run.outage,
        "outages": [asdict(each) for each in run.outages],
        "proofs": list(run.proofs),
        "checks": [{**asdict(check), "at": run.proved_at.get(check)} for check in run.checks],
        "accepted": [check.id for check in run.accepted],
        "looks": [{"at": look.at, **look.data} for look in run.looks],
        "refused": [
            {"at": look.at, "command": look.data["step"], "checks": look.data["checks"]} for look in run.refused
        ],
        "failure": asdict(run.failure) if run.failure else None,
        "warnings": list(run.warnings),
        "remarks": list(run.remarks),
        "left_to_you": dict(run.state.troubles),
        "to_do": list(run.left_to_you),
        "next": [list(verb) for verb in offered(run.verbs, mail)],
        "in_progress": asdict(run.holder) if run.holder else None,
        "mail": mail_json(mail),
        "account": run.account,
        "insecure": list(run.plan.insecure),
        "folder": str(run.folder),
    }
