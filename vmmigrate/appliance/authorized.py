"""Who may log in over SSH with which key: the authorized_keys of a guest's own accounts."""

import re
from collections.abc import Iterator, Mapping

from hypervisors import in_one_line
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
_OUT_OF_TIME = (124, 137)  # timeout(1): ended; killed, because it did not end
_UNREAD = 200  # characters of what was said instead
# What sshd, which reads with the account's own rights, has no keys by either.
_NONE = re.compile(
    r"(?m)^\S*head: .+: (?:No such file|Permission denied|Not a directory|Is a directory|Too many levels)"
)
_KEY = re.compile(r"\b((?:sk-)?(?:ssh|ecdsa)-[\w.@-]{1,64} [A-Za-z0-9+/=]{20,9000})")

Keys = Mapping[str, frozenset[str] | str]  # account → its keys, or why they are not known, in words


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
    """What root asks of a home, with that account's rights alone: it may have made the file a link to any device.

    `timeout` is root's: its own processes the account can stop. Programs by their paths: `timeout` seeks the next one
    in a PATH that sudoers may leave to the user. Of an account that is not trusted, ask it alone (asking.ask_all).
    """
    bounded = ("timeout", "-k", "5", str(_SECONDS), "/sbin/runuser", "-u", name, "--")
    return (*bounded, "/usr/bin/env", "LC_ALL=C", "/usr/bin/head", "-c", str(_MOST), f"{home.rstrip('/')}/{_FILE}")


def said_in(answer: Result) -> str:
    """The file's text, as far as it was read whole; '' where there is none."""
    return "" if unread(answer) else answer.stdout


def unread(answer: Result) -> str:
    """Why it was not read whole, in words; '' where it was, or where there is none."""
    if answer.status in _OUT_OF_TIME:
        return f"authorized_keys cannot be read in {_SECONDS} s: is it a file?"
    if len(answer.stdout.encode()) >= _MOST:
        return f"authorized_keys has {_MOST >> 10} KiB or more"
    if answer.status == 0 or (answer.status == 1 and _NONE.search(answer.stderr)):
        return ""
    return f"authorized_keys was not read (status {answer.status}): {in_one_line(answer.stderr)[:_UNREAD]}"


def keys(shell: Shell, accounts: Mapping[str, str]) -> Keys:
    """Without options and comments; none where there is no such file."""
    asked = {name: shell.run(question(name, home), user="root", check=False) for name, home in accounts.items()}
    return {name: unread(said) or frozenset(_KEY.findall(_uncommented(said.stdout))) for name, said in asked.items()}


def missing(here: str, keys: str) -> tuple[str, ...]:
    """Of the second authorized_keys the lines, with their options, whose keys the first one has not."""
    known = frozenset(_KEY.findall(_uncommented(here)))
    lines = (line.strip() for line in _uncommented(keys).split("\n"))
    return tuple(line for line in lines if (key := _KEY.search(line)) and key[1] not in known)


def _uncommented(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))


def differing(old: Keys, new: Keys) -> Iterator[str]:
    """'sa: 1 key missing'; an account that is missing has none. Of one that was not read nothing is known."""
    for name in dict.fromkeys((*old, *new)):
        before, now = old.get(name, frozenset()), new.get(name, frozenset())
        if isinstance(before, str) or isinstance(now, str):
            continue
        if before - now:
            yield f"{name}: {_keys(len(before - now))} missing"
        if now - before:
            yield f"{name}: {_keys(len(now - before))} only in the new one"


def unknown(old: Keys, new: Keys) -> Iterator[str]:
    """'sa: in the new one authorized_keys has 256 KiB or more'."""
    for which, keys_ in (("old", old), ("new", new)):
        yield from (f"{name}: in the {which} one {why}" for name, why in keys_.items() if isinstance(why, str))


def _keys(number: int) -> str:
    return f"{number} key{'s' if number > 1 else ''}"
