"""Go on with a run that stands still at its stop: what is left of it may be in a window that the operator chose."""

from collections.abc import Callable

from vmmigrate.errors import NeedsConfirmation, UsageProblem
from vmmigrate.itinerary import Stop
from vmmigrate.parts import Parts
from vmmigrate.run import way_out
from vmmigrate.run.clocks import span
from vmmigrate.run.engine import Engine
from vmmigrate.run.guarded import require
from vmmigrate.run.looks import OFTEN
from vmmigrate.run.recorded import Recorded
from vmmigrate.run.stage import Run
from vmmigrate.run.standing import Standing
from vmmigrate.run.supervise import outcome_of, supervise
from vmmigrate.taking_up import connected, fetch_secrets, report_start, run_taken_up


def refused(question: str) -> None:
    """In place of an answer, where nobody can be asked."""
    raise NeedsConfirmation(question, "--yes")


def cutover(
    run_id: str,
    parts: Parts,
    *,
    agree: Callable[[str], None] = refused,
    accept_old: bool = False,
    rounds: int = OFTEN,
) -> str:
    """From where it stands to its end; the outcome. What is done is looked at before anything is touched.

    `agree`: asked with what will be done; raises for a no. `accept_old`: also if it has stood longer than it may.
    `rounds`: how many times at most what does not hold any more is prepared once more.
    Raises UsageProblem for a run that does not stand there; Guarded, NoLonger; what a step raises.
    """
    with run_taken_up(run_id, "cutover", parts) as recorded:
        stop = _stop_of(recorded)
        if not accept_old:
            _refuse_too_old(recorded.standing, stop, parts.wall())
        with connected(recorded, parts) as (engine, run):
            _fetch(run, engine.standing)
            require(run, engine.journal, engine.standing, stop.verb, engine.itinerary.guard)
            agree(stop.question(run.plan, engine.standing.state))
            engine.often = rounds
            report_start(run, stop.verb)
            engine.turn_forward("asked for by the operator", past=stop.stands_as)
            supervise(engine, run, Engine.go_on)
            return outcome_of(engine.standing)


def _fetch(run: Run, standing: Standing) -> None:
    with way_out.said(standing, run.plan, run.settings):
        fetch_secrets(run.doors, standing.itinerary.secrets(run.doors, run.plan, standing.state))


def _stop_of(recorded: Recorded) -> Stop:
    """Raises UsageProblem where the run stands elsewhere."""
    standing = recorded.standing
    if stop := standing.may_go_past:
        return stop
    following = "; ".join(f"vmmigrate {verb} {standing.state.run_id}: {does}" for verb, does in standing.verbs)
    raise UsageProblem(
        f"run {standing.state.run_id} is {standing.words}: only one that is prepared can be cut over",
        hint=following or f"to see what it did: vmmigrate status {standing.state.run_id}",
    )


def _refuse_too_old(standing: Standing, stop: Stop, now: float) -> None:
    """Raises UsageProblem."""
    until, run_id = standing.state.until, standing.state.run_id
    if until is not None and now > until:
        raise UsageProblem(
            f"run {run_id} is {standing.words}: too old, by {span(now - until)}",
            hint=f"`vmmigrate rollback {run_id}` deletes what was prepared, then prepare it again; or, where it may be"
            f" used all the same: vmmigrate {stop.verb} {run_id} --accept-old",
        )
