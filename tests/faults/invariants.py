"""What must hold whatever moves (I1 to I9), looked up in the model's world and nowhere in the program's own opinion."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fixtures.appliance import seed
from fixtures.model.disk import File, Folder
from fixtures.model.world import OLD_MAC, World
from tests.faults.desk import Ended
from vmmigrate.events import RunEnded

if TYPE_CHECKING:
    from tests.faults.model import Model

Broken = tuple[str, str]  # which invariant, and what was seen


# ---- at every effect -----------------------------------------------------------------------------------------


def comes_up_at_boot(world: World) -> list[str]:
    """Those that a reboot of the host would bring back plugged in with the gateway's MAC."""
    return [
        vm
        for vm, entry in world.vms.items()
        if entry["autostart"] and any(n["stored_link_up"] and n["mac"] == OLD_MAC for n in entry["nics"])
    ]


def foreign(world: World, ours: set[str]) -> str:
    """All that is neither the old VM nor made by a run: it is nobody's but its owner's."""
    return json.dumps(
        {
            vm: {key: value for key, value in entry.items() if key not in ("power_on", "power_on_seen", "booted")}
            for vm, entry in world.vms.items()
            if vm != world.old.id and entry["tag"] not in ours
        },
        sort_keys=True,
    )


# ---- when a command has ended --------------------------------------------------------------------------------


def of_command(model: "Model", ended: Ended) -> Iterator[Broken]:
    if ended.killed:
        return
    if model.is_a_bug(ended.error):
        yield "bug", f"{type(ended.error).__name__}: {ended.error}"
        return
    yield from _tells_the_truth(model, ended)


_UNSURE = ("DOWN", "not looked at", "unknown", "not known")


def _tells_the_truth(model: "Model", ended: Ended) -> Iterator[Broken]:
    """I2 and I6: what the last event says of both VMs is so, unless they were moved since anybody could look."""
    reports = [event for event in ended.events if isinstance(event, RunEnded)]
    if not reports or model.moved_lately:
        return
    world, said = model.world, reports[-1]
    mail = getattr(said, "mail", "") or ""
    if not any(word in f"{mail} {ended.text}" for word in _UNSURE):
        serving = world.serving()
        if len(serving) != 1 and said.outcome != "needs-attention":
            yield "I2", f"{said.outcome}: {len(serving)} serve, and it does not say so: {mail or dict(said.machines)}"
    for label, words in said.machines.items():
        vm = model.moves.old if label == "old VM" else model.moves.new
        if wrong := _is_not_so(world, vm, words):
            yield "I6", f"{said.outcome}: {label} is said to be {words!r}: {wrong}"
    if mail and (wrong := _mail_is_not_so(model, mail)):
        yield "I6", f"{said.outcome}: it says {mail!r}: {wrong}"


def _mail_is_not_so(model: "Model", mail: str) -> str:
    serving = [model.world.entry(vm)["name"] for vm in model.world.serving()]
    if "flowing through" in mail:
        return "" if len(serving) == 1 and serving[0] in mail else f"it flows through {serving or 'nobody'}"
    if "DOWN" in mail:
        return f"it flows through {serving}" if serving else ""
    return ""


def _is_not_so(world: World, vm: str, words: str) -> str:
    if not vm:
        return "" if "deleted" in words or "unknown" in words or "gone" in words else "there is none"
    power, plugged = world.entry(vm)["power"], world.plugged(vm)
    if words.startswith("live") and not plugged:
        return f"it is {power}, unplugged"
    if "unplugged" in words and plugged:
        return "it is plugged in"
    if "switched off" in words and power != "off":
        return "it runs"
    if "deleted" in words:
        return "it is there"
    return ""


# ---- at the end ----------------------------------------------------------------------------------------------


def of_end(model: "Model") -> Iterator[Broken]:
    yield from _nothing_lost(model)
    yield from _no_secret(model)
    for vm, times in model.world.imports.items():
        if times > 1:
            yield "I9", f"{times} imports into one VM ({vm[:8]})"


def _nothing_lost(model: "Model") -> Iterator[Broken]:
    """I4: what a VM accepted is delivered or in a VM that exists; who deleted one by hand answers for it."""
    world = model.world
    held = {message for vm in world.vms for message in world.queued(vm)}
    for mail in world.accepted:
        if mail.id not in world.delivered and mail.id not in held and mail.vm not in model.moves.touched:
            yield "I4", f"{mail.id}, which {model.name(mail.vm)} accepted, is nowhere"
    for row, vm in world.rows.items():
        if vm not in model.moves.touched and not any(world.has_row(row, each) for each in world.vms):
            yield "I4", f"{row}, added in {model.name(vm)}, is nowhere"


SECRETS = tuple({seed.ADMIN_OLD.password, seed.SA_OLD.password, seed.SA_FRESH.password, seed.ADMIN_FRESH.password})
_MARKS = (b"PRIVATE KEY-----", *(secret.encode() for secret in SECRETS if len(secret) >= 8))


def _no_secret(model: "Model") -> Iterator[Broken]:
    """I7: in no file of a workstation but encrypted ones, and in nothing that was reported."""
    for desk in model.used:
        for name, data in _files(model.world.disk.folder(str(desk.folder))):
            yield from (("I7", f"a secret in {name}") for mark in _MARKS if mark in data)
    for ended in model.ended:
        text = (repr(ended.events) + ended.text).encode()
        yield from (("I7", f"a secret in what {ended.argv[0]} reported") for mark in _MARKS if mark in text)


def _files(folder: Folder) -> Iterator[tuple[str, bytes]]:
    for name, node in folder.entries.items():
        if isinstance(node, File):
            yield name, bytes(node.data)
        else:
            yield from _files(node)


def old_as_before(model: "Model") -> Iterator[Broken]:
    """I3: after the whole way back the old VM is as it was found, but for what others did to it."""
    vm = model.moves.old
    if not vm or model.old_was_touched:
        return
    now, before = model.world.entry(vm), model.old_before
    for key in ("autostart", "notes"):
        if now[key] != before[key]:
            yield "I3", f"the old VM's {key} is {now[key]!r}, was {before[key]!r}"
    if [_links(nic) for nic in now["nics"]] != [_links(nic) for nic in before["nics"]]:
        yield "I3", f"the old VM's NICs are {now['nics']}"
    guest = model.world.guest(vm)
    if guest is not None and ("inet", "vmmigrate_intake") in guest.ruleset.tables:
        yield "I3", "the old VM's intake is closed"


def _links(nic: dict[str, object]) -> tuple[object, ...]:
    return nic["mac"], nic["network"], nic["link_up"], nic["stored_link_up"]
