"""The manifest of an OVF package: which digest each file shall have."""

import re
from dataclasses import dataclass

from hypervisors.formats.names import plain_name
from hypervisors.formats.source import Source

ALGORITHMS = {"SHA1": "sha1", "SHA256": "sha256", "SHA512": "sha512"}  # the manifest's names, and hashlib's

_LARGEST = 1 << 20
_LINE = re.compile(r"([A-Za-z0-9-]+)\s*\((.+)\)\s*=\s*([0-9A-Fa-f]+)", re.ASCII)


@dataclass(frozen=True)
class Entry:
    """`algorithm` is hashlib's name; `digest` is lower-case hexadecimal."""

    name: str
    algorithm: str
    digest: str


def small(source: Source) -> bytes:
    """All of a manifest or certificate. Raises BadImage if it is too large to be one."""
    if source.size > _LARGEST:
        raise source.refused(f"has {source.size >> 20} MiB", hint="a manifest or certificate has some KiB")
    return source.read(0, source.size)


def read_manifest(source: Source) -> tuple[Entry, ...]:
    """In order. Raises BadImage for an invalid line, and for a file with two digests of one kind."""
    text = small(source).decode("utf-8", "replace")
    entries = tuple(_entry(source, line.strip()) for line in text.splitlines() if line.strip())
    if not entries:
        raise source.damaged("it names no file")
    if len({(entry.name, entry.algorithm) for entry in entries}) < len(entries):
        raise source.damaged("it names a file twice")
    return entries


def _entry(source: Source, line: str) -> Entry:
    found = _LINE.fullmatch(line)
    if found is None:
        raise source.damaged(f"{line[:60]!r} is no line of a manifest")
    named, name, digest = found.groups()
    algorithm = ALGORITHMS.get(named.upper().replace("-", ""))
    if algorithm is None:
        raise source.refused(
            f"uses {named}, which is not supported",
            hint="export it again with SHA-256, or leave the manifest out and give --sha256",
        )
    return Entry(plain_name(source, name.strip(), "its lines"), algorithm, digest.lower())
