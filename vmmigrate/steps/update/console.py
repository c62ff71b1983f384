"""The host's console in an update: a backup by it before, and after it a log-in, and log-ins by PAM switched.

Only where its password is given.
"""

from collections.abc import Callable, Iterator

from hypervisors import NotYet, Problem, Unreachable
from vmmigrate.appliance.port import Console, Shell, SwitchesPam
from vmmigrate.doors import Doors
from vmmigrate.errors import NotDiscovered, UsageProblem
from vmmigrate.findings import Check, Finding, Verdict, error, warning
from vmmigrate.run.stage import Run
from vmmigrate.steps import export
from vmmigrate.steps.update.host import plan_of, shell_of
from vmmigrate.updating.planning import UpdatePlan

PASSWORD = "old.console.password"  # noqa: S105 -- its name
_OPENS = "its administrator logs in, and its backup page is there"


def is_given(doors: Doors) -> bool:
    return doors.secrets.is_given(PASSWORD)


def backup(run: Run) -> None:
    """Encrypted, in the run's folder on this workstation: what a person restores in the console, if all else fails."""
    if not is_given(run.doors):
        run.remark(f"no backup by the console: {PASSWORD} is not given; settings and database are kept all the same")
        return
    exported = export.exported(run, run.doors.old.console_of(shell_of(run)))
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
    try:
        _within(run.doors, shell_of(run), _find_backup)
    except (NotDiscovered, Unreachable) as early:
        raise NotYet(str(early)) from early


def _find_backup(console: Console) -> None:
    console.find_backup()


def _within(doors: Doors, shell: Shell, *acts: Callable[[Console], object]) -> None:
    console = doors.old.console_of(shell)
    try:
        console.log_in(doors.old.account)
        for act in acts:
            act(console)
    finally:
        console.close()


def pam(run: Run) -> None:
    """Its page is found as the backup page is; where the console keeps it is the console's own [F-CONSOLE-5]."""
    wanted = plan_of(run).pam
    if wanted is not None:
        _within(run.doors, shell_of(run), lambda console: _switches(console).switch_pam(on=wanted))


def _switches(console: Console) -> SwitchesPam:
    """Raises UsageProblem."""
    if not isinstance(console, SwitchesPam):
        raise UsageProblem("log-ins by PAM are switched in the web console of 5.x alone", hint="leave --pam out")
    return console


def findings(doors: Doors, shell: Shell, plan: UpdatePlan) -> Iterator[Finding]:
    """What of the console is in the way of the update; one log-in, as the backup makes it."""
    if plan.pam is not None and plan.family == 4:
        yield error("pam", f"{plan.after} has no log-ins by PAM", "leave --pam out: they come with 5.0")
    if not is_given(doors):
        if plan.pam is not None:
            yield error("pam", f"--pam needs the console, and {PASSWORD} is not given", f"give {PASSWORD}")
        yield warning(
            "no-console-password",
            f"{PASSWORD} is not given: the console makes no backup, and nobody logs in to it after the update",
            "give it; or make a backup in a browser first, and log in there afterwards",
        )
        return
    looks: list[Callable[[Console], object]] = [_find_backup]
    if plan.pam is not None and plan.before.startswith("5."):
        looks.append(lambda console: _switches(console).pam())
    try:
        _within(doors, shell, *looks)
    except Problem as problem:
        yield error("console", str(problem), problem.hint)
