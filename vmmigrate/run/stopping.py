"""What a run does at its stop, before anything that serves the world is touched: stand still, or end a rehearsal."""

from typing import TYPE_CHECKING, Any

from vmmigrate.events import StepRemark
from vmmigrate.itinerary import Stop
from vmmigrate.run.journal import Journal
from vmmigrate.run.record import Kind

if TYPE_CHECKING:
    from vmmigrate.run.engine import Engine


def stop_at(stop: Stop, engine: "Engine") -> None:
    """Say what was measured; then stand still, or undo everything."""
    for text in stop.says(engine.stage):
        engine.emit(StepRemark("", text))
    if engine.standing.state.rehearses:
        words = f"{stop.rehearsed}: everything is undone"
        engine.back(engine.itinerary.everything, words, words="going back", ends_as=stop.rehearsed)
    else:
        stand_still(stop, engine.journal, engine.stage)


def stand_still(stop: Stop, journal: Journal, run: Any) -> None:
    """Record it; where it stood there before, until the time that it had then."""
    until = journal.state().until
    valid = stop.valid(run) if until is None else until - journal.records[-1].time
    journal.rest(Kind.PAUSED, reason=stop.stands_as, valid=round(valid, 3))
