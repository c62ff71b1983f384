"""Whether the old VM was deleted by hand: not found is not gone, so the list of those with its MAC must be complete."""

from hypervisors import NotFound
from vmmigrate.facts import NewVm, Opened
from vmmigrate.run.stage import Run
from vmmigrate.steps import links


def old_is_gone(run: Run) -> bool:
    """After the commit: then the run goes on without it. Before it nothing works without it."""
    return run.facts.last(Opened) is not None and is_deleted(run)


def is_deleted(run: Run) -> bool:
    """No machine but the new one has the gateway's MAC."""
    try:
        run.hypervisor.inventory(run.plan.old)
    except NotFound:
        new = run.facts.last(NewVm)
        ours = new.vm.id if new else ""
        return all(holder.vm.id == ours for mac in links.macs(run) for holder in run.hypervisor.holders(mac))
    return False
