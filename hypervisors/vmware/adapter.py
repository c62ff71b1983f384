"""The port over vSphere: vsphere://USER@VCENTER/DATACENTER/CLUSTER-OR-HOST, or a single ESXi host."""

from pyVmomi import vim

from hypervisors.access import Access
from hypervisors.carried import Carried
from hypervisors.description import OvfProperty
from hypervisors.errors import Problem
from hypervisors.types import (
    Address,
    DeploySpec,
    Holder,
    Inventory,
    Network,
    PowerState,
    ProgressListener,
    Snapshot,
    Store,
    VmRef,
)
from hypervisors.vmware import (
    annotations,
    deploying,
    holding,
    inventory,
    macs,
    networks,
    nics,
    power,
    properties,
    reading,
    removing,
    renaming,
    snapshots,
    stores,
    surroundings,
    tags,
    tools,
    vapp,
)
from hypervisors.vmware import autostart as starting
from hypervisors.vmware.session import Session, open_session


def open_hypervisor(url: str, access: Access) -> "VmwareHypervisor":
    """Raises Unreachable, LoginRefused, TrustRefused."""
    session = open_session(url, access)
    return Vcenter(url, session) if session.is_vcenter else VmwareHypervisor(url, session)


class VmwareHypervisor:
    """One session with a vCenter or a bare ESXi; the abilities Rename and Snapshots are among its methods.

    No GuestAgent: VMware Tools give files of the guest only to those who have an account in it.
    """

    renames_running = True
    settling = 0.0
    keeps_network = True

    def __init__(self, url: str, session: Session) -> None:
        self.url = url
        self._session = session

    def find(self, name_or_id: str) -> VmRef:
        return inventory.find(self._session, name_or_id)

    def inventory(self, vm: VmRef) -> Inventory:
        machine = self._machine(vm)
        found = properties.of_one(self._session, machine, reading.SHAPE, f"virtual machine {vm.name}")
        devices = found["config.hardware.device"]
        state = reading.power_of(found["runtime.powerState"])
        names = networks.names_for(self._session, devices, found.get("network") or ())
        start = starting.read(self._session, found["runtime.host"], machine, vm.name)
        return Inventory(
            vm=reading.ref_of(found),
            power=state,
            vcpus=int(found["config.hardware.numCPU"]),
            memory=int(found["config.hardware.memoryMB"]) << 20,
            machine=found.get("config.version", ""),
            domain_type="vmware",
            cpu=found.get("config.guestId", ""),
            firmware=found.get("config.firmware") or "bios",
            nics=reading.nics_of(devices, names, running=state is PowerState.RUNNING),
            disks=reading.disks_of(devices),
            autostart=start.is_on,
            autostart_entry=start.entry,
            notes=found.get("config.annotation") or "",
        )

    def networks(self) -> tuple[Network, ...]:
        return tuple(each for each, things in networks.networks(self._session).items() for _ in things)

    def stores(self) -> tuple[Store, ...]:
        return tuple(each.store for each in stores.datastores(self._session))

    def keeps_mac(self, mac: str) -> bool:
        return macs.is_manual(mac)

    def deploy(self, spec: DeploySpec, progress: ProgressListener) -> VmRef:
        with vapp.discreet(spec):
            return deploying.deploy(self._session, spec, progress)

    def rehearse(self, spec: DeploySpec) -> tuple[Problem, ...]:
        return deploying.rehearse(self._session, spec)

    def carried(self, spec: DeploySpec) -> tuple[Carried, ...]:
        return surroundings.carried(self._session, spec)

    def start(self, vm: VmRef) -> None:
        power.switch_on(self._session, self._machine(vm), vm.name)

    def shut_down(self, vm: VmRef, timeout: float) -> None:
        power.shut_down(self._session, self._machine(vm), vm.name, timeout)

    def power_off(self, vm: VmRef, run_id: str) -> None:
        power.cut(self._session, self._own_machine(vm, run_id), vm.name)

    def power_state(self, vm: VmRef) -> PowerState:
        return power.state_of(self._session, self._machine(vm), vm.name)

    def addresses(self, vm: VmRef) -> tuple[Address, ...]:
        return tools.addresses(self._session, self._machine(vm), vm.name)

    def set_nic(self, vm: VmRef, mac: str, *, link_up: bool | None = None, network: Network | None = None) -> None:
        nics.set_nic(self._session, self._machine(vm), vm.name, mac, link_up, network)

    def remove_nic(self, vm: VmRef, mac: str, run_id: str) -> None:
        nics.remove_nic(self._session, self._own_machine(vm, run_id), vm.name, mac)

    def set_notes(self, vm: VmRef, notes: str, *, over: str | None = None) -> None:
        annotations.write(self._session, self._machine(vm), vm.name, notes, over)

    def set_autostart(self, vm: VmRef, autostart: bool, entry: str = "") -> None:
        starting.switch(self._session, self._machine(vm), vm.name, autostart, entry)

    def holders(self, mac: str) -> tuple[Holder, ...]:
        return holding.holders(self._session, mac)

    def find_tagged(self, run_id: str) -> tuple[VmRef, ...]:
        return tuple(vm for vm, _ in inventory.tagged(self._session, run_id))

    def destroy(self, vm: VmRef, run_id: str) -> None:
        if inventory.machine_or_none(self._session, vm) is not None:
            removing.remove(self._session, self._own_machine(vm, run_id), vm.name)

    def rename(self, vm: VmRef, name: str) -> VmRef:
        return renaming.rename(self._session, self._machine(vm), vm, name)

    def rehearse_rename(self, vm: VmRef, name: str) -> None:
        renaming.rehearse(self._session, self._machine(vm), vm, name)

    def snapshots(self, vm: VmRef) -> tuple[Snapshot, ...]:
        return snapshots.snapshots(self._session, self._machine(vm), vm.name)

    def snapshot_fault(self, vm: VmRef) -> str:
        return snapshots.fault(self._session, self._machine(vm), vm.name)

    def create_snapshot(self, vm: VmRef, name: str, description: str) -> None:
        snapshots.make(self._session, self._machine(vm), vm, name, description)

    def revert_snapshot(self, vm: VmRef, name: str) -> None:
        snapshots.revert(self._session, self._machine(vm), vm.name, name)

    def remove_snapshot(self, vm: VmRef, name: str) -> None:
        snapshots.remove(self._session, self._machine(vm), vm.name, name)

    def close(self) -> None:
        self._session.close()

    def _machine(self, vm: VmRef) -> vim.VirtualMachine:
        return inventory.machine(self._session, vm)

    def _own_machine(self, vm: VmRef, run_id: str) -> vim.VirtualMachine:
        """Raises NotFound, NotOurs."""
        machine = self._machine(vm)
        found = properties.of_one(self._session, machine, ("config.extraConfig",), f"virtual machine {vm.name}")
        tags.require(tags.tag_of(inventory.extra_options(found)), vm, run_id)
        return machine


class Vcenter(VmwareHypervisor):
    """With the ability VappProperties: a bare ESXi keeps none, and passes none to its guests."""

    def property_fault(self, asked: OvfProperty, value: str) -> str:
        return vapp.fault(asked, value)

    def fills_in(self, asked: OvfProperty) -> bool:
        return vapp.is_filled_in(asked)
