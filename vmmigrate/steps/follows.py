"""What follows every change of the machine, for a person: what no program here can do."""

from collections.abc import Iterator

from vmmigrate.facts import Backup, HostKeys, NewGuest, NewVm, VerifiedLive
from vmmigrate.learnt import Facts
from vmmigrate.model import Plan


def follows(plan: Plan, facts: Facts) -> Iterator[str]:
    """The vendor's page asks for the first [F-PROC-2] and the last of it [F-BACKUP-3]."""
    yield "whoever uses the console or the portal restarts the browser or clears its cache: it may show the old pages"
    guest, new, backup = facts.find(NewGuest), facts.find(NewVm), facts.find(Backup)
    if guest is not None:
        yield _host_keys(plan, facts, guest)
    if new is not None:
        yield (
            f"backup jobs, monitoring, replication and rules that follow {plan.old.name} by its id ({plan.old.id}) do"
            f" not follow the new VM: {new.vm.name} has the id {new.vm.id}"
        )
    if backup is not None and backup.by_hand:
        yield "the archive that was exported by hand has keys and passwords: keep it safe, or delete it"


def _host_keys(plan: Plan, facts: Facts, guest: NewGuest) -> str:
    """An earlier version recorded one line, or none; so does an image whose public keys lie elsewhere."""
    host, given, live = plan.identity.host, facts.find(HostKeys), facts.find(VerifiedLive)
    if given and given.kept and not given.settled:
        look = f"ssh-keyscan {host}; those of the old gateway: {', '.join(given.kept)}"
        return f"whether the SSH host keys at {host} are the old gateway's was not seen: {look}"
    seen = (live.known_hosts,) if live and live.known_hosts else ()
    lines = "; ".join((given.lines if given else ()) or seen)
    if given and given.kept and all(any(line.endswith(f" {key}") for line in given.lines) for key in given.kept):
        return f"the SSH host keys at {host} are still the old gateway's; for known_hosts: {lines}"
    add = f", and add: {lines}" if lines else ""
    forget = f"forget the old one where people log in, ssh-keygen -R {host}{add}"
    return f"the SSH host key at {host} is another one, {guest.host_key}: {forget}"
