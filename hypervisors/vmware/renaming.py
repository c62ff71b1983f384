"""Give a virtual machine another name; its files keep theirs until it is moved to another datastore."""

from functools import partial

from pyVmomi import vim

from hypervisors.types import VmRef
from hypervisors.vmware import neighbours, placement, properties, reading, tasks
from hypervisors.vmware.session import Session


def rename(session: Session, machine: vim.VirtualMachine, vm: VmRef, name: str) -> VmRef:
    """Does nothing if it has that name. Raises NameTaken."""
    what = f"name of {vm.name}"
    present = properties.of_one(session, machine, ("name",), what)["name"]
    if reading.plain(present) != name:
        rehearse(session, machine, vm, name)
        tasks.run(session, what, partial(machine.Rename_Task, reading.escaped(name)))
    return VmRef(vm.id, name)


def rehearse(session: Session, machine: vim.VirtualMachine, vm: VmRef, name: str) -> None:
    """Raises NameTaken if its folder has a virtual machine of that name, HypervisorError for one that is too long."""
    folder = placement.folder_of(session, placement.facts_of(session, machine, vm.name))
    neighbours.check_name(session, folder, name)
