"""Hand over the old VM's name when a migration is finished: first it gets another, for no two may have one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

from hypervisors import NameTaken, NotFound, PowerState, Problem, Rename, TimedOut, VmRef
from vmmigrate.appliance import mail
from vmmigrate.errors import NeedsAttention
from vmmigrate.facts import NewVm
from vmmigrate.model import Plan
from vmmigrate.run.stage import Run
from vmmigrate.steps import deploy, guards

# Both are known by their ids. Each act looks at what they are called now, so a `finish` that was stopped anywhere is
# simply run again. What a person has called otherwise keeps that name.


def in_words(plan: Plan) -> str:
    said = f"{plan.old.name} becomes {plan.retired_name} and {plan.new_name} becomes {plan.old.name}, for good"
    restarts = f"; for that {plan.new_name} is shut down and started again, and no mail is taken meanwhile"
    return said + (restarts if plan.restarts_for_name else "")


def go_on(run: Run) -> None:
    """Start the new VM where an earlier `finish` was stopped while it was off for its name, and let it come up."""
    new = run.facts.of(NewVm).vm
    if not _restarts(run) or _name(run, run.plan.old) not in (run.plan.retired_name, None):
        return
    if deploy.is_ours(run, new) and _is_off(run, new):
        run.remark(f"{_name(run, new)} is off, as an earlier finish left it: it is started")
        _name_and_start(run, new)


def _is_off(run: Run, vm: VmRef) -> bool:
    """Once that is settled: it may still shut down or boot, as an earlier finish asked of it."""
    return _until_mail(run, lambda: run.hypervisor.power_state(vm) is PowerState.OFF)


def hand_over(run: Run) -> None:
    """Raises NeedsAttention where somebody else has one of the names."""
    plan, new = run.plan, run.facts.of(NewVm).vm
    if not plan.retired_name:
        return
    _rename(run, plan.old, plan.old.name, plan.retired_name)
    if not deploy.is_ours(run, new):
        run.remark(f"{_name(run, new)} does not have the tag of this run any more: it keeps its name")
    elif _restarts(run) and _name(run, new) == plan.new_name:
        _restart(run, new)
    else:
        _rename(run, new, plan.new_name, plan.old.name)
    run.remark(f"now called: the old VM {_name(run, plan.old) or '(deleted)'}, the new one {_name(run, new)}")


def give_back(run: Run) -> None:
    """On a way back: the names that a `finish` had handed over before it was stopped. Nobody may be live: it fails
    nothing.
    """
    plan, new = run.plan, run.facts.find(NewVm)
    if not plan.retired_name:
        return
    try:
        if new is not None and deploy.is_ours(run, new.vm):
            _call_again(run, new.vm, plan.old.name, plan.new_name)
        _call_again(run, plan.old, plan.retired_name, plan.old.name)
    except Problem as problem:
        new_name = _name(run, new.vm) if new else None
        said = f"the old VM is called {_name(run, plan.old)} now, and the new one {new_name or '(deleted)'}"
        run.remark(f"{said}: these names stay, unless you give them others ({problem})")


def _call_again(run: Run, vm: VmRef, now: str, name: str) -> None:
    if _name(run, vm) == now:
        cast(Rename, run.hypervisor).rename(vm, name)


def _restarts(run: Run) -> bool:
    return bool(run.plan.retired_name) and not cast(Rename, run.hypervisor).renames_running


def _name(run: Run, vm: VmRef) -> str | None:
    """None: it was deleted."""
    try:
        return run.hypervisor.inventory(vm).vm.name
    except NotFound:
        return None


def _rename(run: Run, vm: VmRef, was: str, name: str) -> None:
    present = _name(run, vm)
    if present not in (was, name):
        run.remark(f"{was} was {'deleted' if present is None else f'renamed to {present} by somebody'}: that stays")
        return
    with _said(run, was, name):
        cast(Rename, run.hypervisor).rename(vm, name)


@contextmanager
def _said(run: Run, was: str, name: str) -> Iterator[None]:
    try:
        yield
    except NameTaken as taken:
        raise NeedsAttention(
            f"{was} cannot be called {name}: {taken}",
            hint=f"rename or remove that one, then run this again: vmmigrate finish {run.run_id}",
        ) from taken


def _restart(run: Run, vm: VmRef) -> None:
    """All that can be refused is asked before the one that serves is shut down; nothing stops what follows."""
    plan, clock = run.plan, run.pace.clock
    with _said(run, plan.new_name, plan.old.name):
        cast(Rename, run.hypervisor).rehearse_rename(vm, plan.old.name)
    run.pace = run.pace.undisturbed()
    began = clock.now()
    try:
        run.hypervisor.shut_down(vm, run.settings.limits.shutdown)
    except TimedOut as late:
        late.hint += f"; if it goes off yet, vmmigrate finish {run.run_id} starts it again"
        raise
    _name_and_start(run, vm)
    run.remark(f"no mail was taken for about {clock.now() - began:.0f} s, while it was restarted as {plan.old.name}")


def _name_and_start(run: Run, vm: VmRef) -> None:
    """It starts whatever it is called: it is the one that serves."""
    try:
        _rename(run, vm, run.plan.new_name, run.plan.old.name)
    finally:
        guards.before_starting(run, vm)
        run.hypervisor.start(vm)
        _until_mail(run)


def _until_mail(run: Run, over: Callable[[], bool] = lambda: False) -> bool:
    """Wait until its mail server greets, or it is `over` before: which of them."""
    host, port = run.plan.identity.host, run.settings.old.smtp_port

    def look() -> bool:
        if over():
            return True
        mail.banner(host, port, dial=run.dial_to(host))
        return False

    see = f"see it on its screen; then run this again: vmmigrate finish {run.run_id}"
    return run.wait_for_answer(f"the mail server at {host}", look, timeout=run.settings.limits.boot, clears=see)
