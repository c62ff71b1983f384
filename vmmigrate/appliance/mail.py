"""Postfix as seen from outside: what waits in its queues, what it says to callers, how it is set."""

import hmac
import smtplib
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from hypervisors import (
    REAL_TIME,
    Dial,
    NotYet,
    Pace,
    TimedOut,
    Unreachable,
    dial_straight,
    in_one_line,
    let_settle,
    wait_for,
)
from hypervisors.wire import bracketed, plainly
from vmmigrate.appliance import mailports
from vmmigrate.appliance.looking import LookingShell, looking
from vmmigrate.appliance.mailports import MailPorts
from vmmigrate.appliance.port import Shell
from vmmigrate.appliance.postconf import expanded
from vmmigrate.appliance.queues import listing
from vmmigrate.appliance.queues.listing import Queues
from vmmigrate.appliance.smtp_begun import begun
from vmmigrate.errors import QueueHoldsMail
from vmmigrate.reading import whole

SESSIONS = ("ss", "-Htn", "state", "established")
FLUSH, SETTINGS = ("postqueue", "-f"), ("postconf", "-n")
UNDER_WAY = (SESSIONS, listing.QUESTION, mailports.QUESTION)
_PAUSE = 0.1  # seconds between two looks
_CLOSED = "Connection unexpectedly closed"  # smtplib's words, with an errno behind them or not


def queues(shell: Shell) -> Queues:
    """What `postqueue -j` lists. The MPA's own four queues are not seen [facts: their place is unknown]."""
    return _counted(shell, shell.run(listing.QUESTION, user="root").stdout)


def _counted(shell: Shell, listed: str) -> Queues:
    return listing.counted(listing.parse(shell.host, listed))


def flush(shell: Shell) -> None:
    """Have Postfix try everything that waits, now."""
    shell.run(FLUSH, user="root")


def sessions(listed: str, ports: tuple[int, ...]) -> int:
    """Connections under way to these local ports, as `ss` lists all."""
    lines = listed.splitlines()
    local = [line.split()[2].rpartition(":")[2] for line in lines if len(line.split()) >= 4]
    return sum(whole(port) in ports for port in local)


def wait_until_quiet(
    shell: Shell,
    smtp_port: int,
    *,
    timeout: float,
    carried: bool = False,
    pace: Pace = REAL_TIME,
    agent: Callable[[], str] = lambda: "",
    seen: LookingShell | None = None,
) -> None:
    """Wait until no session is open and no message waits, twice in a row.

    Between Postfix and the mail agent a message is for a moment in neither's queue. The second look is taken however
    late the first one was. Raises QueueHoldsMail with what was seen after `timeout` seconds. `carried`: mail that
    waits longer is carried, so only what settles within moments is waited for, and sessions alone are in the way.
    `agent`: what the mail agent holds, in words, which nobody carries; "" for nothing. `seen`: the first look, if it
    was taken already.
    """
    stays = list[bool]()  # whether something is in the way that is not carried
    looks = [seen] if seen else []

    def look() -> None:
        busy, waiting = under_way(looks.pop() if looks else shell, smtp_port)
        held = agent()
        stays[:] = [bool(busy or held)]
        flushed = waiting.settling if carried else waiting.total
        if flushed and not carried:
            flush(shell)
        if busy or flushed or held:
            raise NotYet(f"{busy} sessions, queues: {waiting}{held and f'; the mail agent: {held}'}")

    def probe() -> None:
        look()
        let_settle(_PAUSE, pace)
        look()

    try:
        wait_for(
            f"the mail under way on {shell.host} to finish",
            probe,
            timeout=timeout,
            clears="see `postqueue -p` there, and what keeps it from being delivered: journalctl -u postfix",
            pace=pace,
            pause=_PAUSE,
            max_pause=1.0,
        )
    except TimedOut as error:
        if carried and stays == [False]:
            return
        raise QueueHoldsMail(str(error), hint=error.hint) from error


def under_way(shell: Shell, smtp_port: int) -> tuple[int, Queues]:
    """Sessions and queues in one command: a session may still bring mail, or an agent hold it.

    Also one of the machine itself: the agent's, and a program's that submits mail, as the console by 10027 [F-MAIL-1].
    """
    look = looking(shell)
    look.ahead(*UNDER_WAY, user="root")
    connected, queued = (look.run(question, user="root").stdout for question in UNDER_WAY[:2])
    return sessions(connected, ports_of(look, smtp_port).sessions), _counted(shell, queued)


def ports_of(look: LookingShell, *more: int) -> MailPorts:
    """By its master.cf; where that cannot be listed, the usual ones."""
    listed = look.run(mailports.QUESTION, user="root", check=False)
    return mailports.read(listed.stdout if listed.status == 0 else "", *more)


def banner(host: str, port: int = 25, *, timeout: float = 10.0, dial: Dial = dial_straight) -> str:
    """The greeting without its code ('mailgw.example.test ESMTP CipherMail'). Raises Unreachable."""
    try:
        with closing(begun(host, port, dial, timeout)) as smtp:
            return _said(smtp.greeting)
    except smtplib.SMTPConnectError as error:
        raise Unreachable(
            f"SMTP at {bracketed(host)}:{port} greets with {error.smtp_code} {_said(error.smtp_error)}",
            hint="see its log there: journalctl -u postfix",
        ) from error
    except (OSError, smtplib.SMTPException) as error:
        why = EOFError() if str(error).startswith(_CLOSED) else error
        raise Unreachable(
            f"no SMTP at {bracketed(host)}:{port}: {plainly(why)}",
            hint="does Postfix run, and is its port open to this workstation?",
        ) from error


def _said(words: bytes | str) -> str:
    return in_one_line(words.decode("utf-8", "replace") if isinstance(words, bytes) else words)


def name(shell: Shell) -> str:
    """Postfix's myhostname: by this the gateway greets, and for this its certificate should be."""
    return expanded(shell, settings(shell), "$myhostname")


def settings(shell: Shell) -> dict[str, str]:
    """`postconf -n`, name → raw value. Not for facts or reports: see `settings_digest`."""
    # as root: an ordinary user's PATH lacks /usr/sbin
    lines = shell.run(SETTINGS, user="root").stdout.splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}


def settings_digest(values: dict[str, str], key: bytes) -> dict[str, str]:
    """Name → keyed digest of the value (HMAC-SHA-256, hex)."""
    return {name: hmac.digest(key, value.encode(), "sha256").hex() for name, value in values.items()}


@dataclass(frozen=True)
class Drift:
    """Names of parameters: in the old alone, in the new alone, in both with other values. Each sorted."""

    missing: tuple[str, ...]
    added: tuple[str, ...]
    changed: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.missing or self.added or self.changed)


def drift(old: dict[str, str], new: dict[str, str]) -> Drift:
    """Compare two `settings_digest`s made with one key."""
    return Drift(
        missing=tuple(sorted(old.keys() - new.keys())),
        added=tuple(sorted(new.keys() - old.keys())),
        changed=tuple(sorted(name for name in old.keys() & new.keys() if old[name] != new[name])),
    )
