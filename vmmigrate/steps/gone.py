"""Whether the old VM was deleted by hand: not found is not gone, so the list of those with its MAC must be complete."""

from hypervisors import NotFound
from vmmigrate.facts import NewVm, Opened
from vmmigrate.run.stage import Run
from vmmigrate.steps import links


def old_is_gone(run: Run) -> bool:
    """After the commit: no machine but the new one has the gateway's MAC. Before it nothing works without it."""
    if run.facts.last(Opened) is None:
        return False
    try:
        run.hypervisor.inventory(run.plan.old)
    except NotFound:
        new = run.facts.last(NewVm)
        return new is not None and all(
            holder.vm.id == new.vm.id for mac in links.macs(run) for holder in run.hypervisor.holders(mac)
        )
    return False
