"""Put TLS pairs where an appliance's Tomcat and Postfix look for them, each in its role, and reload both."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from vmmigrate.appliance.asking import in_order
from vmmigrate.appliance.family import Software
from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.port import NewFile, Shell
from vmmigrate.appliance.tls import placing, postfix_layout, stores
from vmmigrate.appliance.tls import postfix as postfix_tls
from vmmigrate.appliance.tls.bundle import CONSOLE, PORT_25, SMTP, WEB, TlsBundle, collect, is_web, look_at
from vmmigrate.appliance.tls.handshake import Expected
from vmmigrate.appliance.tls.keys import Pair
from vmmigrate.appliance.tls.placing import Change, Edit
from vmmigrate.findings import Finding, warning
from vmmigrate.limits.seconds import TLS_APPLIED

_NO_OVERRIDE = "master.cf there has no smtpd_tls_… of its own for it"


@dataclass(frozen=True)
class Installation:
    """What is to be done in the new appliance, and what it will show then.

    `replaced`: role → the paths that its pairs go to; `pairs`: role → these.
    """

    change: Change
    expected: tuple[Expected, ...]
    replaced: Mapping[str, tuple[str, ...]]
    pairs: Mapping[str, tuple[Pair, ...]]
    findings: tuple[Finding, ...] = ()


def lay_out(shell: Shell, software: Software, bundle: TlsBundle) -> Installation:
    """What must be written for this appliance to show the pairs, each in its old role. Changes nothing."""
    web, smtp = any(map(is_web, bundle.pairs)), not all(map(is_web, bundle.pairs))
    shell = look_at(shell, software, web=web, smtp=smtp)
    drafts = [
        *(_web_drafts(shell, software, bundle) if web else ()),
        *(_postfix_drafts(shell, bundle) if smtp else ()),
    ]
    files: dict[str, NewFile] = {}
    edits: list[Edit] = []
    findings: list[Finding] = []
    expected: list[Expected] = []
    replaced: dict[str, tuple[str, ...]] = {}
    pairs: dict[str, tuple[Pair, ...]] = {}
    owned: dict[str, tuple[str, tuple[str, ...]]] = {}
    for draft in drafts:
        findings += draft.findings
        taken = [path for path in draft.paths if path in owned and owned[path][1] != draft.leaves]
        if taken:
            findings.append(_shared(draft.role, owned[taken[0]][0], taken[0]))
            continue
        owned |= dict.fromkeys(draft.paths, (draft.role, draft.leaves))
        files |= {file.path: file for file in draft.files}
        edits += [edit for edit in draft.edits if edit not in edits]
        expected += draft.expected
        if draft.paths or draft.role not in replaced:  # one without a place may have the name of one of the new roles
            replaced[draft.role], pairs[draft.role] = draft.paths, draft.pairs
        findings += [_readable(shell, path) for path in draft.key_paths if _is_readable(shell, path)]
    change = Change(tuple(files.values()), tuple(edits))
    return Installation(change, tuple(expected), replaced, pairs, tuple(findings))


def install(shell: Shell, software: Software, bundle: TlsBundle) -> Installation:
    """Put the pairs in place, the previous ones beside. Convergent; restarts nothing."""
    made = lay_out(shell, software, bundle)
    placing.place(shell, made.change)
    return made


def apply_installed(
    shell: Shell, software: Software, *, web: bool = True, smtp: bool = True, known: bool = False
) -> None:
    """Have Postfix check itself and reload, restart Tomcat. `known`: a configuration that ran before needs no check."""
    acts: list[tuple[str, ...]] = []
    if smtp:
        acts += [("postfix", "reload")] if known else [("postfix", "check"), ("postfix", "reload")]
    if web and software.units.web:
        acts.append(("systemctl", "restart", software.units.web))
    if acts:
        shell.run(in_order(*acts), user="root", timeout=TLS_APPLIED.most * len(acts))


@dataclass(frozen=True)
class _Draft:
    """One role's part of an installation."""

    role: str
    pairs: tuple[Pair, ...]
    paths: tuple[str, ...] = ()
    key_paths: tuple[str, ...] = ()
    files: tuple[NewFile, ...] = ()
    edits: tuple[Edit, ...] = ()
    expected: tuple[Expected, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def leaves(self) -> tuple[str, ...]:
        return tuple(pair.fingerprint for pair in self.pairs)


def _web_drafts(shell: Shell, software: Software, bundle: TlsBundle) -> Iterator[_Draft]:
    """Each connector gets what the old appliance showed at its port; else its role's pairs, else the first one's."""
    left = {role: pairs for role, pairs in bundle.pairs.items() if is_web(role)}
    for each in stores.connectors(shell, software):
        role = _old_role(each, bundle)
        left.pop(role, None)
        wanted, findings = _matched(each, bundle.pairs[role])
        files = stores.new_files(shell, wanted)
        findings += _unkept(shell, wanted) if files else []
        expected = tuple(_expected(CONSOLE, port, False, [pair for _, pair in wanted]) for port in each.ports)
        paths = tuple(path for place, _ in wanted for path in place.paths)
        yield _Draft(
            each.role,
            tuple(pair for _, pair in wanted),
            paths,
            tuple(place.key if isinstance(place, stores.PemPlace) else place.path for place, _ in wanted),
            files,
            expected=expected,
            findings=tuple(findings),
        )
    for role, pairs in left.items():
        yield _Draft(role, (), findings=(_no_place(role, pairs, "server.xml has no such connector"),))


def _old_role(new: stores.Connectors, bundle: TlsBundle) -> str:
    """By the order in server.xml only where no port agrees: a client knows a port, and not that order."""
    same = (
        role for role, ports in bundle.ports.items() if role in bundle.pairs and not set(ports).isdisjoint(new.ports)
    )
    return next(same, new.role if new.role in bundle.pairs else WEB)


def _unkept(shell: Shell, wanted: Sequence[tuple[stores.Place, Pair]]) -> list[Finding]:
    """Where new_files makes no new store of that path, nothing is lost either: it holds its pair already."""
    paths = dict.fromkeys(place.path for place, _ in wanted if isinstance(place, stores.StorePlace))
    lost = {path: stores.unkept(shell, path, wanted) for path in paths}
    return [_trust_lost(path, names) for path, names in lost.items() if names]


def _matched(
    connectors: stores.Connectors, pairs: Sequence[Pair]
) -> tuple[list[tuple[stores.Place, Pair]], list[Finding]]:
    """A pair for each `<Certificate>`, by kind if server.xml gives it. server.xml itself is not rewritten."""
    left = list(pairs)
    wanted: list[tuple[stores.Place, Pair]] = []
    for place in sorted(connectors.places, key=lambda place: not place.kind):
        fitting = [pair for pair in left if place.kind in ("", pair.kind)]
        if fitting:
            wanted.append((place, fitting[0]))
            left.remove(fitting[0])
    findings = [_no_place(connectors.role, (pair,), "server.xml has no <Certificate> for one more") for pair in left]
    unused = [place for place in connectors.places if place not in [used for used, _ in wanted]]
    return wanted, findings + [_stays(connectors.role, place.paths) for place in unused]


def _postfix_drafts(shell: Shell, bundle: TlsBundle) -> Iterator[_Draft]:
    """Port 25 first. A service with files of its own gets its own role's pairs, else what port 25 gets."""
    postfix = postfix_tls.read_postfix(shell)
    with_own = {service.role: service for service in postfix.own}
    services = ([postfix.main] if bundle.smtp else []) + list(postfix.own)
    for service in services:
        role = SMTP if service is postfix.main else service.role
        pairs = bundle.pairs.get(role, bundle.smtp)
        if not pairs:
            continue
        made = postfix_layout.layout(shell, service, pairs)
        same = [other for other in postfix.services if other.files == postfix.main.files] if role == SMTP else []
        yield _Draft(
            role,
            pairs,
            tuple(made.files),
            tuple(path for path, data in made.files.items() if b"PRIVATE KEY" in data),
            postfix_layout.new_files(shell, made),
            postfix_layout.edits(shell, service, made),
            tuple(_smtp_expected(each, pairs) for each in (service, *same) if _is_proved(each)),
            postfix.findings if role == SMTP else (),
        )
    for role in [role for role in bundle.pairs if not is_web(role) and role != SMTP and role not in with_own]:
        if bundle.fingerprints[role] != bundle.fingerprints.get(SMTP):
            yield _Draft(role, (), findings=(_no_place(role, bundle.pairs[role], _NO_OVERRIDE),))


def _is_proved(service: postfix_tls.Service) -> bool:
    """Not if it is beside another service: at the host's own address that one answers."""
    return service.tls and bool(service.port) and not service.beside


def _smtp_expected(service: postfix_tls.Service, pairs: Sequence[Pair]) -> Expected:
    name = PORT_25 if service.port == 25 else service.role
    return _expected(name, service.port or 25, not service.implicit, pairs)


def _expected(name: str, port: int, starttls: bool, pairs: Sequence[Pair]) -> Expected:
    return Expected(name, port, starttls, {pair.kind: pair.fingerprint for pair in pairs})


def shown_by(shell: Shell, software: Software, *, web: bool = True, smtp: bool = True) -> tuple[Expected, ...]:
    """What an appliance's ports should show by its present files. Raises as `collect` does."""
    look = LookingShell(shell)
    return lay_out(look, software, collect(look, software, web=web, smtp=smtp)).expected


# ---- findings --------------------------------------------------------------------------------------------


def _no_place(role: str, pairs: Sequence[Pair], why: str) -> Finding:
    kinds = " and ".join(pair.kind for pair in pairs)
    return warning(
        "tls-no-place",
        f"{role}: the old {kinds} pair has no place in the new appliance: {why}",
        "the new appliance shows its other pair there; if that is not wanted, make the place by hand "
        "and run `vmmigrate tls copy`",
    )


def _stays(role: str, paths: Sequence[str]) -> Finding:
    return warning(
        "tls-stays",
        f"{role}: the old appliance has no pair for {', '.join(paths)}, so the new one's own is still shown",
        "remove that <Certificate> from the new server.xml if no client needs it",
    )


def _trust_lost(path: str, names: Sequence[str]) -> Finding:
    return warning(
        "tls-trust-lost",
        f"{path}: the new store is written without the certificates that it trusts: {', '.join(names)}",
        f"import them again with keytool; the store of before lies beside it, named …{placing.BEFORE}",
    )


def _shared(role: str, other: str, path: str) -> Finding:
    return warning(
        "tls-shared-file",
        f"{role}: the new appliance reads the same file for {other} ({path}), but the old one has a pair for each",
        f"{other}'s is installed; name a file of its own for {role} and run `vmmigrate tls copy`",
    )


def _is_readable(shell: Shell, path: str) -> bool:
    meta = shell.file_meta(path)
    return meta is not None and bool(int(meta.mode, 8) & 0o004)


def _readable(shell: Shell, path: str) -> Finding:
    return warning(
        "tls-key-readable",
        f"{path} on {shell.host} may be read by everybody there, and will hold a private key",
        f"run `chmod o-r {path}`, if no service reads it as another user",
    )
