"""The mail servers that Postfix's settings name as next hops: in parameters, and in the maps that parameters name."""

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from vmmigrate.appliance import mailports
from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.outgoing import Kind, Server
from vmmigrate.errors import ApplianceError, CommandFailed
from vmmigrate.reading import whole

SERVICES = {"smtp": 25, "smtps": 465, "submissions": 465, "submission": 587, "lmtp": 24, "ldap": 389, "ldaps": 636}
_HOPS = ("relayhost", "smtp_fallback_relay", "lmtp_fallback_relay", "fallback_relay", "sender_dependent_relayhost_maps")
_TRANSPORT = re.compile(r"(?:\w+_)?transport(?:_maps)?|content_filter")
_CLIENTS = {"smtp": "smtp", "relay": "smtp", "lmtp": "lmtp"}  # as Postfix comes: transport → program
_BY_FIRST_WORD = ("hash", "btree", "lmdb", "cdb", "dbm", "sdbm", "texthash", "cidr")
_BY_PATTERN = ("regexp", "pcre")
_NO_ANSWER = "DUNNO"  # in a map by sender: go on as if nothing were found


_Read = Callable[[str, str], Iterable[Server]]  # what stands there, and where


@dataclass(frozen=True)
class Parameter:
    """`place`: its name, in main.cf; SERVICE/TYPE/NAME of one that a service of master.cf has for itself."""

    place: str
    value: str

    @property
    def name(self) -> str:
        return self.place.rpartition("/")[2]

    @property
    def names_mail_servers(self) -> bool:
        return self.name in _HOPS or _TRANSPORT.fullmatch(self.name) is not None

    @property
    def is_map(self) -> bool:
        return self.name.endswith("_maps")


def servers(look: LookingShell, parameters: Sequence[Parameter]) -> Iterator[Server]:
    """What cannot be asked is among them, as it is written, without a port: nothing is left out in silence."""
    behind = partial(_behind, _clients(look))
    for each in parameters:
        read = _hops if each.name in _HOPS else behind
        if each.names_mail_servers:
            yield from _of_maps(look, each, read) if each.is_map else read(each.value, each.place)


def next_hop(text: str, usual: int) -> tuple[str, int]:
    """Host and port of '[smtp.example.com]:submission', 'example.com', '2001:db8::1'. Port 0: nobody here knows it."""
    found = re.fullmatch(r"\[(?:ipv6:)?([^\]]+)\](?::(\w+))?|([^:\[\]]+)(?::(\w+))?", text, re.IGNORECASE)
    if found is None:
        with suppress(ValueError):
            return str(ipaddress.IPv6Address(text)), usual
        return text, 0
    host, number = found[1] or found[3], found[2] or found[4]
    return host, port(number) if number else usual


def port(text: str) -> int:
    """By its number or its name."""
    return whole(text) or SERVICES.get(text, 0)


def logical_lines(look: LookingShell, path: str) -> list[str]:
    """Of a map, or of a table's file: one that begins with a blank goes on with the line before it (postmap(1))."""
    lines = (line for line in lines_of(look, path) if not line.lstrip().startswith("#"))
    return re.sub(r"\n[ \t]+", " ", "\n".join(lines)).splitlines()


def lines_of(look: LookingShell, path: str) -> list[str]:
    """Of a file that is not there, or that nobody can read, none: a map's absence is compared elsewhere."""
    with suppress(ApplianceError, CommandFailed):
        content = look.run(("cat", path), user="root", check=False)
        return [line for line in content.stdout.splitlines() if line.strip()] if content.status == 0 else []
    return []


def _clients(look: LookingShell) -> dict[str, str]:
    """Transports that Postfix's own SMTP and LMTP client serve, whatever master.cf calls them."""
    listed = look.run(mailports.QUESTION, user="root", check=False)  # a Postfix before 2.9 cannot list them
    lines = [line.split() for line in listed.stdout.splitlines()] if listed.status == 0 else []
    named = {words[0]: words[7] for words in lines if len(words) >= 8 and words[1] == "unix"}
    return {name: program for name, program in (named or _CLIENTS).items() if program in ("smtp", "lmtp")}


def _of_maps(look: LookingShell, parameter: Parameter, read: _Read) -> Iterator[Server]:
    """What a file answers is read there. What a lookup alone would answer (LDAP, SQL) is said not to be asked."""
    for each in [parameter.value] if "{" in parameter.value else re.split(r"[\s,]+", parameter.value):
        kind, name = _kind_and_name(each)
        if kind == "static":
            yield from read(name, parameter.place)
        elif kind in (*_BY_FIRST_WORD, *_BY_PATTERN) and name.startswith("/"):
            for text in _answers(logical_lines(look, name), by_pattern=kind in _BY_PATTERN):
                yield from read(text, name)
        elif each:
            yield Server(Kind.MAIL, each, 0, parameter.place)


def _kind_and_name(text: str) -> tuple[str, str]:
    """Without a kind it is Postfix's usual one, a file."""
    kind, colon, name = text.removeprefix("proxy:").partition(":")
    return (kind, name) if colon else ("hash", kind)


def _answers(lines: Iterable[str], *, by_pattern: bool) -> Iterator[str]:
    """A pattern may have blanks in it, and stand between `if` and `endif`."""
    for line in lines:
        words = line.split() if by_pattern else line.split(None, 1)
        if len(words) > 1 and not (by_pattern and line[0].isalpha()):
            yield words[-1]


def _hops(text: str, place: str, usual: int = SERVICES["smtp"]) -> Iterator[Server]:
    for each in re.split(r"[\s,]+", text):
        if each and each.upper() != _NO_ANSWER and not each.startswith("unix:"):
            yield Server(Kind.MAIL, *next_hop(each.removeprefix("inet:"), usual), place)


def _behind(clients: Mapping[str, str], text: str, place: str) -> Iterator[Server]:
    """'smtp:[host]:25', ':[host]'. What another program does with its next hop is its own affair."""
    name, colon, hops = text.strip().partition(":")
    program = clients.get(name) if name else "smtp"
    if colon and program:
        yield from _hops(hops, place, SERVICES[program])
