"""What a rollback would do now, said before it does it: what it takes away, and what it undoes."""

from dataclasses import dataclass

from vmmigrate.itinerary import Plan, Scope
from vmmigrate.run.fold import Status
from vmmigrate.run.standing import Standing


@dataclass(frozen=True)
class WayBack:
    """What a rollback would do now: in words, what it takes away, and the titles of the steps, in its order."""

    words: str
    takes: tuple[str, ...]
    undoes: tuple[str, ...]


def way_back(standing: Standing, plan: Plan, scope: Scope) -> WayBack:
    state = standing.state
    begun = [name for name in standing.covered(scope) if state.steps[name] is not Status.PENDING]
    titles = {**{step.name: step.title for step in standing.itinerary.steps}, **state.titles}
    takes = tuple(scope.takes(plan, state)) or (scope.words,)
    return WayBack(scope.words, takes, tuple(titles[name] for name in reversed(begun)))
