"""What Postfix's main.cf and master.cf name for TLS: which service shows which pair."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.mail import settings
from vmmigrate.appliance.port import Shell
from vmmigrate.appliance.postconf import expanded, is_yes
from vmmigrate.appliance.tls.postfix_beside import beside
from vmmigrate.findings import Finding, warning
from vmmigrate.reading import whole

CHAIN = "smtpd_tls_chain_files"  # Postfix 3.4 on; if it is set, the others are ignored
FILES = (
    ("smtpd_tls_cert_file", "smtpd_tls_key_file"),
    ("smtpd_tls_eccert_file", "smtpd_tls_eckey_file"),
    ("smtpd_tls_dcert_file", "smtpd_tls_dkey_file"),
)
TEMPLATE = "/etc/postfix/tls.pem"  # the packages' own path [F-TLS-3]
QUESTIONS = (("postconf", "-n"), ("postconf", "-M"), ("postconf", "-P"))
_PORTS = {"smtp": 25, "mail": 25, "smtps": 465, "ssmtp": 465, "submissions": 465, "urd": 465, "submission": 587}
_CHROOT = 4  # which word of an entry
_QUEUES = "/var/spool/postfix"  # where a daemon of Postfix is when it reads its files
_ROLES = {25: "smtp", 465: "smtps", 587: "submission"}
_UNKNOWN_MASTER = warning(
    "tls-master-unknown",
    "this Postfix is too old to list what its master.cf overrides (postconf -M, -P)",
    "look there for smtpd_tls_… of smtps and submission, and carry such pairs over by hand",
)
_ON = ("may", "encrypt", "verify", "secure", "fingerprint")  # smtpd takes the last three for encrypt
_OLD_WORDS = ("smtpd_use_tls", "smtpd_enforce_tls")
_PASSED = "smtpd/pass"  # the smtpd to which postscreen passes a client on
_INSIDE = ("127.", "localhost", "::1", "[::1]")


@dataclass(frozen=True)
class Files:
    """What a service names: files of chains in order, or else files of certificate and key, by parameter.

    `authorities`, `folder`: where OpenSSL finds the chain of a leaf that is alone in its file; `usual`: also where it
    looks by itself. `jail`: what is the root of a service in a chroot: it has read all files before that, but looks
    into folders of authorities, such as `folder`, only when a client comes.
    """

    chain: tuple[str, ...] = ()
    apart: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # the certificate's parameter → both paths
    authorities: str = field(default="", compare=False)
    folder: str = field(default="", compare=False)
    usual: bool = field(default=False, compare=False)
    jail: str = field(default="", compare=False)

    def __bool__(self) -> bool:
        return bool(self.chain or self.apart)

    @property
    def paths(self) -> tuple[str, ...]:
        return (*self.chain, *(path for both in self.apart.values() for path in both))


@dataclass(frozen=True)
class Service:
    """An smtpd that the network reaches. `name` as master.cf has it ('submission/inet'); '' means main.cf itself.

    `beside`: an earlier one has the same port, at another address. `off`: somebody switched its TLS off.
    """

    name: str
    port: int | None
    tls: bool
    implicit: bool
    files: Files
    overrides: frozenset[str] = frozenset()
    beside: bool = False
    off: bool = False

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

    def is_off(self, service: Service) -> bool:
        """Whether no service shows what that one names, because somebody switched TLS off."""
        return all(each.off for each in (self.main, *self.services) if each.files == service.files)

    def is_served(self, service: Service) -> bool:
        return any(each.tls for each in (self.main, *self.services) if each.files == service.files)


def read_postfix(shell: Shell) -> PostfixTls:
    """Raises CommandFailed, ApplianceError."""
    main, master = settings(shell), _master(shell)
    listed, overrides = master or ([], {})
    entries = _entries(listed)
    jails = {f"{words[0]}/{words[1]}": words[_CHROOT] for words in listed}
    found = [
        _service(shell, main, overrides.get(name, {}), name, port, jails.get(name, "n"))
        for name, port in entries.items()
    ]
    ports = [service.port for service in found]
    services = [replace(each, beside=bool(each.port) and each.port in ports[:at]) for at, each in enumerate(found)]
    itself = _service(shell, main, {}, "", 25)
    first = next((service for service in services if service.port == 25), itself)
    if isinstance(shell, LookingShell):
        read = [path for service in (first, *services) if not service.off for path in service.files.paths]
        shell.ahead(files=read, user="root")
    findings = (*(() if master else (_UNKNOWN_MASTER,)), *beside(shell, main, overrides))
    for passed in (each for each in found if each.name == _PASSED):
        if (its := _of_postscreen(shell, main, overrides)) and passed.files != its:
            findings = (*findings, _answered_by_postscreen(its.paths))
    return PostfixTls(first, tuple(service for service in services if service is not first), findings)


def _master(shell: Shell) -> tuple[list[list[str]], dict[str, dict[str, str]]] | None:
    """The words of each entry, and each service's `-o`, raw. None if Postfix cannot list them."""
    listed = shell.run(("postconf", "-M"), user="root", check=False)
    overridden = shell.run(("postconf", "-P"), user="root", check=False)
    if listed.status or overridden.status:
        return None
    overrides: dict[str, dict[str, str]] = {}
    for line in overridden.stdout.splitlines():
        where, _, value = line.partition("=")
        service, _, name = where.strip().rpartition("/")
        overrides.setdefault(service, {})[name] = value.strip()
    return [words for line in listed.stdout.splitlines() if len(words := line.split()) >= 8], overrides


def _entries(listed: Sequence[Sequence[str]]) -> dict[str, int | None]:
    """Each smtpd that the network reaches, 'submission/inet' → its port. Postscreen passes its port's clients on."""
    found: dict[str, int | None] = {}
    for words in listed:
        name = f"{words[0]}/{words[1]}"
        if words[1] == "inet" and not words[0].startswith(_INSIDE):
            if words[7] == "smtpd":
                found[name] = _port(name)
            elif words[7] == "postscreen":
                found.setdefault(_PASSED, _port(name))
    return found


def _of_postscreen(shell: Shell, main: Mapping[str, str], overrides: Mapping[str, Mapping[str, str]]) -> Files:
    """What tlsproxy shows for it: where it has no parameters of its own, by smtpd's in main.cf."""
    values = {**main, **overrides.get("tlsproxy/unix", {})}

    def value(parameter: str, default: str = "") -> str:
        own = values.get(parameter.replace("smtpd_", "tlsproxy_"), values.get(parameter, default))
        return expanded(shell, values, own).strip()

    return _files(value)


def _answered_by_postscreen(paths: Sequence[str]) -> Finding:
    return warning(
        "tls-postscreen",
        f"clients that postscreen itself answers see another pair ({', '.join(dict.fromkeys(paths))}), which is not"
        " copied, than the smtpd behind it shows",
        "name one pair for both, or copy that one manually",
    )


def _service(
    shell: Shell, main: Mapping[str, str], over: Mapping[str, str], name: str, port: int | None, chroot: str = "n"
) -> Service:
    """`chroot`: as master.cf has it: 'y', 'n' or '-'."""
    values = {**main, **over}

    def value(parameter: str, default: str = "") -> str:
        return expanded(shell, values, values.get(parameter, default)).strip()

    implicit = is_yes(value("smtpd_tls_wrappermode"))
    required = value("smtpd_tls_security_level").lower()
    old_words = any(is_yes(value(each)) for each in _OLD_WORDS)
    tls = implicit or required in _ON or (not required and old_words)
    off = not tls and (bool(required) or any(each in values for each in _OLD_WORDS))
    files = _files(value)
    if files.folder and _is_jailed(value, chroot):
        jail = value("queue_directory", _QUEUES)
        files = replace(files, jail=jail, folder=f"{jail}/{value('smtpd_tls_CApath').lstrip('/')}")
    return Service(name, port, tls, implicit, files, frozenset(over), off=off)


def _is_jailed(value: Callable[..., str], chroot: str) -> bool:
    """Before Postfix 3.0, and in one whose level says so, a service is in a chroot where nothing is said."""
    return chroot == "y" or (chroot == "-" and value("compatibility_level", "$compatibility_level") in ("", "0"))


def _files(value: Callable[..., str]) -> Files:
    chain = tuple(_full(value, path) for path in re.split(r"[,\s]+", value(CHAIN)) if path)
    apart = {}
    for cert_name, key_name in FILES:
        cert = value(cert_name)
        if cert and cert.lower() != "none":
            apart[cert_name] = (_full(value, cert), _full(value, value(key_name, f"${cert_name}") or cert))
    authorities, folder = _full(value, value("smtpd_tls_CAfile")), _full(value, value("smtpd_tls_CApath"))
    usual = bool(authorities or folder) and is_yes(value("tls_append_default_CA"))
    return Files(chain, {} if chain else apart, authorities, folder, usual)


def _full(value: Callable[..., str], path: str) -> str:
    """A relative one counts from the queue's folder."""
    return path if path.startswith("/") or not path else f"{value('queue_directory', _QUEUES)}/{path}"


def _port(name: str) -> int | None:
    """Of 'submission/inet', '192.0.2.1:587/inet'; main.cf itself is port 25's."""
    service = name.partition("/")[0].rpartition(":")[2] or "smtp"
    return _PORTS.get(service) if (port := whole(service)) is None else port
