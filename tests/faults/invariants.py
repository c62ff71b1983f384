"""What must hold whatever moves (I1 to I11), looked up in the model's world, not asked of the program."""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from fixtures.appliance import seed
from fixtures.model.disk import File, Folder
from fixtures.model.world import OLD_MAC, World
from tests.faults.desk import Ended
from tests.faults.moves import BY_HAND
from vmmigrate.events import DOWN, FLOWING, TWICE, RunEnded, Service

if TYPE_CHECKING:
    from tests.faults.model import Model

IN_THE_NEW = BY_HAND | {"flush-new", "clone-new", "clone-old"}
Broken = tuple[str, str]  # which invariant, and what was seen


# ---- at every effect -----------------------------------------------------------------------------------------


def comes_up_at_boot(world: World) -> list[str]:
    """Those that a reboot of the host would bring back plugged in with the gateway's MAC."""
    return [
        vm
        for vm, entry in world.vms.items()
        if entry["autostart"] and any(n["stored_link_up"] and n["mac"] == OLD_MAC for n in entry["nics"])
    ]


def exposed(model: "Model") -> Iterator[Broken]:
    """I12: a new VM on the live network hears nobody there but this workstation, as long as its live link is down. One
    that was open before, or that somebody moved or logged in to, has what they left.
    """
    world = model.world
    if not world.same_lan or IN_THE_NEW & set(model.moves.made):
        return
    for vm in world.new_vms():
        model.was_live |= {vm} if world.plugged(vm) else set()
        if vm not in model.was_live and world.is_exposed(vm):
            yield "I12", f"{model.name(vm)} is heard by anybody on the live network"


def foreign(world: World, ours: set[str]) -> str:
    """All that is neither the old VM nor made by a run: it is nobody's but its owner's."""
    found = {
        vm: {key: value for key, value in entry.items() if key not in ("power_on", "power_on_seen", "booted")}
        for vm, entry in world.vms.items()
        if vm != world.old.id and entry["tag"] not in ours
    }
    return json.dumps(found, sort_keys=True) if found else ""


# ---- when a command has ended --------------------------------------------------------------------------------


def of_command(model: "Model", ended: Ended) -> Iterator[Broken]:
    if ended.killed:
        return
    if model.is_a_bug(ended.error):
        yield "bug", f"{type(ended.error).__name__}: {ended.error}"
        return
    yield from _tells_the_truth(model, ended)


def _tells_the_truth(model: "Model", ended: Ended) -> Iterator[Broken]:
    """I2 and I6: what the last event, or `status`, says of mail and both VMs is so, unless they moved since a look."""
    reports = [event for event in ended.events if isinstance(event, RunEnded)]
    if model.moved_lately:
        return
    if ended.mail is not None:
        yield from _is_told(model, "status", ended.mail, ended.mail.machines)
    if reports and reports[-1].mail is None:
        yield "I2", f"{reports[-1].outcome}: nothing is said of mail"
    elif reports and reports[-1].mail:
        yield from _is_told(model, reports[-1].outcome, reports[-1].mail, reports[-1].machines)


def _is_told(model: "Model", by: str, mail: Service, machines: Mapping[str, str]) -> Iterator[Broken]:
    if "remac-old" in model.moves.made:
        return  # beside another with its MAC nothing but the wire shows who answers
    kind = "I2" if mail.state == FLOWING else "I6"
    if wrong := _mail_is_not_so(model, mail):
        yield kind, f"{by}: {str(mail)[:120]}: {wrong}"
    for label, words in machines.items():
        vm = model.moves.old if label == "old VM" else model.moves.new
        if "as recorded" not in words and (wrong := _is_not_so(model.world, vm, words)):
            yield "I6", f"{by}: {label} is said to be {words!r}: {wrong}"


def _mail_is_not_so(model: "Model", mail: Service) -> str:
    serving = [model.world.entry(vm)["name"] for vm in model.world.serving()]
    if mail.state == FLOWING:
        return "" if serving == list(mail.through) else f"it flows through {serving or 'nobody'}"
    if mail.state == DOWN:
        return f"it flows through {serving}" if serving else "" if mail.now else "it does not say what ends that"
    if mail.state == TWICE:
        return "" if len(model.world.claimants()) > 1 else f"it flows through {serving}"
    return ""


def _is_not_so(world: World, vm: str, words: str) -> str:
    if words.startswith("not known: "):  # which of those with the MAC it is
        holders = [each for each in world.vms.values() if any(nic["mac"] == OLD_MAC for nic in each["nics"])]
        return "" if any(each["name"] in words for each in holders) else "there is none of that name with its MAC"
    if not vm:
        return "" if any(word in words for word in ("deleted", "unknown", "gone", "not seen")) else "there is none"
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


def healed(model: "Model", word: str) -> Iterator[Broken]:
    """I2: what nobody did by hand, resume and rollback end, once everything around them works again."""
    if BY_HAND & set(model.moves.made) or word.startswith("none:"):
        return
    serving = len(model.world.serving())
    if serving != 1:
        yield "I2", f"healed and taken up again, the run is {word}, and {serving} serve"
    elif word not in ("migrated", "rolled-back", "rehearsed", "finished", "switched back"):
        yield "I2", f"healed and taken up again, the run comes to no end: {word}"


def came_along(model: "Model", word: str) -> Iterator[Broken]:
    """I11: what was saved in the old console before the switch is in the new VM; where the old one serves again, its
    console is open to all. Whoever moves a VM by hand answers for it.
    """
    if BY_HAND & set(model.moves.made):
        return
    world, old, new = model.world, model.moves.old, model.moves.new
    if word == "migrated" and new:
        for row in [row for row, vm in world.rows.items() if vm == world.old.id and not world.has_row(row, new)]:
            yield "I11", f"{row}, added in the old console, is not in the new VM"
    guest = world.guest(old) if old and word in ("rolled-back", "rehearsed", "switched back") else None
    if guest is not None and ("inet", "vmmigrate_console") in guest.ruleset.tables:
        yield "I11", f"the run is {word}, and the old console is closed"


# ---- at the end ----------------------------------------------------------------------------------------------


def of_end(model: "Model") -> Iterator[Broken]:
    yield from _nothing_lost(model)
    yield from _nothing_twice(model)
    yield from _no_secret(model)
    for vm, times in model.world.imports.items():
        if times > 1:
            yield "I9", f"{times} imports into one VM ({vm[:8]})"


def _nothing_lost(model: "Model") -> Iterator[Broken]:
    """I4: what a VM accepted is delivered or in a VM that exists; who deleted one by hand answers for it.

    Of mail that was carried the old VM keeps its copy: whoever deletes the new one by hand has it yet.
    """
    world = model.world
    held = {message for vm in world.vms for message in (*world.queued(vm), *world.aside(vm))}
    for mail in world.accepted:
        if mail.id not in world.delivered and mail.id not in held and not _is_gone_by_hand(model, mail.vm):
            yield "I4", f"{mail.id}, which {model.name(mail.vm)} accepted, is nowhere"
    for row, vm in world.rows.items():
        if not _is_gone_by_hand(model, vm) and not any(world.has_row(row, each) for each in world.vms):
            yield "I4", f"{row}, added in {model.name(vm)}, is nowhere"


def _nothing_twice(model: "Model") -> Iterator[Broken]:
    """I10: no message is delivered by both; whoever moves a VM by hand, or clones it, answers for it."""
    if BY_HAND & set(model.moves.made):
        return
    for message, times in model.world.delivered.items():
        if times > 1:
            yield "I10", f"{message} was delivered {times} times"


def _is_gone_by_hand(model: "Model", vm: str) -> bool:
    return vm in model.moves.touched or (model.discarded and vm not in model.world.vms)


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
    if changed := sorted(_differing(model.old_files, files_of(model.world, vm))):
        yield "I3", f"the old VM's files differ: {changed}"
    guest = model.world.guest(vm)
    closed = set(guest.ruleset.tables) & _CLOSES if guest is not None else ()
    for _, table in closed:
        yield "I3", f"the old VM has the rules of {table}"


_CLOSES = {("inet", "vmmigrate_intake"), ("inet", "vmmigrate_console")}


def _links(nic: dict[str, object]) -> tuple[object, ...]:
    return nic["mac"], nic["network"], nic["link_up"], nic["stored_link_up"]


_LIVES = ("/proc", "/run", "/tmp", "/var/spool", "/var/standin")  # what a machine writes itself
_DATABASE = "/var/lib/standin/djigzo.json"


def files_of(world: World, vm: str) -> dict[str, bytes]:
    """A guest's files, but for what it writes itself."""
    found: dict[str, bytes] = {}
    _gather(world.disk.folder(str(world.root_of(vm).folder)), "", found)
    return found


def _gather(folder: Folder, above: str, found: dict[str, bytes]) -> None:
    for name, node in folder.entries.items():
        path = f"{above}/{name}"
        if path in _LIVES or path == _DATABASE:
            continue
        if isinstance(node, Folder):
            _gather(node, path, found)
        else:
            found[path] = bytes(node.data)


def _differing(before: dict[str, bytes], after: dict[str, bytes]) -> set[str]:
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
