"""What others do to a lab between two commands: plug, unplug, switch off, restart, delete; and a host that reboots."""

from typing import Any

from fixtures.appliance import state
from fixtures.memory import MemoryHypervisor
from hypervisors import VmRef
from tests.journey.story import Story


def old(story: Story) -> VmRef:
    return VmRef(story.lab.old_id, story.lab.old_name)


def new(story: Story) -> VmRef:
    vm = story.new_vm()
    return VmRef(vm["id"], vm["name"])


def plug(story: Story, vm: VmRef, *, up: bool = True) -> None:
    """Set the link of its live NIC."""
    hypervisor = MemoryHypervisor(story.lab.folder)
    nic = next(nic for nic in hypervisor.inventory(vm).nics if nic.network.name == story.lab.lan)
    hypervisor.set_nic(vm, nic.mac, link_up=up)
    story.lab.settle()


def switch_off(story: Story, vm: VmRef) -> None:
    with state.edit(story.lab.folder) as now:
        entry: dict[str, Any] = now["vms"][vm.id]
        entry.update(power="off", booted=False)
        for nic in entry["nics"]:
            nic["link_up"] = nic["stored_link_up"]
    story.lab.settle()


def switch_on(story: Story, vm: VmRef) -> None:
    MemoryHypervisor(story.lab.folder).start(vm)
    story.lab.settle()


def restart(story: Story, vm: VmRef) -> None:
    switch_off(story, vm)
    switch_on(story, vm)


def delete(story: Story, vm: VmRef) -> None:
    with state.edit(story.lab.folder) as now:
        del now["vms"][vm.id]
    story.lab.settle()


def reboot_the_host(story: Story) -> list[str]:
    """All VMs go off; those with autostart come back. Who is live then."""
    for vm in (old(story), new(story)):
        switch_off(story, vm)
    for vm in (old(story), new(story)):
        if MemoryHypervisor(story.lab.folder).inventory(vm).autostart:
            switch_on(story, vm)
    return story.live()


def lose_at_boot(story: Story, vm: VmRef, path: str) -> None:
    """A file of the guest is gone, and it boots without it."""
    switch_off(story, vm)
    story.lab.root_of(vm.id).remove(path)
    switch_on(story, vm)
