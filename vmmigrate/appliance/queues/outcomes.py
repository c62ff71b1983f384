"""What became of messages, by (queue id, recipient): as Postfix's own log says it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from vmmigrate.appliance.port import Shell

SENT, BOUNCED = "sent", "bounced"
_AT_ONCE = 300  # ids in one question: each has twelve letters at most
_ID = re.compile(r"[A-Za-z0-9]{5,20}")
# Up to the first parenthesis: what stands within is another server's words.
_RECIPIENT = re.compile(
    r"postfix[\w/-]*\[\d+\]: (\w+): to=<([^>]*)>,(?: orig_to=<([^>]*)>,)? [^(\n]*?\bstatus=(sent|bounced)\b"
)
_GIVEN_UP = re.compile(r"postfix[\w/-]*\[\d+\]: (\w+): from=<[^>]*>, status=(?:force-)?expired, returned to sender")
# Files and journal: a guest has one of them, or both. A line may come twice.
_LINES = """{
    for f in /var/log/mail.log.1 /var/log/mail.log /var/log/maillog /var/log/mail; do test -f $f && cat $f; done
    journalctl -q --no-pager SYSLOG_FACILITY=2 2>/dev/null
} | grep -aE "postfix[^ ]*: ($1): .*status=(sent|bounced|expired|force-expired)" | tail -n 20000
true
"""


@dataclass(frozen=True)
class Outcomes:
    """`seen`: (queue id, recipient) → SENT or BOUNCED. `given_up`: ids of which the rest went back to the sender."""

    seen: Mapping[tuple[str, str], str]
    given_up: frozenset[str] = frozenset()


def read(shell: Shell, ids: Sequence[str]) -> Outcomes:
    """Raises CommandFailed. What is no id is not asked about."""
    asked = iter([each for each in ids if _ID.fullmatch(each)])
    text = ""
    while part := list(islice(asked, _AT_ONCE)):
        program = ("sh", "-c", _LINES, "vmmigrate-mail-log", "|".join(part))
        text += shell.run(program, user="root").stdout
    return parsed(text)


def parsed(text: str) -> Outcomes:
    """What was sent once was sent, whatever an earlier or a later line says."""
    seen: dict[tuple[str, str], str] = {}
    for key, outcome in _said(text):
        if seen.get(key) != SENT:
            seen[key] = outcome
    return Outcomes(seen, frozenset(_GIVEN_UP.findall(text)))


def _said(text: str) -> Iterator[tuple[tuple[str, str], str]]:
    for queue_id, recipient, original, status in _RECIPIENT.findall(text):
        for address in {recipient, original or recipient}:
            yield (queue_id, address), status
