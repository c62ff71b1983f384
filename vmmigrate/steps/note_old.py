"""Record the old gateway's state: versions, units, banner, settings (as keyed digests); and see what changed since."""

from collections.abc import Iterator, Mapping

from hypervisors import PowerState
from vmmigrate.appliance import mail
from vmmigrate.appliance.database import read_database
from vmmigrate.appliance.looking import LookingShell, looking
from vmmigrate.appliance.tls import bundle as tls
from vmmigrate.appliance.tls import ports
from vmmigrate.appliance.units import unit_states
from vmmigrate.facts import Backup, Intake, OldState, Plugged
from vmmigrate.findings import Check, Verdict
from vmmigrate.run.stage import Run
from vmmigrate.steps import proof
from vmmigrate.steps.export import load_digests

_AS_NOTED = "as noted"


def do(run: Run) -> None:
    shell = run.old_shell
    software, look = run.doors.old.software(shell), looking(shell)
    known = run.facts.last(OldState) if run.facts.find(Intake) else None  # a closed intake shows this workstation none
    served = known.ports if known else ports.served(look, software, run.old_host, run.doors.old.dial)
    run.learn(
        OldState(
            packages=software.packages,
            banner=known.banner
            if known
            else mail.banner(run.old_host, run.settings.old.smtp_port, dial=run.doors.old.dial),
            units=unit_states(shell, software.units.restart_order),
            settings=_settings(run, look),
            workstation=shell.own_address(),
            seen_as=shell.seen_address(),
            ports=served,
            offers=known.offers if known else proof.offered(run, run.old_host, served),
        )
    )


def holds(run: Run) -> Iterator[Check]:
    """What the new gateway was made of is what the old one has now. Behind a link that is down nobody can be asked,
    and nobody changes it from outside.
    """
    if run.facts.find(Plugged) is not None:
        return
    look, with_tls = (
        _asked(run) if run.facts.find(Intake) is None else _asked_in_the_outage(run),
        run.rundir.tls.exists(),
    )
    drift = mail.drift(run.facts.of(OldState).settings, _settings(run, look))
    changed = {*drift.missing, *drift.added, *drift.changed}
    yield Check("old-settings", "main.cf of the old gateway", _AS_NOTED, *_seen(changed))
    backup = run.facts.find(Backup)
    if backup is not None and not backup.by_hand:  # such an archive cannot be exported again: `close-intake` reports it
        yield Check("old-database", "the old gateway's database", _AS_NOTED, *_seen(changed_tables(run)))
    if with_tls:
        kept = tls.TlsBundle.from_bytes(run.rundir.sealed.decrypt_small(run.rundir.tls)).fingerprints
        now = _differing(kept, _leaves(run, look))
        yield Check("old-tls", "the old gateway's certificates", _AS_NOTED, *_seen(now))


def _asked(run: Run) -> LookingShell:
    """With the questions about the settings, and about TLS, asked in one command."""
    look = looking(run.old_shell)
    if run.rundir.tls.exists():
        tls.look_at(look, run.doors.old.software(run.old_shell), web=True, smtp=True)
    _settings(run, look)
    return look


def _asked_in_the_outage(run: Run) -> LookingShell:
    """A guest that runs may be booting, and then it takes mail again: to go back would wait for its shell too."""
    runs = run.hypervisor.inventory(run.plan.old).power is PowerState.RUNNING
    return run.wait_for_answer(
        "the old gateway's shell",
        lambda: _asked(run),
        timeout=run.settings.limits.boot if runs else 0.0,
        clears=f"see the screen of {run.plan.old.name}",
    )


def changed_tables(run: Run) -> set[str]:
    """Names of the tables in which something changed since the export."""
    before = load_digests(run)
    now = read_database(run.old_shell, run.rundir.sealed.digest_key(), before)
    return _differing(before.tables, now.tables)


def _settings(run: Run, look: LookingShell) -> dict[str, str]:
    return mail.settings_digest(mail.settings(look), run.rundir.sealed.digest_key())


def _leaves(run: Run, look: LookingShell) -> Mapping[str, object]:
    return tls.collect(look, run.doors.old.software(run.old_shell)).fingerprints


def _differing(before: Mapping[str, object], now: Mapping[str, object]) -> set[str]:
    return {name for name in before.keys() | now.keys() if before.get(name) != now.get(name)}


def _seen(changed: set[str]) -> tuple[str, Verdict]:
    return f"changed: {', '.join(sorted(changed))}" if changed else _AS_NOTED, Verdict.of(not changed)
