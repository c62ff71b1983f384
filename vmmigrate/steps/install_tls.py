"""Install the old TLS pairs in the new appliance, and prove by handshake that they are served."""

from vmmigrate.appliance import tls
from vmmigrate.model import NewGuest, TlsKept
from vmmigrate.run import Run


def do(run: Run) -> None:
    """After import and restart: both rewrite what this installs."""
    bundle = tls.TlsBundle.from_bytes(run.rundir.decrypt_small(run.rundir.tls))
    shell = run.new_shell
    software = run.doors.software(shell)
    tls.install_web(shell, software, bundle.web)
    if bundle.smtp:
        tls.install_smtp(shell, bundle.smtp)
    tls.apply_installed(shell, software)
    prove(run, run.facts.of(NewGuest).staging_address, run.settings.limits.restart)


def prove(run: Run, host: str, timeout: float) -> tuple[str, ...]:
    """Handshakes at `host` until they show the old leaves; what was proved, in words. Raises TimedOut."""
    kept, guest = run.facts.of(TlsKept), run.facts.of(NewGuest)
    proofs = []
    for name, port, fingerprint, starttls in (
        ("console", guest.console_port, kept.web_fingerprint, False),
        ("SMTP STARTTLS", run.settings.old.smtp_port, kept.smtp_fingerprint, True),
    ):
        if fingerprint:
            tls.await_served(
                host, port, fingerprint, starttls=starttls, timeout=timeout, clock=run.clock, tick=run.tick
            )
            proofs.append(f"{name} shows the old certificate {fingerprint[:16]}…")
    return tuple(proofs)
