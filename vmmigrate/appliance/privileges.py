"""All that is asked of the old gateway as another user than the account itself: the rules of sudoers are made of this.

A run that asks for more is refused by such rules, and tests/journey/test_privileges.py fails.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from vmmigrate.appliance import accounts, authorized, hostkeys, listeners, mailports, maps, sources, transports
from vmmigrate.appliance.database import PSQL
from vmmigrate.appliance.mail import FLUSH, SESSIONS, SETTINGS
from vmmigrate.appliance.net import firewall, iptables, nft
from vmmigrate.appliance.net.rules import CONSOLE, INTAKE, ISOLATION
from vmmigrate.appliance.queues import carrying, listing
from vmmigrate.appliance.ssh.sudoers import ANYTHING, rule
from vmmigrate.appliance.stat import QUESTION as STAT
from vmmigrate.appliance.tls import postfix
from vmmigrate.appliance.units import BOOT_ID

READING, ACCOUNTS, SWITCHING, GOING_BACK = "read", "carry accounts", "switch", "go back"
PHASES = (READING, ACCOUNTS, SWITCHING, GOING_BACK)

# Where a gateway as installed has them; another path of main.cf or server.xml is one more of each of the four.
FILES = ("/etc/tomcat9/server.xml", "/usr/share/djigzo-web/ssl/sslCertificate.p12", "/etc/postfix/tls.pem")
MAPS = ("/etc/postfix/header_checks", "/etc/postfix/smtp_client_passwd")  # another that main.cf names is one more line
HOMES = {"root": "/root", "sa": "/home/sa"}  # of whoever logs in; of another account its home is one more
_RULES, _CONSOLE_RULES = (f"{firewall.RUN_FOLDER}/{name}.nft" for name in ("intake", "console"))


@dataclass(frozen=True)
class Privilege:
    """A command, by its exact words. A last word `*` stands for any. `gives`: what whoever may run it has besides."""

    phase: str
    why: str
    argv: tuple[str, ...]
    user: str = "root"
    gives: str = ""


def of_files(path: str) -> Iterator[Privilege]:
    """What is asked of one file: its content, its mode and owner, and where its links lead."""
    keys = "the file's content: a key store or a key is the gateway's identity"
    yield Privilege(READING, "its content, for the TLS pairs", ("base64", path), gives=keys)
    yield Privilege(READING, "the same, where it is read alone", ("cat", path), gives=keys)
    yield Privilege(READING, "its mode and owner", (*STAT, path))
    yield Privilege(READING, "where its links lead", ("readlink", "-f", path))


def _reading() -> Iterator[Privilege]:
    yield Privilege(READING, "how sudo must be called", ("true",))
    yield Privilege(READING, "Postfix's settings", SETTINGS, gives="passwords that stand in main.cf itself")
    for argv in dict.fromkeys((mailports.QUESTION, *postfix.QUESTIONS)):
        if argv != SETTINGS:
            yield Privilege(READING, "Postfix's services", argv)
    yield Privilege(READING, "where its maps are, if the new one lacks a transport", transports.FOLDER)
    for path in MAPS:
        yield Privilege(READING, "whether the new gateway has that map", maps.question(path))
    yield Privilege(READING, "at which ports it listens", listeners.QUESTION)
    for name, home in HOMES.items():
        yield Privilege(READING, "which keys may log in there", authorized.question(name, home))
    for kind in hostkeys.KINDS:
        keys = "the gateway's identity over SSH"
        yield Privilege(READING, "its SSH host keys", hostkeys.question(kind), gives=keys)
    yield Privilege(READING, "what waits in its queues", listing.COMMAND, gives="who writes to whom")
    yield Privilege(
        READING,
        "the database, counted and compared",
        (*PSQL, ANYTHING),
        user="postgres",
        gives="all of PostgreSQL, and a shell as postgres; not root",
    )
    for path in FILES:
        yield from of_files(path)


def _accounts() -> Iterator[Privilege]:
    """Their homes are asked anyway."""
    yield Privilege(ACCOUNTS, "their passwords", accounts.SHADOW, gives="the hash of every password, root's too")


def _switching() -> Iterator[Privilege]:
    yield Privilege(SWITCHING, "which boot this is", BOOT_ID)
    yield Privilege(SWITCHING, "what brings mail by itself", sources.QUESTION)
    yield Privilege(SWITCHING, "sessions under way", SESSIONS)
    yield Privilege(SWITCHING, "have what waits delivered", FLUSH)
    yield Privilege(SWITCHING, "whether Postfix is stopped", carrying.STATE)
    yield Privilege(SWITCHING, "whether it is isolated, or closed", nft.listing(ISOLATION))
    yield Privilege(SWITCHING, "whether its intake is closed", nft.listing(INTAKE))
    yield Privilege(SWITCHING, "whether a boot isolates it", firewall.AT_BOOT)
    yield Privilege(SWITCHING, "a folder for the rules", firewall.MAKE_RUN_FOLDER)
    yield Privilege(
        SWITCHING,
        "write the rules that close its intake",
        firewall.laying("intake.nft"),
        gives="with the next line: any firewall, so who reaches this machine",
    )
    yield Privilege(
        SWITCHING,
        "load them",
        ("nft", "-f", _RULES),
        gives="besides: nft prints lines of any file that such rules include",
    )
    yield Privilege(SWITCHING, "whether its console is closed", nft.listing(CONSOLE))
    yield Privilege(
        SWITCHING,
        "write the rules that close its console to others",
        firewall.laying("console.nft"),
        gives="as with the rules of the intake",
    )
    yield Privilege(SWITCHING, "load them", ("nft", "-f", _CONSOLE_RULES), gives="as with the rules of the intake")
    for units in sources.sets():
        for argv in sources.stopping(units):
            yield Privilege(SWITCHING, "stop what brings mail by itself", argv)
    yield Privilege(SWITCHING, "stop Postfix", carrying.STOP, gives="an outage of mail")


def _by_iptables() -> Iterator[Privilege]:
    """Of a gateway without nft, instead of the commands that begin so."""
    for name in ("intake", "console"):
        for kind in ("v4", "v6"):
            argv = firewall.laying(f"{name}.{kind}")
            yield Privilege(SWITCHING, "where there is no nft: write the rules", argv, gives="any firewall, as above")
    for table in (INTAKE, CONSOLE):
        for argv in iptables.Iptables.commands(table, firewall.RUN_FOLDER):
            yield Privilege(SWITCHING, "where there is no nft: set, look at and remove them", argv)


def _going_back() -> Iterator[Privilege]:
    yield Privilege(GOING_BACK, "stop Postfix, for what comes back", carrying.STOP, gives="an outage of mail")
    yield Privilege(GOING_BACK, "start Postfix", carrying.START)
    yield Privilege(GOING_BACK, "open its intake", nft.deleting(INTAKE))
    yield Privilege(GOING_BACK, "whether it is open", nft.listing(INTAKE))
    yield Privilege(GOING_BACK, "open its console to all", nft.deleting(CONSOLE))
    yield Privilege(GOING_BACK, "whether it is open to all", nft.listing(CONSOLE))
    yield Privilege(GOING_BACK, "remove the rules' folder", firewall.REMOVE_RUN_FOLDER)
    for units in sources.sets():
        yield Privilege(GOING_BACK, "start what brought mail by itself", sources.starting(units))


PRIVILEGES = (*_reading(), *_accounts(), *_switching(), *_by_iptables(), *_going_back())


def rules(user: str, *phases: str) -> str:
    """A file for /etc/sudoers.d: what this account may do on the old gateway, all without a password."""
    lines = (f"{rule(user, each.user, each.argv)}\n" for each in PRIVILEGES if each.phase in phases)
    return "".join(dict.fromkeys(lines))
