"""What a rollback would do now, said before it does it: what it takes away, and what it undoes."""

from dataclasses import dataclass

from vmmigrate.errors import UsageProblem
from vmmigrate.itinerary import Itinerary, Plan, Scope
from vmmigrate.run.standing import ROLLED_BACK, Standing
from vmmigrate.step import Nothing


@dataclass(frozen=True)
class WayBack:
    """What a rollback would do now: in words, what it takes away, and the titles of the steps, in its order."""

    words: str
    takes: tuple[str, ...]
    undoes: tuple[str, ...]


def way_back(standing: Standing, plan: Plan, scope: Scope) -> WayBack:
    state = standing.state
    titles = {**{step.name: step.title for step in standing.itinerary.steps}, **state.titles}
    nothing = {step.name for step in standing.itinerary.steps if isinstance(step.undo, Nothing)}
    takes = tuple(scope.takes(plan, state)) or (scope.words,)
    return WayBack(
        scope.words, takes, tuple(titles[name] for name in reversed(standing.to_undo(scope)) if name not in nothing)
    )


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
        words = f"run {run_id} has nothing of that to undo: {scope.needless or scope.words}"
        return UsageProblem(words, hint=f"see: vmmigrate status {run_id}")
    return None


def refuse_needless(standing: Standing, wanted: Scope, *, leave_behind: bool, discard: bool) -> None:
    """Raises UsageProblem for a permission that this way back does not need: who gives it expects something else."""
    run_id = standing.state.run_id
    if discard and wanted.pauses_as and not standing.finishing:
        raise nothing_deleted(run_id, wanted.words)
    if leave_behind and not (standing.committed and standing.itinerary.commit in standing.covered(wanted)):
        raise UsageProblem(
            f"run {run_id}: --leave-mail is for a way back that closes a new VM which was open; this is none",
            hint="run it without --leave-mail",
        )


def nothing_deleted(run_id: str, what: str) -> UsageProblem:
    return UsageProblem(f"run {run_id}: {what}: no VM is deleted by that", hint="run it without --discard-…")


def _asked_for(itinerary: Itinerary, name: str) -> Scope:
    for scope in itinerary.scopes:
        if scope.name == name:
            return scope
    known = " or ".join(scope.name for scope in itinerary.scopes if not scope.only)
    raise UsageProblem(f"there is no scope {name!r}: a run does not go back that far", hint=f"give --scope {known}")
