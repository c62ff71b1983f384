"""What a person types where a way back did not get through: the commands that end the outage."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hypervisors import Problem
from vmmigrate.run.fold import Status
from vmmigrate.run.standing import Standing
from vmmigrate.settings.models import Settings


def by_hand(standing: Standing, plan: Any, settings: Settings) -> str:
    """To go behind a hint; "" while somebody is live as far as the run knows."""
    state, itinerary = standing.state, standing.itinerary
    if not standing.exposed or state.steps[itinerary.commit] is Status.DONE:
        return ""
    lines = list(itinerary.by_hand(plan, settings.hypervisor.url, state))
    numbered = [f"\n    {number}. {line}" for number, line in enumerate(lines, start=1)]
    return "\n  meanwhile nobody may take mail; by hand, in this order:" + "".join(numbered) if lines else ""


@contextmanager
def said(standing: Standing, plan: Any, settings: Settings) -> Iterator[None]:
    """Within the block a problem is in the way of the way back: its hint says what a person can do."""
    try:
        yield
    except Problem as problem:
        problem.hint += by_hand(standing, plan, settings)
        raise
