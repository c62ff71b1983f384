"""Who may log in over SSH with which key: the authorized_keys of a guest's own accounts."""

import re
from collections.abc import Iterator, Mapping

from vmmigrate.appliance.port import Result, Shell
from vmmigrate.limits import AUTHORIZED_KEYS
from vmmigrate.limits.seconds import AUTHORIZED
from vmmigrate.reading import whole

ACCOUNTS = ("cat", "/etc/passwd")
_FILE = ".ssh/authorized_keys"
_FIRST = 1000  # uids below it are the system's own, but for root
_NOBODY = 65534
_CLOSED = ("nologin", "false", "sync")
_MOST, _SECONDS = AUTHORIZED_KEYS.most, AUTHORIZED.most
_OUT_OF_TIME = 124  # timeout(1)
_KEY = re.compile(r"\b((?:sk-)?(?:ssh|ecdsa)-[\w.@-]{1,64} [A-Za-z0-9+/=]{20,9000})")

Keys = Mapping[str, frozenset[str]]


def homes(passwd: str) -> dict[str, str]:
    """Account → home, of root and of those that people log in as."""
    found = {}
    for line in passwd.splitlines():
        name, *_, home, shell = line.split(":") if line.count(":") == 6 else ("", "", "")
        uid = whole(line.split(":")[2]) if name else None
        people = uid is not None and (uid == 0 or _FIRST <= uid < _NOBODY)
        if people and home.startswith("/") and shell.rpartition("/")[2] not in _CLOSED:
            found[name] = home
    return found


def question(name: str, home: str) -> tuple[str, ...]:
    """What root asks of a home, with that account's rights alone: it may have made the file a link to any device."""
    bounded = ("timeout", str(_SECONDS), "head", "-c", str(_MOST), f"{home.rstrip('/')}/{_FILE}")
    return ("runuser", "-u", name, "--", *bounded)


def said_in(answer: Result) -> str:
    """The file's text, as far as it was read whole; '' where there is none."""
    return "" if unread(answer) else answer.stdout


def unread(answer: Result) -> str:
    """Why it was not read whole, in words; '' where it was, or where there is none."""
    if answer.status == _OUT_OF_TIME:
        return f"authorized_keys cannot be read in {_SECONDS} s: is it a file?"
    if len(answer.stdout.encode()) >= _MOST:
        return f"authorized_keys has {_MOST >> 10} KiB or more"
    return ""


def keys(shell: Shell, accounts: Mapping[str, str]) -> Keys:
    """Account → its keys, without options and comments; none where there is no such file."""
    said = {name: said_in(shell.run(question(name, home), user="root", check=False)) for name, home in accounts.items()}
    return {name: frozenset(_KEY.findall(_uncommented(text))) for name, text in said.items()}


def missing(here: str, keys: str) -> tuple[str, ...]:
    """Of the second authorized_keys the lines, with their options, whose keys the first one has not."""
    known = frozenset(_KEY.findall(_uncommented(here)))
    lines = (line.strip() for line in _uncommented(keys).split("\n"))
    return tuple(line for line in lines if (key := _KEY.search(line)) and key[1] not in known)


def _uncommented(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))


def differing(old: Keys, new: Keys) -> Iterator[str]:
    """'sa: 1 key missing'; an account that is missing has none."""
    for name in dict.fromkeys((*old, *new)):
        before, now = old.get(name, frozenset()), new.get(name, frozenset())
        if before - now:
            yield f"{name}: {_keys(len(before - now))} missing"
        if now - before:
            yield f"{name}: {_keys(len(now - before))} only in the new one"


def _keys(number: int) -> str:
    return f"{number} key{'s' if number > 1 else ''}"
