"""Import the backup into the new appliance: once, and never again after a partial import."""

from vmmigrate.facts import Backup, NewGuest
from vmmigrate.run.stage import Run
from vmmigrate.steps.export import archive_password


def do(run: Run) -> None:
    backup = run.facts.of(Backup)
    run.rundir.sealed.verify(run.rundir.archive, backup.sha256, backup.size)
    console = run.new_console(run.facts.of(NewGuest).console_fingerprint)
    try:
        console.log_in(run.doors.new.account)
        with run.rundir.sealed.decrypted(run.rundir.archive) as archive:
            console.import_backup(archive, backup.name, backup.size, archive_password(run), run.pace.moves)
    finally:
        console.close()
