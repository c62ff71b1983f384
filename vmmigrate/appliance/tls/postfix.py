"""What Postfix's main.cf and master.cf name for TLS: which service shows which pair, and how that is changed."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.mail import settings
from vmmigrate.appliance.port import FileMeta, NewFile, Shell
from vmmigrate.appliance.postconf import expanded
from vmmigrate.appliance.tls.keys import Pair, certificates_pem, holds_key, key_pem, load_pem, load_pem_chains, to_pem
from vmmigrate.appliance.tls.placing import Edit, resolved
from vmmigrate.errors import BadKeys, CommandFailed
from vmmigrate.findings import Finding, warning

CHAIN = "smtpd_tls_chain_files"  # Postfix 3.4 on; where it is set, the others are ignored
FILES = (
    ("smtpd_tls_cert_file", "smtpd_tls_key_file"),
    ("smtpd_tls_eccert_file", "smtpd_tls_eckey_file"),
    ("smtpd_tls_dcert_file", "smtpd_tls_dkey_file"),
)
TEMPLATE = "/etc/postfix/tls.pem"  # the packages' own path [F-TLS-3]
QUESTIONS = (("postconf", "-n"), ("postconf", "-M"), ("postconf", "-P"))
_META = FileMeta("0600", "root", "root")
_PORTS = {"smtp": 25, "smtps": 465, "submissions": 465, "urd": 465, "submission": 587}
_ROLES = {25: "smtp", 465: "smtps", 587: "submission"}
_UNKNOWN_MASTER = warning(
    "tls-master-unknown",
    "this Postfix is too old to tell what its master.cf overrides (postconf -M, -P)",
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


@dataclass(frozen=True)
class Layout:
    """How pairs are put where a service looks: content by path, and parameters that must change for it."""

    files: Mapping[str, bytes] = field(repr=False)
    parameters: Mapping[str, str]


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
        return _load(shell, files.chain, load_pem_chains)
    return tuple(
        pair
        for cert, key in files.apart.values()
        for pair in _load(shell, tuple(dict.fromkeys((key, cert))), lambda data: (load_pem(data),))
    )


def layout(shell: Shell, service: Service, pairs: Sequence[Pair]) -> Layout:
    """Into the files that the service names, as far as there is one for each pair. Raises BadKeys."""
    files = service.files or Files(apart={FILES[0][0]: (TEMPLATE, TEMPLATE)})
    content, parameters = _chained(shell, files, pairs) if files.chain else _apart(shell, files, pairs)
    if not service.files:
        parameters = {FILES[0][0]: TEMPLATE, FILES[0][1]: f"${FILES[0][0]}"} | parameters
    return Layout(content, parameters)


def new_files(shell: Shell, made: Layout) -> tuple[NewFile, ...]:
    """Those that differ from what is there."""
    wanted = [NewFile(resolved(shell, path), data, _META) for path, data in made.files.items()]
    return tuple(file for file in wanted if _present(shell, file.path) != file.data)


def edits(shell: Shell, service: Service, made: Layout) -> tuple[Edit, ...]:
    """`postconf` by which the parameters come to be so: in master.cf where the service overrides them."""
    in_master = {name: value for name, value in made.parameters.items() if _belongs_to_master(service, name)}
    in_main = {name: value for name, value in made.parameters.items() if name not in in_master}
    folder = shell.run(("postconf", "-h", "config_directory"), user="root").stdout.strip() if made.parameters else ""
    found = []
    if in_main:
        argv = ("postconf", "-e", *(f"{name}={value}" for name, value in in_main.items()))
        found.append(Edit(f"{folder}/main.cf", argv))
    if in_master:
        argv = ("postconf", "-P", *(f"{service.name}/{name}={value}" for name, value in in_master.items()))
        found.append(Edit(f"{folder}/master.cf", argv))
    return tuple(found)


# ---- reading ---------------------------------------------------------------------------------------------


def _master(shell: Shell) -> dict[str, dict[str, str]] | None:
    """Each smtpd that listens for the network, 'submission/inet' → its `-o`, raw. None where Postfix cannot tell."""
    listed = shell.run(("postconf", "-M"), user="root", check=False)
    told = shell.run(("postconf", "-P"), user="root", check=False)
    if listed.status or told.status:
        return None
    found: dict[str, dict[str, str]] = {}
    for words in map(str.split, listed.stdout.splitlines()):
        if len(words) >= 8 and words[1] == "inet" and words[7] == "smtpd" and not words[0].startswith(_INSIDE):
            found[f"{words[0]}/{words[1]}"] = {}
    for line in told.stdout.splitlines():
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


# ---- laying out ------------------------------------------------------------------------------------------


def _chained(shell: Shell, files: Files, pairs: Sequence[Pair]) -> tuple[dict[str, bytes], dict[str, str]]:
    groups = _groups(shell, files.chain)
    kinds = [_kind(shell, group) for group in groups]
    content: dict[str, bytes] = {}
    for index, pair in _assigned(kinds, pairs):
        group = groups[index] if index < len(groups) else _one_more(groups, pair)
        if len(group) == 1:  # a file may hold several keys, each before its chain
            content[group[0]] = content.get(group[0], b"") + to_pem(pair)
        else:
            content |= {group[0]: key_pem(pair), group[1]: certificates_pem(pair)}
    wanted = (
        *(path for path in files.chain if path in content),
        *(path for path in content if path not in files.chain),
    )
    return content, {} if wanted == files.chain else {CHAIN: ",".join(wanted)}


def _one_more(groups: Sequence[tuple[str, ...]], pair: Pair) -> tuple[str, ...]:
    """Behind the last pair; but a key never goes into a file of certificates, which others may read."""
    return groups[-1] if len(groups[-1]) == 1 else (_beside(groups[-1][0], pair),)


def _groups(shell: Shell, paths: Sequence[str]) -> list[tuple[str, ...]]:
    """A key's file with those of certificates alone that follow it."""
    groups: list[tuple[str, ...]] = []
    for path in paths:
        data = _present(shell, path)
        if groups and data and not holds_key(data):
            groups[-1] = (*groups[-1], path)
        else:
            groups.append((path,))
    return groups


def _apart(shell: Shell, files: Files, pairs: Sequence[Pair]) -> tuple[dict[str, bytes], dict[str, str]]:
    names = list(files.apart)
    kinds = [_kind(shell, dict.fromkeys(reversed(files.apart[name]))) for name in names]
    spare = [name for name, _ in FILES if name not in names]
    if len(pairs) > len(FILES):
        raise BadKeys(
            f"there are {len(pairs)} pairs, and {FILES[0][0]} and its like name at most {len(FILES)}",
            hint=f"name files with {CHAIN} on the new appliance",
        )
    content: dict[str, bytes] = {}
    parameters: dict[str, str] = {}
    used = []
    for index, pair in _assigned(kinds, pairs):
        name = names[index] if index < len(names) else spare.pop(0)
        used.append(name)
        path = _beside(files.apart[names[0]][0], pair)
        cert, key = files.apart.get(name, (path, path))
        content |= {cert: to_pem(pair)} if cert == key else {key: key_pem(pair), cert: certificates_pem(pair)}
        if name not in files.apart:
            parameters |= {name: cert, dict(FILES)[name]: f"${name}"}
    for name in names:
        if name not in used:
            parameters |= {name: "", dict(FILES)[name]: ""}
    return content, parameters


def _assigned(kinds: Sequence[str], pairs: Sequence[Pair]) -> Iterator[tuple[int, Pair]]:
    """Each pair's place: by kind of key where there is a place for every pair, else in order."""
    free = list(range(max(len(kinds), len(pairs))))
    by_kind = len(kinds) == len(pairs) and sorted(kinds) == sorted(pair.kind for pair in pairs)
    for pair in pairs:
        index = next((i for i in free if kinds[i] == pair.kind), free[0]) if by_kind else free[0]
        free.remove(index)
        yield index, pair


def _kind(shell: Shell, paths: Iterable[str]) -> str:
    """Of the pair that lies there now, '' where it is of no use."""
    try:
        return _load(shell, tuple(paths), load_pem_chains)[0].kind
    except (BadKeys, CommandFailed):
        return ""


def _beside(path: str, pair: Pair) -> str:
    """A name for one more pair: tls.pem → tls-ecdsa.pem."""
    stem, dot, suffix = path.rpartition(".")
    return f"{stem}-{pair.kind.lower()}.{suffix}" if dot and "/" not in suffix else f"{path}-{pair.kind.lower()}"


def _belongs_to_master(service: Service, name: str) -> bool:
    """What master.cf overrides is changed there; main.cf's value would not be heard."""
    tls = {CHAIN, *(each for both in FILES for each in both)}
    return bool(service.overrides & tls) and (name in service.overrides or service.port != 25)


def _load(shell: Shell, paths: Sequence[str], load: Callable[[bytes], tuple[Pair, ...]]) -> tuple[Pair, ...]:
    try:
        return load(b"\n".join(shell.read_file(path) for path in paths))
    except BadKeys as error:
        raise BadKeys(f"{shell.host}: {', '.join(paths)}: {error}", hint=error.hint) from error


def _present(shell: Shell, path: str) -> bytes:
    try:
        return shell.read_file(path)
    except CommandFailed:  # not there: two questions in one
        return b""
