"""What people do beside links and power: a machine paused, copied whole, reverted; a run's folder put back."""

import copy
import uuid
from collections.abc import Callable, Mapping

from fixtures.appliance.commands import Caller, run_line
from fixtures.model.disk import Folder
from fixtures.model.guest import Guest
from fixtures.model.world import STAGING_NET, State, World

Snapshots = dict[str, tuple[State, Folder | None]]


def pause(world: World, vm: str) -> None:
    if world.entry(vm)["power"] == "running":
        world.entry(vm)["power"] = "other"


def let_go_on(world: World) -> None:
    """All that are paused; one that was paused while it booted boots."""
    for vm, entry in world.vms.items():
        if entry["power"] == "other":
            entry.update(power="running", power_on_seen=vm in world.guests)


def clone(world: World, vm: str, number: int) -> None:
    """As virt-clone does: the definition with its notes and tag, new MACs, switched off."""
    identity, entry = str(uuid.uuid4()), copy.deepcopy(world.entry(vm))
    entry.update(name=f"{entry['name']}-clone{number}", power="off", booted=False, clone=True, leases={})
    entry.update(shutdown_requested=False, power_on_seen=False, autostart=False)
    for at, nic in enumerate(entry["nics"]):
        nic["mac"] = f"52:54:00:cc:{number:02x}:{at:02x}"
    world.vms[identity] = entry
    copy_disk(world, vm, identity)


def copy_whole(world: World, vm: str, name: str, *, plugged: bool) -> None:
    """As a restored backup, or a replica that was switched on: its MACs, its tag and its disk."""
    identity, entry = str(uuid.uuid4()), copy.deepcopy(world.entry(vm))
    entry.update(name=name, power="off", booted=False, clone=True, leases={}, autostart=False)
    entry.update(shutdown_requested=False, power_on_seen=False)
    for nic in entry["nics"]:
        if nic["network"] == world.lan:
            nic.update(link_up=plugged, stored_link_up=plugged)
    world.vms[identity] = entry
    copy_disk(world, vm, identity)
    world.switch_on(identity)


def copy_disk(world: World, vm: str, other: str) -> None:
    node, target = world.disk.find(str(world.root_of(vm).folder)), world.root_of(other).folder
    if node is not None:
        world.disk.make_folders(str(target.parent))
        world.disk.put(str(target), copy.deepcopy(node))


def take_snapshot(world: World, vm: str, taken: Snapshots) -> None:
    """Of its disk and its definition, without memory."""
    node = world.disk.find(str(world.root_of(vm).folder))
    taken[vm] = copy.deepcopy(world.entry(vm)), copy.deepcopy(node) if isinstance(node, Folder) else None


def revert(world: World, vm: str, taken: Snapshots) -> None:
    """Links, notes, autostart and disk as they were; it boots, where it ran then."""
    entry, node = copy.deepcopy(taken[vm])
    ran, power_on = entry["power"] == "running", world.entry(vm).get("power_on", 0)
    world.switch_off(vm)
    world.vms[vm] = entry | {"power": "off", "booted": False, "shutdown_requested": False, "power_on_seen": False}
    world.entry(vm)["power_on"] = power_on
    if node is not None:
        world.disk.put(str(world.root_of(vm).folder), node)
    if ran:
        world.switch_on(vm)


IN_GUEST: Mapping[str, Callable[[Guest], object]] = {
    "flush": lambda guest: guest.ruleset.tables.clear(),  # as a start of another firewall does
    "start-postfix": lambda guest: guest.units.start("postfix"),
    "let-go": lambda guest: run_line(Caller(guest, "root", {}), "postsuper -H ALL"),
}


def act_in_guest(world: World, vm: str, act: Callable[[Guest], object]) -> None:
    guest = world.guest(vm)
    if guest is not None:
        act(guest)
        world.note_delivered(vm)


def lease_again(world: World, vm: str, number: int) -> None:
    leases = world.entry(vm).get("leases", {})
    leases.update(dict.fromkeys(leases, f"{STAGING_NET}{100 + number}"))


def change_mac(world: World, vm: str, mac: str) -> None:
    """Of its live NIC, as where somebody replaced it."""
    for nic in world.entry(vm)["nics"]:
        if nic["network"] == world.lan:
            nic["mac"] = mac


def put_back(world: World, folder: str, kept: Folder) -> None:
    """A workstation's disk from a backup."""
    world.disk.take(folder)
    world.disk.put(folder, copy.deepcopy(kept))


_NEEDED = ("journal.jsonl",)


def lose_a_file(world: World, folder: str, number: float) -> None:
    """One of those that a run can do without."""
    node = world.disk.find(folder)
    names = sorted(node.entries.keys() - set(_NEEDED)) if isinstance(node, Folder) else []
    if names and isinstance(node, Folder):
        del node.entries[names[int(number * len(names))]]
