"""Distinguish the old gateway from the new one once both may show one SSH host key: by the NICs of whoever answers."""

from typing import TYPE_CHECKING

from hypervisors import TrustRefused
from vmmigrate.appliance.ssh.session import Ask
from vmmigrate.appliance.units import boot_id
from vmmigrate.facts import HostKeys, NewGuest, NewVm

if TYPE_CHECKING:
    from vmmigrate.run.stage import Run

NICS = ("ip", "-json", "address", "show")


def prove_old(run: "Run", host: str, ask: Ask) -> None:
    """It has the old VM's MAC, and not the new one's of staging. Raises TrustRefused."""
    given, new = run.facts.last(HostKeys), run.facts.last(NewVm)
    if new is None or not (given.kept if given else run.given_keys()):
        return
    seen = ask(NICS).lower()
    if new.staging_mac.lower() in seen or run.plan.identity.mac.lower() not in seen:
        old = run.plan.old.name
        raise TrustRefused(
            f"the machine at {host} is not {old}, whose SSH host key the new VM {run.plan.new_name} has too: by its"
            " NICs it is that one, or a third",
            hint=f"nothing was changed in it. Unplug it, plug {old} in, then run this again",
        )


def prove_new(run: "Run", host: str, ask: Ask) -> None:
    """It has the new VM's MAC of staging. Raises TrustRefused."""
    new = run.facts.last(NewVm)
    if new is None or not run.given_keys():
        return
    if new.staging_mac.lower() not in ask(NICS).lower():
        raise TrustRefused(
            f"the machine at {host} is not the new VM {run.plan.new_name}, whatever host key it shows: it has no NIC"
            f" {new.staging_mac}",
            hint="nothing was changed in it. Find out which machine has that address, or set new.staging_address",
        )


def is_new_at(run: "Run", host: str, seen: str) -> bool:
    """Whether the new guest is whoever shows that fingerprint at `host`. By a key that the old one has too, a log-in
    there has to find the boot that staging has. Raises what a log-in raises.
    """
    if not run.is_new_guest(seen):
        return False
    if seen == run.facts.of(NewGuest).host_key:
        return True
    there = run.shell_at(host)
    try:
        return boot_id(there) == boot_id(run.new_shell)
    except TrustRefused:
        return False
    finally:
        there.close()
