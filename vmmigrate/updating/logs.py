"""A host's log: the limits at which messages are dropped, drop-ins of our own that raise them, and errors in it.

journald and rsyslog each drop what comes faster than a burst in an interval [F-UPDATE-6].
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from vmmigrate.appliance.port import FileMeta, NewFile, Shell
from vmmigrate.errors import UsageProblem
from vmmigrate.limits.seconds import UNITS
from vmmigrate.reading import whole

_JOURNALD, _RSYSLOG = "/etc/systemd/journald.conf.d/90-vmmigrate.conf", "/etc/rsyslog.d/90-vmmigrate.conf"
DROP_INS = (_JOURNALD, _RSYSLOG)
_META = FileMeta("0644", "root", "root")
_JOURNALDS = ("/usr/lib/systemd/journald.conf.d", "/etc/systemd/journald.conf", "/etc/systemd/journald.conf.d")
JOURNALD_NOW = ("grep", "-rhsE", "^[[:space:]]*RateLimit(Interval|IntervalSec|Burst)[[:space:]]*=", *_JOURNALDS)
RSYSLOG_NOW = ("grep", "-rhsiE", "^[^#]*imjournal", "/etc/rsyslog.conf", "/etc/rsyslog.d")
# What journald (journald.conf(5)) and rsyslog's imjournal say when they have dropped messages.
_DROPPED = "Suppressed [0-9]+ messages from|imjournal.*messages lost|imjournal.*begin to drop"
DROPPED = ("journalctl", "--quiet", "--lines", "1", "--output", "cat", "--grep", _DROPPED)
_ERRORS = r"\b(ERROR|SEVERE|FATAL)\b"


@dataclass(frozen=True)
class Limits:
    """Messages of one service within an interval (seconds), beyond which they are dropped; a zero: none are."""

    interval: int
    burst: int

    def __str__(self) -> str:
        return f"{self.burst} messages in {self.interval} s"


def limits_of(text: str) -> Limits:
    """Of `30,10000` or `30s,10000`. Raises UsageProblem."""
    found = re.fullmatch(r"(\d{1,6})s?,(\d{1,9})", text.strip())
    numbers = [whole(each) for each in found.groups()] if found else []
    if len(numbers) != 2 or None in numbers:
        raise UsageProblem(
            f"--log-limits {text}: not an interval in seconds and a number of messages", hint="as in 30,100000"
        )
    interval, burst = (number or 0 for number in numbers)
    return Limits(interval, burst)


def now(journald: str, rsyslog: str) -> str:
    """Both as they are set, in words."""
    own = [" ".join(line.split()) for line in (*journald.splitlines(), *_rates(rsyslog))]
    return "; ".join(own) if own else "as systemd and rsyslog come"


def _rates(text: str) -> list[str]:
    """Of rsyslog's two languages: `$imjournalRatelimitBurst 9`, `module(load="imjournal" Ratelimit.Burst="9")`."""
    return re.findall(r"(?i)\$imjournalRatelimit\w+\s+\d+|imjournal[^)\n]{0,400}?ratelimit[^)\n]{0,400}", text)


def lay(shell: Shell, limits: Limits) -> str:
    """Put the drop-ins there, and have journald read its own; rsyslog is started again later. What is left, in words.

    rsyslog takes such a drop-in only where its module is loaded in the old language ($ModLoad): what `module(…)` sets
    is set there alone (rsyslog's manual, imjournal).
    """
    journald = f"[Journal]\nRateLimitIntervalSec={limits.interval}s\nRateLimitBurst={limits.burst}\n"
    _install(shell, _JOURNALD, journald)
    loaded = shell.run(RSYSLOG_NOW, user="root", check=False).stdout
    left = ""
    if re.search(r"(?im)^[ \t]*\$ModLoad\s+imjournal", loaded):
        words = f"$imjournalRatelimitInterval {limits.interval}\n$imjournalRatelimitBurst {limits.burst}\n"
        _install(shell, _RSYSLOG, words)
    elif re.search(r'(?i)load="?imjournal', loaded):
        left = f'rsyslog\'s own limit stays: Ratelimit.Interval and .Burst in module(load="imjournal"), on {shell.host}'
    read_again(shell)
    return left


def _install(shell: Shell, path: str, text: str) -> None:
    shell.install(NewFile(path, text.encode(), _META), folders=(path.rpartition("/")[0],))


def read_again(shell: Shell) -> None:
    """journald its own; rsyslog is started again later."""
    shell.run(("systemctl", "restart", "systemd-journald"), user="root", timeout=UNITS.most)


def take_away(shell: Shell) -> None:
    """Both, if they are there."""
    there = shell.run(("test", "-e", _JOURNALD), user="root", check=False).status == 0
    shell.run(("rm", "-f", *DROP_INS), user="root")
    if there:
        read_again(shell)


def errors_since(shell: Shell, units: Sequence[str], seconds: float) -> int:
    """How many lines of these units speak of errors; which is for a person to read: they may hold anything."""
    whose = [word for unit in units for word in ("--unit", unit)]
    asked = ("journalctl", "--quiet", "--output", "cat", "--since", f"-{seconds:.0f}s", *whose)
    said = shell.run(asked, user="root", check=False, timeout=UNITS.most).stdout
    return sum(1 for line in said.splitlines() if re.search(_ERRORS, line))
