"""What the old mail agent's own queues hold, as its console lists them: nothing at the switch, or what is accepted."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from hypervisors import Problem
from vmmigrate.appliance.port import Console
from vmmigrate.errors import Undecided
from vmmigrate.run.stage import Run
from vmmigrate.settings.accepting import MPA_ERROR, MPA_UNKNOWN

ERROR = "error"  # the queue that never empties by itself
_MOVING = ("outgoing", "spool", "respool")

Holds = Callable[[], str]


def nothing() -> str:
    """In place of a look, where the operator accepts that it is unknown."""
    return ""


@contextmanager
def watched(run: Run) -> Iterator[Holds]:
    """What they hold, whenever it is asked: '' for nothing. The console is found and logged in to before that, while
    mail still flows.

    Raises Undecided for what the operator has to decide.
    """
    try:
        console = run.old_console
    except Problem as problem:
        _refuse_unknown(run, problem)
        yield nothing
        return
    try:
        yield _look(run, console)
    finally:
        console.close()


def _look(run: Run, console: Console) -> Holds:
    try:
        console.log_in(run.doors.old.account)
        waiting = console.mail_queues()
    except Problem as problem:
        _refuse_unknown(run, problem)
        return nothing
    _refuse_error(run, waiting)
    if waiting[ERROR]:
        run.remark(
            f"accepted ({MPA_ERROR}): {waiting[ERROR]} in the error queue of {run.plan.old.name}, and stay there"
        )
    return lambda: _holds(run, console.mail_queues())


def _holds(run: Run, waiting: Mapping[str, int]) -> str:
    _refuse_error(run, waiting)
    return ", ".join(f"{waiting[queue]} in MPA {queue}" for queue in _MOVING if waiting[queue])


def _refuse_error(run: Run, waiting: Mapping[str, int]) -> None:
    if waiting[ERROR] and MPA_ERROR not in run.accepted:
        raise Undecided(
            f"the mail agent of {run.plan.old.name} could not handle {waiting[ERROR]} messages: they are in its error"
            " queue, which does not empty by itself, and nobody carries them",
            hint="see them in its console (MPA queue): release or delete them there; or leave them there, with"
            f" --accept {MPA_ERROR}",
        )


def _refuse_unknown(run: Run, problem: Problem) -> None:
    if MPA_UNKNOWN not in run.accepted:
        raise Undecided(
            f"what the mail agent of {run.plan.old.name} holds is not known: {problem}",
            hint=f"{problem.hint}; or look there yourself, and go on with --accept {MPA_UNKNOWN}",
        ) from problem
    run.remark(f"accepted ({MPA_UNKNOWN}): what the mail agent of {run.plan.old.name} holds is not known: {problem}")
