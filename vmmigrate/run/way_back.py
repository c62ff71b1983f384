"""What a rollback would do now, said before it does it: what it takes away, and what it undoes."""

from dataclasses import dataclass

from vmmigrate.errors import UsageProblem
from vmmigrate.itinerary import Itinerary, Plan, Scope
from vmmigrate.run.standing import ROLLED_BACK, Standing


@dataclass(frozen=True)
class WayBack:
    """What a rollback would do now: in words, what it takes away, and the titles of the steps, in its order."""

    words: str
    takes: tuple[str, ...]
    undoes: tuple[str, ...]


def way_back(standing: Standing, plan: Plan, scope: Scope) -> WayBack:
    state = standing.state
    titles = {**{step.name: step.title for step in standing.itinerary.steps}, **state.titles}
    takes = tuple(scope.takes(plan, state)) or (scope.words,)
    return WayBack(scope.words, takes, tuple(titles[name] for name in reversed(standing.to_undo(scope))))


def scope_to_undo(standing: Standing, asked: str | None) -> Scope:
    """Raises UsageProblem if the run is rolled back already, or does not go back that far."""
    run_id, usual = standing.state.run_id, standing.usual_scope()
    wanted = _asked_for(standing.itinerary, asked) if asked else usual
    if standing.state.ended == ROLLED_BACK:
        raise UsageProblem(
            f"run {run_id} is rolled back already",
            hint="there is nothing left to undo; if nobody takes mail now, this says what to type:"
            f" vmmigrate status {run_id}",
        )
    if standing.committed and wanted.refused and not standing.finishing:
        raise UsageProblem(
            f"run {run_id}: {wanted.refused}",
            hint=f"vmmigrate rollback {run_id} --scope {usual.name}: {usual.words}",
        )
    return wanted


def nothing_left(standing: Standing, scope: Scope) -> UsageProblem | None:
    """Why there is nothing to undo, as far as the run's records go; None: there is something."""
    run_id = standing.state.run_id
    if standing.paused_at is scope or (standing.committed and standing.paused_at is standing.usual_scope()):
        following = "; ".join(f"vmmigrate {verb} {run_id}: {does}" for verb, does in standing.verbs)
        return UsageProblem(f"run {run_id} is {standing.words} already", hint=following)
    if scope.only and not standing.to_undo(scope):
        words = f"run {run_id} has nothing of that to undo: {scope.words}"
        return UsageProblem(words, hint=f"see: vmmigrate status {run_id}")
    return None


def _asked_for(itinerary: Itinerary, name: str) -> Scope:
    for scope in itinerary.scopes:
        if scope.name == name:
            return scope
    known = " or ".join(scope.name for scope in itinerary.scopes)
    raise UsageProblem(f"a run of the kind {itinerary.name} has no scope {name!r}", hint=f"give --scope {known}")
