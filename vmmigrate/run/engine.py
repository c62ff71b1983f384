"""Take the steps of a run forward or back, and record each one before and after. Knows no appliance."""

from collections.abc import Callable, Collection, Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import Any

from hypervisors import Cancelled, Problem
from vmmigrate.errors import JournalFailed, RunFolderFailed, describe
from vmmigrate.events import DirectionTaken, Event, StepBegan, StepEnded, StepRemark
from vmmigrate.findings import Check
from vmmigrate.interrupts import INTERRUPTS
from vmmigrate.itinerary import REDO, Itinerary, Scope
from vmmigrate.run.fold import UNTOUCHED, Back, RunState, Status
from vmmigrate.run.journal import Journal
from vmmigrate.run.looks import OFTEN, Seen, Stage, look_at, look_persistently, record, serves, undone_looked_at
from vmmigrate.run.persistent import persistently
from vmmigrate.run.record import Kind
from vmmigrate.run.recorded import readable_steps
from vmmigrate.run.recording import record_failure, record_learnt
from vmmigrate.run.redo import half_done, left_as_it_was, redo
from vmmigrate.run.standing import NEEDS_ATTENTION, ROLLED_BACK, Standing
from vmmigrate.run.stopping import stop_at
from vmmigrate.step import Act, Nothing, Otherwise, Step, UndoRefused


@dataclass
class Engine:
    """One run's itinerary and journal. Between steps the operator may stop it."""

    journal: Journal
    itinerary: Itinerary
    stage: Stage
    emit: Callable[[Event], None]
    often: int = OFTEN  # it goes back because of a look and forward again
    _turns: int = 0  # because of what a look showed

    def __post_init__(self) -> None:
        state = self.journal.state()
        self._steps = readable_steps(self.itinerary, state, self.journal.records)
        if state.back:
            self.standing.scope_of(state.back)
        self.stage.facts, self.stage.steps = state.facts, tuple(state.steps)

    # ---- the three verbs ---------------------------------------------------------------------------------

    def go_on(self) -> None:
        """Follow the recorded direction to its end; forward, after a look at all that is done."""
        back = self._state.back
        if back is not None:
            self._walk_back(back)
        elif self._still_so(self._state.steps):
            self.forward()

    def forward(self) -> None:
        """Do the steps that are not done. Raises what a step raises, after recording it as failed."""
        broken = half_done(self._steps, self._state)
        if broken is not None:
            self._walk_back_by(broken)
            return
        for number, step in enumerate(self._steps, start=1):
            if self._state.steps[step.name] is not Status.DONE:
                if stop := self.standing.stops_before(step.name):
                    stop_at(stop, self)
                    return
                self.stage.pace.cancelled()
                if not self._still_so(step.looks_back, step.name):
                    return
                self._do(step, number)
        self.journal.rest(Kind.END, outcome=self.itinerary.outcome)

    def back(self, scope: Scope, reason: str, *, words: str = "", **terms: Any) -> None:
        """Record the direction, then undo what the scope covers and what was begun of it, last first.

        `words`: for this way back, in place of the scope's. `terms`: the rest of a `Back`.
        """
        stood = self.standing.paused_at if self.standing.committed else None  # it serves otherwise: not forward from it
        way = Back(scope.name, reason, self.standing.covered(scope), stood=stood.name if stood else "", **terms)
        self._turn_back(way, words or scope.words)
        self._walk_back(way)

    def turn_forward(self, reason: str, words: str = "going forward", **terms: str) -> None:
        """Record that a run which had gone back goes forward again. `terms`: `past` the stop at which it stood."""
        self.journal.append(Kind.DIRECTION, {"to": "forward", "reason": reason, **terms})
        self.emit(DirectionTaken("forward", "", reason, words))

    @property
    def standing(self) -> Standing:
        return Standing(self.itinerary, self.journal.state())

    # ---- forward -----------------------------------------------------------------------------------------

    @property
    def _state(self) -> RunState:
        return self.journal.state()

    def do_named(self, name: str) -> None:
        self._do(*next((step, n) for n, step in enumerate(self._steps, start=1) if step.name == name))

    def _do(self, step: Step, number: int) -> None:
        if self._is_live(step) and not self.standing.committed:
            self.journal.room.hold()  # where some of it was needed meanwhile, the run goes no further but back
        self.journal.append(Kind.BEGIN, {"step": step.name})
        self.emit(StepBegan(step.name, step.title, number, len(self._steps)))
        started = self.stage.pace.clock.now()
        self._enter(step)
        try:
            self._act(step)
        except (Cancelled, JournalFailed):
            raise
        except Exception as error:
            self.emit(record_failure(self.journal, step, error, undoing=False))
            raise
        self.journal.append(Kind.DONE, {"step": step.name})
        self.emit(StepEnded(step.name, step.title, self.stage.pace.clock.now() - started))

    def _act(self, step: Step) -> None:
        """From the commit on nobody else serves: it is tried again, and not interrupted."""
        if step.name == self.itinerary.commit or self.standing.committed:
            with INTERRUPTS.to_its_end():
                persistently(f"{step.title!r} to be done", lambda: step.do(self.stage), self.stage.pace.undisturbed())
        else:
            step.do(self.stage)

    # ---- looks -------------------------------------------------------------------------------------------

    def _still_so(self, names: Collection[str], cause: str = "") -> bool:
        """Look at these steps, where they are done. False: because of what was seen, another way led to the end."""
        passed, names = list[Check](), self.standing.looked_at(names)
        for number, step in enumerate(self._steps, start=1):
            if step.name in names and self._state.steps[step.name] is Status.DONE:
                seen = (look_persistently if self.standing.between else look_at)(step, self.stage)
                passed += seen.checks
                if seen.wrong:
                    record(self.journal, cause, passed)
                    passed.clear()
                    if not self._answered(seen, number, cause):
                        return False
        record(self.journal, cause, passed)
        return True

    def _answered(self, seen: Seen, number: int, cause: str) -> bool:
        """Whether the run can go on from here after what was seen. Raises NoLonger."""
        state, committed, step, otherwise = self._state, self.standing.committed, seen.step, seen.otherwise
        if self.standing.between and not (self._is_live(step) and seen.failed):
            if cause and otherwise is Otherwise.FROM_HERE and self.stage.accepts_outage:
                return self._in_the_outage(cause, seen)
            raise seen.no_longer(self.standing)  # first somebody must be live
        if self._is_live(step) and not committed:
            first = next(name for name, phase in state.phases.items() if phase in self.itinerary.live)
            return self._from(first, seen)
        if otherwise is Otherwise.FROM_HERE and not committed:
            return self._from(step.name, seen)
        if otherwise is not Otherwise.AGAIN:
            raise seen.no_longer(self.standing)
        self.emit(StepRemark(step.name, f"this does not hold any more, so it is done again: {seen}"))
        self._do(step, number)
        if (again := look_at(step, self.stage)).wrong:
            raise again.no_longer(self.standing, "done again, and it still does not hold: ")
        return True

    def _in_the_outage(self, cause: str, seen: Seen) -> bool:
        """The step `cause` is done, by which nothing changes any more; then what was prepared is prepared once more."""
        self.do_named(cause)
        why = f"{seen.step.title!r} does not hold any more, and an outage is accepted: {seen}"
        self._walk_back_by(redo(self._state, seen.step.name, why, keeps=self.itinerary.live))
        return False

    def serves(self) -> bool:
        """Whether the new side serves, by a look."""
        return serves(self.itinerary, self._steps, self._state, self.stage)

    def _from(self, first: str, seen: Seen) -> bool:
        """Back to that step, and forward again to the end: never more than `often` times."""
        self._turns += 1
        if self._turns > self.often:
            raise seen.no_longer(self.standing, f"this did not hold any more, {self._turns} times: ")
        self._walk_back_by(redo(self._state, first, f"{seen.step.title!r} does not hold any more: {seen}"))
        return False

    # ---- back --------------------------------------------------------------------------------------------

    def _walk_back_by(self, redo: Back) -> None:
        """It goes forward again after that."""
        self._turn_back(redo, REDO.words)
        self._walk_back(redo)

    def _turn_back(self, back: Back, words: str) -> None:
        self.journal.append(Kind.DIRECTION, {"to": "back", **back.recorded})
        self.emit(DirectionTaken("back", back.scope, back.reason, words))

    def _walk_back(self, back: Back) -> None:
        pace, exposes = self.stage.pace, self.standing.exposes(back.steps) or self.standing.between
        if exposes:
            self.stage.pace = self.stage.pace.undisturbed()  # with half of a live phase no gateway takes mail
            with suppress(RunFolderFailed):
                self.journal.room.hold()
        try:
            with INTERRUPTS.to_its_end() if exposes else nullcontext():
                self._undo_all(back)
        except UndoRefused as refused:
            for step in left_as_it_was(self._steps, self._state, self.journal.records) if refused.untouched else ():
                self.journal.append(Kind.DONE, {"step": step.name, UNTOUCHED: True})
            if stood := next((scope for scope in self.itinerary.scopes if scope.name == back.stood), None):
                self.journal.rest(Kind.PAUSED, reason=stood.pauses_as)
            else:
                self._forward_after(refused)
            raise
        if back.scope == REDO.name:
            self.stage.pace = pace
        self._arrive(back)

    def _forward_after(self, refused: UndoRefused) -> None:
        """What was half undone serves again. Raises UndoRefused, with both reasons, if that fails."""
        self.turn_forward(describe(refused)[0], "the run stays where it was")
        try:
            self.forward()
        except Problem as problem:
            words = f"{refused}\n  and what was undone until then could not be done again: {problem}"
            raise UndoRefused(words, hint=f"{problem.hint}; {refused.hint}") from problem

    def _arrive(self, back: Back) -> None:
        """Record the state that the run has now; after a redo it goes forward again."""
        scope = self.standing.scope_of(back)
        if self._state.troubles:
            self.journal.append(Kind.END, {"outcome": NEEDS_ATTENTION})
        elif scope is REDO:
            self.turn_forward(back.reason)
            self.forward()
        elif scope.pauses_as:
            self.journal.rest(Kind.PAUSED, reason=scope.pauses_as)
        else:
            self.journal.rest(Kind.END, outcome=ROLLED_BACK)

    def _undo_all(self, back: Back) -> None:
        """A failing undo is recorded and the way back goes on, through all live phases: first somebody must be live.

        What was prepared waits, each step for the one that stood on it: nothing is deleted while it is unknown which VM
        is live, and no claim released beside a VM that could not be deleted. UndoRefused stops the way back at once.
        """
        self._undo_again(back.steps)
        begun = [name for name in back.steps if self._state.steps[name] is not Status.PENDING]
        todo = [step for step in reversed(self._steps) if step.name in begun]
        last_live = next((step for step in reversed(todo) if self._is_live(step)), None)
        for number, step in enumerate(todo, start=1):
            to_come = {step.name for step in todo[number - 1 :]}
            if self._is_live(step) or to_come.issuperset(self._state.troubles):
                self._undo(step, number, len(todo))
            if step is last_live:
                self._undo_again(back.steps)

    def _undo_again(self, names: Collection[str]) -> None:
        """What was undone of the live phases and does not hold any more."""
        for seen in self.looks_undone(names):
            record(self.journal, "", seen.checks)
            if seen.wrong:
                self.stage.pace = self.stage.pace.undisturbed()
                self.emit(StepRemark(seen.step.name, f"this is not undone any more, so it is undone again: {seen}"))
                self._undo(seen.step, 1, 1)

    def looks_undone(self, names: Collection[str]) -> Iterator[Seen]:
        return undone_looked_at(self.itinerary, self._state, [s for s in self._steps if s.name in names], self.stage)

    def _undo(self, step: Step, number: int, total: int) -> None:
        self.journal.append(Kind.UNDO, {"step": step.name})
        self.stage.facts = self._state.facts
        self.emit(StepBegan(step.name, step.title, number, total, undoing=True))
        started = self.stage.pace.clock.now()
        self._enter(step)
        if not isinstance(step.undo, Nothing):
            try:
                self._act_back(step, step.undo)
            except (UndoRefused, Cancelled, JournalFailed):
                raise
            except Exception as error:  # the rest of the way back matters more than this one
                self.emit(record_failure(self.journal, step, error, undoing=True))
                return
        self.journal.append(Kind.UNDONE, {"step": step.name})
        self.stage.facts = self._state.facts
        self.emit(StepEnded(step.name, step.title, self.stage.pace.clock.now() - started, undoing=True))

    def _act_back(self, step: Step, undo: Act) -> None:
        if self._is_live(step):
            persistently(f"{step.title!r} to be undone", lambda: undo(self.stage), self.stage.pace)
        else:
            undo(self.stage)

    def _is_live(self, step: Step) -> bool:
        return self._state.phases[step.name] in self.itinerary.live

    def _enter(self, step: Step) -> None:
        if self._is_live(step):
            self.stage.watch(self.itinerary.outside, alone=self.itinerary.alone(self._state))

        def learn(value: object) -> None:
            record_learnt(self.journal, step, value)
            self.stage.facts = self._state.facts

        back, self.stage.onward = self._state.back, self.standing.onward
        self.stage.enter(step.name, learn, leave_behind=back is not None and back.leave_behind)
