"""Which servers a gateway's settings name: resolvers, smart hosts, directories behind lookup tables, clocks."""

import ipaddress
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from urllib.parse import urlsplit

from vmmigrate.appliance import mail, outgoing_mail
from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.outgoing import Kind, Server
from vmmigrate.appliance.outgoing_mail import SERVICES, Parameter, lines_of, logical_lines, next_hop, port
from vmmigrate.appliance.postconf import expanded
from vmmigrate.errors import ApplianceError
from vmmigrate.limits import SERVERS_ASKED

OVERRIDES = ("postconf", "-P")
CLOCKS = (
    "/etc/systemd/timesyncd.conf",
    "/etc/chrony/chrony.conf",
    "/etc/chrony.conf",
    "/etc/ntp.conf",
    "/etc/ntpsec/ntp.conf",
)
_TABLE_PORTS = {"ldap": 389, "mysql": 3306, "pgsql": 5432, "memcache": 11211}
_TABLES = re.compile(r"(?<![\w.-])(ldap|mysql|pgsql|memcache):(/[^\s,{}]+)")
# Of milters, policies, sockets' maps.
_SOCKETS = re.compile(r"(?<![\w.-])(?:inet|tcp):(\[[^\]\s]{1,255}\]|[\w.-]{1,255}):(\w{1,32})")


def named(look: LookingShell, resolvers: Iterable[str]) -> tuple[Server, ...]:
    """Each once, those of the machine itself left out. Raises CommandFailed, ApplianceError where main.cf says nothing.

    `resolvers`: as its live NIC has them, or will have.
    """
    parameters = _parameters(look)
    said = "\n".join(each.value for each in parameters)
    found = [
        *(Server(Kind.RESOLVER, host, 53, "the live NIC") for host in resolvers),
        *outgoing_mail.servers(look, parameters),
        *_tables(look, said),
        *_sockets(each.value for each in parameters if each.is_map or not each.names_mail_servers),
        *_clocks(look),
    ]
    apart = {(each.kind, each.host.lower(), each.port): each for each in reversed(found) if not _is_itself(each.host)}
    if len(apart) > SERVERS_ASKED.most:
        raise ApplianceError(
            f"{look.host}: its settings name {len(apart)} servers; {SERVERS_ASKED.most} can be asked",
            hint='name those that matter by HOST:PORT, in place of "named" (switch.outgoing, --outgoing)',
        )
    return tuple(reversed(apart.values()))


def _parameters(look: LookingShell) -> tuple[Parameter, ...]:
    """Worked out. A Postfix before 2.11 cannot list what master.cf has for a service alone."""
    settings = mail.settings(look)
    overrides = (line.partition(" = ") for line in look.run(OVERRIDES, user="root", check=False).stdout.splitlines())
    pairs = (*settings.items(), *((place, value) for place, _, value in overrides))
    return tuple(Parameter(place.strip(), expanded(look, settings, value)) for place, value in pairs)


def _sockets(values: Iterable[str]) -> Iterator[Server]:
    for host, number in _SOCKETS.findall("\n".join(values)):
        yield Server(Kind.LOOKUP, host.strip("[]"), port(number), "main.cf")


def _tables(look: LookingShell, said: str) -> Iterator[Server]:
    """The servers in the files of ldap:, mysql:, pgsql: and memcache: (ldap_table(5), mysql_table(5))."""
    for kind, path in dict.fromkeys(_TABLES.findall(said)):
        values = dict(_setting(line) for line in logical_lines(look, path) if "=" in line)
        usual = port(values.get("server_port", "")) or _TABLE_PORTS[kind]
        hosts = " ".join(values.get(name, "") for name in ("server_host", "hosts", "memcache"))
        for text in re.split(r"[\s,]+", hosts):
            if (found := _of_table(text, usual)) is not None:
                yield Server(Kind.LOOKUP, *found, path)


def _setting(line: str) -> tuple[str, str]:
    name, _, value = line.partition("=")
    return name.strip(), value.strip()


def _of_table(text: str, usual: int) -> tuple[str, int] | None:
    """'ldaps://dir.example.com', 'inet:db.example.com:5432', 'db.example.com'; a socket of the machine is none."""
    if not text or text.startswith(("unix:", "/", "ldapi:")):
        return None
    if "://" not in text:
        return next_hop(text.removeprefix("inet:"), usual)
    with suppress(ValueError):
        url = urlsplit(text)
        return (url.hostname, url.port or SERVICES.get(url.scheme, usual)) if url.hostname else None
    return text, 0


def _clocks(look: LookingShell) -> Iterator[Server]:
    for path in CLOCKS:
        for line in lines_of(look, path):
            yield from (Server(Kind.CLOCK, host, 123, path) for host in _clocks_of(line))


def _clocks_of(line: str) -> Sequence[str]:
    """'server -4 ntp.example.com iburst' (ntp.conf(5), chrony.conf(5)); 'NTP=one two' (timesyncd.conf(5))."""
    name, _, value = line.partition("=")
    if name.strip() == "NTP":
        return value.split()
    word, *words = line.split()
    hosts = [each for each in words if not each.startswith("-")] if word.lower() in ("server", "pool", "peer") else []
    return hosts[:1]


def _is_itself(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host.lower() in ("localhost", "")
