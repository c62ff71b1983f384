"""The questions about the hypervisor's things: the old VM as it is, its NICs and disks, and a name for the new one."""

import hashlib

from hypervisors import Inventory, NameTaken, NotFound, PowerState, Rename
from vmmigrate.errors import PlanRefused
from vmmigrate.plan.look import Look
from vmmigrate.run.rundir import without_run
from vmmigrate.steps.claim import refuse_foreign_claim


def old_vm(look: Look) -> Inventory:
    inventory = look.hypervisor.inventory(look.hypervisor.find(look.old))
    if inventory.power is not PowerState.RUNNING:
        raise PlanRefused(f"{inventory.vm.name} is not running", hint="start it: its backup and keys are read from it")
    refuse_foreign_claim(inventory.notes, run_id="no run yet")
    return inventory


def new_name(look: Look) -> str:
    name = look.settings.new.name or f"{without_run(look.of(old_vm).vm.name)}-{look.run_id}"
    try:
        taken = look.hypervisor.find(name)
    except NotFound:
        return name
    raise PlanRefused(
        f"there is a virtual machine {taken.name!r} already",
        hint="choose another name with new.name or --name NAME",
    )


def retired_name(look: Look) -> str:
    """What the old VM will be called; '' where both keep their names. By the run's date: the same at every attempt."""
    if not look.settings.new.rename:
        return ""
    old, new, hypervisor = look.of(old_vm).vm, look.of(new_name), look.hypervisor
    name = f"{old.name}-old-{look.run_id.partition('-')[0]}"
    if not isinstance(hypervisor, Rename):
        raise PlanRefused("this hypervisor renames no virtual machine", hint="leave new.rename out")
    try:
        hypervisor.rehearse_rename(old, name)
    except NameTaken as taken:
        raise PlanRefused(
            f"for new.rename: {taken}", hint="rename or remove that one, or leave new.rename out"
        ) from taken
    said = f"at `finish` {old.name} becomes {name}, and {new} becomes {old.name}; nothing undoes that"
    remedy = "see that backup jobs and monitoring that go by the name are to follow the new VM"
    if hypervisor.renames_running:
        look.findings.note("rename", said)
    else:
        restarts = f"; this hypervisor renames only what is off, so `finish` restarts {new}: no mail is taken meanwhile"
        look.findings.warn("rename", said + restarts, remedy)
    return name


def others_with_its_mac(look: Look) -> None:
    """The switch refuses them too: but then, not now. Raises what keeps the list from being complete."""
    old = look.of(old_vm)
    for mac in dict.fromkeys(nic.mac for nic in old.nics):
        for holder in look.hypervisor.holders(mac):
            if holder.vm.id == old.vm.id:
                continue
            who = f"{holder.vm.name} ({holder.vm.id}) has the old VM's MAC {mac}"
            if holder.is_live:
                remedy = "unplug it, shut it down or give it another MAC: the new VM is not plugged in beside it"
                look.findings.error("mac-holder", f"{who} and is plugged in", remedy)
            elif holder.stored_link_up:
                remedy = "unplug it for its next start: it would be live beside the gateway"
                look.findings.warn("mac-holder", f"{who} and is switched off", remedy)


def disks(look: Look) -> None:
    there = look.of(old_vm).disks
    if len(there) > 1:
        look.findings.warn(
            "disks",
            f"the old VM has {len(there)} disks",
            "the new VM only gets the image's disk; copy the data of the others by hand",
        )


def mac_by_hand(seed: str) -> str:
    """From 00:50:56:00:00:00 to 00:50:56:3f:ff:ff, where vSphere accepts manual addresses; the same for a seed."""
    one, two, three = hashlib.sha256(seed.encode()).digest()[:3]
    return f"00:50:56:{one & 0x3F:02x}:{two:02x}:{three:02x}"
