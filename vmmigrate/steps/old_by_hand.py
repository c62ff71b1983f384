"""What a person types to make the old gateway live again, where no program gets through."""

from collections.abc import Iterator

from hypervisors import autostart_by_hand, plug_by_hand
from vmmigrate.facts import ConsoleClosed, Intake, NewVm, Plugged
from vmmigrate.model import Plan
from vmmigrate.run.fold import RunState, Status
from vmmigrate.steps import close_console, intake, opened_by_hand

BY_LINKS = "links"  # the scope of a way back that asks no guest


def shortcut(state: RunState) -> Iterator[str]:
    """Not where it was just tried, and not where the links themselves could not be set."""
    tried = state.back is not None and state.back.scope == BY_LINKS
    plugged = state.facts.last(Plugged) is not None or state.steps["switch"] is not Status.PENDING
    if plugged and not tried and "switch" not in state.troubles:
        yield f"where only a guest is out of reach: vmmigrate rollback {state.run_id} --links-only; else these:"


def commands(plan: Plan, url: str, state: RunState) -> Iterator[str]:
    """What makes the old gateway live, whatever of it is so already, and whatever was undone; never both."""
    new = state.facts.last(NewVm)
    plugged, closed = state.facts.last(Plugged), state.facts.last(Intake)
    if plugged is not None or state.steps["switch"] is not Status.PENDING:
        if new is not None:
            yield from plug_by_hand(url, new.vm, new.live_mac, up=False)
        else:  # a damaged journal does not say whether it was made
            yield f"see that {plan.new_name} is not there, or not plugged in"
        yield from opened_by_hand.plugged_in(url, plan)
    elif closed is not None or state.steps["close-intake"] is not Status.PENDING:  # by a person
        typed = "; ".join(opened_by_hand.plugged_in(url, plan))
        yield f"if {plan.old.name} is unplugged, and no other machine is live: {typed}"
    if plugged is not None and plugged.old_autostart:
        yield autostart_by_hand(url, plan.old)
    if _may_start_another(state):
        yield f"see that {plan.old.name} starts with its host if it did, and that {plan.new_name} does not"
    if closed is not None or state.steps["close-intake"] is not Status.PENDING:
        yield from opened_by_hand.after_plugging_in(url, plan.old)
    elif state.facts.last(ConsoleClosed) is not None or close_console.may_be_closed(state):
        yield f"on the screen of {plan.old.name}, as root: {close_console.BY_HAND}"


def _may_start_another(state: RunState) -> bool:
    """Of a damaged journal the record may be lost of whether the old one did. The switch takes that from it first."""
    return state.facts.last(Plugged) is None and state.steps["switch"] is not Status.PENDING


def unplanned(url: str, state: RunState) -> Iterator[str]:
    """The same where nothing has the old VM's name any more but its notes."""
    new, plugged = state.facts.last(NewVm), state.facts.last(Plugged)
    if new is not None and url:
        yield from plug_by_hand(url, new.vm, new.live_mac, up=False)
    elif new is not None:
        yield f"unplug {new.vm.name} ({new.vm.id}), its NIC with MAC {new.live_mac}, now and for its next start"
    if _may_start_another(state):
        yield "see that the new VM does not start with its host"
    nic = f", its NIC with MAC {plugged.old_mac}" if plugged is not None else ""
    yield f"plug in the virtual machine whose notes name run {state.run_id}{nic}, and start it if it is switched off"
    if state.facts.last(Intake) is not None or state.steps["close-intake"] is not Status.PENDING:
        yield f"on its screen, as root: {intake.BY_HAND}"
    elif state.facts.last(ConsoleClosed) is not None or close_console.may_be_closed(state):
        yield f"on its screen, as root: {close_console.BY_HAND}"
