"""Show a run's events as plain lines, for logs and pipes."""

import time
from collections.abc import Callable
from typing import TextIO

from hypervisors import recordable
from vmmigrate.events import (
    Changed,
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
from vmmigrate.show.ending import end_lines
from vmmigrate.show.sizes import size

EVERY = 10.0  # seconds between two lines about one step's progress, where lines stay


class PlainLines:
    """One line per event, for logs and pipes. `brief`: a failed step is only named; the reason comes at the end.

    A step's own line comes at its end, with its seconds. So its notes wait for it, and what it waits for comes under
    its name.
    """

    def __init__(self, out: TextIO, now: Callable[[], float] = time.monotonic, *, brief: bool = False) -> None:
        self._out, self._now, self._brief = out, now, brief
        self._label = ""
        self._failed: StepFailed | None = None
        self._in_step = self._named = False
        self._notes: list[str] = []
        self._began = self._last_shown = 0.0

    def __call__(self, event: Event) -> None:
        for line in (*self._kept(event), *self._lines(event)):
            self._out.write(recordable(line) + "\n")
            self._out.flush()

    def _lines(self, event: Event) -> list[str]:
        match event:
            case RunStarted():
                return [f"{event.verb}: run {event.run_id}, recorded in {event.folder}"]
            case StepBegan():
                self._began = self._last_shown = self._now()
                count = f"[{event.number:2}/{event.total}]" if event.total else " " * 7
                self._label = f"{count} {titled(event)}"
                self._in_step, self._named = True, False
                return []
            case Changed():
                return []  # for `audit`
            case StepProgress() | StepWaits():
                return self._sometimes(event)
            case StepRemark():
                return self._note(f"        note: {event.text}")
            case Warned():
                return self._note(f"        warning: {event.text}")
            case StepEnded():
                return [f"{self._label:<52} {event.seconds:6.1f} s", *self._end_of_step()]
            case StepFailed():
                self._failed = event
                why = [] if self._brief else [f"        {event.error}", f"        → {event.hint}"]
                return [f"{self._label:<52} FAILED", *self._end_of_step(), *why]
            case DirectionTaken():
                return [f"{event.words}: {self._reason(event)}"]
            case RunEnded():
                return end_lines(event)

    def _note(self, line: str) -> list[str]:
        if not self._in_step:
            return [line]
        self._notes.append(line)
        return []

    def _end_of_step(self) -> list[str]:
        notes, self._notes, self._in_step = self._notes, [], False
        return notes

    def _kept(self, event: Event) -> list[str]:
        """The notes of a step that was broken off without a word, ahead of what follows."""
        broken_off = isinstance(event, StepBegan | DirectionTaken | RunEnded) and self._notes
        return [self._label, *self._end_of_step()] if broken_off else []

    def _reason(self, event: DirectionTaken) -> str:
        """A step's failure is reported once, so here only the step is named."""
        failed = self._failed
        return f"{failed.title!r} failed" if failed and event.reason.endswith(failed.error) else event.reason

    def _sometimes(self, event: StepProgress | StepWaits) -> list[str]:
        now = self._now()
        if now - self._last_shown < EVERY:
            return []
        self._last_shown = now
        named, self._named = [] if self._named or not self._label else [f"{self._label} …"], True
        if isinstance(event, StepWaits):
            wait = event.wait
            seen = f" (last seen: {wait.seen})" if wait.seen else ""
            return [
                *named,
                f"        waiting for {wait.what}: {wait.waited:.0f} s of at most {wait.timeout:.0f} s{seen}",
            ]
        return [*named, f"        {transfer(event, now - self._began)}"]


def titled(event: StepBegan) -> str:
    """The way back says of each step that it is undone."""
    return f"{'undo: ' if event.undoing else ''}{event.title}"


def transfer(event: StepProgress, seconds: float) -> str:
    rate = event.done / seconds if seconds > 0 else 0.0
    if not event.total:
        return f"{size(event.done)}, {size(rate)}/s"
    left = f", {(event.total - event.done) / rate:.0f} s left" if rate else ""
    return f"{size(event.done)} of {size(event.total)}, {size(rate)}/s{left}"
