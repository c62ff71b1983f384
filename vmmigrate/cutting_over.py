"""Go on with a run that stands still at its stop: what is left of it may be in a window that the operator chose."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from math import inf

from hypervisors import NotYet, wait_for
from vmmigrate.errors import NeedsConfirmation, UsageProblem
from vmmigrate.events import StepWaits
from vmmigrate.itinerary import Stop
from vmmigrate.parts import Parts, reported
from vmmigrate.run import way_out
from vmmigrate.run.clocks import in_clock, span
from vmmigrate.run.engine import Engine
from vmmigrate.run.guarded import require
from vmmigrate.run.looks import OFTEN, amiss
from vmmigrate.run.recorded import Recorded
from vmmigrate.run.stage import Run
from vmmigrate.run.standing import Standing
from vmmigrate.run.supervise import outcome_of, supervise
from vmmigrate.taking_up import connected, fetch_secrets, report_start, run_taken_up


def refused(question: str) -> None:
    """In place of an answer, where nobody can be asked."""
    raise NeedsConfirmation(question, "--yes")


@dataclass(frozen=True)
class Terms:
    """How an operator wants it. `at`: Unix seconds, waited for; None: now. `budget`: seconds without mail before the
    commit, after which it goes back. `accept_old`: also if it has stood longer than it may. `rounds`: how many times at
    most what does not hold any more is prepared once more.
    """

    at: float | None = None
    budget: float | None = None
    accept_old: bool = False
    rounds: int = OFTEN
    accept: tuple[str, ...] = ()  # as of `Run.accepts`
    accept_outage: bool = False


Agree = Callable[[str], None]


def cutover(run_id: str, parts: Parts, terms: Terms = Terms(), agree: Agree | None = refused) -> str:
    """From where it stands to its end; the outcome. What is done is looked at before anything is touched.

    `agree`: asked with what will be done, and what has changed; raises for a no. None: it is a yes.
    Who stops it while it waits leaves it as it stands.
    Raises UsageProblem for a run that does not stand there; Guarded, NoLonger; what a step raises.
    """
    with run_taken_up(run_id, "cutover", parts) as recorded:
        stop = _stop_of(recorded)
        _refuse(recorded.standing, stop, terms, parts.wall())
        if terms.at is not None:
            with connected(recorded, parts) as (engine, run):
                _may(engine, run, stop, agree)
            _wait(terms.at, parts)
            agree = None
        with connected(recorded, parts) as (engine, run):
            _may(engine, run, stop, agree)
            engine.often, run.accepts = terms.rounds, terms.accept
            run.permitted_outage, run.outage_accepted = terms.budget, terms.accept_outage
            report_start(run, stop.verb)
            engine.turn_forward("asked for by the operator", past=stop.stands_as)
            supervise(engine, run, Engine.go_on)
            return outcome_of(engine.standing)


def _may(engine: Engine, run: Run, stop: Stop, agree: Agree | None) -> None:
    _fetch(run, engine.standing)
    require(run, engine.journal, engine.standing, stop.verb, engine.itinerary.guard)
    if agree is not None:
        wrong = "; ".join(map(str, amiss(engine.itinerary, engine.standing.state, run)))
        first = f"before that, what was prepared is prepared once more: {wrong}" if wrong else ""
        agree("; ".join(filter(None, (stop.question(run.plan, engine.standing.state), first))))


def _wait(at: float, parts: Parts) -> None:
    """Nothing is connected meanwhile: what is asked is asked again after it."""

    def probe() -> None:
        if (left := at - parts.wall()) > 0:
            raise NotYet(f"{in_clock(left)} to go")

    title = f"Wait until {_local(at)}"
    with reported(parts, "wait", title) as pace:
        whole = at - parts.wall()
        # the wall clock may be set meanwhile: what ends the wait is the probe
        heard = replace(pace, hears_wait=lambda wait: parts.listen(StepWaits("wait", replace(wait, timeout=whole))))
        wait_for(_local(at), probe, timeout=inf, clears="", pace=heard)


def _local(at: float) -> str:
    return f"{datetime.fromtimestamp(at).astimezone():%Y-%m-%d %H:%M:%S %Z}"


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


def _refuse(standing: Standing, stop: Stop, terms: Terms, now: float) -> None:
    """Raises UsageProblem for what is too old, or would be by then, and for a time that has passed."""
    until, run_id = standing.state.until, standing.state.run_id
    if terms.at is not None and terms.at < now:
        raise UsageProblem(f"--at: {_local(terms.at)} has passed", hint="give a time to come, or none: then it is now")
    begins, by_then = (now, "") if terms.at is None else (terms.at, " by then")
    if until is not None and begins > until and not terms.accept_old:
        raise UsageProblem(
            f"run {run_id} is {standing.words}: too old{by_then}, by {span(begins - until)}",
            hint=f"`vmmigrate rollback {run_id}` deletes what was prepared, then prepare it again; or, where it may be"
            f" used all the same: vmmigrate {stop.verb} {run_id} --accept-old",
        )
