"""Ask whether a recorded run may act at all, before anything of it is touched."""

from contextlib import suppress
from functools import partial

from vmmigrate.errors import Guarded, JournalFailed
from vmmigrate.findings import Checks, Verdict, in_words
from vmmigrate.run.journal import Journal
from vmmigrate.run.looks import record
from vmmigrate.run.stage import Run
from vmmigrate.run.standing import Standing
from vmmigrate.run.way_out import by_hand
from vmmigrate.step import Look

GUARD = "guard"  # the check's id where the guards themselves could not be asked


def require(run: Run, journal: Journal, standing: Standing, verb: str, *guards: Look) -> None:
    """Before anything is touched. Raises Guarded with every guard that did not pass, after recording them.

    Where nothing is wrong but could not be looked at, a person who sees it may go on by hand: the hint says how.
    """
    checks = Checks()
    for guard in guards:
        checks.compare(GUARD, "may this run act", "", partial(guard, run))
    if failed := checks.failed:
        with suppress(JournalFailed):
            record(journal, verb, failed)
        message, hint = in_words("guards did not pass", [(str(check), check.hint) for check in failed])
        unseen = all(check.verdict is Verdict.UNKNOWN for check in failed)
        raise Guarded(message, hint=hint + (by_hand(standing, run.plan, run.settings) if unseen else ""))
