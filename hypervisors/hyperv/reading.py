"""What the scripts answered, as the port's values. Pure functions; a field that is missing or odd is refused."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from hypervisors.errors import HypervisorError
from hypervisors.hyperv import notes
from hypervisors.tag import Tag
from hypervisors.types import NOWHERE, Address, Disk, Holder, Inventory, Network, Nic, PowerState, Store, VmRef
from hypervisors.wire.dialling import leads_to_one_machine
from hypervisors.words import in_one_line

T = TypeVar("T")
Facts = Mapping[str, Any]
KIND = "switch"
_POWER = {"Running": PowerState.RUNNING, "Starting": PowerState.RUNNING, "Stopping": PowerState.RUNNING}
_MAC = re.compile(r"[0-9A-Fa-f]{12}")


def of(facts: Facts, name: str, kind: type[T]) -> T:
    """That field. Raises HypervisorError if it is missing or of another kind."""
    value = facts.get(name)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise HypervisorError(
            f"the Hyper-V host answered {name} = {in_one_line(repr(value))}, not {kind.__name__}",
            hint="is it PowerShell that answers?",
        )
    return value


def each(facts: Facts, name: str) -> tuple[Facts, ...]:
    """A list of objects. PowerShell may unwrap a list of one."""
    value = facts.get(name)
    listed = value if isinstance(value, list) else [] if value is None else [value]
    return tuple(one if isinstance(one, dict) else of({name: one}, name, dict) for one in listed)


def ref_of(facts: Facts) -> VmRef:
    return VmRef(of(facts, "id", str).lower(), of(facts, "name", str))


def power_of(facts: Facts) -> PowerState:
    """One that is saved is off, with its memory kept: it holds no address, and a start resumes it."""
    state = of(facts, "state", str)
    return PowerState.OFF if state in ("Off", "Saved", "FastSaved") else _POWER.get(state, PowerState.OTHER)


def tag_of(facts: Facts) -> Tag | None:
    return notes.tag_of(of(facts, "notes", str), of(facts, "path", str), unnamed=of(facts, "unnamed", bool))


def is_of(facts: Facts, run_id: str) -> bool:
    """Whether that run made the machine: by its tag and its id, which a copy does not have."""
    tag = tag_of(facts)
    return tag is not None and tag.may_be_of(run_id, ref_of(facts).id)


def is_complete(facts: Facts) -> bool:
    """Whether its disk holds all of the image."""
    tag = tag_of(facts)
    return tag is not None and tag.complete


def mac_of(facts: Facts) -> str:
    """Lower case, colons; a dynamic one before its first start has zeros alone."""
    text = of(facts, "mac", str)
    if not _MAC.fullmatch(text):
        said = in_one_line(repr(text))
        raise HypervisorError(f"the Hyper-V host answered {said} as a MAC", hint="is it PowerShell that answers?")
    return ":".join(text[at : at + 2] for at in range(0, 12, 2)).lower()


def bare(mac: str) -> str:
    """As the cmdlets take it."""
    return mac.replace(":", "").upper()


def network_of(facts: Facts) -> Network:
    """NOWHERE for a NIC that is disconnected: Hyper-V keeps no network for it."""
    if not of(facts, "connected", bool):
        return NOWHERE
    vlan = of(facts, "vlan", int) if of(facts, "vlan_mode", str) == "Access" else 0
    return Network(of(facts, "switch", str), KIND, id=of(facts, "switch_id", str).lower(), vlan=vlan)


def nic_of(facts: Facts) -> Nic:
    """Running and stored are one definition there."""
    connected = of(facts, "connected", bool)
    model = "legacy" if of(facts, "legacy", bool) else "synthetic"
    return Nic(mac_of(facts), network_of(facts), model, connected, connected, id=of(facts, "id", str))


def nics_of(machine: Facts) -> tuple[Nic, ...]:
    """By their ids: their order is not promised."""
    return tuple(sorted(map(nic_of, each(machine, "nics")), key=lambda nic: nic.id))


def nic_facts(machine: Facts, mac: str) -> Facts | None:
    return next((nic for nic in each(machine, "nics") if mac_of(nic) == mac.lower()), None)


def holders_of(machine: Facts, mac: str) -> tuple[Holder, ...]:
    power = power_of(machine)
    return tuple(
        Holder(ref_of(machine), power, nic.link_up, nic.stored_link_up, nic.network)
        for nic in nics_of(machine)
        if nic.mac == mac.lower()
    )


def inventory_of(facts: Facts) -> Inventory:
    machine = of(facts, "machine", dict)
    action, delay = of(facts, "start_action", str), of(facts, "start_delay", int)
    return Inventory(
        vm=ref_of(machine),
        power=power_of(machine),
        vcpus=of(facts, "processors", int),
        memory=of(facts, "memory", int),
        machine=of(facts, "version", str),
        domain_type="hyperv",
        cpu="the host's",
        firmware="efi" if of(facts, "generation", int) == 2 else "bios",
        nics=nics_of(machine),
        disks=tuple(disk_of(disk, of(machine, "path", str)) for disk in each(facts, "disks")),
        autostart=action != "Nothing",
        autostart_entry=f"{action}:{delay}",
        notes=notes.text_of(of(machine, "notes", str)),
    )


def disk_of(facts: Facts, machine_folder: str) -> Disk:
    path = of(facts, "path", str)
    bus = of(facts, "controller", str).lower()
    target = f"{bus}{of(facts, 'number', int)}:{of(facts, 'location', int)}"
    return Disk(
        target, bus, path, of(facts, "format", str).lower(), of(facts, "size", int), folder_of(path, machine_folder)
    )


def folder_of(path: str, machine_folder: str) -> str:
    """The folder of a disk's file that could hold another; '' for a disk of the host itself.

    It is beside the machine's own folder, which may be deleted some day, and above a run's.
    """
    folder = path.rpartition("\\")[0]
    if machine_folder and (folder == machine_folder or folder.startswith(f"{machine_folder}\\")):
        folder = machine_folder.rpartition("\\")[0]
    return re.sub(rf"\\{notes.ABOVE}[^\\]+(\\[^\\]+)?$", "", folder)


def switch_of(facts: Facts) -> Network:
    return Network(of(facts, "name", str), KIND, id=of(facts, "id", str).lower())


def store_of(facts: Facts) -> Store:
    path = of(facts, "path", str)
    return Store(path, path, of(facts, "size", int), of(facts, "room", int), of(facts, "is_there", bool))


def addresses_of(found: Facts) -> tuple[Address, ...]:
    """As the guest itself reports them; right after a start that may be 0.0.0.0, which is left out."""
    listed = (Address(mac_of(facts), of(facts, "address", str), "agent") for facts in each(found, "addresses"))
    return tuple(one for one in listed if leads_to_one_machine(one.address))
