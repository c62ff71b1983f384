"""Stand still at a stop, before anything that serves the world is touched."""

from typing import Any

from vmmigrate.itinerary import Stop
from vmmigrate.run.journal import Journal
from vmmigrate.run.record import Kind


def stand_still(stop: Stop, journal: Journal, run: Any) -> None:
    """Record it; where it stood there before, until the time that it had then."""
    until = journal.state().until
    valid = stop.valid(run) if until is None else until - journal.records[-1].time
    journal.rest(Kind.PAUSED, reason=stop.stands_as, valid=round(valid, 3))
