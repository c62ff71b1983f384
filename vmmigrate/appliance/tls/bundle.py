"""The TLS pairs of an appliance by role: collected over its shell, completed, checked, stored as one bundle."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from hypervisors import Dial, Unreachable, dial_straight
from vmmigrate.appliance.family import Software
from vmmigrate.appliance.looking import LookingShell, looking
from vmmigrate.appliance.port import Shell
from vmmigrate.appliance.tls import postfix as postfix_tls
from vmmigrate.appliance.tls import stores
from vmmigrate.appliance.tls.chains import check, completed
from vmmigrate.appliance.tls.handshake import served
from vmmigrate.appliance.tls.keys import Pair, load_pem, to_pem
from vmmigrate.appliance.tls.postfix_pairs import read_pairs
from vmmigrate.errors import BadKeys, CommandFailed
from vmmigrate.findings import Finding, errors, in_words, info, warning

WEB, SMTP = "web", "smtp"  # roles that every appliance has
CONSOLE, PORT_25 = "console", "SMTP"  # what their ports are called
_CALLED = {WEB: CONSOLE, SMTP: PORT_25}
_SECTION = re.compile(rb"^# vmmigrate-tls: ([^\s]+)(?: ([0-9,]{1,999}))?\n", re.MULTILINE)

Pairs = Mapping[str, tuple[Pair, ...]]


@dataclass(frozen=True)
class TlsBundle:
    """Pairs by role. 'web': the console; 'smtp': port 25; 'smtps', 'submission', …: services with pairs of their own.

    `ports`: of the console's roles, at which ports their pairs were shown; what earlier versions stored has none.
    `findings`: what was completed or cannot be copied; shown once, not stored with the keys.
    """

    pairs: Pairs
    ports: Mapping[str, tuple[int, ...]] = field(default_factory=dict, kw_only=True)
    findings: tuple[Finding, ...] = field(default=(), compare=False)

    @property
    def web(self) -> tuple[Pair, ...]:
        return self.pairs.get(WEB, ())

    @property
    def smtp(self) -> tuple[Pair, ...]:
        return self.pairs.get(SMTP, ())

    @property
    def fingerprints(self) -> dict[str, tuple[str, ...]]:
        return {role: tuple(pair.fingerprint for pair in pairs) for role, pairs in self.pairs.items()}

    def only(self, *, web: bool, smtp: bool) -> "TlsBundle":
        """The console's part, Postfix's part, or both."""
        kept = {role: pairs for role, pairs in self.pairs.items() if (web if is_web(role) else smtp)}
        return replace(self, pairs=kept)

    def to_bytes(self) -> bytes:
        """All pairs in PEM, private keys in clear text: it must be encrypted before it is stored anywhere."""
        sections = [(role, pair) for role, pairs in self.pairs.items() for pair in pairs]
        return b"".join(f"# vmmigrate-tls: {self._named(role)}\n".encode() + to_pem(pair) for role, pair in sections)

    def _named(self, role: str) -> str:
        return " ".join(filter(None, (role, ",".join(map(str, self.ports.get(role, ()))))))

    @classmethod
    def from_bytes(cls, data: bytes) -> "TlsBundle":
        """Raises BadKeys. What earlier versions wrote has at most one section 'web' and one 'smtp'."""
        _before, *rest = _SECTION.split(data)
        pairs: dict[str, tuple[Pair, ...]] = {}
        ports: dict[str, tuple[int, ...]] = {}
        for role, numbers, text in zip(rest[::3], rest[1::3], rest[2::3], strict=True):
            name = role.decode(errors="replace")
            pairs[name] = (*pairs.get(name, ()), load_pem(text))
            ports |= {name: tuple(map(int, filter(None, numbers.split(b","))))} if numbers else {}
        if not pairs:
            raise BadKeys("this is no bundle of TLS keys of ours", hint="collect it again from the old appliance")
        return cls(pairs, ports=ports)


# ---- collecting ------------------------------------------------------------------------------------------


def collect(shell: Shell, software: Software, *, web: bool = True, smtp: bool = True) -> TlsBundle:
    """Read all pairs, and complete their chains from one another. Raises BadKeys, CommandFailed, ApplianceError."""
    look = look_at(shell, software, web=web, smtp=smtp)
    pairs: dict[str, tuple[Pair, ...]] = {}
    findings: list[Finding] = []
    at = stores.connectors(look, software) if web else ()
    for connectors in at:
        pairs[connectors.role] = tuple(stores.read(look, place) for place in connectors.places)
        findings += [_other_host(name) for name in connectors.other_hosts]
        findings += [_trusted(connectors.role, path) for path in connectors.trusted]
    if smtp:
        found, said = _collect_postfix(look)
        pairs |= found
        findings += said
    whole, said = _completed(pairs)
    return TlsBundle(whole, (*findings, *said), ports={each.role: each.ports for each in at})


def look_at(
    shell: Shell, software: Software, *, web: bool, smtp: bool, beside: Sequence[tuple[str, ...]] = ()
) -> LookingShell:
    """All that is asked first, in one command; with it what the packages' own files hold, which is mostly all.

    `beside`: what else is asked of root in that command.
    """
    look = looking(shell)
    files = ((software.server_xml, stores.STORE) if web else ()) + ((postfix_tls.TEMPLATE,) if smtp else ())
    look.ahead(*(postfix_tls.QUESTIONS if smtp else ()), *beside, files=files, user="root")
    return look


def _collect_postfix(shell: Shell) -> tuple[Pairs, tuple[Finding, ...]]:
    """What is served, and what is named without being served, if it can be read."""
    postfix = postfix_tls.read_postfix(shell)
    found: dict[str, tuple[Pair, ...]] = {}
    findings = list(postfix.findings)
    for service in [postfix.main, *postfix.own] if postfix.main.files else postfix.own:
        role = SMTP if service is postfix.main else service.role
        try:
            if not postfix.is_off(service):
                found[role] = read_pairs(shell, service.files)
                continue
        except (BadKeys, CommandFailed):
            if postfix.is_served(service):
                raise
        findings.append(_off(role, service.files.paths))
    return found, tuple(findings)


def _completed(pairs: Pairs) -> tuple[Pairs, tuple[Finding, ...]]:
    pool = [cert for several in pairs.values() for pair in several for cert in pair.chain]
    whole: dict[str, tuple[Pair, ...]] = {}
    findings: list[Finding] = []
    for role, several in pairs.items():
        for pair in several:
            better, said = completed(pair, pool)
            whole[role] = (*whole.get(role, ()), better)
            findings += [replace(each, seen=f"{role}: {each.seen}") for each in (*pair.said, *said)]
    return whole, tuple(findings)


def judge(bundle: TlsBundle, host: str) -> tuple[Finding, ...]:
    """What was completed, what works as badly as before, and as errors all that would not work at all."""
    found, now = list(bundle.findings), datetime.now(UTC)
    for role, pairs in bundle.pairs.items():
        use = f"{_CALLED.get(role, role)} certificate"
        said = (finding for pair in pairs for finding in check(pair, host, now))
        found += [replace(finding, seen=f"{use}: {finding.seen}") for finding in said]
    return tuple(dict.fromkeys(found))


def refuse_unusable(bundle: TlsBundle, host: str) -> tuple[Finding, ...]:
    """As `judge`, but nothing is an error. Raises BadKeys."""
    found = judge(bundle, host)
    if wrong := errors(found):
        message, hint = in_words("problems with certificates", [(each.seen, each.remedy) for each in wrong])
        raise BadKeys(message, hint=hint)
    return found


def console_pin(shell: Shell, software: Software, dial: Dial = dial_straight, port: int | None = None) -> str:
    """The leaf to trust for the console: of several pairs the one that it shows to clients like this one.

    `port`: of its URL; without one, or where Tomcat itself has no such port, the first connector's pairs count.
    """
    look = look_at(shell, software, web=True, smtp=False)
    all_ = stores.connectors(look, software)
    connectors = next((each for each in all_ if port in each.ports), all_[0])
    known = [stores.read(look, place).fingerprint for place in connectors.places]
    for port in connectors.ports if len(known) > 1 else ():
        with suppress(Unreachable):
            shown = served(shell.host, port, starttls=False, dial=dial).fingerprint
            if shown in known:
                return shown
    return known[0]


def is_web(role: str) -> bool:
    return role.partition(":")[0] == WEB


def _off(role: str, paths: Sequence[str]) -> Finding:
    return info("tls-off", f"{role}: TLS is off, so nothing is copied from {', '.join(dict.fromkeys(paths))}")


def _trusted(role: str, path: str) -> Finding:
    return warning(
        "tls-truststore",
        f"{role}: the certificates that Tomcat trusts ({path}) are not copied",
        "copy the file and its attributes to the new appliance manually if clients show certificates",
    )


def _other_host(name: str) -> Finding:
    return warning(
        "tls-virtual-host",
        f"web: the pair of the virtual host {name!r} is not carried over",
        "copy it by hand if clients ask for that name",
    )
