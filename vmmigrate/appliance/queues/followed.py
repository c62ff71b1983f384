"""The queue ids that one message has had, by its Message-ID: behind the mail agent it goes on by another one."""

import re

from vmmigrate.appliance.port import Shell
from vmmigrate.limits import MAIL_LOG

_PASSAGES = "50"  # lines: each passage through Postfix has one
_A_DAY = 86_400  # that guest's clock may be another
_WORD = re.compile(r"[A-Za-z0-9.@_-]+")
_SAID = re.compile(r"postfix[\w/-]{0,60}\[\d{1,10}\]: (\w{1,30}): (?:resent-)?message-id=")
# $1: the Message-ID without its brackets, $2: Unix seconds, $3: lines.
_LINES = """{
    for f in /var/log/mail.log.1 /var/log/mail.log /var/log/maillog /var/log/mail; do test -f $f && cat $f; done
    journalctl -q --no-pager --since "@$2" SYSLOG_FACILITY=2 2>/dev/null
} | grep -aF "message-id=<$1>" | tail -n "$3"
true
"""


def ids(shell: Shell, message_id: str, since: float) -> tuple[str, ...]:
    """Each once, as the log has them. `since`: Unix seconds. Raises CommandFailed."""
    if not _WORD.fullmatch(message_id):
        raise AssertionError(f"{message_id!r} is none of ours")
    program = ("sh", "-c", _LINES, "vmmigrate-mail-ids", message_id, str(max(int(since) - _A_DAY, 0)), _PASSAGES)
    said = shell.run(program, user="root", timeout=MAIL_LOG.most).stdout
    return tuple(dict.fromkeys(_SAID.findall(said)))
