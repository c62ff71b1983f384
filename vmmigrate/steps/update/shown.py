"""The certificates that a host's ports show before an update and after it: an update leaves them alone."""

from collections.abc import Collection, Iterator, Mapping

from hypervisors import Unreachable
from vmmigrate.appliance.tls.handshake import STARTTLS_PORTS, served
from vmmigrate.findings import Check, Verdict
from vmmigrate.run.stage import Run
from vmmigrate.steps.update.host import plan_of


def fingerprint(run: Run, port: int) -> str:
    """SHA-256 of the leaf, hex; "" where no TLS is spoken."""
    starttls = port in STARTTLS_PORTS or port == run.settings.old.smtp_port
    try:
        return served(plan_of(run).host, port, starttls=starttls, dial=run.doors.old.dial).fingerprint
    except Unreachable:
        return ""


def fingerprints(run: Run, ports: Collection[int]) -> dict[str, str]:
    """By port."""
    return {str(port): leaf for port in ports if (leaf := fingerprint(run, port))}


def compared(run: Run, before: Mapping[str, str], ports: Collection[int]) -> Iterator[Check]:
    """One check for each of these ports that showed a certificate."""
    for port in ports:
        if leaf := before.get(str(port)):
            now = fingerprint(run, port)
            seen = f"{now[:16]}…" if now else "no certificate"
            what = f"port {port} shows the certificate"
            yield Check("shown-as-before", what, f"{leaf[:16]}…", seen, Verdict.of(now == leaf))
