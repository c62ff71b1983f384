"""What became of messages, by (queue id, recipient): as Postfix's own log says it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from vmmigrate.appliance.port import Shell
from vmmigrate.limits import MAIL_LOG, MAIL_LOG_IDS, MAIL_LOG_LINES

SENT, HANDED, BOUNCED = "sent", "handed to the mail agent", "bounced"
_WEIGHT = {BOUNCED: 0, HANDED: 1, SENT: 2}
_ID = re.compile(r"[A-Za-z0-9]{5,20}")
# The first of a line is syslog's own; what looks so behind it is a subject, or another server's words.
_HEAD = re.compile(r"postfix[\w/-]{0,60}\[\d{1,10}\]: (\w{1,30}): ")
# Up to the first parenthesis, for the same reason.
_RECIPIENT = re.compile(r"to=<([^>]*)>,(?: orig_to=<([^>]*)>,)?(?: relay=([^,(]*),)? [^(]*?\bstatus=(sent|bounced)\b")
_BY_ITSELF = re.compile(r"(127\.|localhost\b|\[?::1\b)")  # a filter, from where it goes on by another id
_GIVEN_UP = re.compile(r"from=<[^>]*>, status=(?:force-)?expired, returned to sender")
# Files and journal: a guest has one of them, or both. A line may come twice. $1: ids, $2: Unix seconds.
_LINES = """{
    for f in /var/log/mail.log.1 /var/log/mail.log /var/log/maillog /var/log/mail; do test -f $f && cat $f; done
    journalctl -q --no-pager --since "@$2" SYSLOG_FACILITY=2 2>/dev/null
} | grep -awF -f /dev/fd/3 3<<IDS | grep -aE "postfix.*: .*status=(sent|bounced|expired|force-expired)" | tail -n "$3"
$(printf '%s\\n' $1)
IDS
true
"""
_A_DAY = 86_400  # that guest's clock may be another


@dataclass(frozen=True)
class Outcomes:
    """`seen`: (queue id, recipient) → SENT, HANDED or BOUNCED. `given_up`: ids of which the rest went back to the
    sender. `cut`: more was carried, or logged, than is looked at.
    """

    seen: Mapping[tuple[str, str], str]
    given_up: frozenset[str] = frozenset()
    cut: bool = False


def read(shell: Shell, ids: Sequence[str], since: float) -> Outcomes:
    """`since`: Unix seconds. In one pass. Raises CommandFailed, TimedOut. What is no id is not asked about."""
    wanted = [each for each in dict.fromkeys(ids) if _ID.fullmatch(each)]
    asked = wanted[: MAIL_LOG_IDS.most]
    if not asked:
        return Outcomes({})
    after = str(max(int(since) - _A_DAY, 0))
    program = ("sh", "-c", _LINES, "vmmigrate-mail-log", " ".join(asked), after, str(MAIL_LOG_LINES.most))
    text = shell.run(program, user="root", timeout=MAIL_LOG.most).stdout
    cut = len(asked) < len(wanted) or text.count("\n") >= MAIL_LOG_LINES.most
    return parsed(text, cut=cut)


def parsed(text: str, *, cut: bool = False) -> Outcomes:
    """What was sent once was sent, whatever an earlier or a later line says."""
    seen: dict[tuple[str, str], str] = {}
    lines = [(found[1], line[found.end() :]) for line in text.split("\n") if (found := _HEAD.search(line))]
    for queue_id, said in lines:
        for key, outcome in _said(queue_id, said):
            seen[key] = max(seen.get(key, outcome), outcome, key=lambda each: _WEIGHT[each])
    return Outcomes(seen, frozenset(queue_id for queue_id, said in lines if _GIVEN_UP.match(said)), cut)


def _said(queue_id: str, line: str) -> Iterator[tuple[tuple[str, str], str]]:
    if found := _RECIPIENT.match(line):
        recipient, original, relay, status = found.groups("")
        outcome = HANDED if status == SENT and _BY_ITSELF.match(relay) else status
        for address in {recipient, original or recipient}:
            yield (queue_id, address), outcome
