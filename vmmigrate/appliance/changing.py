"""Which commands may change a guest: all but those that are known only to read."""

import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise, takewhile

from hypervisors import in_one_line
from vmmigrate.appliance.several import commands_of, ends_of

SHOWN = 300  # characters of a command
Hears = Callable[[str, str], None]  # of what may change a guest, and how it ended
_READ = frozenset(
    (
        "base64",
        "cat",
        "df",
        "dpkg-query",
        "echo",
        "getent",
        "/usr/bin/head",
        "id",
        "ifquery",
        "ls",
        "ping",
        "printenv",
        "readlink",
        "rpm",
        "sha256sum",
        "ss",
        "stat",
        "test",
        "true",
        "uname",
        "which",
    )
)
_SCRIPTS = frozenset(
    ("vmmigrate-queue-list", "vmmigrate-queue-look", "vmmigrate-queue-pack", "vmmigrate-who-has")
)  # of ours, by name
_SIMPLE = re.compile(r"[^;&|<>$`(){}\n]+")  # one command, and no redirection


@dataclass
class Ended:
    """How an argv ended. `status`: None where that is not known; `said`: its standard output."""

    status: int | None = None
    said: str = ""


def changes_of(argv: Sequence[str]) -> Iterator[str]:
    """Each command in it that may change the guest, in words: a program of ours by its name."""
    for what, _ in _changes(argv, Ended()):
        yield what


def _changes(argv: Sequence[str], ended: Ended) -> Iterator[tuple[str, str]]:
    """The same, and how each ended."""
    commands = tuple(commands_of(argv))
    ends = ["did not end well"] * len(commands) if ended.status is None else ends_of(argv, ended.status, ended.said)
    for command, end in zip(commands, ends, strict=True):
        if not _only_reads(command):
            yield in_one_line(_in_words(command))[:SHOWN], end


@contextmanager
def heard(argv: Sequence[str], hears: Hears) -> Iterator[Ended]:
    """What is yielded takes how what runs within ended; `hears` hears of its end, however that came."""
    ended = Ended()
    try:
        yield ended
    finally:
        for what, end in _changes(argv, ended):
            hears(what, end)


def _in_words(command: Sequence[str]) -> str:
    return " ".join(command[3:]) if command[:2] == ("sh", "-c") and len(command) > 3 else shlex.join(command)


def _only_reads(command: Sequence[str]) -> bool:
    program, *words = command
    if program in _READ:
        return True
    judge = _JUDGES.get(program)
    return judge is not None and judge(words)


def _begins_with(*verbs: str) -> Callable[[list[str]], bool]:
    """The first word, behind options that have no value."""

    def judge(words: list[str]) -> bool:
        verb = next((word for word in words if word in verbs or not (word.startswith("--") or word == "-w")), "")
        return verb in verbs

    return judge


def _script(words: list[str]) -> bool:
    """What `sh` is given: one of ours by its name, or one simple command."""
    if words[:1] != ["-c"] or len(words) < 2:
        return False
    if len(words) > 2:
        return words[2] in _SCRIPTS
    try:
        return _SIMPLE.fullmatch(words[1]) is not None and _only_reads(shlex.split(words[1]))
    except ValueError:  # a quote that is not closed, or no word
        return False


def _query(words: list[str]) -> bool:
    """Of psql: each command that it is given begins with SELECT."""
    given = [after for word, after in pairwise(words) if word == "-c"]
    return bool(given) and all(each.upper().startswith("SELECT ") for each in given)


def _behind(before: int) -> Callable[[list[str]], bool]:
    """Of a program that runs another one, which stands behind so many words."""
    return lambda words: len(words) > before and _only_reads(words[before:])


def _sudo(words: list[str]) -> bool:
    """What it runs; nothing where its rules are asked alone (-l)."""
    options = list(takewhile(lambda word: word in ("-k", "-n", "-l", "--"), words))
    return "-l" in options or _behind(len(options))(words)


_JUDGES: dict[str, Callable[[list[str]], bool]] = {
    "sh": _script,
    "sudo": _sudo,
    "psql": _query,
    "/sbin/runuser": lambda words: words[:1] == ["-u"] and words[2:3] == ["--"] and _behind(3)(words),
    "timeout": lambda words: words[:1] == ["-k"] and _behind(3)(words),
    "/usr/bin/env": lambda words: words[:1] == ["LC_ALL=C"] and _behind(1)(words),
    "hostname": lambda words: not words,
    "ip": lambda words: "show" in words,
    "nmcli": lambda words: "show" in words,
    "find": lambda words: not any(word.startswith(("-delete", "-exec", "-ok", "-fprint", "-fls")) for word in words),
    "postconf": lambda words: all(word[:2] not in ("-e", "-X", "-#") and "=" not in word for word in words),
    "postqueue": _begins_with("-j", "-p"),
    "postmap": _begins_with("-q"),
    "nft": _begins_with("list"),
    "iptables": _begins_with("-S", "-C", "-L"),
    "ip6tables": _begins_with("-S", "-C", "-L"),
    "systemctl": _begins_with("is-active", "is-enabled", "show", "cat", "list-units", "list-unit-files", "status"),
    "networkctl": _begins_with("status", "list"),
    "resolvectl": _begins_with("status", "domain", "dns"),
    "netplan": _begins_with("get", "status"),
    "dpkg": _begins_with("--audit", "-C", "-l", "-s", "-L", "--verify", "-V", "--print-architecture"),
    "tar": _begins_with("-t", "--list"),
}
