"""What became of messages, by (queue id, recipient): as Postfix's own log says it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from vmmigrate.appliance.port import Shell
from vmmigrate.appliance.queues import logs
from vmmigrate.limits import MAIL_LOG_IDS, MAIL_LOG_LINES
from vmmigrate.limits.seconds import MAIL_LOG

SENT, HANDED, BOUNCED = "sent", "handed to the mail agent", "bounced"
_WEIGHT = {BOUNCED: 0, HANDED: 1, SENT: 2}
_ID = re.compile(r"[A-Za-z0-9]{5,20}")
_HEAD = re.compile(logs.HEAD + r"\[\d{1,10}\]: (\w{1,30}): ")
# Up to the first parenthesis: behind it are another server's words.
_RECIPIENT = re.compile(r"to=<([^>]*)>,(?: orig_to=<([^>]*)>,)?(?: relay=([^,(]*),)? [^(]*?\bstatus=(sent|bounced)\b")
_BY_ITSELF = re.compile(r"(127\.|localhost\b|\[?::1\b)")  # a filter, from where it goes on by another id
_GIVEN_UP = re.compile(r"from=<[^>]*>, status=(?:force-)?expired, returned to sender")
_REQUEUED = re.compile(r"uid=.* orig_id=(\w{1,30})\Z")  # by a person (postsuper -r), under another id
_SAYS = "to=.*status=(sent|bounced)|from=.*status=(force-)?expired|uid=.* orig_id="
# $1: ids, $2: Unix seconds, $3: lines.
_LINES = (
    "since=$2\n"
    + logs.READING
    + rf"""begins
{{ files; entries; }} | grep -awF -f /dev/fd/3 3<<IDS |
$(printf '%s\n' $1)
IDS
    grep -aE '{logs.HEAD}\[[0-9]+\]: [A-Za-z0-9]+: ({_SAYS})' | tail -n "$3"
true
"""
)


@dataclass(frozen=True)
class Outcomes:
    """`seen`: (queue id, recipient) → SENT, HANDED or BOUNCED. `given_up`: ids of which the rest went back to the
    sender. `requeued`: those that go on by another id. `cut`: more was carried, or logged, than is looked at.
    `begins`: Unix seconds, where its log begins later than was asked for; else 0.
    """

    seen: Mapping[tuple[str, str], str]
    given_up: frozenset[str] = frozenset()
    cut: bool = False
    requeued: frozenset[str] = frozenset()
    begins: float = 0


def read(shell: Shell, ids: Sequence[str], since: float) -> Outcomes:
    """`since`: Unix seconds. In one pass. Raises CommandFailed, TimedOut. What is no id is not asked about."""
    wanted = [each for each in dict.fromkeys(ids) if _ID.fullmatch(each)]
    asked = wanted[: MAIL_LOG_IDS.most]
    if not asked:
        return Outcomes({})
    bounds = (logs.after(since), str(MAIL_LOG_LINES.most))
    program = ("sh", "-c", _LINES, "vmmigrate-mail-log", " ".join(asked), *bounds)
    begins, text = logs.begun(shell.run(program, user="root", timeout=MAIL_LOG.most).stdout, since)
    cut = len(asked) < len(wanted) or text.count("\n") >= MAIL_LOG_LINES.most
    return replace(parsed(text), cut=cut, begins=begins)


def parsed(text: str) -> Outcomes:
    """What was sent once was sent, whatever an earlier or a later line says."""
    seen: dict[tuple[str, str], str] = {}
    lines = [(found[2], line[found.end() :]) for line in text.split("\n") if (found := _HEAD.match(line))]
    for queue_id, said in lines:
        for key, outcome in _said(queue_id, said):
            seen[key] = max(seen.get(key, outcome), outcome, key=lambda each: _WEIGHT[each])
    given_up = frozenset(queue_id for queue_id, said in lines if _GIVEN_UP.match(said))
    requeued = frozenset(found[1] for _, said in lines if (found := _REQUEUED.match(said)))
    return Outcomes(seen, given_up, requeued=requeued)


def _said(queue_id: str, line: str) -> Iterator[tuple[tuple[str, str], str]]:
    if found := _RECIPIENT.match(line):
        recipient, original, relay, status = found.groups("")
        outcome = HANDED if status == SENT and _BY_ITSELF.match(relay) else status
        for address in {recipient, original or recipient}:
            yield (queue_id, address), outcome
