"""Verify the prepared appliance against the old one: versions, units, certificates, banner, database, accounts."""

from vmmigrate.appliance import mail
from vmmigrate.appliance.database import lost, read_database
from vmmigrate.appliance.tls import bundle as tls
from vmmigrate.appliance.units import unit_states
from vmmigrate.errors import ApplianceError
from vmmigrate.facts import NewGuest, OldState, Verified
from vmmigrate.run.stage import Run
from vmmigrate.steps.export import load_digests
from vmmigrate.steps.install_tls import prove_all


def do(run: Run) -> None:
    host = run.facts.of(NewGuest).staging_address
    checks = (
        *_packages(run),
        *_units(run),
        *prove_all(run, host, run.settings.limits.restart),
        same_banner(run, host),
        _database(run),
        _accounts(run),
    )
    drift = mail.drift(run.facts.of(OldState).settings, _settings(run))
    names = tuple(sorted({*drift.missing, *drift.changed}))
    if names:
        run.remark("main.cf differs from the old one; check whether manual changes are missing: " + ", ".join(names))
    run.learn(Verified(checks, names))


def same_banner(run: Run, host: str) -> str:
    """Raises ApplianceError where the gateway greets by another name or product."""
    old = run.facts.of(OldState).banner
    new = mail.banner(host, run.settings.old.smtp_port, dial=run.dial_to(host))
    if new != old:
        raise ApplianceError(
            f"the new gateway greets with {new!r}, the old one with {old!r}",
            hint="look at myhostname and smtpd_banner in both main.cf",
        )
    return f"SMTP greets with {new!r}"


def _packages(run: Run) -> tuple[str, ...]:
    old, new = run.facts.of(OldState).packages, run.doors.new.software(run.new_shell).packages
    missing = sorted({"djigzo", "djigzo-web"} & old.keys() - new.keys())
    if missing:
        raise ApplianceError(
            f"the new appliance lacks the package {missing[0]}", hint="is this an image of the gateway?"
        )
    return tuple(f"{name} {old.get(name, '(none)')} → {version}" for name, version in sorted(new.items()))


def _units(run: Run) -> tuple[str, ...]:
    units = run.doors.new.software(run.new_shell).units.restart_order
    states = unit_states(run.new_shell, units)
    down = sorted(unit for unit, state in states.items() if state != "active")
    if down:
        raise ApplianceError(
            f"in the new appliance {', '.join(down)} is not active",
            hint=f"look at `journalctl -u {down[0]}` there",
        )
    return ("units active: " + ", ".join(sorted(states)),)


def _database(run: Run) -> str:
    old, new = load_digests(run), read_database(run.new_shell, run.rundir.digest_key())
    gone = lost(old, new)
    if gone:
        raise ApplianceError(
            "the new database lacks what the old one has: " + "; ".join(gone),
            hint="the import was incomplete; export again, or look at the new console's log",
        )
    rows = sum(table.count for table in old.tables.values())
    return f"database: all {rows} rows of {len(old.tables)} tables accounted for"


def _accounts(run: Run) -> str:
    """After the import the old accounts hold: the old administrator's log-in proves that they arrived."""
    shell = run.new_shell
    console = run.new_console(tls.console_pin(shell, run.doors.new.software(shell), run.doors.new.dial))
    account = run.doors.old.account
    try:
        console.log_in(account)
    finally:
        console.close()
    return f"console log-in of {account.user!r} works with the old password"


def _settings(run: Run) -> dict[str, str]:
    return mail.settings_digest(mail.settings(run.new_shell), run.rundir.digest_key())
