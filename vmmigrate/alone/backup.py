"""Backups without a migration: export one to a file, inspect a file, import one into a console."""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from hypervisors import Cancelled, Problem, Progress
from vmmigrate.alone.visit import Visit, backup_password, logged_in
from vmmigrate.appliance.backup.contents import Contents, read_contents
from vmmigrate.appliance.port import Exported
from vmmigrate.archives import Inspected, digest_of, is_encrypted, opened, read_archive, refuse_unknown, watched
from vmmigrate.disk import leaving_room
from vmmigrate.durable import new_file
from vmmigrate.errors import NeedsAttention, NoBackup, NotDiscovered, UsageProblem
from vmmigrate.events import StepRemark
from vmmigrate.parts import Parts, reported

# ---- inspect ---------------------------------------------------------------------------------------------


def inspect(path: Path, password_file: Path | None, parts: Parts) -> Inspected:
    """Read all of it, in constant memory, and write nothing.

    Raises NoBackup if it is not one, is damaged or exceeds a limit; UsageProblem if it cannot be read.
    """
    hint = "check the path; if your console makes such files, only that console can read them"
    return refuse_unknown(_read(path, password_file, parts), hint=hint)


def _read(path: Path, password_file: Path | None, parts: Parts) -> Inspected:
    password = backup_password(password_file, parts)
    with reported(parts, "inspect", f"Read {path.name}") as pace:
        return read_archive(path, password, pace.moves)


def refuse_unopened(seen: Inspected) -> None:
    """Raises NoBackup if the given password did not open it."""
    if seen.tried:
        raise NoBackup(
            f"{seen.path} did not open with this password",
            hint="another password, or the console's own encryption, which only a console can open: import it there",
        )


# ---- export ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Written:
    """A new backup in a file. `contents` is None if this program cannot open it."""

    path: Path
    url: str
    exported: Exported
    contents: Contents | None
    asked_to_encrypt: bool

    @property
    def encrypted(self) -> bool:
        return is_encrypted(self.exported.container, self.contents)


def export(visit: Visit, target: Path, password_file: Path | None, parts: Parts, *, force: bool = False) -> Written:
    """Make the console create a backup and write it to `target`, complete or not at all.

    Raises UsageProblem before any connection if `target` exists (without `force`) or cannot be created.
    """
    password = backup_password(password_file, parts)
    with new_file(target, force=force) as (sink, part):
        with logged_in(visit, parts) as host, reported(parts, "export", "Export the backup") as pace:
            moves = leaving_room(part.parent, pace.moves)
            exported = host.console.export_backup(cast(BinaryIO, sink), password, moves)
        contents = _judged(part, exported, parts)
    return Written(target, host.url, exported, contents, asked_to_encrypt=password is not None)


def _judged(part: Path, exported: Exported, parts: Parts) -> Contents | None:
    """Read the archive once more, to its end; an unknown container is kept unchanged [F-CONSOLE-10]."""
    if exported.container not in ("gzip", "zip", "tar"):
        return None
    with part.open("rb") as file, reported(parts, "check", "Check the archive") as pace:
        return read_contents(watched(file, exported.size, pace.moves), exported.container, exported.size)


# ---- import ----------------------------------------------------------------------------------------------


def importable(path: Path, password_file: Path | None, parts: Parts, *, force: bool = False) -> Inspected:
    """Check an archive before any connection. Raises as `inspect` does, and if its password is not given.

    `force`: accept an unknown format too, because the real archives' container is unknown [F-CONSOLE-10].
    """
    seen = _read(path, password_file, parts)
    if not force:
        refuse_unknown(seen, hint="if this console exports such files, --force sends it anyway")
    if seen.encrypted and password_file is None:
        raise UsageProblem(f"{path} is encrypted", hint="give its password with --backup-password-file FILE")
    return seen


def import_backup(visit: Visit, archive: Inspected, password_file: Path | None, parts: Parts) -> str:
    """Have the console restore it; the console's URL. Overwrites all its settings and cannot be undone [F-BACKUP-4].

    Raises NeedsAttention if it failed after the upload had begun; before that, nothing was changed.
    """
    sent = 0
    plain = archive.contents is not None and not archive.encrypted
    password = None if plain else backup_password(password_file, parts)
    try:
        with opened(archive.path) as file, logged_in(visit, parts) as host:
            _refuse_changed(file, archive)
            with reported(parts, "import", "Import the backup") as pace:

                def listen(at: Progress) -> None:
                    nonlocal sent
                    sent = at.done
                    pace.moves(at)

                host.console.import_backup(file, archive.path.name, archive.size, password, listen)
            return host.url
    except (Problem, Cancelled, KeyboardInterrupt) as error:
        if not sent:
            raise
        raise _broken(visit, archive, sent, error) from error
    except Exception:  # a bug is reported as one; the appliance's state is reported too
        if sent:
            parts.listen(StepRemark("import", _left_behind(archive, sent)))
        raise


def _refuse_changed(file: BinaryIO, archive: Inspected) -> None:
    """Between check and upload a question may have waited for its answer for a while."""
    if digest_of(file) != archive.sha256:
        raise UsageProblem(
            f"{archive.path} has changed since it was read", hint="start again when nobody writes to the file"
        )


def _broken(visit: Visit, archive: Inspected, sent: int, error: BaseException) -> NeedsAttention:
    why = "interrupted" if isinstance(error, KeyboardInterrupt) else str(error)
    return NeedsAttention(
        f"the import into {visit.where} failed: {why}", hint=_left_behind(archive, sent) + _settled_by(error)
    )


def _settled_by(error: BaseException) -> str:
    keys = error.keys if isinstance(error, NotDiscovered) else ()
    return f"; the next time, {' or '.join(keys)} in a profile settles it" if keys else ""


def _left_behind(archive: Inspected, sent: int) -> str:
    """What state the appliance may be in."""
    if sent < archive.size:
        return (
            f"{sent} of {archive.size} bytes were sent, so it has probably restored nothing: log in and compare its"
            " settings; if they are as before, restart it and import again"
        )
    return (
        "all of it was sent, so its settings may be as before, restored, or in between: log in and check; if in"
        " doubt, deploy the appliance again and import into that one"
    )
