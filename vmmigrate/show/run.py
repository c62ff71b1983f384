"""Show a run's events: live on a terminal, as plain lines elsewhere, as one JSON line each for programs."""

import dataclasses
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from hypervisors import printable
from vmmigrate import properties
from vmmigrate.events import (
    DirectionTaken,
    Event,
    RunEnded,
    RunStarted,
    StepBegan,
    StepEnded,
    StepFailed,
    StepProgress,
    StepRemark,
    StepWaits,
    Warned,
)

if TYPE_CHECKING:
    from vmmigrate.model import Plan
    from vmmigrate.run.status import RunStatus

_DIRECTIONS = {
    "all": "going back to the old VM, undoing everything",
    "switch": "going back to the old VM, keeping the new one, unplugged",
    "redo": "going back a few steps, to do them anew",
}
EVERY = 10.0  # seconds between two lines about one step's progress, where lines stay


def size(count: float) -> str:
    """Bytes for people: 1536 → '1.5 KiB'."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    raise AssertionError


def end_lines(event: RunEnded) -> list[str]:
    """How a run ended, and what can be done now."""
    lines = [f"{event.outcome}" + (f", outage {event.outage:.1f} s" if event.outage is not None else "")]
    lines += [f"old VM: {event.old_vm}", f"new VM: {event.new_vm}"]
    lines += [f"insecure, as asked: {flag}" for flag in event.insecure]
    lines += [f"next: {line}" for line in _next(event)]
    return lines


def _next(event: RunEnded) -> list[str]:
    verbs = {
        "migrated": ("finish", "rollback"),
        "switched-back": ("finish",),
        "interrupted": ("resume", "rollback"),
        "needs-attention": ("status", "rollback"),
    }.get(event.outcome, ())
    return [_command(verb, event.run_id, back=event.outcome == "switched-back") for verb in verbs]


def _command(verb: str, run_id: str, *, back: bool) -> str:
    """`back`: the switch was undone, and the new VM is kept."""
    does = {
        "finish": "deletes the new VM with all it holds; the old one stays live"
        if back
        else "when you are content: shuts the old VM down, ends the right to go back",
        "resume": "to go on",
        "rollback": "to go back to the old VM",
        "status": "what was done, and what is left to you",
    }[verb]
    command = f"vmmigrate {verb} {run_id}"
    return f"{command:<{len(run_id) + 21}}{does}"


# ---- plain lines -----------------------------------------------------------------------------------------


class PlainLines:
    """One line a fact, for logs and pipes. `brief`: why a step failed is told at the end, so it is only named."""

    def __init__(self, out: TextIO, now: Callable[[], float] = time.monotonic, *, brief: bool = False) -> None:
        self._out, self._now, self._brief = out, now, brief
        self._label = ""
        self._failed: StepFailed | None = None
        self._began = self._told = 0.0

    def __call__(self, event: Event) -> None:
        for line in self._lines(event):
            self._out.write(line + "\n")
            self._out.flush()

    def _lines(self, event: Event) -> list[str]:
        match event:
            case RunStarted():
                return [f"{event.verb}: run {event.run_id}, recorded in {event.folder}"]
            case StepBegan():
                self._began = self._told = self._now()
                count = f"[{event.number:2}/{event.total}]" if event.total else " " * 7
                self._label = f"{count} {'undo: ' if event.undoing else ''}{event.title}"
                return []
            case StepProgress() | StepWaits():
                return self._sometimes(event)
            case StepRemark():
                return [f"        note: {event.text}"]
            case Warned():
                return [f"        warning: {event.text}"]
            case StepEnded():
                return [f"{self._label:<52} {event.seconds:6.1f} s"]
            case StepFailed():
                self._failed = event
                why = [] if self._brief else [f"        {event.error}", f"        → {event.hint}"]
                return [f"{self._label:<52} FAILED", *why]
            case DirectionTaken():
                return [f"{_DIRECTIONS.get(event.scope, 'going forward')}: {self._reason(event)}"]
            case RunEnded():
                return end_lines(event)

    def _reason(self, event: DirectionTaken) -> str:
        """A step's failure is told once, so that here the step is named."""
        failed = self._failed
        return f"{failed.title!r} failed" if failed and event.reason.endswith(failed.error) else event.reason

    def _sometimes(self, event: StepProgress | StepWaits) -> list[str]:
        now = self._now()
        if now - self._told < EVERY:
            return []
        self._told = now
        if isinstance(event, StepWaits):
            wait = event.wait
            seen = f" (last seen: {wait.seen})" if wait.seen else ""
            return [f"        waiting for {wait.what}: {wait.waited:.0f} s of at most {wait.timeout:.0f} s{seen}"]
        return [f"        {_transfer(event, now - self._began)}"]


def _transfer(event: StepProgress, seconds: float) -> str:
    rate = event.done / seconds if seconds > 0 else 0.0
    if not event.total:
        return f"{size(event.done)}, {size(rate)}/s"
    left = f", {(event.total - event.done) / rate:.0f} s left" if rate else ""
    return f"{size(event.done)} of {size(event.total)}, {size(rate)}/s{left}"


# ---- a terminal ------------------------------------------------------------------------------------------


class LiveTerminal:
    """A line a finished step, and a moving one for the step under way, with bytes, rate and time left."""

    def __init__(self, out: TextIO, now: Callable[[], float] = time.monotonic) -> None:
        from rich.console import Console

        self._console = Console(file=out, highlight=False)
        self._plain = PlainLines(out, now, brief=True)
        self._now = now
        self._status = self._console.status("")
        self._title = ""
        self._began = 0.0
        self._moving = False

    def __call__(self, event: Event) -> None:
        match event:
            case StepBegan():
                self._title, self._began = event.title, self._now()
                self._status.update(event.title)
                self._move()
            case StepProgress():
                self._status.update(f"{self._title}: {_transfer(event, self._now() - self._began)}")
            case StepWaits():
                wait = event.wait
                left = f"{wait.waited:.0f} s of at most {wait.timeout:.0f} s"
                self._status.update(f"{self._title}: waiting for {wait.what}, {left}")
            case StepRemark() | Warned():
                with self.still():
                    self._plain(event)
            case _:
                self.stop()
        if not isinstance(event, StepProgress | StepWaits | StepRemark | Warned):
            self._plain(event)

    def stop(self) -> None:
        """Nothing moves any more, and the cursor is seen again: for who ends without a last event."""
        self._moving = False
        self._status.stop()

    @contextmanager
    def still(self) -> Iterator[None]:
        """Nothing moves meanwhile: a moving line would wipe a question out."""
        moving = self._moving
        self.stop()
        yield
        if moving:
            self._move()

    def _move(self) -> None:
        self._moving = True
        self._status.start()


# ---- programs --------------------------------------------------------------------------------------------


class JsonLines:
    """One JSON object a line; `event` is the kind, the rest its fields."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def __call__(self, event: Event) -> None:
        self.write({"event": type(event).__name__, **dataclasses.asdict(event)})

    def write(self, data: dict[str, object]) -> None:
        self._out.write(json.dumps(data) + "\n")
        self._out.flush()


# ---- plans and runs --------------------------------------------------------------------------------------


def plan_lines(plan: "Plan") -> list[str]:
    """A plan for people."""
    identity, image = plan.identity, plan.image
    lines = [
        f"old VM      {plan.old.name} ({plan.old.id}), version {plan.old_version}",
        (
            f"gateway     {identity.mail_name}, {identity.address} via {identity.gateway or 'no gateway'}, "
            f"MAC {identity.mac} on {identity.network}"
        ),
        f"new image   {image.path} ({image.format}, {size(image.file_size)}, SHA-256 {image.sha256[:16]}…)",
        f"new VM      {plan.new_name}: {plan.vcpus} vCPU, {size(plan.memory)}, in pool {plan.store}"
        + (f", in folder {plan.folder}" if plan.folder else ""),
        f"NICs        live on {identity.network} (unplugged until the switch), staging on {plan.staging}"
        + (", staging first" if plan.staging_first else ""),
    ]
    lines += [f"property    {printable(line)}" for line in properties.in_words(plan.properties)]
    lines += [f"insecure    {flag}" for flag in plan.insecure]
    for finding in plan.findings:
        lines.append(f"{finding.severity:<11} {finding.id}: {finding.seen}")
        lines += [f"            → {finding.remedy}"] if finding.remedy else []
    return lines


def status_lines(run: "RunStatus") -> list[str]:
    """A run for people: where it stands, each step, what was proved, what can be done."""
    lines = [
        f"run {run.run_id}: {run.word}, {run.plan.old.name} → {run.plan.new_name}",
        f"folder {run.folder}",
    ]
    lines += [f"  {state.value:<8} {step}" for step, state in run.state.steps.items()]
    lines += [f"outage {run.outage:.1f} s"] if run.outage is not None else []
    lines += [f"proved: {check}" for check in run.proofs]
    lines += [f"left to you: {step}: {text}" for step, text in run.state.troubles.items()]
    lines += [f"insecure, as asked: {flag}" for flag in run.plan.insecure]
    back = run.state.paused == "switched back"
    return lines + [f"next: {_command(verb, run.run_id, back=back)}" for verb in run.verbs]


def status_json(run: "RunStatus") -> dict[str, object]:
    """A run for programs."""
    return {
        "run_id": run.run_id,
        "status": run.word,
        "old": run.plan.old.name,
        "new": run.plan.new_name,
        "steps": {step: state.value for step, state in run.state.steps.items()},
        "outage": run.outage,
        "proofs": list(run.proofs),
        "left_to_you": dict(run.state.troubles),
        "insecure": list(run.plan.insecure),
        "folder": str(run.folder),
    }
