"""Try an undo again where it fails: while half of a live phase stands, nobody may be live."""

from collections.abc import Callable

from hypervisors import (
    LoginRefused,
    NotFound,
    NotOurs,
    NotPermitted,
    NotSupported,
    NotYet,
    Pace,
    Problem,
    TimedOut,
    TrustRefused,
    wait_for,
)
from vmmigrate.errors import JournalFailed, NeedsAttention
from vmmigrate.step import UndoRefused

TIMES, PATIENCE = 5, 60.0  # attempts; seconds after which none begins
# Another attempt would end the same, or must not be made.
FINAL = (
    *(LoginRefused, TrustRefused, NotPermitted, NotOurs, NotFound, NotSupported),
    *(UndoRefused, NeedsAttention, JournalFailed),
)


def persistently(what: str, act: Callable[[], None], pace: Pace) -> None:
    """Raises what the last attempt raised. An undo tolerates what an earlier attempt did of it already."""
    failed: list[Problem] = []

    def attempt() -> None:
        try:
            act()
        except FINAL:
            raise
        except Problem as problem:
            failed.append(problem)
            if len(failed) == TIMES:
                raise
            raise NotYet(str(problem)) from problem

    try:
        wait_for(what, attempt, timeout=PATIENCE, clears="", pace=pace, pause=0.5, max_pause=4)
    except TimedOut:  # the wait's own, or the act's
        raise failed[-1] from failed[-1].__cause__
