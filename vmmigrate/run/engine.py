"""Take the steps of a run forward or back, each act recorded before and after. Knows no appliance."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from hypervisors import Cancelled, Problem, redacted
from vmmigrate.errors import JournalFailed
from vmmigrate.events import DirectionTaken, Event, StepBegan, StepEnded, StepFailed
from vmmigrate.facts import Facts, group_to_json
from vmmigrate.run.fold import Back, RunState, Scope, Status
from vmmigrate.run.journal import Journal
from vmmigrate.run.record import Kind
from vmmigrate.step import Nothing, Step, UndoRefused


class Stage(Protocol):
    """Where a step acts: the engine sets its facts and the way to learn before each act."""

    facts: Facts

    def enter(self, step: str, learn: Callable[[object], None], *, leave_mail: bool) -> None: ...

    def disarm(self) -> None:
        """From now on no wait and no transfer lets itself be interrupted."""


@dataclass
class Engine:
    """One run's steps and journal. `cancelled` is asked between steps and raises to stop the run there."""

    journal: Journal
    steps: Sequence[Step]
    stage: Stage
    emit: Callable[[Event], None]
    cancelled: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        state = self.journal.state()
        known = {step.name: step for step in self.steps}
        missing = [name for name in state.steps if name not in known]
        if missing:
            raise Problem(
                f"this version has no step {', '.join(missing)}, which the run recorded",
                hint=f"use vmmigrate {state.version} for this run",
            )
        self._steps = [known[name] for name in state.steps]
        self.stage.facts = state.facts

    # ---- the three verbs ---------------------------------------------------------------------------------

    def go_on(self) -> None:
        """Follow the recorded direction to its end."""
        back = self.journal.state().back
        if back is None:
            self.forward()
        else:
            self._walk_back(back)

    def forward(self) -> None:
        """Do what is not done. Raises what a step raises, after recording it as failed."""
        broken = self._what_cannot_be_continued()
        if broken is not None:
            self.back(broken.scope, broken.reason, broken.steps)  # which goes forward again once its ground is clear
            return
        for number, step in enumerate(self._steps, start=1):
            if self._state.steps[step.name] is not Status.DONE:
                self.cancelled()
                self._do(step, number)
        self.journal.append(Kind.END, {"outcome": "migrated"})

    def back(self, scope: Scope, reason: str, names: Sequence[str], *, leave_mail: bool = False) -> None:
        """Record the direction, then undo those of `names` that began, last first."""
        way = Back(scope, reason, tuple(names), leave_mail)
        self._turn_back(way)
        self._walk_back(way)

    def turn_forward(self, reason: str) -> None:
        """Record that a run which had gone back goes forward again."""
        self.journal.append(Kind.DIRECTION, {"to": "forward", "reason": reason})
        self.emit(DirectionTaken("forward", "", reason))

    # ---- forward -----------------------------------------------------------------------------------------

    @property
    def _state(self) -> RunState:
        return self.journal.state()

    def _do(self, step: Step, number: int) -> None:
        self.journal.append(Kind.BEGIN, {"step": step.name})
        self.emit(StepBegan(step.name, step.title, number, len(self._steps)))
        started = time.monotonic()
        self._enter(step)
        try:
            step.do(self.stage)
        except (Cancelled, JournalFailed):
            raise
        except Exception as error:
            self._record_failure(step, error, undoing=False)
            raise
        self.journal.append(Kind.DONE, {"step": step.name})
        self.emit(StepEnded(step.name, step.title, time.monotonic() - started))

    def _what_cannot_be_continued(self) -> Back | None:
        """A begun act that is not convergent is undone, back to the step that makes its ground anew."""
        statuses = self._state.steps
        for step in self._steps:
            if step.redo_from and statuses[step.name] in (Status.BEGUN, Status.FAILED):
                names = [each.name for each in self._steps]
                span = names[names.index(step.redo_from) : names.index(step.name) + 1]
                return Back(Scope.REDO, f"{step.title!r} was interrupted and cannot be continued", tuple(span))
        return None

    # ---- back --------------------------------------------------------------------------------------------

    def _turn_back(self, back: Back) -> None:
        data = {"scope": back.scope.value, "reason": back.reason, "steps": list(back.steps)}
        self.journal.append(Kind.DIRECTION, {"to": "back", **data, "leave_mail": back.leave_mail})
        self.emit(DirectionTaken("back", back.scope.value, back.reason))

    def _walk_back(self, back: Back) -> None:
        if self._switching(back):
            self.cancelled = lambda: None  # half a switch is nobody's gateway
            self.stage.disarm()
        try:
            self._undo_all(back)
        except UndoRefused as refused:
            self.turn_forward(describe(refused)[0])
            with suppress(Problem):  # recorded; what refused is what the operator must read
                self.forward()
            raise
        if self._state.troubles:
            self.journal.append(Kind.END, {"outcome": "needs-attention"})
        elif back.scope is Scope.REDO:
            self.turn_forward(back.reason)
            self.forward()
        elif back.scope is Scope.SWITCH:
            self.journal.append(Kind.PAUSED, {"reason": "switched back"})
        else:
            self.journal.append(Kind.END, {"outcome": "rolled-back"})

    def _switching(self, back: Back) -> bool:
        """Whether a step of a later phase than the first is still to be undone."""
        state = self._state
        first = next(iter(state.phases.values()))
        later = [name for name in back.steps if state.phases[name] != first]
        return any(state.steps[name] is not Status.PENDING for name in later)

    def _undo_all(self, back: Back) -> None:
        """A failing undo is recorded and the rest of its phase goes on.

        An earlier phase waits for a later one: what was prepared is not deleted while nobody knows who is live.
        UndoRefused stops the way back at once.
        """
        state = self._state
        statuses, phases = state.steps, state.phases
        todo = [s for s in reversed(self._steps) if s.name in back.steps and statuses[s.name] is not Status.PENDING]
        for number, step in enumerate(todo, start=1):
            if all(phases[failed] == phases[step.name] for failed in self._state.troubles):
                self._undo(step, number, len(todo))

    def _undo(self, step: Step, number: int, total: int) -> None:
        self.journal.append(Kind.UNDO, {"step": step.name})
        self.emit(StepBegan(step.name, step.title, number, total, undoing=True))
        started = time.monotonic()
        self._enter(step)
        if not isinstance(step.undo, Nothing):
            try:
                step.undo(self.stage)
            except (UndoRefused, Cancelled, JournalFailed):
                raise
            except Exception as error:  # the rest of the way back matters more than this one
                self._record_failure(step, error, undoing=True)
                return
        self.journal.append(Kind.UNDONE, {"step": step.name})
        self.stage.facts = self._state.facts
        self.emit(StepEnded(step.name, step.title, time.monotonic() - started, undoing=True))

    # ---- both --------------------------------------------------------------------------------------------

    def _enter(self, step: Step) -> None:
        def learn(value: object) -> None:
            group, data = group_to_json(value)
            self.journal.append(Kind.LEARNT, {"step": step.name, "group": group, "value": data})
            self.stage.facts = self.stage.facts.with_(value)

        back = self._state.back
        self.stage.enter(step.name, learn, leave_mail=back is not None and back.leave_mail)

    def _record_failure(self, step: Step, error: Exception, *, undoing: bool) -> None:
        text, hint = describe(error)
        data: dict[str, Any] = {"step": step.name, "error": text, "hint": hint, "undoing": undoing}
        self.journal.append(Kind.FAILED, data)
        self.emit(StepFailed(step.name, step.title, text, hint, undoing))


def describe(error: Exception) -> tuple[str, str]:
    """What to record of an error: a Problem's own words, a bug's kind alone (its text may hold anything)."""
    if isinstance(error, Problem):
        return redacted(str(error)), error.hint
    return f"a bug: {type(error).__name__}", "see log.txt in the run's folder"
