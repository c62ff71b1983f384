"""Every message that a Postfix has taken, and whether it has left: as its own log says it, counted in the guest.

qmgr writes a line as a message comes to it (`nrcpt=`), and one as the message leaves for good, delivered or returned
(`removed`); postsuper writes `removed` of what a person deletes.
"""

from dataclasses import dataclass

from vmmigrate.appliance.port import Shell
from vmmigrate.appliance.queues import listing
from vmmigrate.errors import ApplianceError
from vmmigrate.limits import MAIL_LOG, MAIL_TAKEN_LINES, MAIL_TAKEN_NAMED

# Files and journal: a guest has one of them, or both. $1: Unix seconds, $2: lines, $3: ids that are named. An id that
# has left may come again, as another message.
_COUNT = r"""{
    for f in /var/log/mail.log.1 /var/log/mail.log /var/log/maillog /var/log/mail; do test -f $f && cat $f; done
    journalctl -q --no-pager --since "@$1" SYSLOG_FACILITY=2 2>/dev/null
} | grep -aE 'postfix[^ ]*/(qmgr|postsuper)\[[0-9]+\]: [A-Za-z0-9]+: (from=<.*nrcpt=|removed)' | tail -n "$2" |
awk -v most="$3" '
    { match($0, /\[[0-9]+\]: [A-Za-z0-9]+: /); split(substr($0, RSTART, RLENGTH), part, ": "); id = part[2] }
    / removed$/ { how[id] = ($0 ~ /\/postsuper\[/) ? "deleted" : "left"; next }
    { taken[id]; delete how[id] }
    END {
        for (id in taken) { all++; number[how[id]]++; if (how[id] == "" && named++ < most) print id }
        print NR, all + 0, number["left"] + 0, number["deleted"] + 0
    }'
"""
_A_DAY = 86_400  # that guest's clock may be another


@dataclass(frozen=True)
class Taken:
    """In messages. `left`: delivered or returned. `deleted`: by a person. `cut`: its log has more than is looked at."""

    all: int
    left: int
    deleted: int
    waiting: int
    unaccounted: tuple[str, ...] = ()  # ids of what has neither left nor waits
    cut: bool = False


def account(shell: Shell, since: float) -> Taken:
    """`since`: Unix seconds, of a log that has no end of its own. Raises CommandFailed, TimedOut, ApplianceError.

    What leaves between the look at its log and that at its queue is looked for in the log again.
    """
    counted, rest = _count(shell, since)
    waiting = {message.id for message in listing.parse(shell.host, shell.run(listing.QUESTION, user="root").stdout)}
    if missing := rest - waiting:
        counted, rest = _count(shell, since)
        missing &= rest
    lines, number, left, deleted = counted
    cut = lines >= MAIL_TAKEN_LINES.most or number - left - deleted > len(rest)
    return Taken(number, left, deleted, number - left - deleted - len(missing), tuple(sorted(missing)), cut)


def _count(shell: Shell, since: float) -> tuple[list[int], frozenset[str]]:
    """Lines, messages, those that left and those that were deleted; the ids of the rest."""
    after = str(max(int(since) - _A_DAY, 0))
    bounds = (str(MAIL_TAKEN_LINES.most), str(MAIL_TAKEN_NAMED.most))
    program = ("sh", "-c", _COUNT, "vmmigrate-mail-taken", after, *bounds)
    *ids, counted = shell.run(program, user="root", timeout=MAIL_LOG.most).stdout.splitlines() or [""]
    numbers = [int(word) for word in counted.split() if word.isdecimal() and word.isascii()]
    if len(numbers) != 4:
        raise ApplianceError(f"{shell.host} counted its mail as {counted[:80]!r}", hint="see its log of mail")
    return numbers, frozenset(ids)
