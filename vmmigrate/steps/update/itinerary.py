"""The update of a host as an itinerary: how far it goes back, how it ends, whether mail is taken meanwhile."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from hypervisors import Unreachable, revert_by_hand
from vmmigrate.doors import Doors
from vmmigrate.events import DOWN, FLOWING, Outage, Service
from vmmigrate.findings import Check
from vmmigrate.itinerary import Finish, Itinerary, Scope
from vmmigrate.learnt import Facts
from vmmigrate.run.fold import RunState, Status
from vmmigrate.run.outside import Outside
from vmmigrate.run.stage import Run
from vmmigrate.run.standing import Standing
from vmmigrate.steps.update import CLOSE, PREPARE, UPDATE, console, install, prepare, services, snapshot
from vmmigrate.steps.update.facts import HostIntake, HostSnapshot, Installing, OpenedHost, VerifiedUpdate
from vmmigrate.steps.update.host import audits, plan_of, tool_of
from vmmigrate.updating.planning import UpdatePlan, update_from_json
from vmmigrate.watch.asking import Service as Asked
from vmmigrate.watch.asking import of_mail


def _takes(plan: UpdatePlan, state: RunState) -> Iterator[str]:
    """What a way back takes away: after the commit, all that was changed since."""
    if state.steps["install"] is not Status.PENDING:
        yield f"{plan.host} gets the packages, settings and database of {plan.before} again"
    if OpenedHost.__name__ in state.ever_learnt:
        yield "what was changed in its console, its settings or its database since the update is lost"
        yield "mail in Postfix's queue stays; no mail is taken while it goes back"


def _everything(plan: UpdatePlan, state: RunState) -> Iterator[str]:
    yield from _takes(plan, state)
    yield f"the copies in /var/lib/vmmigrate on {plan.host} will be deleted"


ALL = Scope("all", "going back to the old release, undoing everything", takes=_everything, guard=install.can_go_back)
OLD_RELEASE = Scope(
    "release",
    "going back to the old release, keeping what was prepared",
    keeps=(PREPARE.name,),
    pauses_as="old release again",
    takes=_takes,
    guard=install.can_go_back,
    finish=Finish(
        "deletes what was prepared on the host; it stays with the old release",
        lambda plan: f"the copies in /var/lib/vmmigrate on {plan.host} will be deleted",
        doing="deleting what was prepared",
    ),
)


def machines(state: RunState, outcome: str) -> Mapping[str, str]:
    known = {Status.DONE: "the new release", Status.PENDING: "the old release"}
    return {"gateway": known.get(state.steps["install"], "half way: see its packages there")}


def checks(facts: Facts) -> tuple[Check, ...]:
    verified = facts.find(VerifiedUpdate)
    return verified.checks if verified else ()


def secrets(doors: Doors, plan: UpdatePlan, state: RunState | None) -> Iterable[str]:
    yield from doors.old.wanted()
    if console.is_given(doors):
        yield console.PASSWORD


def secrets_back(doors: Doors, steps: Collection[str]) -> Iterable[str]:
    return doors.old.wanted() if steps else ()


def guard(run: Run) -> Iterable[Check]:
    """Before a recorded run acts again: nobody else has claimed the host meanwhile. One without a claim is let."""
    return [check for check in prepare.is_claimed(run) if check.seen != "none"]


def look(run: Run, standing: Standing, past: Sequence[Outage]) -> Service:
    """By the greeting at the host, as the world asks for it."""
    host, installed = plan_of(run).host, standing.state.steps["install"]
    since = past[-1] if past else None
    try:
        services.greeting(run)
    except Unreachable as silent:
        now = f"on {host}, as root: {services.BY_HAND}"
        return Service(DOWN, since=since.began if since and not since.ended else "", seen=str(silent), now=now)
    opened = standing.state.steps["open"] is Status.DONE or installed is Status.PENDING
    return Service(FLOWING, (host,), (since.ended or "") if since else "", expected=opened)


def outside(run: Run) -> Outside | None:
    """Who asks its services meanwhile; None: the settings say no, or it is reached by a jump host alone."""
    if not run.settings.outage.watch or run.settings.old.via is not None:
        return None
    asked = (*of_mail(run.settings.old.smtp_port), Asked("https", 8443, expected=False))
    return Outside(plan_of(run).host, asked, run.clocks.wall)


def by_hand(plan: UpdatePlan, url: str, state: RunState) -> Iterator[str]:
    """The snapshot while it is the way back: it was there when `install` began, and is kept until that is undone."""
    units, taken = plan.units, state.facts.find(HostSnapshot)
    if plan.vm and taken and state.facts.find(Installing) and OpenedHost.__name__ not in state.ever_learnt:
        back = "; then ".join(revert_by_hand(url, plan.vm, taken.name))
        yield f"if {plan.host} took no mail since its snapshot: {back}"
    yield f"on {plan.host}, as root: {tool_of(plan).audit}"
    yield f"there: systemctl start {units.tomcat} {units.before}, or {units.after} of {plan.after}"
    yield f"there: {services.BY_HAND}"


def by_hand_unplanned(url: str, state: RunState) -> Iterator[str]:
    """The same where the plan is lost: the claim on the host names the run."""
    taken = state.facts.find(HostSnapshot)
    if taken and state.facts.find(Installing) and OpenedHost.__name__ not in state.ever_learnt:
        yield f"if the host took no mail since its snapshot {taken.name}: revert its virtual machine to that"
    yield f"on the host of run {state.run_id}, as root: {audits()}"
    yield "there: see that Tomcat and the mail agent run: systemctl --failed"
    yield f"there: {services.BY_HAND}"


UPDATE_HOST = Itinerary(
    name="update",
    outcome="updated",
    doing="updating",
    phases=(PREPARE, UPDATE, CLOSE),
    commit="open",
    relied_on=("claim", "open"),
    scopes=(ALL, OLD_RELEASE),
    interrupted=OLD_RELEASE,
    outage_from=HostIntake,
    finish=Finish(
        "when satisfied: deletes the old release's packages and the dump; no way back after that",
        lambda plan: f"the old packages and the dump on {plan.host} will be deleted; there is no way back then",
        (snapshot.release, prepare.release),
    ),
    rollback_does="to go back to the old release",
    once="took mail with the new release and went back: what was changed meanwhile is not in the old one",
    read_plan=update_from_json,
    machines=machines,
    checks=checks,
    secrets=secrets,
    secrets_back=secrets_back,
    service=look,
    by_hand=by_hand,
    by_hand_unplanned=by_hand_unplanned,
    vms=lambda plan, state: {"host": plan.vm.id} if plan.vm else {},
    outside=outside,
    guard=guard,
)
