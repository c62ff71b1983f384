"""Export a backup that belongs to one state of the database, encrypted as it is written."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

from pydantic import TypeAdapter

from hypervisors import Secret
from vmmigrate.appliance.backup.archive import pass_through
from vmmigrate.appliance.database import DatabaseFacts, read_database, unchanged
from vmmigrate.appliance.port import Console, Exported
from vmmigrate.disk import leaving_room
from vmmigrate.errors import ApplianceError, JournalDamaged
from vmmigrate.facts import Backup, Reboot, TableDigest
from vmmigrate.findings import Check, Verdict
from vmmigrate.run.sealed import Piped
from vmmigrate.run.stage import Run

ATTEMPTS = 3
_EXPORTED = "as it was exported"

DIGESTS = TypeAdapter(DatabaseFacts)


def do(run: Run) -> None:
    if run.settings.backup.file is not None:
        _take(run, run.settings.backup.file)
        return
    for attempt in range(1, ATTEMPTS + 1):
        before = read_database(run.old_shell, run.rundir.sealed.digest_key())
        archive = exported(run, run.old_console)
        if unchanged(before, read_database(run.old_shell, run.rundir.sealed.digest_key(), before)):
            _keep(run, before, archive, attempt, by_hand=False)
            return
        run.remark(f"the database changed during export {attempt}: exporting again")
    raise ApplianceError(
        f"the old database changed during each of {ATTEMPTS} exports",
        hint="run it again when nobody changes settings, users or certificates in the console",
    )


def undo(run: Run) -> None:
    for path in (run.rundir.archive, run.rundir.digests):
        path.unlink(missing_ok=True)


def holds(run: Run) -> Iterator[Check]:
    """The archive is there as it was exported, until it is imported; the digests, until the run ends."""
    backup, seen = run.facts.of(Backup), _EXPORTED
    try:
        load_digests(run)
        if run.facts.find(Reboot) is None:
            run.rundir.sealed.verify(run.rundir.archive, backup.sha256, backup.size, run.pace.moves)
    except (JournalDamaged, OSError, ValueError) as error:
        seen = str(error)
    yield Check("export-kept", "the exported backup", _EXPORTED, seen, Verdict.of(seen == _EXPORTED))


def load_digests(run: Run) -> DatabaseFacts:
    """The content of the old database when it was exported."""
    return read_digests(run.rundir.digests)


def read_digests(path: Path) -> DatabaseFacts:
    """Raises JournalDamaged for a file that is gone, or is not as this program wrote it."""
    hint = "restore that file from a copy; see who changes the run's folder"
    try:
        return DIGESTS.validate_json(path.read_bytes())
    except OSError as error:
        raise JournalDamaged(f"{path} cannot be read: {error.strerror}", hint=hint) from error
    except ValueError as error:
        raise JournalDamaged(f"{path} does not have the digests that were written there", hint=hint) from error


def archive_password(run: Run) -> Secret | None:
    """The console's own encryption is used only on request: releases cannot always read each other's."""
    return run.doors.secrets.get("backup.password") if run.settings.backup.password else None


def exported(run: Run, console: Console) -> Exported:
    """A new backup in the run's folder, encrypted. `console`: not yet logged in; it is closed."""
    password = archive_password(run)
    try:
        console.log_in(run.doors.old.account)
        moves = leaving_room(run.rundir.archive.parent, run.pace.moves)
        piped = Piped(lambda sink: console.export_backup(sink, password, moves))
        with piped as source:
            run.rundir.sealed.encrypt(run.rundir.archive, source)
    finally:
        console.close()
    return cast(Exported, piped.result)


def _take(run: Run, path: Path) -> None:
    """An archive exported by hand: it is not known to which state of the database it belongs."""
    digests = read_database(run.old_shell, run.rundir.sealed.digest_key())
    with path.open("rb") as file:
        piped = Piped(lambda sink: pass_through(file, sink, path.name, path.stat().st_size, run.pace.moves))
        with piped as source:
            run.rundir.sealed.encrypt(run.rundir.archive, source)
    run.remark("the archive was exported by hand: later changes are not in it")
    _keep(run, digests, cast(Exported, piped.result), 0, by_hand=True)


def _keep(run: Run, digests: DatabaseFacts, exported: Exported, attempts: int, *, by_hand: bool) -> None:
    run.rundir.write(run.rundir.digests, DIGESTS.dump_json(digests))
    tables = {name: TableDigest(table.count, table.digest) for name, table in digests.tables.items()}
    run.learn(Backup(exported.name, exported.container, exported.size, exported.sha256, attempts, tables, by_hand))
