"""Names and MAC addresses that are invalid or taken: vSphere accepts duplicates of some."""

from collections.abc import Collection

from pyVmomi import vim

from hypervisors import refusals
from hypervisors.errors import HypervisorError
from hypervisors.types import DeploySpec
from hypervisors.vmware import inventory, macs, reading
from hypervisors.vmware.session import Session

_LONGEST = 80  # characters of a name as the inventory keeps it, a slash as three [the client's refusal]


def check_name(session: Session, folder: vim.Folder, name: str) -> None:
    """Raises NameTaken if that folder has such a virtual machine, HypervisorError for one that is too long."""
    length = len(reading.escaped(name))
    if length > _LONGEST:
        raise HypervisorError(
            f"the name {name!r} has {length} characters as vSphere counts them; it takes {_LONGEST}",
            hint="choose a shorter name for the new virtual machine",
        )
    for _, row in inventory.machines(session, ("name", "parent")):
        if reading.plain(row["name"]) == name and _is_in(row.get("parent"), folder):
            raise refusals.name_taken(name)


def _is_in(parent: vim.ManagedEntity | None, folder: vim.Folder) -> bool:
    return parent is not None and parent._moId == folder._moId


def check_macs(session: Session, spec: DeploySpec) -> None:
    """Raises HypervisorError if a MAC cannot be given, or if a machine other than the old one has it."""
    wanted = {nic.mac.lower() for nic in spec.nics if nic.mac}
    for mac in sorted(wanted):
        if not macs.is_manual(mac):
            raise HypervisorError(
                f"vSphere does not accept the manual MAC {mac}",
                hint="let it choose one, or give one from 00:50:56:00:00:00 to 00:50:56:3f:ff:ff",
            )
    if wanted:
        _refuse_bearers(session, spec.like.id, wanted)


def _refuse_bearers(session: Session, like: str, wanted: Collection[str]) -> None:
    for _, row in inventory.machines(session, ("name", "config.template", "config.hardware.device")):
        vm = reading.ref_of(row)
        theirs = {reading.mac_of(card) for card in reading.cards_of(row.get("config.hardware.device", ()))}
        shared = sorted(theirs.intersection(wanted))
        if shared and vm.id != like and not row.get("config.template"):
            raise HypervisorError(
                f"the virtual machine {vm.name} has the MAC {shared[0]} already",
                hint="two NICs with one MAC disturb each other: change that one, or let vSphere choose",
            )
