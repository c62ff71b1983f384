"""Where a run stands in its itinerary: what it is called, what can be done now, what a way back covers."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from vmmigrate.errors import JournalDamaged
from vmmigrate.itinerary import REDO, Finish, Itinerary, Scope, Stop
from vmmigrate.run.fold import Back, RunState, Status

ROLLED_BACK, NEEDS_ATTENTION, INTERRUPTED, FINISHED = "rolled-back", "needs-attention", "interrupted", "finished"

_ON_ITS_WAY = "interrupted on its way"


def in_words(outcome: str) -> str:
    """An outcome for people; programs get it with hyphens."""
    return outcome.replace("-", " ")


@dataclass(frozen=True)
class Standing:
    """A run's recorded state, seen by its itinerary."""

    itinerary: Itinerary
    state: RunState

    @property
    def word(self) -> str:
        """One word or a few, which programs read."""
        state = self.state
        if state.finished:
            return FINISHED
        if state.ended == ROLLED_BACK and state.back and state.back.ends_as:
            return state.back.ends_as
        return state.ended or state.paused or f"{_ON_ITS_WAY} {'back' if state.back else 'forward'}"

    @property
    def words(self) -> str:
        """The same for people."""
        if self.word.startswith(_ON_ITS_WAY):
            return f"interrupted while {'going back' if self.state.back else self.itinerary.doing}"
        return f"{in_words(self.word)}, {self._until}" if self.stands else in_words(self.word)

    @property
    def _until(self) -> str:
        """How long what was prepared may stand, in words."""
        until = f"{datetime.fromtimestamp(self.state.until or 0, UTC):%Y-%m-%d %H:%M} UTC"
        return "; ".join(filter(None, (f"valid until {until}", self.stands.words if self.stands else "")))

    @property
    def committed(self) -> bool:
        """Whether the new side may have served the world at some time, even if that was undone since."""
        return bool(self.state.ever_learnt & self.itinerary.commit_marks)

    @property
    def left(self) -> tuple[str, ...]:
        """What the way back at which it stands still leaves to a person."""
        return self.paused_at.leaves(self.state.facts, self.committed) if self.paused_at else ()

    @property
    def exposed(self) -> bool:
        """Whether a step of a live phase was begun and is not undone."""
        return self.exposes(self.state.steps)

    def exposes(self, names: Collection[str]) -> bool:
        """The same of some steps."""
        state, live = self.state, self.itinerary.live
        return any(state.steps[name] is not Status.PENDING for name in names if state.phases[name] in live)

    @property
    def between(self) -> bool:
        """Whether perhaps nobody serves: a live phase was begun, and the commit was not."""
        return self.exposed and not self.committed

    def looked_at(self, names: Collection[str]) -> Collection[str]:
        """Those that a look is for: after the commit only what the itinerary still relies on."""
        return [name for name in names if name in self.itinerary.relied_on] if self.committed else names

    @property
    def came_to_its_end(self) -> bool:
        return self.state.ended == self.itinerary.outcome

    @property
    def is_over(self) -> bool:
        """Whether it came to its end, or is back before its beginning."""
        rolled_back = self.state.ended == ROLLED_BACK and not self.finishing
        return self.came_to_its_end or self.state.finished or rolled_back

    @property
    def went_back(self) -> bool:
        """Whether it stands after a way back."""
        return self.state.ended == ROLLED_BACK or self.paused_at is not None

    @property
    def paused_at(self) -> Scope | None:
        """The scope that was undone and after which the run stands still."""
        return next((s for s in self.itinerary.scopes if s.pauses_as and s.pauses_as == self.state.paused), None)

    @property
    def stands(self) -> Stop | None:
        """The stop at which the run stands still."""
        stop = self.itinerary.stop
        return stop if stop and stop.stands_as == self.state.paused else None

    def stops_before(self, step: str) -> Stop | None:
        """The stop at which it is to stand still, where that step is the first beyond it."""
        stop = self.itinerary.stop
        beyond = self.state.phases[step] not in self.itinerary.prepares
        return stop if stop and beyond and stop.stands_as == self.state.stops else None

    @property
    def may_go_past(self) -> Stop | None:
        """The stop whose verb goes on from here: it stands there, or came back to that point before its commit."""
        if self.committed:
            return None
        return self.stands or (self.itinerary.stop if self.paused_at and self.prepared else None)

    @property
    def stands_again(self) -> Stop | None:
        """The stop at which it stood, where nothing beyond it is begun."""
        state, back = self.state, not (self.exposed or self.state.back)
        return self.itinerary.stop if state.stood and back and self.prepared and not self.committed else None

    @property
    def onward(self) -> str:
        """The command that goes forward from here; of what was begun beyond its stop, once that is undone."""
        stop, again = self.itinerary.stop, self.state.stood and self.prepared and not self.committed
        return stop.verb if stop and again else "resume"

    @property
    def prepared(self) -> bool:
        """Whether all that is done before its stop is done."""
        state, before = self.state, self.itinerary.prepares
        return all(state.steps[name] is Status.DONE for name, phase in state.phases.items() if phase in before)

    @property
    def finish(self) -> Finish | None:
        """The end that can be made final now."""
        if self.came_to_its_end:
            return self.itinerary.finish
        return self.to_finish.finish if self.to_finish else None

    @property
    def to_finish(self) -> Scope | None:
        """The scope whose end can be made final: the run stands still after it, or a `finish` of it was broken off."""
        return self.paused_at or self.finishing

    @property
    def finishing(self) -> Scope | None:
        """The scope of which a `finish` that undoes was begun, and did not come to its end."""
        back = self.state.back
        if back is None or self.paused_at or self.state.finished:
            return None
        earlier = self.committed and back.scope == self.itinerary.everything.name  # by a version that did not note it
        return next((s for s in self.itinerary.scopes if s.finish and (earlier or s.name == back.finishes)), None)

    def scope_of(self, back: Back) -> Scope:
        """Raises JournalDamaged."""
        for scope in (REDO, *self.itinerary.scopes):
            if scope.name == back.scope:
                return scope
        raise JournalDamaged(
            f"this version has no way back {back.scope!r}, which the run recorded",
            hint=f"use vmmigrate {self.state.version} for this run",
        )

    @property
    def verbs(self) -> tuple[tuple[str, str], ...]:
        """What can be done with the run now, each with what it does."""
        if self.finishing and self.finishing.finish:
            return (("finish", self.finishing.finish.does),)
        if self.state.finished or self.state.ended == ROLLED_BACK:
            return ()
        back = ("rollback", self.itinerary.rollback_does)
        if self.state.ended == NEEDS_ATTENTION:
            return (back,)
        if self.finish and (self.came_to_its_end or self.committed):
            last = ("finish", self.finish.does)
            return (last, back) if self.came_to_its_end else (last,)
        if self.paused_at and self.committed:
            return (back,)
        if self.paused_at:
            on = (self.onward, f"to {self.itinerary.name} after all")
            return (back, on) if self.left else (on, back)
        if self.stands:
            return (self.stands.verb, self.stands.does), back
        return ("resume", "to continue"), back

    def covered(self, scope: Scope) -> tuple[str, ...]:
        """The recorded steps that a scope undoes."""
        if not scope.only:
            return tuple(name for name, phase in self.state.phases.items() if phase not in scope.keeps)
        kept = self.itinerary.commit if self.committed else ""
        return tuple(name for name in self.state.phases if name in scope.only and name != kept)

    def to_undo(self, scope: Scope) -> tuple[str, ...]:
        """Those of them that were begun."""
        return tuple(name for name in self.covered(scope) if self.state.steps[name] is not Status.PENDING)

    def undid(self, scope: Scope) -> bool:
        """Whether some of them in a live phase were begun once and are undone: that may not hold any more."""
        return any(
            self.state.phases[name] in self.itinerary.live
            for name in self.state.undone.intersection(self.covered(scope))
        )

    def usual_scope(self) -> Scope:
        """What `rollback` undoes unless another is asked for: the first that is not refused; as a `finish` began."""
        if self.finishing:
            return self.itinerary.everything
        return next(s for s in self.itinerary.scopes if not (self.committed and s.refused))
