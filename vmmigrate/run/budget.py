"""The seconds that an operator permits without mail: spent before the commit, the run goes back by itself."""

from dataclasses import replace

from vmmigrate.errors import BudgetSpent
from vmmigrate.events import StepRemark
from vmmigrate.run.engine import Engine
from vmmigrate.run.outages import lasting, outages, total
from vmmigrate.run.stage import Run


def _permitted(engine: Engine, run: Run) -> float | None:
    """Seconds; None: as long as it takes. A kind of run without a budget keeps to one that a command is given."""
    return run.budget if engine.itinerary.budgeted else run.permitted_outage


def keep_to(engine: Engine, run: Run) -> None:
    """From now on, whatever asks whether it may go on is stopped where they are spent. Nothing stops the commit, nor a
    way back.
    """
    seconds, asked = _permitted(engine, run), run.pace.cancelled
    if seconds is None:
        return

    def cancelled() -> None:
        asked()
        standing, journal = engine.standing, engine.journal
        if standing.committed or standing.state.back is not None:
            return
        if (spent := lasting(engine.itinerary, journal.records, run.clocks)) > seconds:
            raise BudgetSpent(
                f"the outage budget of {seconds:g} s is spent: nobody has taken mail for {spent:.1f} s",
                hint="see what took so long, or permit more with --budget",
            )

    run.pace = replace(run.pace, cancelled=cancelled)


def say_if_exceeded(engine: Engine, run: Run) -> None:
    """After the commit nothing goes back because of it."""
    seconds = _permitted(engine, run)
    if seconds is None or not engine.standing.came_to_its_end:
        return
    lasted = total(outages(engine.itinerary, engine.journal.records)) or 0.0
    if lasted > seconds:
        run.emit(StepRemark("", f"the outage was {lasted:.1f} s, and its budget {seconds:g} s"))
