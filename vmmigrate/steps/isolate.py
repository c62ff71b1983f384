"""Isolate the new guest with its own firewall: until the commit it communicates only with this workstation."""

from collections.abc import Iterator

from vmmigrate.appliance.net import firewall
from vmmigrate.facts import NewGuest, OldState
from vmmigrate.findings import Check, Verdict
from vmmigrate.run.stage import Run


def do(run: Run) -> None:
    firewall.isolate(run.new_shell, allowed(run), ports(run))


def holds(run: Run) -> Iterator[Check]:
    """Isolated now and after a boot."""
    look = firewall.look_at(run.new_shell)
    now, at_boot = firewall.is_isolated(look), firewall.is_isolated_at_boot(look)
    seen = {(True, True): "isolated", (True, False): "isolated until its next boot"}.get((now, at_boot), "not isolated")
    yield Check("isolated", "the new guest", "isolated, also after a boot", seen, Verdict.of(now and at_boot))


def allowed(run: Run) -> tuple[str, ...]:
    """Our addresses as each side sees them: on staging, and on the live network for the proof after the switch."""
    seen = (run.facts.of(NewGuest).workstation, run.facts.of(OldState).workstation)
    return tuple(dict.fromkeys(seen))


def ports(run: Run) -> tuple[int, ...]:
    """The usual ports and those in the settings."""
    named = (run.settings.new.ssh.port, run.settings.old.smtp_port)
    return tuple(sorted({*firewall.MANAGED_PORTS, *named}))
