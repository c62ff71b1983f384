"""Take a run to its end: go back if a step fails before the commit, and report how it ended."""

from collections.abc import Callable, Mapping

from hypervisors import Cancelled, Problem
from vmmigrate.errors import BudgetSpent, JournalFailed, NeedsAttention, NoLonger, RolledBack, describe
from vmmigrate.events import DOWN, RunEnded, Service, StepRemark
from vmmigrate.itinerary import Scope
from vmmigrate.run.budget import keep_to, say_if_exceeded
from vmmigrate.run.engine import Engine
from vmmigrate.run.left import afterwards
from vmmigrate.run.outages import outages, total
from vmmigrate.run.outside import in_words
from vmmigrate.run.record import Kind
from vmmigrate.run.service import mail_now, offered
from vmmigrate.run.stage import Run
from vmmigrate.run.standing import FINISHED, INTERRUPTED, NEEDS_ATTENTION, ROLLED_BACK, Standing
from vmmigrate.run.stopping import stand_still
from vmmigrate.run.unrecorded import back_unrecorded
from vmmigrate.run.way_out import by_hand
from vmmigrate.step import UndoRefused


def supervise(engine: Engine, run: Run, act: Callable[[Engine], None]) -> None:
    """Do it; on failure before the commit go back; report how it ended."""
    try:
        _to_its_end(engine, run, act)
    except JournalFailed as failed:
        raise back_unrecorded(engine, run, failed) from failed


def _to_its_end(engine: Engine, run: Run, act: Callable[[Engine], None]) -> None:
    keep_to(engine, run)
    try:
        act(engine)
    except BudgetSpent as spent:
        run.pace = run.pace.undisturbed()
        _back_because(engine, run, engine.itinerary.interrupted, spent)
    except Cancelled:
        _interrupted(engine, run)
        raise
    except Exception as error:
        _failed(engine, run, error)
    say_if_exceeded(engine, run)
    _refuse_down(engine, _report_end(engine, run))


def _failed(engine: Engine, run: Run, error: Exception) -> None:
    standing = engine.standing
    state = standing.state
    if isinstance(error, JournalFailed):
        raise error
    if isinstance(error, UndoRefused):
        if not (standing.came_to_its_end or engine.serves()):
            raise _stuck(engine, run, str(error), error.hint) from error
        report(engine, run, outcome_of(standing))
        raise error
    unsafe = isinstance(error, NeedsAttention) and not standing.exposed
    served = standing.committed and state.back is None and _is_served(engine, error)
    if unsafe and (stop := standing.stands_again):
        stand_still(stop, engine.journal, run)
    if served or unsafe or state.back is not None or state.ended is not None:
        report(engine, run, NEEDS_ATTENTION)
        raise error
    run.pace = run.pace.undisturbed()
    itinerary, stopped = engine.itinerary, isinstance(error, NeedsAttention)  # what was prepared may be good yet
    keeps = standing.committed or stopped or state.stood  # who prepared it for a window may try again in the next
    scope = itinerary.interrupted if keeps else itinerary.everything
    _back_because(engine, run, scope, error)


def _is_served(engine: Engine, error: Exception) -> bool:
    """After the commit: whether the new side serves, or whoever another's guard saw live."""
    guarded = isinstance(error, NeedsAttention) and not isinstance(error, NoLonger)
    return guarded or engine.serves()


def _back_because(engine: Engine, run: Run, scope: Scope, error: Exception) -> None:
    try:
        engine.back(scope, _why(error))
    except UndoRefused as refused:
        if engine.standing.came_to_its_end:
            return  # forward again, it came through
        raise _stuck(engine, run, f"{error}\n  {refused}", refused.hint) from error
    _report_end(engine, run)
    if isinstance(error, Problem | Cancelled):
        following = "; ".join(f"vmmigrate {verb} {run.run_id}: {does}" for verb, does in engine.standing.verbs)
        hint = error.hint if run.run_id in error.hint else "; ".join(filter(None, (error.hint, following)))
        raise RolledBack(str(error), hint=hint) from error
    raise error


def _why(error: Exception) -> str:
    if isinstance(error, BudgetSpent):
        return str(error)
    return f"{'a look' if isinstance(error, NoLonger) else 'a step'} failed: {describe(error)[0]}"


def _stuck(engine: Engine, run: Run, words: str, hint: str) -> NeedsAttention:
    """Neither way led on, and perhaps nobody serves: what a person can do. Whether mail flows is in the report."""
    standing = engine.standing
    mail = report(engine, run, outcome_of(standing) if standing.paused_at else NEEDS_ATTENTION)
    return NeedsAttention(words, hint=hint + by_hand(standing, run.plan, run.settings, mail))


def _interrupted(engine: Engine, run: Run) -> None:
    """An interrupt within a live phase goes back first, so that there is a gateway."""
    standing = engine.standing
    if standing.between and standing.state.back is None:
        run.pace = run.pace.undisturbed()
        engine.back(engine.itinerary.interrupted, "interrupted by the operator")
        refuse_left_over(engine, run)
    else:
        engine.journal.append(Kind.PAUSED, {"reason": INTERRUPTED})
    report(engine, run, INTERRUPTED)


def _report_end(engine: Engine, run: Run) -> Service | None:
    if engine.standing.state.ended == ROLLED_BACK:
        run.rundir.drop_secrets()
    for left in engine.standing.left:
        run.emit(StepRemark("", left))
    refuse_left_over(engine, run)
    return report(engine, run, outcome_of(engine.standing))


def _refuse_down(engine: Engine, mail: Service | None) -> None:
    """Raises NeedsAttention where a way back ended, and nobody takes mail: also where the run never touched who did."""
    standing = engine.standing
    if mail and mail.state == DOWN and standing.went_back:
        raise NeedsAttention(f"{standing.words}, and no mail is taken yet", hint="; ".join(standing.left) or mail.now)


def refuse_left_over(engine: Engine, run: Run) -> None:
    """Raises NeedsAttention if an undo failed."""
    state = engine.standing.state
    if state.ended == NEEDS_ATTENTION:
        mail = report(engine, run, NEEDS_ATTENTION)
        listed = [f"{name}: {text}" for name, text in state.troubles.items()]
        verb = "finish" if engine.standing.finishing else "rollback"
        raise NeedsAttention(
            "not everything could be undone:" + (f" {listed[0]}" if len(listed) == 1 else "\n  " + "\n  ".join(listed)),
            hint=f"fix that, then run `vmmigrate {verb} {run.run_id}` again: it continues where it failed"
            + by_hand(engine.standing, run.plan, run.settings, mail),
        )


def finish(engine: Engine, run: Run) -> None:
    """Make the end that the run stands at final. Raises NeedsAttention if something cannot be undone."""
    end = engine.standing.finish
    if end and end.acts:
        for act in end.acts:
            act(run)
            engine.journal.keep_changes()
    else:
        scope = engine.standing.to_finish
        engine.back(
            engine.itinerary.everything,
            "requested by the operator",
            words=end.doing if end else "",
            finishes=scope.name if scope else "",
            permits=run.discard.given,
        )
        refuse_left_over(engine, run)
    run.rundir.drop_secrets()
    engine.journal.append(Kind.FINISHED, {"unseen": run.unseen} if run.unseen else {})
    report(engine, run, FINISHED)


def outcome_of(standing: Standing) -> str:
    """As events and exit codes have it: a pause in one word."""
    return standing.word.replace(" ", "-") if standing.paused_at else standing.word


def report(engine: Engine, run: Run, outcome: str) -> Service | None:
    """Say how it stands; whether mail flows, as it is looked at for that."""
    standing, past = engine.standing, outages(engine.itinerary, engine.journal.records)
    watched = run.outside.end() if run.outside else ()
    if watched:
        run.emit(StepRemark("", f"seen from this workstation: {'; '.join(map(in_words, watched))}"))
    mail = mail_now(engine.itinerary, engine.journal, run)
    first = (("status", "what was done, and what you must do"),) if outcome == NEEDS_ATTENTION else ()
    run.emit(
        RunEnded(
            run_id=run.run_id,
            outcome=outcome,
            outage=total(past),
            outages=past,
            machines=_machines(engine, outcome, mail),
            next=(*first, *offered(standing.verbs, mail)),
            insecure=run.plan.insecure,
            mail=mail,
            seen=watched,
            account=engine.itinerary.account(standing.state.facts),
            left=tuple(dict.fromkeys(afterwards(standing, run.plan))),
        )
    )
    return mail


def _machines(engine: Engine, outcome: str, mail: Service | None) -> Mapping[str, str]:
    """What stands where, as it was seen; where nobody looked, as the journal has it."""
    if mail and mail.machines:
        return mail.machines
    recorded = engine.itinerary.machines(engine.standing.state, outcome)
    return {label: f"{stands}, as recorded" for label, stands in recorded.items()} if mail else recorded
