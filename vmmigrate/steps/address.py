"""Give the new guest the old one's address and host name, on the live NIC that is still unplugged."""

from collections.abc import Iterator
from contextlib import suppress

from hypervisors import NotYet, TimedOut
from vmmigrate.appliance.net import network
from vmmigrate.facts import NewVm
from vmmigrate.findings import Check, Verdict
from vmmigrate.run.stage import Run
from vmmigrate.steps import same_lan


def do(run: Run) -> None:
    who, new, shell = run.plan.identity, run.facts.of(NewVm), run.new_shell
    look = network.look_at(shell)
    if run.plan.same_lan:
        same_lan.set_up(run)
        look = network.look_at(shell)
    elif network.keep_dhcp(shell, look, new.staging_mac):
        look = network.look_at(shell)
    network.configure_live(shell, look, new.live_mac, who.addressing, who.hostname, who.fqdn)


def holds(run: Run) -> Iterator[Check]:
    """The kernel has on its live NIC all that was wanted."""
    return in_force(run, 0.0)


def in_force(run: Run, limit: float) -> Iterator[Check]:
    """The same within `limit` seconds: after a boot a network stack sets an address when it likes."""
    wanted, mac = run.plan.identity.addressing, run.facts.of(NewVm).live_mac
    otherwise: tuple[str, ...] = ()

    def look() -> None:
        nonlocal otherwise
        otherwise = network.differences(run.new_shell, mac, wanted)
        if otherwise:
            raise NotYet("; ".join(otherwise))

    with suppress(TimedOut):
        run.wait("the new guest's network", look, timeout=limit, clears="")
    seen = "; ".join(otherwise) or ", ".join(map(str, wanted.addresses))
    yield Check("new-address", "the new VM's live NIC", "; ".join(wanted.lines()), seen, Verdict.of(not otherwise))
