"""How pairs are put where a Postfix service looks for them: which file holds which, and the parameters that change."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from vmmigrate.appliance.port import FileMeta, NewFile, Shell
from vmmigrate.appliance.tls.keys import Pair, certificates_pem, holds_key, key_pem, load_pem_chains, to_pem
from vmmigrate.appliance.tls.placing import Edit, resolved
from vmmigrate.appliance.tls.postfix import CHAIN, FILES, TEMPLATE, Files, Service
from vmmigrate.appliance.tls.postfix_pairs import load
from vmmigrate.errors import BadKeys, CommandFailed

_META = FileMeta("0600", "root", "root")


@dataclass(frozen=True)
class Layout:
    """How pairs are put where a service looks: content by path, and parameters that must change for it."""

    files: Mapping[str, bytes] = field(repr=False)
    parameters: Mapping[str, str]


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
    """`postconf` by which the parameters come to be so: in master.cf if the service overrides them there."""
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
            f"there are {len(pairs)} pairs, and {FILES[0][0]} and similar parameters name at most {len(FILES)}",
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
    """Each pair's place: by kind of key if there is a place for every pair, else in order."""
    free = list(range(max(len(kinds), len(pairs))))
    by_kind = len(kinds) == len(pairs) and sorted(kinds) == sorted(pair.kind for pair in pairs)
    for pair in pairs:
        index = next((i for i in free if kinds[i] == pair.kind), free[0]) if by_kind else free[0]
        free.remove(index)
        yield index, pair


def _kind(shell: Shell, paths: Iterable[str]) -> str:
    """Of the pair that lies there now, '' if it is of no use."""
    try:
        return load(shell, tuple(paths), lambda *data: load_pem_chains(b"\n".join(data)))[0].kind
    except (BadKeys, CommandFailed):
        return ""


def _beside(path: str, pair: Pair) -> str:
    """A name for one more pair: tls.pem → tls-ecdsa.pem."""
    stem, dot, suffix = path.rpartition(".")
    return f"{stem}-{pair.kind.lower()}.{suffix}" if dot and "/" not in suffix else f"{path}-{pair.kind.lower()}"


def _belongs_to_master(service: Service, name: str) -> bool:
    """What master.cf overrides is changed there; main.cf's value would be ignored."""
    tls = {CHAIN, *(each for both in FILES for each in both)}
    return bool(service.overrides & tls) and (name in service.overrides or service.port != 25)


def _present(shell: Shell, path: str) -> bytes:
    try:
        return shell.read_file(path)
    except CommandFailed:  # the file is not there: one condition answers both questions
        return b""
