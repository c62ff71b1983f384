"""Go back through the live phases where nothing can be recorded any more: who serves the world comes before that."""

from threading import Lock

from vmmigrate.errors import JournalFailed
from vmmigrate.run import way_out
from vmmigrate.run.engine import Engine
from vmmigrate.run.fold import Status
from vmmigrate.run.journal import Journal
from vmmigrate.run.service import mail_now
from vmmigrate.run.stage import Run
from vmmigrate.step import UndoRefused


class Unwritten(Journal):
    """Goes on in memory where the file takes no more: whoever reads that file later finds what it has now."""

    def __init__(self, written: Journal) -> None:
        vars(self).update(vars(written))
        self.records = list(written.records)
        self._failure, self._state, self._added = None, None, 0
        self._one_at_a_time = Lock()

    def _write_with_room(self, line: bytes) -> None:
        """Nowhere."""


def back_unrecorded(engine: Engine, run: Run, failed: JournalFailed) -> JournalFailed:
    """Undo what was begun of the live phases, without a record. Returns what is to be raised: how that went.

    Nothing is undone where the commit stands, or before a live phase. Who goes on with the run later looks at what
    there is, and an undo tolerates that it was done.
    """
    run.pace = run.pace.undisturbed()
    standing, itinerary = engine.standing, engine.itinerary
    if not standing.exposed or standing.state.steps[itinerary.commit] is Status.DONE:
        return failed
    unwritten = Engine(Unwritten(engine.journal), itinerary, run, run.emit)
    if standing.committed and standing.state.back is None and _commits(unwritten):
        return failed  # it stands, although no record says that it was done
    troubles = _gone_back(unwritten, failed)
    words, by_hand = "the run went back out of its live phase, without a record", ""
    if troubles:
        mail = mail_now(itinerary, unwritten.journal, run)
        by_hand = way_out.by_hand(unwritten.standing, run.plan, run.settings, mail)
        words = "not everything could be undone, and there is no record of it:\n  " + "\n  ".join(troubles)
    return JournalFailed(
        f"{words}\n  because {failed}",
        hint=f"free space there, or permit writing, then run `vmmigrate rollback {run.run_id}`{by_hand}",
    )


def _commits(engine: Engine) -> bool:
    """Whether the commit can be done: once more, where no record says that it was."""
    try:
        engine.do_named(engine.itinerary.commit)
    except Exception:  # it is recorded, and what follows is the way back
        return False
    return True


def _gone_back(engine: Engine, failed: JournalFailed) -> list[str]:
    """What is left to a person of what could not be undone."""
    back = engine.standing.state.back
    try:
        engine.back(engine.itinerary.interrupted, str(failed), leave_behind=back is not None and back.leave_behind)
    except UndoRefused as refused:
        return [f"{engine.itinerary.commit}: {refused} → {refused.hint}"]
    return [f"{name}: {text}" for name, text in engine.standing.state.troubles.items()]
