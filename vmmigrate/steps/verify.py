"""Verify the prepared appliance against the old one: versions, units, certificates, greeting, database, accounts."""

from collections.abc import Iterator
from functools import partial

from hypervisors import LoginRefused
from vmmigrate.appliance import mail, transports
from vmmigrate.appliance.database import lost, read_database
from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.units import unit_states
from vmmigrate.facts import OldState, Verified
from vmmigrate.findings import Check, Checks, Verdict
from vmmigrate.run.stage import Run
from vmmigrate.steps import address, decide, differences, install_tls
from vmmigrate.steps.comparing import Comparison, asked_again, compare_all
from vmmigrate.steps.export import DIGESTS, load_digests, read_digests


def do(run: Run) -> None:
    """Each comparison is made, also after one that failed; then all that did not pass stop the run, but for what the
    operator may accept.
    """
    host, limit = run.new_guest.staging_address, run.settings.limits.restart
    checks = compare_all(COMPARISONS, run, host, limit, Checks())
    old, new = looks = differences.looks(run)
    differing = differences.compared(run, 0.0 if checks.failed else limit, by=looks)
    compare_all((_transports(old, new), DATABASE), run, host, limit, checks)
    decide.say(run, differing.failed)
    run.learn(Verified((*checks.all, *differing.all), differences.names(run, differing, new)))
    checks.refuse_if_failed()
    if decide.STEP.name not in run.steps:  # of a run that an earlier version began
        decide.require(run, differing)


def holds(run: Run) -> Iterator[Check]:
    """All is as it was when it was compared."""
    yield from _same_database(run)
    noted, now = run.facts.of(Verified).drift, differences.drift(run)
    seen = ", ".join(sorted(set(noted) ^ set(now))) or "the same parameters differ from the old one's"
    yield Check("new-settings", "main.cf of the new gateway", "as verified", seen, Verdict.of(noted == now))


def _same_database(run: Run) -> Iterator[Check]:
    """Nobody emptied it, put it back or added to it. An earlier version noted only what the import left, or nothing."""
    noted = next((path for path in (run.rundir.verified, run.rundir.imported) if path.exists()), None)
    if noted is None:
        return
    before = read_digests(noted)
    now = read_database(run.new_shell, run.rundir.sealed.digest_key(), like=before)
    names = before.tables.keys() | now.tables.keys()
    changed = ", ".join(sorted(name for name in names if before.tables.get(name) != now.tables.get(name)))
    seen = "; ".join(lost(before, now)) or (f"changed in {changed}" if changed else "as verified")
    yield Check("new-database", "the new gateway's database", "as verified", seen, Verdict.of(before == now))


def _packages(run: Run, host: str, limit: float) -> Iterator[Check]:
    """The gateway's own must be there; of the others, the versions are noted."""
    old, new = run.facts.of(OldState).packages, run.doors.new.software(run.new_shell).packages
    for name in sorted({"djigzo", "djigzo-web"} & old.keys() - new.keys()):
        yield Check("packages", f"package {name}", f"installed, as {old[name]} is in the old one", "none", Verdict.FAIL)
    for name, version in sorted(new.items()):
        yield Check("packages", name, "installed", f"{old.get(name, '(none)')} → {version}", Verdict.PASS)


def _units(run: Run, host: str, limit: float) -> Iterator[Check]:
    states = unit_states(run.new_shell, run.doors.new.software(run.new_shell).units.restart_order)
    down = {unit: state for unit, state in sorted(states.items()) if state != "active"}
    seen = ", ".join(f"{unit} {state}" for unit, state in down.items()) or ", ".join(sorted(states))
    yield Check("units", "units active", ", ".join(sorted(states)), seen, Verdict.of(not down))


def _greeting(run: Run, host: str, limit: float) -> Iterator[Check]:
    old = run.facts.of(OldState).banner
    new = asked_again(partial(mail.banner, host, run.settings.old.smtp_port, dial=run.dial_to(host)))
    yield Check("smtp-greeting", "SMTP greeting", repr(old), repr(new), Verdict.of(old == new))


def _network(run: Run, host: str, limit: float) -> Iterator[Check]:
    return address.in_force(run, limit)


def _transports(old: LookingShell, new: LookingShell) -> Comparison:
    """What is carried has its transport's name in it, and so have the settings that were imported."""

    def compared(run: Run, host: str, limit: float) -> Iterator[Check]:
        gone = transports.missing(old, new)
        seen = "; ".join(f"{name}, named in {', '.join(places)}" for name, places in gone.items()) or "all are there"
        what = "transports that the old configuration names"
        yield Check("transports", what, "in the new master.cf", seen, Verdict.of(not gone))

    remedy = (
        "add them to master.cf of the image, with the program that they lead to; or take them out of the old settings"
    )
    return Comparison("transports", "transports of master.cf", compared, remedy)


def _database(run: Run, host: str, limit: float) -> Iterator[Check]:
    old = load_digests(run)
    new = read_database(run.new_shell, run.rundir.sealed.digest_key(), like=old)
    run.rundir.write(run.rundir.verified, DIGESTS.dump_json(new))
    if not run.rundir.imported.exists():  # verified once more, it may have what nobody imported
        run.rundir.write(run.rundir.imported, DIGESTS.dump_json(new))
    rows = sum(table.count for table in old.tables.values())
    expected = f"all {rows} rows of {len(old.tables)} tables accounted for"
    gone = lost(old, new)
    yield Check("database", "database", expected, "; ".join(gone) or expected, Verdict.of(not gone))


def _account(run: Run, host: str, limit: float) -> Iterator[Check]:
    """After the import the old accounts are valid: the old administrator's log-in proves that they arrived."""
    console = run.new_console(run.doors.new.console_pin(run.new_shell, run.new_guest.console_url))
    account, seen = run.doors.old.account, ""
    try:
        console.log_in(account)
    except LoginRefused as refused:
        seen = str(refused)
    finally:
        console.close()
    what = f"console log-in of {account.user!r} with the old password"
    yield Check("console-account", what, "accepted", seen or "accepted", Verdict.of(not seen))


CERTIFICATES = Comparison("tls-certificate", "certificates", install_tls.shown_at, install_tls.HINT)
GREETING = Comparison(
    "smtp-greeting", "SMTP greeting", _greeting, "compare myhostname and smtpd_banner in both main.cf"
)
COMPARISONS = (
    Comparison("packages", "packages", _packages, "is this an image of the gateway?"),
    Comparison("units", "units active", _units, "look at `journalctl -u UNIT` in the new appliance"),
    CERTIFICATES,
    GREETING,
    Comparison(
        "new-address",
        "the new VM's live NIC",
        _network,
        "log in over staging and see what else configures this NIC (docs/network.md)",
    ),
    Comparison(
        "console-account",
        "console log-in with the old password",
        _account,
        "see that old.console.password is right; if it is, the import did not bring the accounts: see the new"
        " console's log",
    ),
)
# last: whatever a log-in leaves there is no change since
DATABASE = Comparison(
    "database",
    "database",
    _database,
    "the import was incomplete; export again, or check the new console's log",
)
