"""Before anything of the old gateway is touched: what differs has been accepted by the operator, or is no more."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from vmmigrate.errors import Undecided
from vmmigrate.facts import Checked, Intake, NewGuest, OldState, Opened, Verified, VerifiedLive
from vmmigrate.findings import Check, Checks, Verdict, in_words
from vmmigrate.learnt import Facts
from vmmigrate.run.stage import Run
from vmmigrate.settings.accepting import DECISIONS
from vmmigrate.step import Nothing, Step
from vmmigrate.steps import differences, outgoing

_OPEN = "things are to be decided before the new gateway serves"


@dataclass(frozen=True)
class Decided:
    """What `verify` compared, looked at again. What does not pass, the operator accepts. Learnt by `decide`."""

    checks: Checked = ()

    @property
    def accepted(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if not check.passed)


def do(run: Run) -> None:
    """All is looked at once more: days may lie between, and either guest may have been edited. Raises Undecided."""
    now = _now(run)
    require(run, now)
    run.learn(Decided(tuple(now.all)))


def holds(run: Run) -> Iterator[Check]:
    """Nothing differs that was not settled. With its intake closed the old guest listens at fewer ports."""
    if run.facts.find(Intake) is None:
        now = _now(run)
        undecided = _undecided(run, now.failed)
        yield from (check for check in now.all if check.passed or check in undecided)


def _now(run: Run) -> Checks:
    """What nobody can answer any more stays as `verify` saw it.

    The image's first account is tried again only where it was valid: a log-in leaves traces in the database, and who
    makes it valid again changes that, which `verify` looks at.
    """
    before = failed(run.facts)
    ids = {check.id for check in before}
    asked = [each for each in DECISIONS if each in ids or each != "first-account"]
    now = differences.compared(run, 0.0 if "ports" in ids else run.settings.limits.restart, asked)
    answered = {check.id for check in now.all}
    now.all += [_unanswered(check) for check in before if check.id not in answered]
    return now


def _unanswered(check: Check) -> Check:
    """A server that is not asked any more is needed no more: nobody can settle it otherwise."""
    gone = replace(check, seen="no longer named", verdict=Verdict.PASS, hint="")
    return gone if check.id in outgoing.IDS.values() else check


def require(run: Run, checks: Checks) -> None:
    """Raises ChecksFailed for what nobody may accept, else Undecided for what nobody has accepted."""
    Checks([check for check in checks.failed if check.id not in DECISIONS]).refuse_if_failed()
    if undecided := _undecided(run, (check for check in checks.failed if check.id in DECISIONS)):
        raise _refusal(run, undecided)


def say(run: Run, differing: Iterable[Check]) -> None:
    """In one remark, long before it stops anything."""
    listed = tuple(differing)
    open_ = _undecided(run, listed)
    lines = [f"{'to decide' if each in open_ else 'accepted'} ({each.id}): {each}" for each in listed]
    if lines:
        run.remark("; ".join(lines))


def number(run: Run) -> int:
    """How many are to be decided, as `verify` saw them."""
    return len(_undecided(run, failed(run.facts)))


def failed(facts: Facts) -> tuple[Check, ...]:
    """What the operator may accept; an earlier version made no such checks, and stopped at a missing port itself."""
    verified = facts.find(Verified)
    checks = verified.checks if verified else ()
    return tuple(check for check in checks if check.id in DECISIONS and not check.passed)


def checks(facts: Facts) -> tuple[Check, ...]:
    """What `verify` compared, each as it was seen last."""
    verified, decided = facts.find(Verified), facts.find(Decided)
    again = decided.checks if decided else ()
    ids = {check.id for check in again}
    return (*(each for each in (verified.checks if verified else ()) if each.id not in ids), *again)


def accepted(facts: Facts) -> tuple[Check, ...]:
    """What the operator has left as it is; at the live address, what did not keep it from being opened."""
    decided, opened = facts.find(Decided), facts.find(Opened)
    live = facts.find(VerifiedLive) if opened else None
    shown = live.checks if live else ()
    left = (check for check in shown if check.id in DECISIONS and not check.passed)
    without_step = failed(facts) if opened else ()  # a run that an earlier version began, before there was `decide`
    return (*(decided.accepted if decided else without_step), *left)


def _undecided(run: Run, checks: Iterable[Check]) -> tuple[Check, ...]:
    """An id accepts whatever it names; what a killed process had accepted counts as long as it is the same."""
    before = run.facts.last(Decided)
    same = {(each.id, each.seen) for each in before.accepted} if before else set()
    return tuple(each for each in checks if each.id not in run.accepted and (each.id, each.seen) not in same)


def _refusal(run: Run, checks: tuple[Check, ...]) -> Undecided:
    message, hint = in_words(_OPEN, [(f"{check.id}: {check}", check.hint) for check in checks])
    ids = ",".join(dict.fromkeys(check.id for check in checks))
    fix, on = hint if len(checks) == 1 else "fix them", f"vmmigrate {run.onward} {run.run_id}"
    return Undecided(message, hint=f"{fix}, then: {on}; or accept that: {on} --accept {ids}")


STEP = Step(
    "decide",
    "Settle what differs from the old gateway",
    do,
    Nothing("it only reads"),
    learns=(Decided,),
    needs=(OldState, NewGuest, Verified),
    holds=holds,
    remedy="see who changes either gateway",
)
