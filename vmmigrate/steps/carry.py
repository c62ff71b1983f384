"""Carry the mail that waits in the old gateway into the new one, where it is on hold until the new gateway is open."""

from collections import Counter

from hypervisors import Problem
from vmmigrate.appliance.port import Shell
from vmmigrate.appliance.queues import carrying, listing, manifest
from vmmigrate.disk import leaving_room
from vmmigrate.facts import CarriedMail, Frozen, Opened
from vmmigrate.model import CARRY, REFUSE
from vmmigrate.run.sealed import Piped
from vmmigrate.run.stage import Run
from vmmigrate.steps import intake


def do(run: Run) -> None:
    """Where all was delivered, Postfix is only stopped: what is submitted there from now on would stay there."""
    if run.plan.mail_queue == REFUSE:
        return  # `close-intake` waited until there was none
    old = run.old_shell
    if run.facts.find(Frozen) is None:
        run.learn(Frozen(run.wall()))
    waiting = carrying.freeze(old)
    if not waiting:
        return
    if run.plan.mail_queue == CARRY:
        _store(run, old)
        if run.facts.find(CarriedMail) is None:
            run.learn(CarriedMail(queues=listing.counted(waiting).counts))  # from now on there may be copies in a guest
        _carry(run, old, waiting)
    else:
        run.learn(CarriedMail(left=len(waiting)))
        run.remark(f"left in {run.plan.old.name}, as requested: {listing.counted(waiting)}")


def _carry(run: Run, old: Shell, waiting: tuple[listing.Message, ...]) -> None:
    """What was laid before is not laid again, so all of this can be done twice."""
    new = run.new_shell
    carrying.stop(new)
    with run.rundir.sealed.decrypted(run.rundir.queue) as source:
        came = carrying.lay(new, source)
    _note(run, came, waiting)
    carrying.keep(old)
    carrying.start(new)


def _store(run: Run, old: Shell) -> None:
    """Encrypted, as it comes. Where sudo lets nobody pack it, nothing was changed but that Postfix is stopped."""
    moves = leaving_room(run.rundir.path, run.pace.moves, "the mail queue")
    piped = Piped(lambda sink: carrying.pack(old, sink, moves))
    with piped as source:
        run.rundir.sealed.encrypt(run.rundir.queue, source)


def _note(run: Run, came: tuple[carrying.Arrived, ...], waiting: tuple[listing.Message, ...]) -> None:
    key = run.rundir.sealed.digest_key()
    lines = manifest.lines(came, waiting, key)
    run.rundir.sealed.encrypt(run.rundir.manifest, manifest.as_file(lines))
    by_queue = dict(Counter(each.queue for each in came))
    run.learn(
        CarriedMail(len(came), by_queue, sum(len(line.recipients) for line in lines), manifest.digest(lines, key))
    )
    listed = ", ".join(f"{number} {name}" for name, number in sorted(by_queue.items()))
    run.remark(f"mail: {len(came)} carried ({listed}), on hold in {run.plan.new_name} until it is open")


def undo(run: Run) -> None:
    """Before the new gateway was open, the old copies are the mail, and the new ones leave its queue. After that, those
    that were carried are the new gateway's.
    """
    if run.facts.find(Frozen) is None:
        return
    carried = run.facts.find(CarriedMail)
    theirs = run.facts.last(Opened) is not None and carried is not None and carried.messages > 0
    if carried is not None and not theirs:
        _take_away(run)
    intake.answering(run, lambda: _thaw(run.old_shell, carried, theirs=theirs))
    if theirs:
        run.remark(
            f"{run.plan.new_name} has taken over the mail that was carried; copies of it stay in {run.plan.old.name},"
            f" beside its queues in {carrying.COPIED}, from where nobody sends them"
        )


def _take_away(run: Run) -> None:
    """Of one that cannot be asked, what it holds stays on hold in it: nobody sends it unless somebody lets it go."""
    try:
        carrying.take_away(run.new_shell)
    except (Problem, KeyError) as problem:
        run.remark(f"copies of carried mail may be on hold in {run.plan.new_name}; do not let them go: {problem}")


def _thaw(old: Shell, carried: CarriedMail | None, *, theirs: bool) -> None:
    if carried is not None:
        (carrying.supersede if theirs else carrying.let_go)(old)
    carrying.start(old)


def release(run: Run) -> None:
    """The new gateway is open: what was carried goes out, but for what was on hold before. Said is what is missing."""
    carried = run.facts.find(CarriedMail)
    if carried is None or not carried.messages:
        return
    gone = carrying.release(run.new_shell, _ids(run))
    run.remark(f"mail: {in_words(carried)}, {len(gone)} unaccounted")
    if gone:
        run.remark(
            f"not in the queue of {run.plan.new_name} any more when it was let go, so delivered from there before, or"
            f" taken out by hand: {', '.join(gone)}"
        )


def _ids(run: Run) -> tuple[str, ...]:
    """Of those that are on hold in the new gateway."""
    lines = manifest.from_file(run.rundir.sealed.decrypt_small(run.rundir.manifest))
    return tuple(line.new_id for line in lines if line.queue != carrying.MAILDROP)


def in_words(carried: CarriedMail) -> str:
    """'41 carried, 2 held'."""
    if carried.left:
        return f"{carried.left} left in the old gateway"
    held = carried.queues.get(listing.HOLD, 0)
    return f"{carried.messages - held} carried, {held} held"
