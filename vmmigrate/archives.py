"""Check a file that may be a backup: read it to its end in constant memory, write nothing."""

import contextlib
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, cast

from hypervisors import Progress, ProgressListener, Secret
from vmmigrate.appliance.backup.archive import MINIMUM, looks_like_html, sniff_container
from vmmigrate.appliance.backup.contents import Contents, read_contents
from vmmigrate.appliance.backup.salted import SCHEMES, Opened, Scheme
from vmmigrate.durable import refuse_special
from vmmigrate.errors import NoBackup, UsageProblem

_ENCRYPTED = ("openssl", "pgp")
_PIECE = 1 << 18
_HEAD = 512  # bytes that identify a container


@dataclass(frozen=True)
class Inspected:
    """A file that may be a backup. `contents` is None if this program cannot open it.

    `head`: its first bytes. `scheme`: how `openssl enc` opened it. `tried`: the combinations that did not, where a
    password was given.
    """

    path: Path
    container: str
    size: int
    sha256: str
    head: bytes
    contents: Contents | None = None
    scheme: str = ""
    tried: tuple[str, ...] = ()

    @property
    def encrypted(self) -> bool:
        return is_encrypted(self.container, self.contents)


def is_encrypted(container: str, contents: Contents | None) -> bool:
    return container in _ENCRYPTED or bool(contents and contents.locked)


def read_archive(path: Path, password: Secret | None, progress: ProgressListener) -> Inspected:
    """Identify a file. `password`: tried if `openssl enc` made it.

    Raises NoBackup if it is a page, is damaged or exceeds a limit; UsageProblem if it cannot be read.
    """
    try:
        with opened(path) as file:
            return _inspect(path, file, password, progress)
    except NoBackup as error:
        raise NoBackup(f"{path}: {error}", hint=error.hint) from error


def refuse_unknown(seen: Inspected, *, hint: str) -> Inspected:
    """Raises NoBackup if its first bytes belong to no known container."""
    if seen.container == "unknown":
        raise NoBackup(
            f"{seen.path} is not a known kind of backup (gzip, zip, tar, openssl enc, PGP);"
            f" it begins with {seen.head[:8].hex(' ')}",
            hint=hint,
        )
    return seen


@contextlib.contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Raises UsageProblem if it cannot be read, now or later."""
    refuse_special(path)
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise UsageProblem(f"{path}: {error.strerror or error}", hint="give the path of a readable file") from error


def refuse_unreadable(path: Path) -> None:
    """Raises UsageProblem. Cheap: the content is not checked."""
    with opened(path):
        pass


def digest_of(file: BinaryIO) -> str:
    """SHA-256, in hexadecimal; afterwards the file is at its beginning again."""
    return _digest(file)[0]


def watched(file: BinaryIO, size: int, progress: ProgressListener) -> BinaryIO:
    """The same file, which reports how far it is read."""
    return cast(BinaryIO, io.BufferedReader(_Watched(file, size, progress), _PIECE))


def _inspect(path: Path, file: BinaryIO, password: Secret | None, progress: ProgressListener) -> Inspected:
    digest, size, head = _digest(file)
    container = sniff_container(head)
    if looks_like_html(head):
        raise NoBackup("it is a web page, not a backup", hint="export the backup again, logged in")
    if size < MINIMUM:
        raise NoBackup(f"{size} bytes are too few for a backup", hint="export the backup again")
    seen = Inspected(path, container, size, digest, head)
    if container == "openssl":
        return _try_schemes(seen, file, password, progress) if password else seen
    if container in ("pgp", "unknown"):
        return seen
    return replace(seen, contents=read_contents(watched(file, size, progress), container, size))


def _digest(file: BinaryIO) -> tuple[str, int, bytes]:
    digest, head, size = hashlib.sha256(), b"", 0
    while piece := file.read(_PIECE):
        digest.update(piece)
        head, size = head or piece[:_HEAD], size + len(piece)
    file.seek(0)
    return digest.hexdigest(), size, head


def _try_schemes(seen: Inspected, file: BinaryIO, password: Secret, progress: ProgressListener) -> Inspected:
    """A combination counts only if the result is an archive that can be read to its end."""
    for scheme in SCHEMES:
        contents = _open(file, scheme, password, progress)
        if contents is not None:
            return replace(seen, contents=contents, scheme=scheme.name)
    return replace(seen, tried=tuple(scheme.name for scheme in SCHEMES))


def _open(file: BinaryIO, scheme: Scheme, password: Secret, progress: ProgressListener) -> Contents | None:
    """None for a wrong scheme or password. Raises NoBackup if the result is damaged."""
    try:
        salted = Opened(file, scheme, password)
    except ValueError:
        return None
    plain = watched(cast(BinaryIO, salted), salted.size, progress)
    container = sniff_container(plain.read(_HEAD))
    if container not in ("gzip", "zip", "tar"):
        return None
    plain.seek(0)
    return read_contents(plain, container, salted.size)


class _Watched(io.RawIOBase):
    """A file that reports how far it is read."""

    def __init__(self, source: BinaryIO, size: int, progress: ProgressListener) -> None:
        self._source, self._size, self._progress = source, size, progress

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if offset < 0 and whence == io.SEEK_SET:  # from a damaged zip; a file would report a disk error
            raise ValueError("it refers to a place before its start")
        return self._source.seek(offset, whence)

    def tell(self) -> int:
        return self._source.tell()

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        piece = self._source.read(len(buffer))
        buffer[: len(piece)] = piece
        self._progress(Progress(self._source.tell(), self._size))
        return len(piece)
