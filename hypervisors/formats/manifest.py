"""The manifest of an OVF package: which digest each file shall have."""

import re
from dataclasses import dataclass

from hypervisors import limits
from hypervisors.formats.encodings import encoding_of
from hypervisors.formats.source import Source

# the manifest's names, and hashlib's
_ALGORITHMS = {"SHA1": "sha1", "SHA256": "sha256", "SHA384": "sha384", "SHA512": "sha512"}
_OPENSSL_3 = re.compile(r"SHA-?2-?(?=256|384|512)")  # SHA2-256, where OpenSSL 1 wrote SHA256

_LARGEST = limits.MANIFEST.most
_LINE = re.compile(r"([A-Za-z0-9-]+)\s*\((.+)\)\s*=\s*([0-9A-Fa-f]+)", re.ASCII)
_SUM = re.compile(r"([0-9A-Fa-f]{40,128}) [ *]?(.+)", re.ASCII)  # as `sha256sum` and `openssl dgst -r` write it
_BY_LENGTH = {40: "SHA1", 64: "SHA256", 96: "SHA384", 128: "SHA512"}


@dataclass(frozen=True)
class Entry:
    """`name`: any; a plain one is looked for. `algorithm`: hashlib's name; `digest`: lower-case hexadecimal."""

    name: str
    algorithm: str
    digest: str


def algorithm(named: str) -> str | None:
    """hashlib's name for it, however OpenSSL and others spell it."""
    plain = _OPENSSL_3.sub("SHA", named.upper())
    return _ALGORITHMS.get(plain.replace("-", ""))


def small(source: Source) -> bytes:
    """All of a manifest or certificate. Raises BadImage if it is too large to be one."""
    if source.size > _LARGEST:
        raise source.refused(f"has {source.size >> 20} MiB", hint="a manifest or certificate has some KiB")
    return source.read(0, source.size)


def read_manifest(source: Source) -> tuple[Entry, ...]:
    """In order. Raises BadImage for an invalid line, and for a file with two digests of one kind."""
    lines = map(str.strip, _text(small(source)).splitlines())
    entries = tuple(dict.fromkeys(_entry(source, line) for line in lines if line and not line.startswith("#")))
    if not entries:
        raise source.damaged("it names no file")
    if len({(entry.name, entry.algorithm) for entry in entries}) < len(entries):
        raise source.damaged("it names a file twice")
    return entries


def _text(data: bytes) -> str:
    """What is not UTF-8 is of a Western Windows: only a name can have such letters."""
    try:
        return data.decode(encoding_of(data))
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _entry(source: Source, line: str) -> Entry:
    named, name, digest = _parts(source, line)
    kind = algorithm(named)
    if kind is None:
        raise source.refused(
            f"uses {named}, which is not supported",
            hint="export it again with SHA-256, or leave the manifest out and give --sha256",
        )
    return Entry(name.strip().removeprefix("./"), kind, digest.lower())


def _parts(source: Source, line: str) -> tuple[str, str, str]:
    """The digest's kind, the file's name, the digest."""
    if found := _LINE.fullmatch(line):
        return found[1], found[2], found[3]
    if (found := _SUM.fullmatch(line)) and (kind := _BY_LENGTH.get(len(found[1]))):
        return kind, found[2], found[1]
    raise source.damaged(f"{line[:60]!r} is no line of a manifest")
