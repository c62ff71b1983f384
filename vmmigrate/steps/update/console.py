"""The host's console in an update: a backup by it before, and after it a log-in. Only where its password is given."""

from collections.abc import Iterator

from hypervisors import NotYet, Unreachable
from vmmigrate.appliance.port import Console
from vmmigrate.doors import Doors
from vmmigrate.errors import NotDiscovered
from vmmigrate.findings import Check, Verdict
from vmmigrate.run.stage import Run
from vmmigrate.steps import export
from vmmigrate.steps.update.host import shell_of

PASSWORD = "old.console.password"  # noqa: S105 -- its name
_OPENS = "its administrator logs in, and its backup page is there"


def is_given(doors: Doors) -> bool:
    return doors.secrets.is_given(PASSWORD)


def backup(run: Run) -> None:
    """Encrypted, in the run's folder on this workstation: what a person restores in the console, if all else fails."""
    if not is_given(run.doors):
        run.remark(f"no backup by the console: {PASSWORD} is not given; settings and database are kept all the same")
        return
    exported = export.exported(run, _console(run))
    run.remark(f"a backup by the console is kept: {exported.name}, {exported.size} bytes")


def forget(run: Run) -> None:
    run.rundir.archive.unlink(missing_ok=True)


def opens(run: Run) -> Iterator[Check]:
    """A log-in that is refused is not tried again; Tomcat may serve before the console does."""
    if not is_given(run.doors):
        return
    clears = "see Tomcat's log there: does the console start?"
    run.wait("the console to open", lambda: _enter(run), timeout=run.settings.limits.restart, clears=clears)
    yield Check("console-opens", "the console", _OPENS, _OPENS, Verdict.PASS)


def _enter(run: Run) -> None:
    console = _console(run)
    try:
        console.log_in(run.doors.old.account)
        console.find_backup()
    except (NotDiscovered, Unreachable) as early:
        raise NotYet(str(early)) from early
    finally:
        console.close()


def _console(run: Run) -> Console:
    return run.doors.old.console_of(shell_of(run))
