"""The pairs that a Postfix service serves from the files that it names: read as Postfix reads them."""

import shlex
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from cryptography import x509

from vmmigrate.appliance.port import Shell
from vmmigrate.appliance.tls.chains import name_of, path_above
from vmmigrate.appliance.tls.keys import Pair, load_apart, load_certificates, load_pem_chains
from vmmigrate.appliance.tls.postfix import Files
from vmmigrate.errors import BadKeys, CommandFailed
from vmmigrate.findings import Finding, warning


def read_pairs(shell: Shell, files: Files) -> tuple[Pair, ...]:
    """In Postfix's order, one of each kind of key. Raises BadKeys, CommandFailed."""
    if files.chain:
        pairs = load(shell, files.chain, lambda *data: load_pem_chains(b"\n".join(map(_unmarked, data))))
    else:
        both = files.apart.values()
        pairs = tuple(pair for paths in both for pair in load(shell, paths, lambda *data: (load_apart(*data),)))
    return tuple(_with_chain(shell, files, pair) for pair in _one_of_each_kind(pairs))


def load(shell: Shell, paths: Sequence[str], load: Callable[..., tuple[Pair, ...]]) -> tuple[Pair, ...]:
    """What `load` makes of these files' contents; which files a problem is of."""
    try:
        return load(*(shell.read_file(path) for path in paths))
    except BadKeys as error:
        named = ", ".join(dict.fromkeys(paths))
        raise BadKeys(f"{shell.host}: {named}: {error}", hint=error.hint) from error


def _unmarked(data: bytes) -> bytes:
    return data.removeprefix(b"\xef\xbb\xbf")


def _one_of_each_kind(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    """Postfix 3.4 and newer switch TLS off where two pairs have one kind of key; written so, the new one would too."""
    kept: dict[str, Pair] = {}
    for pair in pairs:
        first = kept.setdefault(pair.kind, pair)
        if first is not pair and first.fingerprint != pair.fingerprint:
            kept[pair.kind] = replace(first, said=(*first.said, _same_kind(first, pair)))
    return tuple(kept.values())


def _same_kind(first: Pair, second: Pair) -> Finding:
    return warning(
        "tls-same-kind",
        f"{name_of(first.leaf.subject)} and {name_of(second.leaf.subject)} both have a key of kind {first.kind}:"
        " Postfix serves one at most, and the first one is copied",
        "remove the other from the old main.cf if the first is not the right one",
    )


def _with_chain(shell: Shell, files: Files, pair: Pair) -> Pair:
    """A leaf alone is sent with all that OpenSSL finds above it among the authorities, the root too."""
    if pair.chain or not (files.authorities or files.folder):
        return pair
    path = path_above(pair.leaf, _authorities(shell, files))
    if not path:
        return pair
    where = files.authorities or files.folder
    text = f"the chain of {name_of(pair.leaf.subject)} is found in {where}: copied as the chain of the pair"
    said = warning("tls-chain-of-authorities", text, "nothing: the new appliance sends the same chain")
    return replace(pair, chain=path, said=(*pair.said, said))


def _authorities(shell: Shell, files: Files) -> tuple[x509.Certificate, ...]:
    """Those that can be read: where Postfix cannot read them either, it finds no chain."""
    places = [(files.authorities, files.folder), *([_usual(shell, files.jail)] if files.usual else ())]
    found: list[x509.Certificate] = []
    for file, folder in places:
        with suppress(BadKeys, CommandFailed):
            found += load_certificates(shell.read_file(file) if file else b"")
        with suppress(BadKeys):
            found += load_certificates(_in_folder(shell, folder) if folder else b"")
    return tuple(found)


def _usual(shell: Shell, jail: str) -> tuple[str, str]:
    """OpenSSL's own file and folder."""
    said = shell.run(("openssl", "version", "-d"), check=False).stdout
    folder = said.partition('"')[2].partition('"')[0]
    return (f"{folder}/cert.pem", f"{jail}{folder}/certs") if folder else ("", "")


def _in_folder(shell: Shell, folder: str) -> bytes:
    """By the names that OpenSSL looks for."""
    every = f"cat {shlex.quote(folder)}/*.[0-9]"
    return shell.run(("sh", "-c", every), user="root", check=False).stdout.encode()
