"""Which servers a gateway's settings name: resolvers, smart hosts, directories behind lookup tables, clocks."""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from urllib.parse import urlsplit

from vmmigrate.appliance import mail
from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.outgoing import Kind, Server
from vmmigrate.appliance.postconf import expanded
from vmmigrate.errors import ApplianceError, CommandFailed
from vmmigrate.limits import SERVERS_ASKED
from vmmigrate.reading import whole

OVERRIDES = ("postconf", "-P")
CLOCKS = (
    "/etc/systemd/timesyncd.conf",
    "/etc/chrony/chrony.conf",
    "/etc/chrony.conf",
    "/etc/ntp.conf",
    "/etc/ntpsec/ntp.conf",
)
_SERVICES = {"smtp": 25, "smtps": 465, "submissions": 465, "submission": 587, "ldap": 389, "ldaps": 636}
_TABLE_PORTS = {"ldap": 389, "mysql": 3306, "pgsql": 5432, "memcache": 11211}
_RELAYS = ("relayhost", "smtp_fallback_relay", "fallback_relay")
_TRANSPORTS = ("default_transport", "relay_transport")
_FILES = re.compile(r"(?<![\w.-])(?:hash|btree|lmdb|cdb|dbm|texthash):(/[^\s,{}]+)")
_TABLES = re.compile(r"(?<![\w.-])(ldap|mysql|pgsql|memcache):(/[^\s,{}]+)")
_SOCKETS = re.compile(r"(?<![\w.-])(?:inet|tcp):(\[[^\]\s]+\]|[\w.-]+):(\w+)")  # milters, policies, sockets' maps
_OF_MAIL = re.compile(r"(?:smtp|relay|lmtp|uucp)?:(?!/)(.*)")
_CLOCK = re.compile(r"^\s*(?:(?:server|pool|peer)\s+(\S+)|NTP\s*=\s*(.*))", re.MULTILINE)


def named(look: LookingShell, resolvers: Iterable[str]) -> tuple[Server, ...]:
    """Each once, those of the machine itself left out. Raises CommandFailed, ApplianceError where main.cf says nothing.

    `resolvers`: as its live NIC has them, or will have.
    """
    settings = mail.settings(look)
    overrides = look.run(OVERRIDES, user="root", check=False).stdout  # a Postfix before 2.11 cannot list them
    said = "\n".join((*(expanded(look, settings, value) for value in settings.values()), overrides))
    found = [
        *(Server(Kind.RESOLVER, host, 53, "resolver") for host in resolvers),
        *_relays(look, settings),
        *_transports(look, said),
        *_tables(look, said),
        *(Server(Kind.LOOKUP, host.strip("[]"), _port(port), "main.cf") for host, port in _SOCKETS.findall(said)),
        *_clocks(look),
    ]
    apart = {(each.kind, each.host.lower(), each.port): each for each in reversed(found) if not _is_itself(each.host)}
    if len(apart) > SERVERS_ASKED.most:
        raise ApplianceError(
            f"{look.host}: its settings name {len(apart)} servers; {SERVERS_ASKED.most} can be asked",
            hint='name those that matter by HOST:PORT, in place of "named" (switch.outgoing, --outgoing)',
        )
    return tuple(reversed(apart.values()))


def hop(text: str, usual: int) -> tuple[str, int] | None:
    """Host and port of a next hop: '[smtp.example.com]:submission', 'example.com', '2001:db8::1'. Port 0: a name that
    nobody here knows.
    """
    found = re.fullmatch(r"\[(?:ipv6:)?([^\]]+)\](?::(\w+))?|([^:\[\]]+)(?::(\w+))?", text.strip(), re.IGNORECASE)
    if found is None:
        with suppress(ValueError):
            return str(ipaddress.IPv6Address(text.strip())), usual
        return None
    host, port = found[1] or found[3], found[2] or found[4]
    return host, _port(port) if port else usual


def _port(text: str) -> int:
    return whole(text) or _SERVICES.get(text, 0)


def _relays(look: LookingShell, settings: dict[str, str]) -> Iterator[Server]:
    for name in _RELAYS:
        for text in re.split(r"[\s,]+", expanded(look, settings, settings.get(name, ""))):
            yield from _mail(text, name)
    for name in _TRANSPORTS:
        yield from _transport(expanded(look, settings, settings.get(name, "")), name)


def _mail(text: str, where: str) -> Iterator[Server]:
    if text and (found := hop(text, 25)):
        yield Server(Kind.MAIL, *found, where)


def _transport(text: str, where: str) -> Iterator[Server]:
    """'smtp:[host]:25'; another transport's next hop is its own affair."""
    if found := _OF_MAIL.fullmatch(text.strip()):
        yield from _mail(found[1], where)


def _transports(look: LookingShell, said: str) -> Iterator[Server]:
    """Second words of the files of maps that are transports to a host: in another map none looks like that."""
    for path in dict.fromkeys(_FILES.findall(said)):
        for line in _lines(look, path):
            key, *values = line.split()
            if values and not key.startswith("#") and re.match(r"(?:smtp|relay|lmtp):\S", values[0]):
                yield from _transport(values[0], path)


def _tables(look: LookingShell, said: str) -> Iterator[Server]:
    """The servers in the files of ldap:, mysql:, pgsql: and memcache: (ldap_table(5), mysql_table(5))."""
    for kind, path in dict.fromkeys(_TABLES.findall(said)):
        values = dict(_setting(line) for line in _lines(look, path) if "=" in line and not line.startswith("#"))
        usual = _port(values.get("server_port", "")) or _TABLE_PORTS[kind]
        for text in re.split(
            r"[\s,]+", " ".join(values.get(name, "") for name in ("server_host", "hosts", "memcache"))
        ):
            if (found := _of_table(text, usual)) is not None:
                yield Server(Kind.LOOKUP, *found, path)


def _setting(line: str) -> tuple[str, str]:
    name, _, value = line.partition("=")
    return name.strip(), value.strip()


def _of_table(text: str, usual: int) -> tuple[str, int] | None:
    """'ldaps://dir.example.com', 'inet:db.example.com:5432', 'db.example.com'; a socket of the machine is none."""
    if "://" in text:
        with suppress(ValueError):
            url = urlsplit(text)
            return (url.hostname, url.port or _SERVICES.get(url.scheme, usual)) if url.hostname else None
        return None
    return None if not text or text.startswith(("unix:", "/")) else hop(text.removeprefix("inet:"), usual)


def _clocks(look: LookingShell) -> Iterator[Server]:
    for path in CLOCKS:
        for one, several in _CLOCK.findall("\n".join(_lines(look, path))):
            yield from (Server(Kind.CLOCK, host, 123, path) for host in (one, *several.split()) if host)


def _lines(look: LookingShell, path: str) -> list[str]:
    """Of a file that is not there, or that nobody can read, none: a map's absence is compared elsewhere."""
    with suppress(ApplianceError, CommandFailed):
        content = look.run(("cat", path), user="root", check=False)
        return [line for line in content.stdout.splitlines() if line.strip()] if content.status == 0 else []
    return []


def _is_itself(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host.lower() in ("localhost", "")
