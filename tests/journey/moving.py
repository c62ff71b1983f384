"""What others do to a lab between two commands: plug, unplug, switch off, restart, delete; and a host that reboots."""

import contextlib
import copy
import json
import smtplib
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fixtures.appliance import mailspool, state
from fixtures.appliance.store import FILE_STORE
from fixtures.memory import MemoryHypervisor
from hypervisors import VmRef
from tests.journey.story import Child, Story

Move = Callable[[Story, VmRef], None]


def old(story: Story) -> VmRef:
    return VmRef(story.lab.old_id, story.lab.old_name)


def new(story: Story) -> VmRef:
    vm = story.new_vm()
    return VmRef(vm["id"], vm["name"])


def plug(story: Story, vm: VmRef, *, up: bool = True) -> None:
    """Set the link of its live NIC."""
    _set_link(story, vm, story.lab.lan, up=up)


def plug_staging(story: Story, vm: VmRef, *, up: bool) -> None:
    """The same of its NIC on staging, by which this workstation reaches it."""
    _set_link(story, vm, story.lab.staging, up=up)


def _set_link(story: Story, vm: VmRef, network: str, *, up: bool) -> None:
    hypervisor = MemoryHypervisor(story.lab.folder)
    nic = next(nic for nic in hypervisor.inventory(vm).nics if nic.network.name == network)
    hypervisor.set_nic(vm, nic.mac, link_up=up)
    story.lab.settle()


def cut_off(story: Story, vm: VmRef) -> None:
    """Unplug all its NICs: nobody reaches its guest any more."""
    hypervisor = MemoryHypervisor(story.lab.folder)
    for nic in hypervisor.inventory(vm).nics:
        hypervisor.set_nic(vm, nic.mac, link_up=False)
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


def begin_to_switch_on(story: Story, vm: VmRef) -> None:
    """It has power, and boots when it comes to it."""
    MemoryHypervisor(story.lab.folder).start(vm)


def restart(story: Story, vm: VmRef) -> None:
    switch_off(story, vm)
    switch_on(story, vm)


def untag(story: Story, vm: VmRef) -> None:
    with state.edit(story.lab.folder) as now:
        now["vms"][vm.id]["tag"] = None


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


# ---- notes, names, tags, copies ------------------------------------------------------------------------------


def edit(story: Story, vm: VmRef, **values: object) -> None:
    """Any field of its entry: a name, a tag, notes."""
    with state.edit(story.lab.folder) as now:
        now["vms"][vm.id].update(values)


def notes(story: Story) -> str:
    """Of the old VM."""
    return str(story.lab.vm(story.lab.old_id)["notes"])


def remove_the_claim(story: Story) -> None:
    """As the hint of a refused run says."""
    kept = [line for line in notes(story).splitlines() if not line.startswith("[vmmigrate]")]
    edit(story, old(story), notes="\n".join(kept))


def claim_for(story: Story, run_id: str) -> None:
    """A line as another workstation's run writes it, in place of this run's."""
    remove_the_claim(story)
    line = f"[vmmigrate] run {run_id} begun on workstation elsewhere: a migration is in progress"
    edit(story, old(story), notes=f"{notes(story)}\n{line}")


def clone(story: Story, vm: VmRef, name: str, *, power: str = "running") -> VmRef:
    """With its MACs and links, as a copy of a definition has; there is no disk behind it, so nothing answers."""
    with state.edit(story.lab.folder) as now:
        entry = copy.deepcopy(now["vms"][vm.id])
        entry.update(name=name, power=power, booted=False, autostart=False)
        identity = str(uuid.uuid4())
        now["vms"][identity] = entry
    return VmRef(identity, name)


# ---- mail and settings ---------------------------------------------------------------------------------------


def send(story: Story) -> None:
    """A message from elsewhere, to whoever has the gateway's address. Raises OSError or what SMTP says."""
    with smtplib.SMTP(story.lab.address, story.lab.smtp_port, "localhost", 5, ("127.0.0.2", 0)) as client:
        client.sendmail("carol@partner.example.net", ["alice@example.test"], "Subject: accepted\r\n\r\nhello\r\n")


def wait_in_queue(story: Story, vm: VmRef) -> None:
    """An accepted message that does not leave."""
    mailspool.put(story.lab.root_of(vm.id), "carol@partner.example.net", ["alice@example.test"], "hello", stuck=True)


def mail_in(story: Story, vm: VmRef) -> tuple[int, int]:
    """How many messages wait there, and how many it has delivered."""
    root = story.lab.root_of(vm.id)
    return len(list(mailspool.waiting(root))), len(mailspool.delivered(root))


def add_a_user(story: Story, vm: VmRef, address: str) -> None:
    """As an administrator does at its console."""
    root = story.lab.root_of(vm.id)
    tables = json.loads(root.read(FILE_STORE))
    tables["cm_users"]["rows"].append([address, "internal", "2026-11-29"])
    root.write(FILE_STORE, json.dumps(tables).encode())


# ---- who is live ---------------------------------------------------------------------------------------------


def live_names(story: Story) -> list[str]:
    """Of every machine that runs and is plugged in to the live network, whoever made it."""
    vms = state.read(story.lab.folder)[1]["vms"].values()
    return sorted(vm["name"] for vm in vms if vm["power"] == "running" and _is_plugged(story, vm))


def _is_plugged(story: Story, vm: dict[str, Any]) -> bool:
    return any(nic["network"] == story.lab.lan and nic["link_up"] for nic in vm["nics"])


# ---- a process that stands still -----------------------------------------------------------------------------


def wait_stopped(child: Child, timeout: float = 300.0) -> int:
    """Until the command that was begun has stopped itself; its process."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        with contextlib.suppress(ValueError, OSError):
            process = child.running()
            if Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "T":
                return process
        time.sleep(0.01)
    raise TimeoutError("it does not stop")


# ---- another workstation -------------------------------------------------------------------------------------


def elsewhere(story: Story, child: Child | None = None) -> Story:
    """The same gateways, and none of this workstation's folders."""
    folder = story.folder / "elsewhere"
    folder.mkdir(exist_ok=True)
    return Story(story.lab, folder, child or story.child)
