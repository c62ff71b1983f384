"""Verify an updated gateway before it takes mail, open it, and see that it takes mail."""

from collections.abc import Collection, Iterator

from vmmigrate.appliance import mail
from vmmigrate.appliance.database import lost, read_database
from vmmigrate.appliance.net import firewall
from vmmigrate.appliance.tls import ports
from vmmigrate.findings import Check, Checks, Verdict
from vmmigrate.run.stage import Run
from vmmigrate.steps.export import load_digests
from vmmigrate.steps.update import console, install, services, shown
from vmmigrate.steps.update.facts import HostIntake, HostSnapshot, HostState, OpenedHost, VerifiedUpdate
from vmmigrate.steps.update.host import plan_of, shell_of, tool_of
from vmmigrate.updating import logs

_SMTP = (25, 465, 587)  # they are served once Postfix runs


def do(run: Run) -> None:
    """Each comparison is made, also after one that failed; then all that did not pass stop the run."""
    checks = Checks()
    checks.compare("packages", "packages", f"see there: {tool_of(plan_of(run)).audit}", lambda: install.holds(run))
    checks.compare("units", "services", "see there: journalctl -u UNIT", lambda: services.are_started(run))
    hint = "see the back end's log: what became of these rows?"
    checks.compare("database", "the database", hint, lambda: _database(run))
    checks.compare("ports", "ports", "see Tomcat's log there", lambda: _ports(run))
    hint = "see server.xml there: the file with the certificate, and its password"
    checks.compare("shown-as-before", "certificates", hint, lambda: _certificates(run, _console_ports(run)))
    checks.compare("console-opens", "the console", "", lambda: console.opens(run))
    _errors(run)
    names = checks.ask("main-cf", "main.cf", lambda: _drift(run)) or ()
    if names:
        run.remark("main.cf differs from before the update: " + ", ".join(names))
    if beside := checks.ask("beside", "configuration files", lambda: install.laid_beside(run)):
        run.remark("edited files stayed; what the new release has for them: " + ", ".join(beside))
    run.learn(VerifiedUpdate(tuple(checks.all), names))
    checks.refuse_if_failed()


def _database(run: Run) -> Iterator[Check]:
    """The release may have other tables; nothing of what there was is missing."""
    had = load_digests(run)
    now = read_database(shell_of(run), run.rundir.sealed.digest_key(), like=had)
    rows = sum(table.count for table in had.tables.values())
    expected, gone = f"all {rows} rows of {len(had.tables)} tables accounted for", lost(had, now)
    yield Check("database", "database", expected, "; ".join(gone) or expected, Verdict.of(not gone))


def _ports(run: Run) -> Iterator[Check]:
    """Those of Tomcat: each is waited for until it is served."""
    return ports.compared(
        _console_ports(run), plan_of(run).host, run.doors.old.dial, run.settings.limits.restart, run.pace
    )


def _console_ports(run: Run) -> list[int]:
    return [port for port in run.facts.of(HostState).ports if port not in _mail_ports(run)]


def _certificates(run: Run, numbers: Collection[int]) -> Iterator[Check]:
    return shown.compared(run, run.facts.of(HostState).certificates, numbers)


def _errors(run: Run) -> None:
    """Words of a log prove nothing, so they stop nothing."""
    units, began = plan_of(run).units, run.facts.of(HostIntake).closed_at
    found = logs.errors_since(shell_of(run), (units.after, units.tomcat), run.wall() - began)
    if found:
        see = f"journalctl --unit {units.after} --unit {units.tomcat}"
        run.remark(f"lines with ERROR in the log since the services stopped: {found}; see there: {see}")


def _mail_ports(run: Run) -> tuple[int, ...]:
    return (*_SMTP, run.settings.old.smtp_port)


def _drift(run: Run) -> tuple[str, ...]:
    now = mail.settings_digest(mail.settings(shell_of(run)), run.rundir.sealed.digest_key())
    drift = mail.drift(run.facts.of(HostState).settings, now)
    return tuple(sorted({*drift.missing, *drift.changed, *drift.added}))


def open_(run: Run) -> None:
    """Recorded first: from now on the gateway may have taken mail, and the queue may leave."""
    if run.facts.find(OpenedHost) is None:
        taken = run.facts.find(HostSnapshot)
        run.learn(OpenedHost(run.wall(), taken.name if taken else ""))
    services.start_mta(run)
    services.open_again(run)


def is_open(run: Run) -> Iterator[Check]:
    shut = firewall.intake_closed(shell_of(run))
    yield Check("opened", "the gateway's mail intake", "open", "closed" if shut else "open", Verdict.of(not shut))
    yield services.greeting(run)


def close_again(run: Run) -> None:
    """What is under way ends first; what waits stays in Postfix's queue, which an update leaves alone."""
    if run.facts.find(OpenedHost) is not None:
        services.shut(run, shell_of(run))


def see(run: Run) -> None:
    """By its greeting, as the world sees it."""
    checks = Checks()
    checks.compare("opened", "the updated gateway", "", lambda: is_open(run))
    hint = "see smtpd_tls_cert_file there: postconf -n"
    checks.compare("shown-as-before", "certificates", hint, lambda: _certificates(run, _mail_ports(run)))
    before = run.facts.of(HostState).banner
    seen = mail.banner(plan_of(run).host, run.settings.old.smtp_port, dial=run.doors.old.dial)
    if seen != before:
        run.remark(f"SMTP greets otherwise than before: {seen!r}; it was {before!r}")
    run.remark("left to you: have users empty their browser's cache, or the console may look broken to them")
    checks.refuse_if_failed()
