"""What ends it where nobody takes the world's mail, or two do: commands of this program first, else by hand."""

from collections.abc import Iterator

from hypervisors import Holder, PowerState, plug_by_hand, resume_by_hand, start_by_hand
from vmmigrate.facts import Intake, Plugged
from vmmigrate.steps import intake
from vmmigrate.steps.open import BY_HAND as OPEN_BY_HAND
from vmmigrate.steps.seen import Seen


def to_one(seen: Seen) -> str:
    """Which one stays, a person decides: both may have taken mail."""
    ways = (f"to keep {holder.vm.name}: {_keeping(seen, holder)}" for holder in seen.live)
    return "; or ".join(ways) + "; mail that came meanwhile may be in either queue"


def _keeping(seen: Seen, kept: Holder) -> str:
    """Only ours can be live here beside another of ours: a third machine is in the way of every command."""
    if kept is seen.old and "rollback" in dict(seen.standing.verbs):
        return f"vmmigrate rollback {seen.run.run_id}"
    others = (holder for holder in seen.live if holder is not kept)
    return "; ".join(line for other in others for line in _unplugging(seen, other))


def _unplugging(seen: Seen, holder: Holder) -> tuple[str, ...]:
    return plug_by_hand(seen.run.plan.hypervisor, holder.vm, _mac_of(seen, holder), up=False)


def _mac_of(seen: Seen, holder: Holder) -> str:
    return seen.run.plan.live_mac if holder is seen.new else seen.run.plan.identity.mac


def way_out(seen: Seen) -> str:
    """The commands that end it; after the run's end first by hand what is amiss."""
    over = seen.standing.came_to_its_end
    if not over and seen.new is not None and seen.has_no_way_back:
        return "; ".join((*_by_hand(seen, seen.new), _on_its_screen(seen.new, OPEN_BY_HAND)))
    if seen.new is not None and seen.opened and seen.rules and seen.live == (seen.new,):
        return f"{_on_its_screen(seen.new, OPEN_BY_HAND)}; or {_command(seen, 'rollback')}"
    ways = ("resume",) if seen.has_no_way_back else ("resume", "rollback")
    commands = [_command(seen, verb) for verb, _ in seen.standing.verbs if verb in ways]
    serving = seen.new if over or seen.opened else seen.old
    if serving is not None and (over or not commands):
        commands = [*filter(None, ["; ".join(_by_hand(seen, serving))]), *commands]
    elif serving is not None and (first := "; ".join(_no_command_does(seen, serving))):
        commands = [f"{first}; then {commands[0]}", *commands[1:]] if _is_touched(seen) else [first]
    if serving is seen.old and serving in seen.live and not commands and _was_closed(seen):
        return f"{_command(seen, 'rollback')}; or {_on_its_screen(serving, intake.BY_HAND)}"
    return " or ".join(commands) or _look_there(seen)


def _look_there(seen: Seen) -> str:
    """Nothing that this journal knows of is in the way; it may be an older copy, of a run that closed the intake."""
    look = f"look at {seen.run.plan.old.name} by hand"
    if seen.old is None or seen.old not in seen.live:
        return look
    return f"{look}; if a newer copy of this run's folder closed its intake, {_on_its_screen(seen.old, intake.BY_HAND)}"


def _no_command_does(seen: Seen, holder: Holder) -> Iterator[str]:
    """What a person has to do first: none lets a paused one go on, and a way back starts and plugs in only where the
    run closed or unplugged.
    """
    url, by_hand = seen.run.plan.hypervisor, _by_hand(seen, holder)
    if holder is seen.old and seen.standing.state.facts.last(Plugged) is None:
        started = start_by_hand(url, holder.vm) if _is_touched(seen) else ""
        yield from (line for line in by_hand if line != started)
    elif holder.power is PowerState.OTHER:
        yield resume_by_hand(url, holder.vm)


def _is_touched(seen: Seen) -> bool:
    """Whether this run has closed or unplugged the old gateway: else nothing of it is in the way of mail."""
    recorded = seen.standing.state.facts
    return recorded.last(Intake) is not None or recorded.last(Plugged) is not None


def _by_hand(seen: Seen, holder: Holder) -> Iterator[str]:
    url = seen.run.plan.hypervisor
    if holder.power is PowerState.OFF:
        yield start_by_hand(url, holder.vm)
    if holder.power is PowerState.OTHER:
        yield resume_by_hand(url, holder.vm)
    if not (holder.stored_link_up if holder.power is PowerState.OFF else holder.link_up):
        yield from plug_by_hand(url, holder.vm, _mac_of(seen, holder), up=True, network=seen.run.plan.identity.network)


def _was_closed(seen: Seen) -> bool:
    """By this run, and opened by it: where that does not hold any more its way back opens it again."""
    standing = seen.standing
    return standing.state.facts.last(Intake) is not None and standing.undid(standing.itinerary.everything)


def _on_its_screen(holder: Holder, typed: str) -> str:
    return f"on the screen of {holder.vm.name}, as root: {typed}"


def _command(seen: Seen, verb: str) -> str:
    return f"vmmigrate {verb} {seen.run.run_id}"
