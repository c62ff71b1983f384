"""Backups without a migration: export one to a file, look into a file, import one into a console."""

import contextlib
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, cast

from hypervisors import Cancelled, Problem, Progress, ProgressListener, Secret
from vmmigrate.appliance.backup.archive import MINIMUM, looks_like_html, sniff_container
from vmmigrate.appliance.backup.contents import Contents, read_contents
from vmmigrate.appliance.backup.salted import SCHEMES, Opened, Scheme
from vmmigrate.appliance.port import Exported
from vmmigrate.driving import NeedsAttention
from vmmigrate.errors import NoBackup, NotDiscovered, UsageProblem
from vmmigrate.events import StepRemark
from vmmigrate.newfile import new_file, refuse_special
from vmmigrate.operations import Parts
from vmmigrate.visit import Visit, backup_password, logged_in, told

ENCRYPTED = ("openssl", "pgp")
_PIECE = 1 << 18
_HEAD = 512  # bytes that a container is told by


# ---- inspect ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Inspected:
    """A file that is, or may be, a backup. `contents` is None where nobody here can open it.

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
        return _encrypted(self.container, self.contents)


def _encrypted(container: str, contents: Contents | None) -> bool:
    return container in ENCRYPTED or bool(contents and contents.locked)


def inspect(path: Path, password_file: Path | None, parts: Parts) -> Inspected:
    """Read all of it, in constant memory, and write nothing.

    Raises NoBackup where it is none, is damaged or passes a limit; UsageProblem where it cannot be read.
    """
    seen = _read(path, password_file, parts)
    if seen.container == "unknown":
        raise _of_no_known_kind(seen, hint="if this console's backups are such files, it alone can tell what is in it")
    return seen


def _of_no_known_kind(seen: Inspected, *, hint: str) -> NoBackup:
    return NoBackup(
        f"{seen.path} is no backup that this program knows (gzip, zip, tar, openssl enc, PGP);"
        f" it begins with {seen.head[:8].hex(' ')}",
        hint=hint,
    )


def _read(path: Path, password_file: Path | None, parts: Parts) -> Inspected:
    password = backup_password(password_file, parts)
    try:
        with _opened(path) as file, told(parts, "inspect", f"Read {path.name}") as progress:
            return _inspect(path, file, password, progress)
    except NoBackup as error:
        raise NoBackup(f"{path}: {error}", hint=error.hint) from error


def refuse_unopened(seen: Inspected) -> None:
    """Raises NoBackup where a password was given and did not open it."""
    if seen.tried:
        raise NoBackup(
            f"{seen.path} did not open with this password",
            hint="another password, or a console's own encryption, which only a console can tell: import it there",
        )


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Raises UsageProblem where it cannot be read, then or later."""
    refuse_special(path)
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise UsageProblem(f"{path}: {error.strerror or error}", hint="name a readable file") from error


def _inspect(path: Path, file: BinaryIO, password: Secret | None, progress: ProgressListener) -> Inspected:
    digest, size, head = _digest(file)
    container = sniff_container(head)
    if looks_like_html(head):
        raise NoBackup("it is a web page, no backup", hint="export the backup again, logged in")
    if size < MINIMUM:
        raise NoBackup(f"{size} bytes are too few for a backup", hint="export the backup again")
    seen = Inspected(path, container, size, digest, head)
    watched = cast(BinaryIO, io.BufferedReader(_Watched(file, size, progress), _PIECE))
    if container == "openssl":
        return _try_schemes(seen, file, password, progress) if password else seen
    return seen if container in ("pgp", "unknown") else replace(seen, contents=read_contents(watched, container, size))


def _digest(file: BinaryIO) -> tuple[str, int, bytes]:
    digest, head, size = hashlib.sha256(), b"", 0
    while piece := file.read(_PIECE):
        digest.update(piece)
        head, size = head or piece[:_HEAD], size + len(piece)
    file.seek(0)
    return digest.hexdigest(), size, head


def _try_schemes(seen: Inspected, file: BinaryIO, password: Secret, progress: ProgressListener) -> Inspected:
    """Only what comes out as an archive that reads to its end counts as opened."""
    for scheme in SCHEMES:
        contents = _open(file, scheme, password, progress)
        if contents is not None:
            return replace(seen, contents=contents, scheme=scheme.name)
    return replace(seen, tried=tuple(scheme.name for scheme in SCHEMES))


def _open(file: BinaryIO, scheme: Scheme, password: Secret, progress: ProgressListener) -> Contents | None:
    """None where the scheme or the password is another. Raises NoBackup where what comes out is damaged."""
    try:
        opened = Opened(file, scheme, password)
    except ValueError:
        return None
    plain = cast(BinaryIO, io.BufferedReader(_Watched(cast(BinaryIO, opened), opened.size, progress), _PIECE))
    container = sniff_container(plain.read(_HEAD))
    if container not in ("gzip", "zip", "tar"):
        return None
    plain.seek(0)
    return read_contents(plain, container, opened.size)


class _Watched(io.RawIOBase):
    """A file that tells how far it is read."""

    def __init__(self, source: BinaryIO, size: int, progress: ProgressListener) -> None:
        self._source, self._size, self._progress = source, size, progress

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if offset < 0 and whence == io.SEEK_SET:  # a damaged zip's; a file would call it the disk's error
            raise ValueError("it points to before its beginning")
        return self._source.seek(offset, whence)

    def tell(self) -> int:
        return self._source.tell()

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        piece = self._source.read(len(buffer))
        buffer[: len(piece)] = piece
        self._progress(Progress(self._source.tell(), self._size))
        return len(piece)


# ---- export ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Written:
    """A new backup in a file. `contents` is None where nobody here can open it."""

    path: Path
    url: str
    exported: Exported
    contents: Contents | None
    asked_to_encrypt: bool

    @property
    def encrypted(self) -> bool:
        return _encrypted(self.exported.container, self.contents)


def export(visit: Visit, target: Path, password_file: Path | None, parts: Parts, *, force: bool = False) -> Written:
    """Have a backup made and write it to `target`, whole or not at all.

    Raises UsageProblem before anything is connected where `target` exists (without `force`) or cannot be made.
    """
    password = backup_password(password_file, parts)
    with new_file(target, force=force) as (sink, part):
        with logged_in(visit, parts) as host, told(parts, "export", "Export the backup") as progress:
            exported = host.console.export_backup(cast(BinaryIO, sink), password, progress)
        contents = _judged(part, exported, parts)
    return Written(target, host.url, exported, contents, asked_to_encrypt=password is not None)


def _judged(part: Path, exported: Exported, parts: Parts) -> Contents | None:
    """Read what came once more, to its end; a container that nobody here knows is kept as it came [F-CONSOLE-10]."""
    if exported.container not in ("gzip", "zip", "tar"):
        return None
    with part.open("rb") as file, told(parts, "check", "Check the archive") as progress:
        watched = cast(BinaryIO, io.BufferedReader(_Watched(file, exported.size, progress), _PIECE))
        return read_contents(watched, exported.container, exported.size)


# ---- import ----------------------------------------------------------------------------------------------


def importable(path: Path, password_file: Path | None, parts: Parts, *, force: bool = False) -> Inspected:
    """Judge an archive before anything is connected. Raises as `inspect` does, and where its password is not given.

    `force`: what is of no known kind too, for the real archives' container is unknown [F-CONSOLE-10].
    """
    seen = _read(path, password_file, parts)
    if seen.container == "unknown" and not force:
        raise _of_no_known_kind(seen, hint="if this console exports such files, --force sends it all the same")
    if seen.encrypted and password_file is None:
        raise UsageProblem(f"{path} is encrypted", hint="give its password with --backup-password-file FILE")
    return seen


def import_backup(visit: Visit, archive: Inspected, password_file: Path | None, parts: Parts) -> str:
    """Have the console restore it; the console's URL. Overwrites all its settings and cannot be undone [F-BACKUP-4].

    Raises NeedsAttention where it broke once the upload had begun; before that, nothing was changed.
    """
    sent = 0
    plain = archive.contents is not None and not archive.encrypted
    password = None if plain else backup_password(password_file, parts)
    try:
        with _opened(archive.path) as file, logged_in(visit, parts) as host:
            _refuse_changed(file, archive)
            with told(parts, "import", "Import the backup") as progress:

                def listen(at: Progress) -> None:
                    nonlocal sent
                    sent = at.done
                    progress(at)

                host.console.import_backup(file, archive.path.name, archive.size, password, listen)
            return host.url
    except (Problem, Cancelled, KeyboardInterrupt) as error:
        if not sent:
            raise
        raise _broken(visit, archive, sent, error) from error
    except Exception:  # a bug is reported as one; what it leaves behind is told all the same
        if sent:
            parts.listen(StepRemark("import", _left_behind(archive, sent)))
        raise


def _refuse_changed(file: BinaryIO, archive: Inspected) -> None:
    """Between the look and the upload somebody may have answered a question, after a while."""
    digest, _, _ = _digest(file)
    if digest != archive.sha256:
        raise UsageProblem(f"{archive.path} has changed since it was read", hint="begin again with a file at rest")


def _broken(visit: Visit, archive: Inspected, sent: int, error: BaseException) -> NeedsAttention:
    why = "interrupted" if isinstance(error, KeyboardInterrupt) else str(error)
    return NeedsAttention(
        f"the import into {visit.where} broke: {why}", hint=_left_behind(archive, sent) + _settled_by(error)
    )


def _settled_by(error: BaseException) -> str:
    keys = error.keys if isinstance(error, NotDiscovered) else ()
    return f"; the next time, {' or '.join(keys)} in a profile settles it" if keys else ""


def _left_behind(archive: Inspected, sent: int) -> str:
    """What state the appliance may be in."""
    if sent < archive.size:
        return (
            f"{sent} of {archive.size} bytes were sent, so it has presumably restored nothing: log in and compare its"
            " settings; if they are as before, restart it and import again"
        )
    return (
        "all of it was sent, so its settings may be as before, restored, or in between: log in and look; if in"
        " doubt, deploy the appliance anew and import into that one"
    )
