"""The migration as an itinerary: how far it goes back, how it ends, what is said of both VMs, what going on wants."""

from collections.abc import Collection, Iterator, Mapping

from hypervisors import plug_by_hand
from vmmigrate import properties
from vmmigrate.appliance.queues.programs import LET_GO_BY_HAND
from vmmigrate.doors import Doors
from vmmigrate.facts import CarriedMail, Intake, NewGuest, NewVm, Opened, VerifiedLive
from vmmigrate.findings import Check, Verdict
from vmmigrate.itinerary import REDO, Finish, Itinerary, Scope, Stop
from vmmigrate.learnt import Facts
from vmmigrate.model import Plan, plan_from_json
from vmmigrate.run.fold import RunState, Status
from vmmigrate.run.outside import Outside
from vmmigrate.run.stage import Run
from vmmigrate.steps import (
    CLOSE,
    DECIDE,
    PREPARE,
    SWITCH,
    became,
    carry,
    decide,
    expecting,
    follows,
    gone,
    guards,
    inside,
    intake,
    naming,
    neighbours,
    old_by_hand,
    retire,
    service,
)
from vmmigrate.steps import open as open_
from vmmigrate.watch.asking import PAGES, of_mail


def _takes_all(plan: Plan, state: RunState) -> Iterator[str]:
    """What a full way back takes away."""
    if state.steps["deploy"] is not Status.PENDING:
        yield f"{plan.new_name} will be deleted with all its data"
    yield f"the exported backup and the copied keys on this workstation will be deleted; {plan.old.name} stays"
    yield from _meanwhile(plan, state)


def _takes_the_switch(plan: Plan, state: RunState) -> Iterator[str]:
    """What a switch back takes away: after the commit, all that came to the new side."""
    since = (
        f", with all mail, users and settings that came to it since the switch: {plan.old.name} does not have them"
        if Opened.__name__ in state.ever_learnt
        else ""
    )
    yield f"{plan.new_name} will be kept, unplugged{since}"
    yield from _meanwhile(plan, state)


def _takes_the_links(plan: Plan, state: RunState) -> Iterator[str]:
    """By links alone: the guests, and what a password would be needed for, stay."""
    yield f"{plan.new_name} will be unplugged, and {plan.old.name} plugged in; no guest is asked, and none is changed"
    if state.steps["close-intake"] is not Status.PENDING:
        yield f"no mail is taken until somebody types, on the screen of {plan.old.name}, as root: {intake.BY_HAND}"
    if Opened.__name__ in state.ever_learnt:
        yield f"mail that {plan.new_name} still has stays in it, undelivered"
        if plan.same_lan:
            yield (
                f"{plan.new_name} stays plugged in at {plan.same_lan} on the live network: its firewall is open to this"
                " network, but it answers only this workstation (and the router); to unplug it:"
                f" {_second_link(plan, state)}"
            )


def _second_link(plan: Plan, state: RunState) -> str:
    new = state.facts.of(NewVm)
    return "; ".join(plug_by_hand(plan.hypervisor, new.vm, new.staging_mac, up=False))


def _links_leave(facts: Facts, committed: bool) -> tuple[str, ...]:
    """The mail that was carried is the old gateway's again only where the new one was never open."""
    carried = facts.last(CarriedMail)
    mail = (_held_by_links(carried, committed=committed),) if carried is not None and carried.messages else ()
    return (
        f"the old gateway may still refuse mail; if it does, on its screen, as root: {intake.BY_HAND}",
        *mail,
        *neighbours.left(facts),
        "nothing was undone in the new guest: `rollback` does that, and needs its password",
    )


def _held_by_links(carried: CarriedMail, *, committed: bool) -> str:
    number = carried.messages
    if committed:
        return (
            f"copies of the mail that was carried ({number}) are on hold in the old gateway; do not let them go there:"
            " the new one has taken them over, and what it has not delivered stays in it"
        )
    return f"mail that was carried ({number}) is on hold in the old gateway; to let it go, as root: {LET_GO_BY_HAND}"


def _ends(plan: Plan) -> str:
    """What `finish` of a migration does."""
    said = (
        f"{plan.old.name} will be asked to shut down, {plan.new_name} loses its staging NIC, the backup and the keys on"
        " this workstation will be deleted, and the run can no longer be rolled back"
    )
    return f"{said}; {naming.in_words(plan)}" if plan.retired_name else said


def _meanwhile(plan: Plan, state: RunState) -> Iterator[str]:
    if state.steps["close-intake"] is not Status.PENDING:
        yield f"no mail is taken until {plan.old.name} is plugged in and open again"


ALL = Scope(
    "all",
    "going back to the old VM, undoing everything",
    takes=_takes_all,
    guard=lambda run: (*gone.may_go_back(run), *inside.may_delete(run)),
    refused="the new VM has been open to the world and may hold mail, so it is not deleted",
)
KEEPING_NEW = Scope(
    "switch",
    "going back to the old VM, keeping the new one, unplugged",
    takes=_takes_the_switch,
    guard=lambda run: (*gone.may_go_back(run), *open_.may_close(run)),
    keeps=(PREPARE.name,),
    pauses_as="switched back",
    finish=Finish(
        "deletes the new VM with all its data; the old one stays live",
        lambda plan: f"{plan.new_name} will be deleted with all its data",
        doing="deleting the new VM",
        guard=retire.may_delete_new,
    ),
)
LINKS = Scope(
    old_by_hand.BY_LINKS,
    "plugging the old VM in again by the hypervisor alone; both guests stay as they are",
    only=("switch", "verify-live", "autostart", "open"),
    pauses_as="plugged back",
    needless="the old VM is plugged in, as far as this run is concerned",
    takes=_takes_the_links,
    guard=gone.may_go_back,
    leaves=_links_leave,
)


def machines(state: RunState, outcome: str) -> Mapping[str, str]:
    """After a failed undo of the switch it is not known which of both is plugged in."""
    switch, unknown = state.steps["switch"], "unknown: check its link"
    unplugged_old = "kept, switched off" if outcome == "finished" else "kept, unplugged"
    closed = state.steps["close-intake"] is not Status.PENDING
    live_old = "plugged in, but its mail intake may be closed" if closed else service.live_in_words(state)
    unplugged = "kept, unplugged" if state.facts.find(NewVm) else "deleted or never made"
    return {
        "old VM": {Status.DONE: unplugged_old, Status.PENDING: live_old}.get(switch, unknown),
        "new VM": {Status.DONE: "live", Status.PENDING: unplugged}.get(switch, unknown),
    }


def vms(plan: Plan, state: RunState) -> Mapping[str, str]:
    """The ids of both, as far as they are known."""
    new = state.facts.find(NewVm)
    return {"old": plan.old.id, **({"new": new.vm.id} if new else {})}


def checks(facts: Facts) -> tuple[Check, ...]:
    """What was compared, in the order of the run."""
    guest, live = facts.find(NewGuest), facts.find(VerifiedLive)
    trusted = (_trusted(guest),) if guest else ()
    return (*trusted, *decide.checks(facts), *(live.checks if live else ()), *_mail(facts))


def _mail(facts: Facts) -> Iterator[Check]:
    carried = facts.find(CarriedMail)
    if carried is not None:
        yield Check("mail-account", "mail that waited in the old gateway", "", carry.in_words(carried), Verdict.PASS)


def _trusted(guest: NewGuest) -> Check:
    return Check("new-host-key", f"the new VM's host key, by {guest.trusted_by}", guest.host_key, "", Verdict.PASS)


def secrets(doors: Doors, plan: Plan, state: RunState | None) -> Iterator[str]:
    """All that the way forward wants. `state`: of a run that is resumed."""
    yield from doors.wanted()
    yield from ("old.console.password", "new.console.password")
    if doors.settings.backup.password:
        yield "backup.password"
    if state is None or makes_vm(state):
        yield from properties.secret_names(plan.properties)


def secrets_back(doors: Doors, steps: Collection[str]) -> Iterator[str]:
    """Only what undoing these steps wants: links and power need no guest."""
    if "close-console" in steps or "close-intake" in steps:
        yield from doors.old.wanted()
    if "open" in steps:
        yield from doors.new.wanted()


def alone(state: RunState) -> bool:
    """From the switch to the opening the new gateway is isolated from all but this workstation."""
    switched = state.steps["switch"] is not Status.PENDING
    return switched and state.steps["open"] is not Status.DONE


def outside(run: Run) -> Outside | None:
    """The services at the gateway's address. None: the settings say no, or it is reached by a jump host alone."""
    if not run.settings.outage.watch or run.settings.old.via is not None:
        return None
    return Outside(run.plan.identity.host, (*of_mail(run.settings.old.smtp_port), *PAGES), run.clocks.wall)


def makes_vm(state: RunState) -> bool:
    """Whether the way forward makes the new VM, or makes it again because its import cannot be continued."""
    redone = state.back is not None and state.back.scope == REDO.name
    half = state.steps["import"] is not Status.DONE and state.attempted("import", "deploy")
    return redone or half or state.steps["deploy"] is not Status.DONE


def _cuts_over(plan: Plan, state: RunState) -> str:
    return f"{plan.old.name} will be unplugged and {plan.new_name} plugged in; no mail is taken meanwhile"


MIGRATE = Itinerary(
    name="migrate",
    outcome="migrated",
    doing="migrating",
    phases=(PREPARE, DECIDE, SWITCH, CLOSE),
    commit="open",
    relied_on=("claim", "deploy", "ready", "switch", "autostart", "open"),
    scopes=(ALL, KEEPING_NEW, LINKS),
    interrupted=KEEPING_NEW,
    outage_from=Intake,
    budgeted=True,
    unplugs=("switch",),
    finish=Finish(
        "when satisfied: shuts the old VM down; no way back after that",
        _ends,
        (
            naming.go_on,
            retire.see_who_serves,
            became.say,
            retire.shut_down_old,
            naming.hand_over,
            retire.release_old,
            retire.remove_staging,
        ),
    ),
    rollback_does="to go back to the old VM",
    once="was open to the world and went back: its data may differ from the old VM's by now",
    read_plan=plan_from_json,
    machines=machines,
    checks=checks,
    account=carry.account,
    accepted=decide.accepted,
    follows=follows.follows,
    secrets=secrets,
    service=service.look,
    secrets_back=secrets_back,
    shortcut=old_by_hand.shortcut,
    by_hand=old_by_hand.commands,
    by_hand_unplanned=old_by_hand.unplanned,
    vms=vms,
    guard=guards.may_act,
    alone=alone,
    outside=outside,
    stop=Stop(
        after=PREPARE.name,
        stands_as="prepared",
        verb="cutover",
        does="to replace the old VM",
        question=_cuts_over,
        valid=lambda run: float(run.settings.limits.prepared),
        words="mail untouched",
        says=expecting.says,
        rehearsed="rehearsed",
    ),
)
