"""List the content of a backup archive by reading it to its end, without unpacking to a disk, in constant memory.

The content of real archives is inferred [F-BACKUP-1], their names and container are unknown [F-CONSOLE-10]. So
members are classified by how they look, and those that match nothing are reported as "other".
"""

import gzip
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import IO, BinaryIO, cast

from vmmigrate.appliance.backup.bounded import MEMBERS, Forward, TooMuch, check_unpacked
from vmmigrate.errors import NoBackup
from vmmigrate.limits import ARCHIVE_LISTED, ZIP_DIRECTORY

LISTED = ARCHIVE_LISTED.most
CONFIGURATION, DATABASE, OTHER = "configuration", "database dump", "other"
_NAME = 200  # characters of a name
_HEAD = 64  # bytes of a member that show its kind
_DIRECTORY = ZIP_DIRECTORY.most
_PIECE = 1 << 18
_END = bytes(512)
_ENCRYPTED = 1  # in a zip member's flags
_READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others inflate without a bound in Python's reader
# The custom format of pg_dump, then the first words of plain dumps.
_DUMP_HEAD = re.compile(rb"PGDMP|(--\s*)*(PostgreSQL database( cluster)? dump|(MySQL|MariaDB) dump)", re.IGNORECASE)
_DUMP_NAME = re.compile(r"\.(sql|dump|pgdump)(\.gz)?$|(^|/)(database|db)/", re.IGNORECASE)
_CONFIGURATION_NAME = re.compile(
    r"(^|/)(etc|conf|config|configuration)/|\.(cf|conf|cfg|ini|properties|xml|ya?ml)$", re.IGNORECASE
)
# What the readers raise on damage; RuntimeError: endless nesting, an unsupported version of the format.
_DAMAGE = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, ValueError, OverflowError, RuntimeError),
    LookupError,  # zipfile's for a member without a name
)


@dataclass(frozen=True)
class Member:
    """One member of an archive. `name` is safe to print; `kind` is what it looks like; `size` in bytes."""

    name: str
    kind: str
    size: int


@dataclass
class Contents:
    """What was read: `count` and `sizes` cover every member, `members` and `oddities` the first 200.

    `form`: 'tar' or 'zip', 'other' if a compressed stream is not an archive. `unread`: members that could not be
    read here (`locked` of them encrypted, others compressed in a way that cannot be bounded): are they whole?
    """

    form: str
    count: int = 0
    unread: int = 0
    locked: int = 0
    checked: bool = True  # a checksum covers it: a bare tar has none for its data
    unpacked: int = 0
    sizes: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    members: list[Member] = field(default_factory=list)
    oddities: list[str] = field(default_factory=list)

    def add(self, name: str, size: int, head: bytes) -> None:
        kind = _kind(name, head)
        self.count += 1
        self.sizes[kind] = self.sizes.get(kind, 0) + size
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if self.count > MEMBERS:
            raise TooMuch(f"it holds more than {MEMBERS} members")
        if len(self.members) < LISTED:
            self.members.append(Member(printable(name), kind, size))

    def odd(self, name: str, what: str) -> None:
        if len(self.oddities) < LISTED:
            self.oddities.append(f"{printable(name)}: {what}")

    @property
    def total(self) -> int:
        return sum(self.sizes.values())


def read_contents(source: BinaryIO, container: str, size: int) -> Contents:
    """Read `size` bytes of a 'gzip', 'zip' or 'tar' from `source`. Raises NoBackup: damaged, empty, beyond a limit."""
    readers: dict[str, Callable[[BinaryIO, int], Contents]] = {"gzip": _gzip, "zip": _zip, "tar": _bare_tar}
    try:
        contents = readers[container](source, size)
    except TooMuch as error:
        raise NoBackup(
            f"the archive was not read to its end: {error}", hint="do not unpack it; export the backup again"
        ) from error
    except (*_DAMAGE, gzip.BadGzipFile) as error:
        raise NoBackup(f"the archive is damaged: {error}", hint="export the backup again") from error
    if not contents.count and contents.form != "other":
        raise NoBackup(f"the archive is an empty {contents.form}", hint="export the backup again")
    return contents


def printable(name: str) -> str:
    """Untrusted text, safe for a terminal: no control or direction characters, no invalid bytes, limited length."""
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)
    return safe if len(safe) <= _NAME else safe[:_NAME] + "…"


def _kind(name: str, head: bytes) -> str:
    if _DUMP_HEAD.match(head) or _DUMP_NAME.search(name):
        return DATABASE
    return CONFIGURATION if _CONFIGURATION_NAME.search(name) else OTHER


# ---- tar -------------------------------------------------------------------------------------------------


def _gzip(source: BinaryIO, size: int) -> Contents:
    with gzip.GzipFile(fileobj=source) as stream:
        return _tar(cast(BinaryIO, stream), size)


def _bare_tar(source: BinaryIO, size: int) -> Contents:
    contents = _tar(source, size)
    contents.checked = False
    return contents


def _tar(source: BinaryIO, size: int) -> Contents:
    stream = Forward(source, size)
    try:
        archive = tarfile.TarFile(fileobj=cast(BinaryIO, stream), errorlevel=0)
    except tarfile.ReadError:
        return Contents("other", unpacked=stream.drain())
    contents = Contents("tar")
    for member in _headers(archive, stream):
        _add_tar_member(contents, member, stream)
    contents.unpacked = stream.drain()
    return contents


def _headers(archive: tarfile.TarFile, stream: Forward) -> Iterator[tarfile.TarInfo]:
    while member := archive.next():
        archive.members = []  # type: ignore[attr-defined]  # it would keep them all
        yield member
        stream.next_member()
    if stream.last != _END:  # tarfile takes an invalid header, and the end of the file, for the end
        raise tarfile.ReadError("its list of members is incomplete")


def _add_tar_member(contents: Contents, member: tarfile.TarInfo, stream: Forward) -> None:
    stored = member.isreg() and not member.issparse()
    # One byte less: tarfile continues from the last byte of a member, and the stream cannot go back.
    head = stream.read(min(_HEAD, max(0, member.size - 1))) if stored else b""
    if not member.isdir():
        contents.add(member.name, member.size if member.isreg() else 0, head)
    _note_path(contents, member.name)
    if member.issym() or member.islnk():
        contents.odd(member.name, f"a link to {printable(member.linkname)}")
    elif not (member.isreg() or member.isdir()):
        contents.odd(member.name, "a device or another special file")
    elif member.issparse():
        contents.odd(member.name, f"a sparse file that claims {member.size} bytes")


def _note_path(contents: Contents, name: str) -> None:
    path = name.replace("\\", "/")
    if path.startswith("/") or re.match(r"[A-Za-z]:", path):
        contents.odd(name, "an absolute path")
    if ".." in PurePosixPath(path).parts:
        contents.odd(name, "a path that leads out of its folder")


# ---- zip -------------------------------------------------------------------------------------------------


class _Sparing:
    """A file for zipfile, which reads the directory in one piece, with the length that the archive claims."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self.seek, self.tell, self.seekable = source.seek, source.tell, source.seekable

    def read(self, count: int = -1) -> bytes:
        if count > _DIRECTORY:
            raise TooMuch(f"its directory is longer than {_DIRECTORY >> 10} KiB")
        return self._source.read(count)


def _zip(source: BinaryIO, size: int) -> Contents:
    contents = Contents("zip")
    with zipfile.ZipFile(cast(IO[bytes], _Sparing(source))) as archive:
        for member in archive.infolist():
            contents.unpacked += member.file_size
            check_unpacked(contents.unpacked, size)
            _add_zip_member(contents, archive, member)
    return contents


def _add_zip_member(contents: Contents, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    encrypted = bool(member.flag_bits & _ENCRYPTED)
    head = b""
    if encrypted or member.compress_type not in _READABLE:
        contents.unread += 1
        contents.locked += encrypted
        contents.odd(member.filename, "encrypted" if encrypted else "compressed with a method that is not supported")
    else:
        head = _read_member(archive, member)
    if not member.is_dir():
        contents.add(member.filename, member.file_size, head)
    _note_path(contents, member.filename)
    if (member.external_attr >> 16) & 0o170000 == 0o120000:
        contents.odd(member.filename, "a link")


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Its first bytes, after reading it to its end, where zipfile compares the checksum."""
    with archive.open(member) as stream:
        head = stream.read(_HEAD)
        while stream.read(_PIECE):
            pass
    return head
