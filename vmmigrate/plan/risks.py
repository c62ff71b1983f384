"""The questions about what the operator gave up: each is a warning of the plan, and the report repeats the flags."""

from hypervisors import GuestAgent
from vmmigrate.plan.look import Look
from vmmigrate.settings.models import Settings


def trust_staging(look: Look) -> None:
    if look.settings.new.trust_staging:
        has_agent = isinstance(look.hypervisor, GuestAgent)
        look.findings.warn(
            "trust-staging",
            "the new VM's host key is trusted as seen on the staging network",
            "set new.ssh.host_key" + (", or use an image with a guest agent" if has_agent else ""),
        )


def via(look: Look) -> None:
    for jump in dict.fromkeys(filter(None, (look.settings.old.via, look.settings.new.via))):
        look.findings.warn(
            "via",
            f"everybody on the jump host {jump.host} may pass the firewall that isolates the new VM until it is"
            " opened: the guest sees that machine's address, not this one's",
            "use a jump host on which only administrators log in",
        )


def insecure(settings: Settings) -> tuple[str, ...]:
    """Each check that the operator disabled."""
    given = {
        "--trust-staging": settings.new.trust_staging,
        "old.ssh.insecure_ssh_rsa": settings.old.ssh.insecure_ssh_rsa,
        "new.ssh.insecure_ssh_rsa": settings.new.ssh.insecure_ssh_rsa,
    }
    return tuple(name for name, said in given.items() if said)
