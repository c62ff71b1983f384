"""Carry what the new gateway accepted, and has not delivered, back into the old one: a way back after the commit."""

from pathlib import Path

from hypervisors import LoginRefused, Problem
from vmmigrate.appliance.port import Shell
from vmmigrate.appliance.queues import carrying, listing
from vmmigrate.disk import leaving_room
from vmmigrate.facts import CarriedBack, Frozen, MailBack, Opened
from vmmigrate.run.sealed import Piped
from vmmigrate.run.stage import Run


def carries(run: Run) -> bool:
    """Not where it is to stay (--leave-mail), and not in a run whose old Postfix was never stopped for it."""
    return run.facts.find(Frozen) is not None and not run.leave_behind


def take(run: Run, new: Shell) -> None:
    """From a gateway that nobody reaches any more, and out of which nothing goes: all of it is in the run's folder when
    this is recorded. Then it is on hold there, so that no start of that machine sends it.
    """
    _leave_its_own(run, new)
    waiting = carrying.freeze(new)
    if not _taken(run).messages and waiting:
        store(run, new, run.rundir.returned)
        run.learn(CarriedBack(len(waiting), listing.counted(waiting).counts))
    if waiting:
        carrying.keep(new)


def store(run: Run, shell: Shell, kept: Path) -> None:
    """All that waits there, encrypted as it comes."""
    moves = leaving_room(run.rundir.path, run.pace.moves, "the mail queue")
    with Piped(lambda sink: carrying.pack(shell, sink, moves)) as source:
        run.rundir.sealed.encrypt(kept, source)


def _leave_its_own(run: Run, new: Shell) -> None:
    """What it wrote itself before it was open is no mail of the old gateway's, which would have written its own."""
    opened = run.facts.last(Opened)
    if opened is not None and opened.own:
        carrying.set_aside(new, opened.own)
        run.remark(
            f"what {run.plan.new_name} wrote itself before it was open is not carried back: it stays there, beside its"
            f" queues in {carrying.OWN}"
        )


def not_taken(run: Run, new: Shell) -> None:
    """The way back was refused after all: the new gateway serves again, with its mail."""
    if _taken(run).messages:
        run.learn(CarriedBack())
    carrying.let_go(new)
    carrying.start(new)


def comes(run: Run) -> bool:
    """Whether the new gateway had mail to carry back."""
    return _taken(run).messages > 0


def give(run: Run, old: Shell) -> MailBack | None:
    """Into the old queue; what was laid before is not laid again. What came; None where nothing comes back.

    Where sudo lets nobody lay it, it stays on hold in the new VM: the old gateway serves all the same.
    """
    taken = _taken(run).messages
    if not taken:
        return None
    try:
        came = _lay(run, old)
    except LoginRefused as refused:
        run.remark(
            f"{taken} messages that {run.plan.new_name} accepted are not carried back, and stay on hold in it:"
            f" {refused}; {refused.hint}"
        )
        return MailBack(held=taken)
    return MailBack(back=came, unaccounted=max(0, taken - came))


def _lay(run: Run, old: Shell) -> int:
    carrying.stop(old)  # a restart of that guest started it
    with run.rundir.sealed.decrypted(run.rundir.returned) as source:
        return len(carrying.lay(old, source, _folder(run)))


def let_go(run: Run, old: Shell) -> None:
    """What was not on hold goes out, by the old gateway."""
    carrying.release(old, folder=_folder(run))


def drop(run: Run) -> None:
    """The copies leave the new queue: nobody need permit their loss when that VM is deleted."""
    came = run.facts.last(MailBack)
    if not _taken(run).messages or came is None or not came.back:
        return
    try:
        carrying.supersede(run.new_shell)
    except (Problem, KeyError) as problem:
        run.remark(f"copies of the mail that was carried back are on hold in {run.plan.new_name}: {problem}")


def _taken(run: Run) -> CarriedBack:
    return run.facts.last(CarriedBack) or CarriedBack()


def _folder(run: Run) -> str:
    """Of this run alone: a gateway that once was the new one has the usual one from that."""
    return f"vmmigrate-back-{run.run_id}"
