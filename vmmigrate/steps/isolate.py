"""Isolate the new guest with its own firewall: until the commit it communicates only with this workstation."""

from collections.abc import Iterator

from vmmigrate.addressing import plain
from vmmigrate.appliance.net import firewall
from vmmigrate.errors import NeedsAttention
from vmmigrate.facts import NewGuest, OldState
from vmmigrate.findings import Check, Verdict
from vmmigrate.run.stage import Run


def do(run: Run) -> None:
    refuse_unseen(run)
    firewall.isolate(run.new_shell, allowed(run), ports(run))


def holds(run: Run) -> Iterator[Check]:
    """Isolated now and after a boot."""
    look = firewall.look_at(run.new_shell)
    now, at_boot = firewall.is_isolated(look), firewall.is_isolated_at_boot(look)
    seen = {(True, True): "isolated", (True, False): "isolated until its next boot"}.get((now, at_boot), "not isolated")
    yield Check("isolated", "the new guest", "isolated, also after a boot", seen, Verdict.of(now and at_boot))


def allowed(run: Run) -> tuple[str, ...]:
    """Our addresses: as the new guest sees us on staging; last, on the live network, for the proof after the switch.

    The latter is our own socket's, or the operator's word; never that of the old guest, whose root may be anybody.
    """
    return tuple(dict.fromkeys(filter(None, (run.facts.of(NewGuest).workstation, at_live(run)))))


def at_live(run: Run) -> str:
    """Our address on the live network."""
    return run.settings.old.seen_as or run.facts.of(OldState).workstation


def refuse_unseen(run: Run) -> None:
    """Raises NeedsAttention where the old guest says it sees us as another: it may be right, and then nothing could be
    looked at after the switch; it may lie, and then somebody else would come in.
    """
    said, known = run.facts.of(OldState).seen_as, allowed(run)
    if said and plain(said) not in map(plain, known):
        raise NeedsAttention(
            f"the old gateway says that it sees this workstation as {said}; the new one, until it is opened, lets in"
            f" only {' and '.join(known)}",
            hint=f"if {said} is this workstation's address on the live network (a jump host's, or behind NAT), set"
            " old.seen_as to it and run this again; if it is not, find out who is logged in on the old gateway",
        )


def ports(run: Run) -> tuple[int, ...]:
    """The usual ports, those in the settings, and what the old gateway serves elsewhere: `verify` asks for each."""
    named = (run.settings.new.ssh.port, run.settings.old.smtp_port)
    return tuple(sorted({*firewall.MANAGED_PORTS, *named, *run.facts.of(OldState).ports}))
