"""Every message that a Postfix has taken, and whether it has left: as its own log says it, counted in the guest.

qmgr writes a line as a message comes to it (`nrcpt=`), and one as the message leaves for good, delivered or returned
(`removed`); postsuper writes `removed` of what a person deletes; pickup names the earlier id of what one requeues.
"""

from dataclasses import dataclass

from vmmigrate.appliance.port import Shell
from vmmigrate.appliance.queues import listing, logs
from vmmigrate.errors import ApplianceError
from vmmigrate.limits import MAIL_TAKEN_LINES, MAIL_TAKEN_NAMED
from vmmigrate.limits.seconds import MAIL_LOG

# $1: Unix seconds, $2: lines, $3: ids that are named. An id that has left may come again, as another message. What a
# person requeues (postsuper -r) comes again by another id, once pickup has it.
_COMES_OR_GOES = r"(qmgr|postsuper)\[[0-9]+\]: [A-Za-z0-9]+: (from=<.*nrcpt=[0-9]+ |removed$)"
_REQUEUED = r"pickup\[[0-9]+\]: [A-Za-z0-9]+: uid=.* orig_id=[A-Za-z0-9]+$"
_COUNT = (
    "since=$1\n"
    + logs.READING
    + rf"""begins
{{ files; entries; }} | grep -aE '{logs.HEAD}/({_COMES_OR_GOES}|{_REQUEUED})' | tail -n "$2" |
awk -v most="$3" '
    {{ match($0, /\[[0-9]+\]: [A-Za-z0-9]+: /); split(substr($0, RSTART, RLENGTH), part, ": "); id = part[2] }}
    / removed$/ {{ how[id] = ($0 ~ /\/postsuper\[/) ? "deleted" : "left"; next }}
    / orig_id=[A-Za-z0-9]+$/ {{ sub(/.* orig_id=/, ""); delete taken[$0]; delete how[$0]; next }}
    {{ taken[id]; delete how[id] }}
    END {{
        for (id in taken) {{ all++; number[how[id]]++; if (how[id] == "" && named++ < most) print id }}
        print NR, all + 0, number["left"] + 0, number["deleted"] + 0
    }}'
"""
)


@dataclass(frozen=True)
class Taken:
    """In messages. `left`: delivered or returned. `deleted`: by a person. `cut`: its log has more than is looked at.

    `begins`: Unix seconds, where its log begins later than was asked for; else 0.
    """

    all: int
    left: int
    deleted: int
    waiting: int
    unaccounted: tuple[str, ...] = ()  # ids of what has neither left nor waits
    cut: bool = False
    begins: float = 0


def account(shell: Shell, since: float) -> Taken:
    """`since`: Unix seconds, of a log that has no end of its own. Raises CommandFailed, TimedOut, ApplianceError.

    What leaves between the look at its log and that at its queue is looked for in the log again.
    """
    counted, rest, begins = _count(shell, since)
    waiting = listing.ids(shell, shell.host)
    if missing := rest - waiting:
        counted, rest, begins = _count(shell, since)
        missing &= rest
    lines, number, left, deleted = counted
    stays = number - left - deleted
    cut = lines >= MAIL_TAKEN_LINES.most or stays > len(rest)
    return Taken(number, left, deleted, stays - len(missing), tuple(sorted(missing)), cut, begins)


def _count(shell: Shell, since: float) -> tuple[list[int], frozenset[str], float]:
    """Lines, messages, those that left and those that were deleted; the ids of the rest; when its log begins."""
    bounds = (str(MAIL_TAKEN_LINES.most), str(MAIL_TAKEN_NAMED.most))
    program = ("sh", "-c", _COUNT, "vmmigrate-mail-taken", logs.after(since), *bounds)
    begins, said = logs.begun(shell.run(program, user="root", timeout=MAIL_LOG.most).stdout, since)
    *ids, counted = said.splitlines() or [""]
    numbers = [int(word) for word in counted.split() if word.isdecimal() and word.isascii()]
    if len(numbers) != 4:
        raise ApplianceError(f"{shell.host} counted its mail as {counted[:80]!r}", hint="see its log of mail")
    return numbers, frozenset(ids), begins
