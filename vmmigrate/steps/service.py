"""Who takes the world's mail: by links and power, by a greeting at the live address, and by where the run stands."""

import smtplib
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace

from hypervisors import Holder, PowerState, Problem, Unreachable
from vmmigrate.appliance import mail
from vmmigrate.events import DOWN, FLOWING, NOT_LOOKED_AT, TWICE, Outage, Service
from vmmigrate.facts import Claim, Intake, NewVm, Plugged
from vmmigrate.findings import Check, Checks, Verdict
from vmmigrate.run.fold import RunState, Status
from vmmigrate.run.stage import Run
from vmmigrate.run.standing import Standing
from vmmigrate.steps import close_console, elsewhere, gone, guards
from vmmigrate.steps.seen import Seen, serves
from vmmigrate.steps.ways_out import to_one, way_out

GREETS_WITHIN = 3.0  # seconds
_OLD = 10.0  # seconds: a greeting before that is asked for again
_MOST_LOOKS = 3  # while the machines change: each may wait for a greeting
_RESTLESS = "the machines with the gateway's MAC changed, or could not be read in time, while they were looked at"
# By the gateway itself, not by the way there.
_PAUSED = "plugged in, but paused or suspended: it takes no mail"
_REFUSED = (ConnectionRefusedError, ConnectionResetError, smtplib.SMTPException)


def look(run: Run, standing: Standing, past: Sequence[Outage]) -> Service:
    """What holds at the end of the look: the machines are as they were at its beginning.

    Raises what the hypervisor raises.
    """
    rules = _rules(run, standing)
    held = guards.holders(run)
    for _ in range(_MOST_LOOKS):
        found = _look(Seen(run, standing, {holder.vm.id: holder for holder in held}, rules), past)
        asked, before = run.pace.clock.now(), held
        held = guards.holders(run)
        if held == before and run.pace.clock.now() - asked < _OLD:
            return found
    return Service(NOT_LOOKED_AT, seen=_RESTLESS)


def _look(seen: Seen, past: Sequence[Outage]) -> Service:
    """The hypervisor is asked first, who may be away for a while: a greeting grows old meanwhile."""
    barred, lost = _in_the_way(seen.run, seen.holders.values()), seen.has_no_way_back
    found = _judged(seen, past)
    if lost:
        found = replace(found, impossible=(*found.impossible, "rollback"))
    if not barred:
        return found
    now = found.now if barred[0].id == guards.THERE else barred[0].hint
    return replace(found, barred="; ".join(map(str, barred)), now=found.now and now)


def _rules(run: Run, standing: Standing) -> str | None:
    """Which keep the world out of the new guest that the run has opened. From `finish` on that guest is its owner's: it
    is not logged in to any more, and counts as the `finish` saw it.
    """
    if standing.state.finished:
        return None if standing.state.unseen else ""
    return elsewhere.keeps_out(run) if standing.state.steps[standing.itinerary.commit] is Status.DONE else ""


def _in_the_way(run: Run, held: Collection[Holder]) -> tuple[Check, ...]:
    """What the guards of each command would refuse: another run's claim, another machine that is live with this MAC."""
    checks = Checks()
    checks.compare(guards.THERE, "the old VM", "", lambda: gone.old_vm_is_there(run))
    if run.facts.find(Claim) and not checks.failed:
        checks.compare(guards.CLAIM, "the claim", "", lambda: guards.claim_is_ours(run))
    if not checks.failed:
        checks.compare(guards.HERE, "whether it went on elsewhere", "", lambda: elsewhere.is_here(run))
    if run.facts.find(Intake) or run.facts.find(Plugged):
        new = run.facts.find(NewVm)
        ours = (run.plan.old, *([new.vm] if new else []))
        checks.compare(guards.OTHERS, "other machines", "", lambda: guards.sole_holder(held, ours))
    return tuple(check for check in checks.failed if check.verdict is Verdict.FAIL)


def _judged(seen: Seen, past: Sequence[Outage]) -> Service:
    live = seen.live
    if len(live) > 1:
        names = tuple(holder.vm.name for holder in live)
        return Service(TWICE, names, now=to_one(seen), machines=_machines(seen, open_=True))
    return _of_the_one(seen, live[0], past) if live else _of_nobody(seen, past)


def _of_nobody(seen: Seen, past: Sequence[Outage]) -> Service:
    """None that is plugged in has the MAC. A NIC may have another one by now: who greets at the address is somebody."""
    why = "; ".join(_states(seen)) or "no machine has the address's MAC"
    with suppress(Problem):
        if _refusal(seen.run) is None:
            host = seen.run.plan.identity.host
            words = f"somebody greets at {host}, but {why}; see whose MAC it is: ip neigh show {host}"
            return Service(NOT_LOOKED_AT, seen=words, impossible=("finish",), machines=_machines(seen, open_=False))
    return _down(seen, past, why)


def _of_the_one(seen: Seen, one: Holder, past: Sequence[Outage]) -> Service:
    """The one that is plugged in: isolated, or closed, or it takes mail."""
    name, commit = one.vm.name, seen.standing.state.steps[seen.standing.itinerary.commit]
    is_new = seen.new is not None and one.vm.id == seen.new.vm.id
    if is_new and commit is Status.PENDING:
        return _of_an_unopened(seen, one, past)
    if is_new and seen.rules:
        return _down(seen, past, f"{name} is plugged in, but its firewall keeps the world out: {seen.rules}")
    closed = _refusal(seen.run)
    if closed is not None:
        return _unanswered(seen, name, closed, past)
    if is_new and (why := _unknown(seen, commit)):
        why = f"{name} is plugged in and answers this workstation; {why}"
        return Service(NOT_LOOKED_AT, seen=why, machines=_machines(seen, open_=False))
    if seen.is_a_copy(one):
        why = f"{name}, a copy of the new VM, is plugged in and answers this workstation; whether it is open to all is"
        return Service(NOT_LOOKED_AT, seen=f"{why} not known", machines=_machines(seen, open_=False))
    since, right = _since(seen, one, past), _is_expected(seen, one)
    return Service(FLOWING, (name,), since, expected=right, machines=_machines(seen, open_=True))


def _unknown(seen: Seen, commit: Status) -> str:
    """What a greeting does not show: an isolated gateway greets this workstation, and nobody else."""
    if commit is not Status.DONE:
        return "it is not recorded that it is open to all"
    if seen.rules is None:
        return "whether its firewall lets the world in was not looked at (no password at hand, or no answer on staging)"
    return ""


def _of_an_unopened(seen: Seen, one: Holder, past: Sequence[Outage]) -> Service:
    """As far as this journal goes, which may be behind the world. Isolated, it greets this workstation too."""
    run, name = seen.run, one.vm.name
    isolated = elsewhere.is_isolated(run)
    if isolated:
        return _down(seen, past, f"{name} is plugged in and isolated: the run has not opened it")
    if isolated is None and seen.is_closed_as_recorded:
        return _down(seen, past, f"{name} is plugged in, and the run has not opened it")
    closed = _refusal(run)
    if closed is not None:
        return _unanswered(seen, name, closed, past)
    if isolated is None:
        why = f"{name} is plugged in and answers at {run.plan.identity.host}; whether it is open to all is not known"
        return Service(NOT_LOOKED_AT, seen=why, machines=_machines(seen, open_=False))
    return Service(FLOWING, (name,), machines=_machines(seen, open_=True))


def _refusal(run: Run) -> Unreachable | None:
    """Why nobody greets at the live address; None: somebody does."""
    host, port = run.plan.identity.host, run.settings.old.smtp_port
    try:
        mail.banner(host, port, timeout=GREETS_WITHIN, dial=run.dial_to(host))
    except Unreachable as error:
        return error
    return None


def _unanswered(seen: Seen, name: str, why: Unreachable, past: Sequence[Outage]) -> Service:
    """A refusal is the gateway's own; silence may be the fault of the way between this workstation and it."""
    if why.__cause__ is None or isinstance(why.__cause__, _REFUSED):
        return _down(seen, past, f"{name} is plugged in, but {why}")
    words = f"{name} is plugged in and runs, but from this workstation there is {why}"
    return Service(NOT_LOOKED_AT, seen=words, machines=_machines(seen, open_=False))


def _down(seen: Seen, past: Sequence[Outage], why: str) -> Service:
    since = past[-1].began if past and past[-1].ended is None else ""
    return Service(DOWN, since=since, seen=why, now=way_out(seen), machines=_machines(seen, open_=False))


def _is_expected(seen: Seen, one: Holder) -> bool:
    """Whether it is the one that the run would have live: after the commit the new one, else the old one."""
    return one is (seen.new if seen.opened else seen.old)


def _since(seen: Seen, one: Holder, past: Sequence[Outage]) -> str:
    """When the last outage ended, where the one that is live is the one that ended it."""
    if not _is_expected(seen, one):
        return ""
    return (past[-1].ended or "") if past else "before this run"


# ---- what stands where ---------------------------------------------------------------------------------------


def _machines(seen: Seen, *, open_: bool) -> dict[str, str]:
    """`open_`: the one that is plugged in takes mail."""
    return {
        "old VM": _old_in_words(seen.old, open_=open_, live=live_in_words(seen.standing.state)),
        "new VM": _new_in_words(seen, seen.new, open_=open_),
    }


def live_in_words(state: RunState) -> str:
    """Of an old VM that takes mail."""
    return "live, but its console may be closed to others" if close_console.may_be_closed(state) else "live"


def _old_in_words(old: Holder | None, *, open_: bool, live: str) -> str:
    if old is None:
        return "not seen with this MAC: check its NIC"
    if serves(old):
        return live if open_ else "plugged in, but its mail intake may be closed"
    if old.is_live:
        return _PAUSED
    return "kept, unplugged" if old.power is not PowerState.OFF else "kept, switched off"


def _new_in_words(seen: Seen, new: Holder | None, *, open_: bool) -> str:
    if new is None:
        others = f"; {seen.unknown} has this MAC" if seen.unknown else ""
        gone_ = "not seen as this run made it" if others else "deleted or never made"
        return f"{'there, without its NIC: check it' if seen.lacks_its_nic else gone_}{others}"
    if serves(new):
        return "live" if open_ else "plugged in, but it may not be open"
    if new.is_live:
        return _PAUSED
    return "kept, switched off" if new.power is PowerState.OFF and new.stored_link_up else "kept, unplugged"


def _states(seen: Seen) -> list[str]:
    """What each of both machines is, in words."""
    both = [holder for holder in (seen.old, seen.new) if holder is not None]
    lacks = [f"{seen.run.plan.new_name} has no NIC with its MAC"] if seen.lacks_its_nic else []
    return [*(f"{holder.vm.name} is {_state(holder)}" for holder in both), *lacks]


def _state(holder: Holder) -> str:
    power = {PowerState.RUNNING: "running", PowerState.OFF: "switched off"}.get(holder.power, "paused or suspended")
    return f"{power}, {'plugged in' if holder.link_up else 'unplugged'}"
