"""Install the old TLS pairs in the new appliance, and prove by handshake that they are served."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from hypervisors import TimedOut
from vmmigrate.appliance.tls import bundle as tls
from vmmigrate.appliance.tls import layout
from vmmigrate.appliance.tls.handshake import Expected, Leaf, await_served, is_closed
from vmmigrate.facts import NewGuest, TlsInstalled, TlsKept, TlsPort
from vmmigrate.findings import Check, Checks, Verdict
from vmmigrate.run.stage import Run

HINT = "restart the service on the appliance and see its log: path, password, mode of the key's file"
_NEEDED = (tls.CONSOLE, tls.PORT_25)


def do(run: Run) -> None:
    """After import and restart: both rewrite what this installs."""
    bundle = tls.TlsBundle.from_bytes(run.rundir.sealed.decrypt_small(run.rundir.tls))
    shell = run.new_shell
    software = run.doors.new.software(shell)
    made = layout.install(shell, software, bundle)
    for finding in made.findings:
        run.remark(f"{finding.seen}: {finding.remedy}")
    layout.apply_installed(shell, software)
    host = run.new_guest.staging_address
    ports = tuple(_reachable(run, host, _as_reached(run, made.expected)))
    run.learn(TlsInstalled(ports))
    checks = Checks()
    checks.compare("tls-certificate", "certificates", HINT, lambda: shown_at(run, host, run.settings.limits.restart))
    checks.refuse_if_failed()


def holds(run: Run) -> Iterator[Check]:
    """The old certificates are shown, seen from here once."""
    yield from shown_at(run, run.new_guest.staging_address, 0.0)


def shown_at(run: Run, host: str, limit: float) -> Iterator[Check]:
    """A handshake for each old leaf at `host`, waited for up to `limit` seconds.

    One that is not shown decides: the others are then looked at once, so that they are named too.
    """
    for port in _ports(run):
        expected = Expected(port.name, port.port, port.starttls, port.fingerprints)
        for leaf in expected.leaves():
            check = _shown(run, host, expected, leaf, limit)
            limit = limit if check.verdict is Verdict.PASS else 0.0
            yield check


def _shown(run: Run, host: str, port: Expected, leaf: Leaf, limit: float) -> Check:
    def check(seen: str, verdict: Verdict) -> Check:
        return Check("tls-certificate", leaf.what, f"SHA-256 {leaf.fingerprint[:16]}…", seen, verdict)

    try:
        await_served(host, port, leaf, timeout=limit, pace=run.pace, dial=run.dial_to(host))
    except TimedOut as late:
        return check(str(late), Verdict.FAIL)
    return check(f"SHA-256 {leaf.fingerprint[:16]}…", Verdict.PASS)


def _ports(run: Run) -> tuple[TlsPort, ...]:
    """As recorded by `install-tls`; a run started by an earlier version has only the fingerprints of two pairs."""
    installed = run.facts.find(TlsInstalled)
    if installed is not None:
        return installed.ports
    kept = run.facts.of(TlsKept)
    console = TlsPort("console", run.facts.of(NewGuest).console_port, False, {"": kept.web_fingerprint})
    smtp = TlsPort("SMTP", run.settings.old.smtp_port, True, {"": kept.smtp_fingerprint})
    return (console, smtp) if kept.smtp_fingerprint else (console,)


def _as_reached(run: Run, expected: Iterable[Expected]) -> list[Expected]:
    """Seen from here, the console and SMTP may have other ports than inside: from the settings, or as found."""
    found = []
    outside = {tls.CONSOLE: run.facts.of(NewGuest).console_port, tls.PORT_25: run.settings.old.smtp_port}
    for each in expected:
        found.append(replace(each, port=outside.pop(each.name, each.port)))
    return found


def _reachable(run: Run, host: str, expected: Iterable[Expected]) -> Iterable[TlsPort]:
    """The console and port 25 must answer; any other port that is closed from here is reported."""
    for each in expected:
        if each.name not in _NEEDED and is_closed(host, each.port, run.dial_to(host)):
            run.remark(
                f"{each.name} (port {each.port}) accepts no connection from here: its certificate is not checked"
            )
        else:
            yield TlsPort(each.name, each.port, each.starttls, each.fingerprints)
