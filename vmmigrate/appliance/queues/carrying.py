"""Carry what waits in one Postfix's queues into another's: each message once, whatever is interrupted."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, cast

from hypervisors import ProgressListener, no_progress
from vmmigrate.appliance.asking import ask_all
from vmmigrate.appliance.port import Shell
from vmmigrate.appliance.queues import listing, programs
from vmmigrate.appliance.queues.listing import HOLD, Message
from vmmigrate.appliance.queues.passing import QueueFiles
from vmmigrate.errors import ApplianceError

_UNIT = "postfix"
STOP, START, STATE = (("systemctl", verb, _UNIT) for verb in ("stop", "start", "is-active"))
_PATIENCE = 600.0  # seconds for one program: it writes a whole queue to a busy guest's disk
MAILDROP = "maildrop"
COPIED = f"{programs.FOLDER}/copied"
_LOGS = ("defer", "bounce", "trace")
_SEEN = re.compile(r"(was|is) ([0-9]{1,20}) (.{1,4096})")


@dataclass(frozen=True)
class Arrived:
    """A message that was copied: where it was, by which id, and its id now. `queue`: as the old Postfix had it."""

    queue: str
    old_id: str
    new_id: str


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


def lay(shell: Shell, source: BinaryIO) -> tuple[Arrived, ...]:
    """Put a packed queue on hold in this Postfix, which is stopped; what arrived before is not laid again.

    Raises CommandFailed, ApplianceError, Unreachable.
    """
    shell.give(_program("lay", programs.LAY), source, timeout=_PATIENCE)
    return arrived(shell)


def arrived(shell: Shell) -> tuple[Arrived, ...]:
    """What was laid here, and is on hold or waits to be submitted; nothing where nothing was. Raises ApplianceError."""
    said = _run(shell, "look", programs.LOOK)
    was, now = dict[str, str](), dict[str, str]()
    for line in said.splitlines():
        kind, inode, path = _seen(shell.host, line)
        (was if kind == "was" else now)[inode] = path
    messages = {inode: path for inode, path in was.items() if path.partition("/")[0] not in _LOGS}
    found = tuple(_arrived(path, now.get(inode, "")) for inode, path in messages.items())
    left = [each.old_id for each in found if not each.new_id]
    if left:
        raise ApplianceError(
            f"{shell.host}: {len(left)} of {len(found)} messages did not find a place in its queue:"
            f" {', '.join(left[:3])}",
            hint=f"see {programs.FOLDER}/in in its queue_directory, and `postqueue -p` there; then run this again",
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


def release(shell: Shell, ids: Sequence[str] = ()) -> tuple[str, ...]:
    """What was not on hold in the old queue goes out; nothing where nothing was laid. Which of `ids` did not wait."""
    listed, let_go = ask_all(
        shell, (listing.QUESTION, _program("release", programs.RELEASE)), user="root", timeout=_PATIENCE
    )
    if let_go.status:
        _run(shell, "release", programs.RELEASE)
    if listed.status:
        listed = shell.run(listing.QUESTION, user="root")
    there = {message.id for message in listing.parse(shell.host, listed.stdout)}
    return tuple(each for each in ids if each not in there)


def take_away(shell: Shell) -> None:
    """Take what was laid here, and is still on hold, out of the queue; nothing where nothing was laid."""
    _run(shell, "take-away", programs.TAKE_AWAY)


def keep(shell: Shell) -> None:
    """Put on hold what was copied from here, so that no start of this machine sends it a second time."""
    _run(shell, "keep", programs.KEEP)


def let_go(shell: Shell) -> None:
    """As it was before `keep`; nothing if that never was."""
    _run(shell, "let-go", programs.LET_GO)


def supersede(shell: Shell) -> None:
    """Take what was copied from here out of the queue: the copies are the mail now."""
    _run(shell, "supersede", programs.SUPERSEDE)


def _run(shell: Shell, name: str, program: str) -> str:
    return shell.run(_program(name, program), user="root", timeout=_PATIENCE).stdout


def _program(name: str, program: str) -> tuple[str, ...]:
    return ("sh", "-c", program, f"vmmigrate-queue-{name}")
