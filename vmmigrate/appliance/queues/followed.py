"""The queue ids that one message has had, by its Message-ID: behind the mail agent it goes on by another one."""

import re

from vmmigrate.appliance.port import Shell
from vmmigrate.appliance.queues import logs
from vmmigrate.limits.seconds import MAIL_LOG

_PASSAGES = "50"  # lines: each passage through Postfix has one
_WORD = re.compile(r"[A-Za-z0-9.@_-]+")
_SAID = re.compile(logs.HEAD + r"/cleanup\[\d{1,10}\]: (\w{1,30}): (?:resent-)?message-id=")
# $1: the Message-ID without its brackets, $2: Unix seconds, $3: lines.
_LINES = (
    "since=$2\n"
    + logs.READING
    + """{ files; entries; } | grep -aF "message-id=<$1>" | tail -n "$3"
true
"""
)


def ids(shell: Shell, message_id: str, since: float) -> tuple[str, ...]:
    """Each once, as the log has them. `since`: Unix seconds. Raises CommandFailed."""
    if not _WORD.fullmatch(message_id):
        raise AssertionError(f"{message_id!r} is none of ours")
    program = ("sh", "-c", _LINES, "vmmigrate-mail-ids", message_id, logs.after(since), _PASSAGES)
    said = shell.run(program, user="root", timeout=MAIL_LOG.most).stdout
    return parsed(said)


def parsed(said: str) -> tuple[str, ...]:
    found = map(_SAID.match, said.split("\n"))
    return tuple(dict.fromkeys(each[2] for each in found if each))
