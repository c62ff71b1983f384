"""Carry what waits in one Postfix's queues into another's: each message once, whatever is interrupted."""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, cast

from hypervisors import LoginRefused, ProgressListener, no_progress
from vmmigrate.appliance.asking import ask_all, in_order
from vmmigrate.appliance.permitted import denied, runs_now
from vmmigrate.appliance.port import Shell
from vmmigrate.appliance.queues import listing, programs
from vmmigrate.appliance.queues.listing import HOLD, Message
from vmmigrate.appliance.queues.passing import QueueFiles
from vmmigrate.appliance.several import Line
from vmmigrate.errors import ApplianceError, CommandFailed
from vmmigrate.limits.seconds import QUEUE_PROGRAM

_UNIT = "postfix"
STOP, START, STATE = (("systemctl", verb, _UNIT) for verb in ("stop", "start", "is-active"))
_HOLD_ALL = ("postsuper", "-h", "ALL")
_PATIENCE = QUEUE_PROGRAM.most
_ANY_PROGRAM = ("sh", "-c", ":")
MAILDROP = "maildrop"
COPIED, OWN = f"{programs.FOLDER}/copied", f"{programs.FOLDER}/own"
_LOGS = ("defer", "bounce", "trace")
_SEEN = re.compile(r"(was|is|released) ([0-9]{1,20}) (.{1,4096})")


@dataclass(frozen=True)
class Arrived:
    """A message that was copied: where it was, by which id, and its id now. `queue`: as the old Postfix had it."""

    queue: str
    old_id: str
    new_id: str


def is_permitted(shell: Shell) -> bool:
    """Whether sudo lets this account run the programs that carry mail."""
    return not denied(shell, _ANY_PROGRAM) and runs_now(shell, _ANY_PROGRAM)


def freeze(shell: Shell) -> tuple[Message, ...]:
    """Stop Postfix, and list what waits in it. Raises CommandFailed, ApplianceError, Unreachable."""
    stopped, listed = ask_all(shell, (STOP, listing.QUESTION), user="root")
    if stopped.status or listed.status:
        shell.run(STOP, user="root")
        listed = shell.run(listing.QUESTION, user="root")
    return listing.parse(shell.host, listed.stdout)


def stop(shell: Shell) -> None:
    shell.run(STOP, user="root")


def start(shell: Shell) -> None:
    shell.run(START, user="root")


def pack(shell: Shell, sink: BinaryIO, moves: ProgressListener = no_progress) -> None:
    """All messages and their logs as a tar, from a Postfix that is stopped; nothing but queue files comes.

    Raises CommandFailed, ApplianceError, Unreachable.
    """
    passing = QueueFiles(shell.host, sink, moves)
    shell.take(_program("pack", programs.PACK), cast(BinaryIO, passing), timeout=_PATIENCE)
    passing.finish()


def lay(shell: Shell, source: BinaryIO, folder: str = programs.FOLDER) -> tuple[Arrived, ...]:
    """Put a packed queue on hold in this Postfix, which is stopped; what that folder has had is not laid again.

    Raises CommandFailed, ApplianceError, Unreachable.
    """
    return _arrived_of(shell.host, shell.give(_laying(folder), source, timeout=_PATIENCE))


def lay_in_one_that_runs(shell: Shell, source: BinaryIO) -> tuple[Arrived, ...]:
    """As `lay`, with Postfix stopped before it and started after it: all of it is on hold, so nothing goes out. One
    command, because nobody takes mail meanwhile.
    """
    apart = " </dev/null && "
    line = Line(STOP, apart, _laying(programs.FOLDER), " && ", START, " </dev/null")
    return _arrived_of(shell.host, shell.give(line, source, timeout=_PATIENCE))


def _laying(folder: str) -> Line:
    return Line(_program("lay", programs.LAY, folder), " && ", _program("look", programs.LOOK, folder))


def arrived(shell: Shell, folder: str = programs.FOLDER) -> tuple[Arrived, ...]:
    """What was laid here, and is on hold or waits to be submitted; nothing where nothing was. Once it was let go nobody
    knows where it is: then without its new ids. Raises ApplianceError.
    """
    return _arrived_of(shell.host, _run(shell, "look", programs.LOOK, folder))


def _arrived_of(host: str, said: str) -> tuple[Arrived, ...]:
    was, now = dict[str, str](), dict[str, str]()
    for line in said.splitlines():
        kind, inode, path = _seen(host, line)
        if kind == "released":
            return tuple(_arrived(path, "") for path in was.values() if path.partition("/")[0] not in _LOGS)
        (was if kind == "was" else now)[inode] = path
    messages = {inode: path for inode, path in was.items() if path.partition("/")[0] not in _LOGS}
    found = tuple(_arrived(path, now.get(inode, "")) for inode, path in messages.items())
    left = [each.old_id for each in found if not each.new_id]
    if left:
        raise ApplianceError(
            f"{host}: {len(left)} of {len(found)} messages did not find a place in its queue: {', '.join(left[:3])}",
            hint="see vmmigrate-*/in in its queue_directory, and `postqueue -p` there; then run this again",
        )
    return found


def _seen(host: str, line: str) -> tuple[str, str, str]:
    if found := _SEEN.fullmatch(line):
        return found[1], found[2], found[3]
    raise ApplianceError(
        f"{host}: its queues are not listed as they should be: {line[:80]!r}",
        hint=f"see {programs.FOLDER} in its queue_directory, then run this again",
    )


def _arrived(old: str, new: str) -> Arrived:
    """In the queue, or as submitted mail in the folder; '' where it is neither."""
    queue, old_id, new_id = old.partition("/")[0], *(path.rpartition("/")[2] for path in (old, new))
    waits = new.startswith(f"{HOLD}/") or (queue == MAILDROP and new.startswith(f"{programs.FOLDER}/{MAILDROP}/"))
    return Arrived(queue, old_id, new_id if waits else "")


def hold_all(shell: Shell) -> tuple[Message, ...]:
    """Whatever waits here goes on hold; all that is. Raises CommandFailed, ApplianceError, Unreachable."""
    held, listed = ask_all(shell, (_HOLD_ALL, listing.QUESTION), user="root", timeout=_PATIENCE)
    if held.status or listed.status:
        shell.run(_HOLD_ALL, user="root", timeout=_PATIENCE)
        listed = shell.run(listing.QUESTION, user="root")
    return listing.parse(shell.host, listed.stdout)


def release(shell: Shell, ids: Sequence[str] = (), folder: str = programs.FOLDER) -> tuple[str, ...]:
    """What was not on hold in the old queue goes out; nothing where nothing was laid. Which of `ids` did not wait."""
    listed, let_go = ask_all(
        shell, (listing.QUESTION, _program("release", programs.RELEASE, folder)), user="root", timeout=_PATIENCE
    )
    if let_go.status:
        _run(shell, "release", programs.RELEASE, folder)
    if listed.status:
        listed = shell.run(listing.QUESTION, user="root")
    if "again" in let_go.stdout.split():
        return ()  # all were there when they were let go first, or it was said which were not
    there = {message.id for message in listing.parse(shell.host, listed.stdout)}
    return tuple(each for each in ids if each not in there)


def take_away(shell: Shell) -> None:
    """Take what was laid here, and is still on hold, out of the queue; nothing where nothing was laid."""
    _run(shell, "take-away", programs.TAKE_AWAY)


def keep(shell: Shell) -> None:
    """Put on hold what was copied from here, so that no start of this machine sends it a second time."""
    _run(shell, "keep", programs.KEEP)


def set_aside(shell: Shell, ids: Sequence[str]) -> None:
    """Take those that are on hold out of the queue, so that they are not carried with it."""
    names = io.BytesIO("".join(f"{each}\n" for each in ids).encode())
    shell.give(_program("set-aside", programs.SET_ASIDE), names, timeout=_PATIENCE)


def let_go(shell: Shell) -> None:
    """As it was before `keep` and `set_aside`; nothing if those never were."""
    _run(shell, "let-go", programs.LET_GO)


def let_go_and_start(shell: Shell) -> None:
    """In one command, because nobody takes mail meanwhile. Where that fails, Postfix is started before it is raised."""
    try:
        shell.run(in_order(_program("let-go", programs.LET_GO), START), user="root", timeout=_PATIENCE)
    except (CommandFailed, LoginRefused):
        start(shell)
        let_go(shell)


def supersede(shell: Shell) -> None:
    """Take what was copied from here out of the queue: the copies are the mail now."""
    _run(shell, "supersede", programs.SUPERSEDE)


def _run(shell: Shell, name: str, program: str, *folder: str) -> str:
    return shell.run(_program(name, program, *folder), user="root", timeout=_PATIENCE).stdout


def _program(name: str, program: str, *folder: str) -> tuple[str, ...]:
    return ("sh", "-c", program, f"vmmigrate-queue-{name}", *folder)
