"""What was seen of every machine with the gateway's MAC: which of them is which, and which takes its mail."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from hypervisors import Holder, NotFound, PowerState
from vmmigrate.facts import NewVm, Opened, Plugged
from vmmigrate.run.fold import Status
from vmmigrate.run.stage import Run
from vmmigrate.run.standing import Standing
from vmmigrate.steps import elsewhere, gone, live_network


@dataclass(frozen=True)
class Seen:
    """Every machine that has the address's MAC, by its id, and which of them is plugged in and runs."""

    run: Run
    standing: Standing
    holders: Mapping[str, Holder]
    rules: str | None = ""  # which keep the world out of the new guest; None: not looked at

    @cached_property
    def live(self) -> tuple[Holder, ...]:
        return tuple(h for h in self.holders.values() if serves(h) and live_network.is_it(self.run, h.network))

    @property
    def old(self) -> Holder | None:
        return self.holders.get(self.run.plan.old.id)

    @cached_property
    def new(self) -> Holder | None:
        """By its id, also if its step was undone since; else by the tag. A name may be another machine's by now."""
        ids = [self.known.vm.id] if self.known else [vm.id for vm in self.run.hypervisor.find_tagged(self.run.run_id)]
        return next((self.holders[one] for one in ids if one in self.holders and one != self.run.plan.old.id), None)

    @property
    def known(self) -> NewVm | None:
        return self.standing.state.facts.last(NewVm)

    @property
    def is_closed_as_recorded(self) -> bool:
        """Plugged in by this run and never opened. One that was open may be so still, after a way back without it."""
        facts = self.standing.state.facts
        never = facts.last(Opened) is None and not elsewhere.beyond(self.run)
        return never and facts.find(Plugged) is not None

    @cached_property
    def has_no_way_back(self) -> bool:
        """The old VM was deleted: then no command goes back to it."""
        return self.old is None and (gone.is_deleted(self.run) or any(gone.old_vm_is_there(self.run)))

    @cached_property
    def lacks_its_nic(self) -> bool:
        """The new VM is there, and no NIC of it has the gateway's MAC."""
        try:
            return self.new is None and self.known is not None and bool(self.run.hypervisor.inventory(self.known.vm))
        except NotFound:
            return False

    def is_a_copy(self, holder: Holder) -> bool:
        """Somebody's, of the new VM, and it may be isolated as that one was: it has the tag, or the MAC on staging."""
        if holder in (self.old, self.new):
            return False
        tagged = any(vm.id == holder.vm.id for vm in self.run.hypervisor.find_tagged(self.run.run_id))
        return tagged or (self.known is not None and self._has(holder, self.known.staging_mac))

    def _has(self, holder: Holder, mac: str) -> bool:
        with suppress(NotFound):
            return any(nic.mac == mac for nic in self.run.hypervisor.inventory(holder.vm).nics)
        return False

    @property
    def unknown(self) -> str:
        """Machines with the MAC that are not known to be either one."""
        ours = (self.old, self.new)
        return ", ".join(holder.vm.name for holder in self.holders.values() if holder not in ours)

    @property
    def opened(self) -> bool:
        return self.standing.state.steps[self.standing.itinerary.commit] is Status.DONE


def serves(holder: Holder) -> bool:
    """A paused machine holds its address and takes no mail."""
    return holder.power is PowerState.RUNNING and holder.link_up
