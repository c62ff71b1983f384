"""Read packages by their control data, never by their names: the vendor's own patterns miss some of its files."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vmmigrate.errors import UsageProblem
from vmmigrate.reading import whole
from vmmigrate.updating.running import Ran, Runs, here

_MAGIC = {b"!<arch>\ndebian-binary": "deb", b"\xed\xab\xee\xdb": "rpm"}
_FIELDS = ("Package", "Version", "Architecture", "Provides", "Pre-Depends", "Depends")
RPM_VERSION = "%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}"
_REQUIRES = "[%{REQUIRENAME} %{REQUIREFLAGS:depflags} %{REQUIREVERSION}\\n]"
_QUERY = f"%{{NAME}}\\n{RPM_VERSION}\\n%{{ARCH}}\\n[%{{PROVIDES}} ]\\n{_REQUIRES}"


@dataclass(frozen=True)
class Package:
    """`format`: 'deb' or 'rpm'. `provides`: names, without versions. `sha256`: hex. `requires`: in its tool's words."""

    path: Path
    format: str
    name: str
    version: str
    arch: str
    provides: tuple[str, ...]
    sha256: str
    requires: tuple[str, ...] = ()

    @property
    def family(self) -> int:
        """The first number of its version: 4, 5, 6; 0 where there is none."""
        found = re.match(r"(?:\d+:)?(\d+)", self.version)
        return (whole(found[1]) or 0) if found else 0

    def __str__(self) -> str:
        return f"{self.name} {self.version} ({self.path.name})"


def format_of(path: Path) -> str | None:
    """'deb', 'rpm', or None for a file that is neither, by its first bytes."""
    with path.open("rb") as file:
        start = file.read(max(map(len, _MAGIC)))
    return next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), None)


def packages_in(folder: Path) -> tuple[Path, ...]:
    """The packages of a folder, by their bytes; what lies beside them (digests, notes) is left alone.

    Raises UsageProblem for a folder that is not there or cannot be read, and for a package's name without a package.
    """
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file())
        found = tuple(path for path in files if format_of(path))
    except OSError as error:
        raise UsageProblem(
            f"{folder}: {error.strerror or error}", hint="give the folder with the new release's .deb or .rpm files"
        ) from error
    for path in files:
        if path not in found and path.suffix in (".deb", ".rpm"):
            raise UsageProblem(
                f"{path} is no package, whatever its name says", hint="download it again: is it an error page?"
            )
    return found


def read_package(path: Path, run: Runs = here) -> Package:
    """Its control data, after it was read to its end. Raises UsageProblem: cut off, damaged, or no tool to read it."""
    kind = format_of(path)
    if kind is None:
        raise UsageProblem(f"{path} is neither a .deb nor a .rpm", hint="give the vendor's packages")
    read = _read_deb if kind == "deb" else _read_rpm
    name, version, arch, provides, requires = read(path.absolute(), run)
    return Package(path, kind, name, version, arch, provides, sha256_of(path), requires)


_Read = tuple[
    str, str, str, tuple[str, ...], tuple[str, ...]
]  # name, version, architecture, what it provides, requires


def _read_deb(path: Path, run: Runs) -> _Read:
    _answer(path, run(("dpkg-deb", "--ctrl-tarfile", str(path))))  # what --field unpacks to the disk has a bound
    fields = _answer(path, run(("dpkg-deb", "--field", str(path), *_FIELDS)))
    _answer(path, run(("dpkg-deb", "--contents", str(path))))  # unpacks all of it
    unfolded = re.sub(r"\n[ \t]+", " ", fields)
    values = dict(line.split(": ", 1) for line in unfolded.splitlines() if ": " in line)
    provides = tuple(each.split("(")[0].strip() for each in _listed(values, "Provides"))
    requires = (*_listed(values, "Pre-Depends"), *_listed(values, "Depends"))
    return values.get("Package", ""), values.get("Version", ""), values.get("Architecture", ""), provides, requires


def _listed(values: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(" ".join(each.split()) for each in values.get(name, "").split(",") if each.strip())


def _read_rpm(path: Path, run: Runs) -> _Read:
    _answer(path, run(("rpm", "--checksig", "--nosignature", str(path))))  # the digests of header and payload
    answer = _answer(path, run(("rpm", "--query", "--package", "--nosignature", "--queryformat", _QUERY, str(path))))
    name, version, arch, provides, *requires = [*answer.split("\n"), "", "", "", ""]
    return (
        name,
        version,
        arch,
        tuple(provides.split()),
        tuple(" ".join(each.split()) for each in requires if each.strip()),
    )


def _answer(path: Path, ran: Ran) -> str:
    """Raises UsageProblem with the tool's own words."""
    if ran.code == 127:
        tool = "dpkg" if path.suffix == ".deb" else "rpm"
        raise UsageProblem(f"{path} cannot be read here: {ran.err}", hint=f"install {tool} on this workstation")
    if ran.code:
        words = " ".join((ran.err or ran.out).split())
        raise UsageProblem(f"{path} is not whole: {words}", hint="download it again, and compare its digest")
    return ran.out


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digests_of(text: str) -> dict[str, str]:
    """Of a `SHA256SUMS` file: name → digest, hex, in lower case. A line of another shape says nothing."""
    lines = (re.fullmatch(r"\\?([0-9A-Fa-f]{64}) [ *](?:\./)?(.+)", line.strip()) for line in text.splitlines())
    return {found[2]: found[1].lower() for found in lines if found}


def newer(kind: str, one: str, other: str, run: Runs = here) -> int:
    """-1, 0 or 1, as `one` is older than, the same as or newer than `other`, by the package tool's own rules."""
    if kind == "deb":
        return next(
            number
            for relation, number in (("eq", 0), ("gt", 1), ("lt", -1))
            if relation == "lt" or run(("dpkg", "--compare-versions", one, relation, other)).code == 0
        )
    return _rpm_order(one, other, run)


_SAFE = re.compile(r"[0-9A-Za-z.:~^+_-]+")  # what a version may have: it goes into rpm's own language


def _rpm_order(one: str, other: str, run: Runs) -> int:
    for version in (one, other):
        if not _SAFE.fullmatch(version):
            raise UsageProblem(f"{version!r} is no version of a package", hint="give the vendor's packages")
    ran = run(("rpm", "--eval", f"%{{lua:print(rpm.vercmp('{one}', '{other}'))}}"))
    if ran.code or ran.out.strip() not in ("-1", "0", "1"):
        raise UsageProblem(
            f"rpm does not compare {one} and {other}: {' '.join((ran.err or ran.out).split())}",
            hint="rpm 4.7 or newer is needed",
        )
    return int(ran.out.strip())
