"""Ask whether a recorded run may act at all, before anything of it is touched."""

from functools import partial

from vmmigrate.errors import Guarded
from vmmigrate.findings import Checks, in_words
from vmmigrate.run.stage import Run
from vmmigrate.step import Look

GUARD = "guard"  # the check's id where the guards themselves could not be asked


def require(run: Run, *guards: Look) -> None:
    """Before anything is touched. Raises Guarded with every guard that did not pass."""
    checks = Checks()
    for guard in guards:
        checks.compare(GUARD, "may this run act", "", partial(guard, run))
    if failed := checks.failed:
        message, hint = in_words("guards did not pass", [(str(check), check.hint) for check in failed])
        raise Guarded(message, hint=hint)
