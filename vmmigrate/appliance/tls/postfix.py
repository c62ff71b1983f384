"""What Postfix's main.cf and master.cf name for TLS: which service shows which pair."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.mail import settings
from vmmigrate.appliance.port import Shell
from vmmigrate.appliance.postconf import expanded
from vmmigrate.appliance.tls.keys import Pair, load_pem, load_pem_chains
from vmmigrate.errors import BadKeys
from vmmigrate.findings import Finding, warning

CHAIN = "smtpd_tls_chain_files"  # Postfix 3.4 on; if it is set, the others are ignored
FILES = (
    ("smtpd_tls_cert_file", "smtpd_tls_key_file"),
    ("smtpd_tls_eccert_file", "smtpd_tls_eckey_file"),
    ("smtpd_tls_dcert_file", "smtpd_tls_dkey_file"),
)
TEMPLATE = "/etc/postfix/tls.pem"  # the packages' own path [F-TLS-3]
QUESTIONS = (("postconf", "-n"), ("postconf", "-M"), ("postconf", "-P"))
_PORTS = {"smtp": 25, "smtps": 465, "submissions": 465, "urd": 465, "submission": 587}
_ROLES = {25: "smtp", 465: "smtps", 587: "submission"}
_UNKNOWN_MASTER = warning(
    "tls-master-unknown",
    "this Postfix is too old to list what its master.cf overrides (postconf -M, -P)",
    "look there for smtpd_tls_… of smtps and submission, and carry such pairs over by hand",
)
_INSIDE = ("127.", "localhost", "::1", "[::1]")


@dataclass(frozen=True)
class Files:
    """What a service names: files of chains in order, or else files of certificate and key, by parameter."""

    chain: tuple[str, ...] = ()
    apart: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # the certificate's parameter → both paths

    def __bool__(self) -> bool:
        return bool(self.chain or self.apart)

    @property
    def paths(self) -> tuple[str, ...]:
        return (*self.chain, *(path for both in self.apart.values() for path in both))


@dataclass(frozen=True)
class Service:
    """An smtpd that the network reaches. `name` as master.cf has it ('submission/inet'); '' means main.cf itself.

    `beside`: an earlier one has the same port, at another address.
    """

    name: str
    port: int | None
    tls: bool
    implicit: bool
    files: Files
    overrides: frozenset[str] = frozenset()
    beside: bool = False

    @property
    def role(self) -> str:
        name = self.name.partition("/")[0]
        return name if self.beside else _ROLES.get(self.port or 0, name)


@dataclass(frozen=True)
class PostfixTls:
    """`main`: what port 25 shows. `services`: every other one, with files of its own or with the same."""

    main: Service
    services: tuple[Service, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def own(self) -> tuple[Service, ...]:
        """The services that show something else than port 25."""
        return tuple(service for service in self.services if service.files and service.files != self.main.files)


def read_postfix(shell: Shell) -> PostfixTls:
    """Raises CommandFailed, ApplianceError."""
    main, master = settings(shell), _master(shell)
    findings = (_UNKNOWN_MASTER,) if master is None else ()
    found = [_service(shell, main, over, name) for name, over in (master or {}).items()]
    ports = [service.port for service in found]
    services = [replace(each, beside=bool(each.port) and each.port in ports[:at]) for at, each in enumerate(found)]
    first = next((service for service in services if service.port == 25), _service(shell, main, {}, ""))
    if isinstance(shell, LookingShell):
        shell.ahead(files=[path for service in (first, *services) for path in service.files.paths], user="root")
    return PostfixTls(first, tuple(service for service in services if service is not first), findings)


def read_pairs(shell: Shell, files: Files) -> tuple[Pair, ...]:
    """The pairs in those files, in Postfix's order. Raises BadKeys, CommandFailed."""
    if files.chain:
        return load(shell, files.chain, load_pem_chains)
    return tuple(
        pair
        for cert, key in files.apart.values()
        for pair in load(shell, tuple(dict.fromkeys((key, cert))), lambda data: (load_pem(data),))
    )


def _master(shell: Shell) -> dict[str, dict[str, str]] | None:
    """Each smtpd that listens for the network, 'submission/inet' → its `-o`, raw. None if Postfix cannot list it."""
    listed = shell.run(("postconf", "-M"), user="root", check=False)
    overrides = shell.run(("postconf", "-P"), user="root", check=False)
    if listed.status or overrides.status:
        return None
    found: dict[str, dict[str, str]] = {}
    for words in map(str.split, listed.stdout.splitlines()):
        if len(words) >= 8 and words[1] == "inet" and words[7] == "smtpd" and not words[0].startswith(_INSIDE):
            found[f"{words[0]}/{words[1]}"] = {}
    for line in overrides.stdout.splitlines():
        where, _, value = line.partition("=")
        service, _, name = where.strip().rpartition("/")
        found.get(service, {})[name] = value.strip()
    return found


def _service(shell: Shell, main: Mapping[str, str], over: Mapping[str, str], name: str) -> Service:
    values = {**main, **over}

    def value(parameter: str, default: str = "") -> str:
        return expanded(shell, values, values.get(parameter, default)).strip()

    implicit = value("smtpd_tls_wrappermode") == "yes"
    required = value("smtpd_tls_security_level")
    old_words = "yes" in (value("smtpd_use_tls"), value("smtpd_enforce_tls"))
    tls = implicit or required in ("may", "encrypt", "dane", "secure") or (not required and old_words)
    return Service(name, _port(name), tls, implicit, _files(value), frozenset(over))


def _files(value: Callable[..., str]) -> Files:
    chain = tuple(path for path in re.split(r"[,\s]+", value(CHAIN)) if path)
    apart = {}
    for cert_name, key_name in FILES:
        cert = value(cert_name)
        if cert and cert != "none":
            apart[cert_name] = (cert, value(key_name, f"${cert_name}") or cert)
    return Files(chain) if chain else Files(apart=apart)


def _port(name: str) -> int | None:
    """Of 'submission/inet', '192.0.2.1:587/inet'; main.cf itself is port 25's."""
    service = name.partition("/")[0].rpartition(":")[2] or "smtp"
    return int(service) if service.isdecimal() else _PORTS.get(service)


def load(shell: Shell, paths: Sequence[str], load: Callable[[bytes], tuple[Pair, ...]]) -> tuple[Pair, ...]:
    try:
        return load(b"\n".join(shell.read_file(path) for path in paths))
    except BadKeys as error:
        raise BadKeys(f"{shell.host}: {', '.join(paths)}: {error}", hint=error.hint) from error
