"""Go back through the live phases where nothing can be recorded any more: who serves the world comes before that."""

from collections.abc import Iterator

from hypervisors import Problem
from vmmigrate.errors import JournalFailed, describe
from vmmigrate.events import StepBegan, StepEnded, StepFailed
from vmmigrate.run import way_out
from vmmigrate.run.engine import Engine
from vmmigrate.run.fold import Status
from vmmigrate.run.persistent import persistently
from vmmigrate.run.service import mail_now
from vmmigrate.run.stage import Run
from vmmigrate.step import Nothing, Step, UndoRefused


def back_unrecorded(engine: Engine, run: Run, failed: JournalFailed) -> JournalFailed:
    """Undo what was begun of the live phases, without a record. Returns what is to be raised: how that went.

    Nothing is undone where the commit stands, or before a live phase. Who goes on with the run later looks at what
    there is, and an undo tolerates that it was done.
    """
    run.pace = run.pace.undisturbed()
    steps = list(_to_undo(engine))
    if not steps or _serves(engine, run):
        return failed
    back = engine.standing.state.back
    troubles = list(_undo_all(run, steps, leave_behind=back is not None and back.leave_behind))
    words, by_hand = "the run went back out of its live phase, without a record", ""
    if troubles:
        mail = mail_now(engine.itinerary, engine.journal, run)
        by_hand = way_out.by_hand(engine.standing, run.plan, run.settings, mail)
        words = "not everything could be undone, and there is no record of it:\n  " + "\n  ".join(troubles)
    return JournalFailed(
        f"{words}\n  because {failed}",
        hint=f"free space there, or permit writing, then run `vmmigrate rollback {run.run_id}`{by_hand}",
    )


def _serves(engine: Engine, run: Run) -> bool:
    """Whether the commit stands although no record says that it was done: it is done once more, and that shows it."""
    standing = engine.standing
    if not standing.committed or standing.state.back is not None:
        return False
    commit = next(step for step in engine.itinerary.steps if step.name == engine.itinerary.commit)
    run.enter(commit.name, _forgets, leave_behind=False)
    return not list(_again(run, commit))


def _to_undo(engine: Engine) -> Iterator[Step]:
    """The last first."""
    itinerary, state = engine.itinerary, engine.standing.state
    if state.steps[itinerary.commit] is Status.DONE:
        return
    known = {step.name: step for step in itinerary.steps}
    for name in reversed(list(state.steps)):
        if state.phases[name] in itinerary.live and state.steps[name] is not Status.PENDING:
            yield known[name]


def _undo_all(run: Run, steps: list[Step], *, leave_behind: bool) -> Iterator[str]:
    """What is left to a person of those that fail."""
    for step in steps:
        run.enter(step.name, _forgets, leave_behind=leave_behind)
        try:
            _undo(run, step)
        except UndoRefused as refused:
            yield _failed(run, step, refused)
            yield from _again(run, step)
            return
        except Exception as error:  # the rest of the way back matters more than this one
            yield _failed(run, step, error)


def _undo(run: Run, step: Step) -> None:
    undo, clock = step.undo, run.pace.clock
    began = clock.now()
    run.emit(StepBegan(step.name, step.title, 0, 0, undoing=True))
    if not isinstance(undo, Nothing):
        persistently(f"{step.title!r} to be undone", lambda: undo(run), run.pace)
    run.emit(StepEnded(step.name, step.title, clock.now() - began, undoing=True))


def _failed(run: Run, step: Step, error: Exception) -> str:
    text, hint = describe(error)
    run.emit(StepFailed(step.name, step.title, text, hint, undoing=True))
    return f"{step.name}: {text} → {hint}"


def _again(run: Run, step: Step) -> Iterator[str]:
    """Do what could not be undone, so that the new side serves: half of an undo may have closed it."""
    try:
        persistently(f"{step.title!r} to be done", lambda: step.do(run), run.pace)
    except Problem as problem:
        yield f"{step.name}: {problem} → {problem.hint}"


def _forgets(value: object) -> None:
    """Nothing can be recorded."""
