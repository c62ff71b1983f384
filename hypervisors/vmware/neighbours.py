"""Names and MAC addresses that are invalid or taken: vSphere accepts duplicates of some."""

from pyVmomi import vim

from hypervisors import refusals
from hypervisors.errors import HypervisorError
from hypervisors.types import DeploySpec
from hypervisors.vmware import cards, inventory, macs, reading
from hypervisors.vmware.session import Session

_PATHS = ("name", "config.instanceUuid", "config.template", "config.hardware.device")
_LONGEST = 80  # characters of a name as the inventory keeps it, a slash as three [the client's refusal]


def check_name(session: Session, folder: vim.Folder, name: str) -> None:
    """Raises NameTaken if that folder has such a virtual machine, HypervisorError for one that is too long."""
    length = len(reading.escaped(name))
    if length > _LONGEST:
        raise HypervisorError(
            f"the name {name!r} has {length} characters as vSphere counts them; it takes {_LONGEST}",
            hint="choose a shorter name for the new virtual machine",
        )
    for spelling in {name, reading.escaped(name)}:  # the index knows the second
        if isinstance(_child(session, folder, spelling), vim.VirtualMachine):
            raise refusals.name_taken(name)


def _child(session: Session, folder: vim.Folder, name: str) -> vim.ManagedEntity | None:
    index = session.content.searchIndex
    return session.read(f"name {name}", lambda: index.FindChild(folder, name))


def check_macs(session: Session, spec: DeploySpec, *, lately: bool) -> None:
    """Raises HypervisorError if a MAC cannot be given, or if a machine other than the old one has it.

    `lately`: see cards.that_may_have.
    """
    wanted = frozenset(nic.mac.lower() for nic in spec.nics if nic.mac)
    for mac in sorted(wanted):
        if not macs.is_manual(mac):
            raise HypervisorError(
                f"vSphere does not accept the manual MAC {mac}",
                hint="let it choose one, or give one from 00:50:56:00:00:00 to 00:50:56:3f:ff:ff",
            )
    if wanted:
        _refuse_bearers(session, spec.like.id, wanted, lately=lately)


def _refuse_bearers(session: Session, like: str, wanted: frozenset[str], *, lately: bool) -> None:
    """In the URL's datacenter, if it names one. One without an identity yet is being made, or is lost."""
    root = inventory.datacenter(session) if session.target.datacenter else None
    for _, row in cards.that_may_have(session, wanted, _PATHS, lately=lately):
        theirs = {reading.mac_of(card) for card in reading.cards_of(row.get("config.hardware.device", ()))}
        shared = sorted(theirs & wanted)
        if not shared or row.get("config.template") or not (row.get("config.instanceUuid") and row.get("name")):
            continue
        vm = reading.ref_of(row)
        if vm.id != like and inventory.machine_or_none(session, vm, root) is not None:
            raise HypervisorError(
                f"the virtual machine {vm.name} has the MAC {shared[0]} already",
                hint="two NICs with one MAC disturb each other: change that one, or let vSphere choose",
            )
