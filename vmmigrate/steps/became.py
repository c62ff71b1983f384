"""Before a run is finished: what became of the mail that was carried, and of all that the new gateway has taken."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

from hypervisors import Problem
from vmmigrate.appliance.queues import listing, manifest, outcomes, taken
from vmmigrate.appliance.queues.manifest import Line
from vmmigrate.appliance.queues.outcomes import BOUNCED, HANDED, SENT, Outcomes
from vmmigrate.appliance.queues.taken import Taken
from vmmigrate.facts import CarriedMail, NewGuest, Opened
from vmmigrate.run.stage import Run

_WAITS, _REQUEUED, _UNKNOWN = "waiting there", "requeued there by another id", "unaccounted"
_CUT = "; not all of its log was looked at: there is more than is read, so some of the unaccounted may be in it"
_CARRIED, _TAKEN = "the mail that was carried", "the mail that the new gateway has taken itself"
_NAMED = 20  # ids in a remark


def say(run: Run) -> None:
    """The list of what was carried goes with the run's key, so it is the last moment. It stops nothing."""
    carried = run.facts.find(CarriedMail)
    if carried is not None and carried.messages:
        _say(run, _CARRIED, _in_words)
    if run.facts.find(Opened) and run.facts.find(NewGuest):
        _say(run, _TAKEN, _taken_in_words)


def _say(run: Run, what: str, in_words: Callable[[Run], str]) -> None:
    if not run.doors.is_at_hand(run.doors.new):
        run.remark(f"what became of {what} was not looked at: a password would have to be typed")
        return
    try:
        run.remark(in_words(run))
    except Problem as problem:
        run.remark(f"what became of {what} could not be looked at: {problem}")


def _taken_in_words(run: Run) -> str:
    """All that its Postfix has had: what was carried too, and what a filter gave back, which counts once more."""
    found = taken.account(run.new_shell, run.facts.of(Opened).opened_at)
    deleted = f", {found.deleted} deleted by hand" if found.deleted else ""
    said = f"{found.left} delivered or returned{deleted}, {found.waiting} waiting there"
    unknown = f"{len(found.unaccounted)} unaccounted{_named(found.unaccounted)}{_missing(found)}"
    return f"of all mail that {run.plan.new_name} has taken, {found.all} messages: {said}, {unknown}"


def _named(ids: tuple[str, ...]) -> str:
    more = " …" if len(ids) > _NAMED else ""
    return f"; neither in its queue nor in its log: {', '.join(ids[:_NAMED])}{more}" if ids else ""


def _missing(looked_at: Taken | Outcomes) -> str:
    """What its log does not have, or has and was not read."""
    late = f"{datetime.fromtimestamp(looked_at.begins, UTC):%Y-%m-%d %H:%M} UTC" if looked_at.begins else ""
    begins = f"; its log begins at {late}, after the opening: of what was before nothing is counted" if late else ""
    return f"{begins}{_CUT if looked_at.cut else ''}"


def _in_words(run: Run) -> str:
    lines = manifest.from_file(run.rundir.sealed.decrypt_small(run.rundir.manifest))
    waiting = listing.ids(run.new_shell, run.plan.new_name)
    opened = run.facts.find(Opened)
    known = outcomes.read(run.new_shell, [line.new_id for line in lines], opened.opened_at if opened else 0)
    rest = {**dict.fromkeys(known.requeued, _REQUEUED), **dict.fromkeys(known.given_up, BOUNCED)}
    rest |= dict.fromkeys(waiting, _WAITS)
    found = list(_each(lines, _by_digest(known, run.rundir.sealed.digest_key()), rest))
    number = Counter(outcome for _, outcome in found)
    words = (SENT, HANDED, BOUNCED, _WAITS, _REQUEUED, _UNKNOWN)
    said = ", ".join(f"{number[each]} {each}" for each in words if number[each] or each not in (HANDED, _REQUEUED))
    ids = tuple(dict.fromkeys(queue_id for queue_id, outcome in found if outcome == _UNKNOWN))
    return f"of the mail that was carried, {len(lines)} messages, by recipients: {said}{_named(ids)}{_missing(known)}"


def _by_digest(known: Outcomes, key: bytes) -> dict[tuple[str, str], str]:
    return {(queue_id, manifest.of(key, address)): each for (queue_id, address), each in known.seen.items()}


def _each(
    lines: tuple[Line, ...], seen: Mapping[tuple[str, str], str], rest: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Queue id and outcome, once for each recipient. One without a list of them counts once."""
    for line in lines:
        for recipient in line.recipients or ("",):
            yield line.new_id, seen.get((line.new_id, recipient), rest.get(line.new_id, _UNKNOWN))
