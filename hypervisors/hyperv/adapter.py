"""The port over Hyper-V: hyperv+ssh://USER@HOST. Never run against a real Hyper-V: see docs/hyperv.md."""

from hypervisors.access import Access
from hypervisors.carried import Carried
from hypervisors.errors import Problem
from hypervisors.hyperv import (
    annotations,
    answered,
    asking,
    deploying,
    machines,
    nics,
    power,
    probing,
    reading,
    removing,
    renaming,
    snapshots,
    starting,
)
from hypervisors.hyperv.faults import door
from hypervisors.hyperv.reading import Facts
from hypervisors.hyperv.session import Session, open_session
from hypervisors.hyperv.target import parsed
from hypervisors.types import (
    Address,
    DeploySpec,
    Holder,
    Inventory,
    Network,
    PowerState,
    Probe,
    ProgressListener,
    Snapshot,
    Store,
    VmRef,
)


def open_hypervisor(url: str, access: Access) -> "HypervHypervisor":
    """Raises NotSupported, Unreachable, LoginRefused, TrustRefused."""
    hypervisor = HypervHypervisor(url, open_session(parsed(url), access))
    try:
        hypervisor.look()
    except BaseException:
        hypervisor.close()
        raise
    return hypervisor


class HypervHypervisor:
    """One SSH session with a host; the abilities Rename, Snapshots and Probes are among its methods.

    No GuestAgent: the host cannot read a file of a Linux guest.
    """

    renames_running = True
    settling = 2.0  # between look and write is a part of a second
    keeps_network = False

    def __init__(self, url: str, session: Session) -> None:
        self.url = url
        self._session = session
        self._facts: Facts = {}

    def look(self) -> None:
        """Whether the role is there and its service answers. Raises NotSupported, NotPermitted, Unreachable."""
        with door(f"Hyper-V on {self._session.target.host}"):
            self._facts = self._session.ask("host")

    def find(self, name_or_id: str) -> VmRef:
        return machines.find(self._session, name_or_id)

    def inventory(self, vm: VmRef) -> Inventory:
        return reading.inventory_of(machines.details(self._session, vm))

    def networks(self) -> tuple[Network, ...]:
        """Each switch, and each with a VLAN that a NIC of the host's machines has."""
        used = (nic.network for facts in machines.all_of(self._session) for nic in reading.nics_of(facts))
        return tuple(dict.fromkeys((*asking.switches(self._session), *(each for each in used if each.vlan))))

    def keeps_mac(self, mac: str) -> bool:
        return int(mac[:2], 16) & 1 == 0 and int(mac.replace(":", ""), 16) != 0

    def stores(self) -> tuple[Store, ...]:
        return asking.stores(self._session)

    def deploy(self, spec: DeploySpec, progress: ProgressListener) -> VmRef:
        return deploying.deploy(self._session, spec, progress)

    def rehearse(self, spec: DeploySpec) -> tuple[Problem, ...]:
        return deploying.rehearse(self._session, spec)

    def carried(self, spec: DeploySpec) -> tuple[Carried, ...]:
        return deploying.carried(self._session, spec)

    def start(self, vm: VmRef) -> None:
        power.switch_on(self._session, vm)

    def shut_down(self, vm: VmRef, timeout: float) -> None:
        power.shut_down(self._session, vm, timeout)

    def power_off(self, vm: VmRef, run_id: str) -> None:
        power.cut(self._session, vm, run_id)

    def power_state(self, vm: VmRef) -> PowerState:
        return reading.power_of(machines.one(self._session, vm))

    def addresses(self, vm: VmRef) -> tuple[Address, ...]:
        with door(f"addresses of {vm.name}"):
            found = machines.there(self._session.ask("addresses", vm=vm.id), vm)
        return reading.addresses_of(found)

    def set_nic(self, vm: VmRef, mac: str, *, link_up: bool | None = None, network: Network | None = None) -> None:
        nics.set_nic(self._session, vm, mac, link_up, network)

    def remove_nic(self, vm: VmRef, mac: str, run_id: str) -> None:
        nics.remove_nic(self._session, vm, mac, run_id)

    def set_notes(self, vm: VmRef, notes: str, *, over: str | None = None) -> None:
        annotations.write(self._session, vm, notes, over)

    def set_autostart(self, vm: VmRef, autostart: bool, entry: str = "") -> None:
        starting.switch(self._session, vm, autostart, entry)

    def holders(self, mac: str) -> tuple[Holder, ...]:
        return tuple(one for facts in machines.all_of(self._session) for one in reading.holders_of(facts, mac))

    def find_tagged(self, run_id: str) -> tuple[VmRef, ...]:
        return machines.tagged(self._session, run_id)

    def destroy(self, vm: VmRef, run_id: str) -> None:
        removing.destroy(self._session, vm, run_id)

    def rename(self, vm: VmRef, name: str) -> VmRef:
        return renaming.rename(self._session, vm, name)

    def rehearse_rename(self, vm: VmRef, name: str) -> None:
        renaming.rehearse(self._session, vm, name)

    def snapshots(self, vm: VmRef) -> tuple[Snapshot, ...]:
        return snapshots.snapshots(self._session, vm)

    def snapshot_fault(self, vm: VmRef) -> str:
        return snapshots.fault(self._session, vm)

    def create_snapshot(self, vm: VmRef, name: str, description: str) -> None:
        """Hyper-V keeps no description of one."""
        snapshots.make(self._session, vm, name)

    def revert_snapshot(self, vm: VmRef, name: str) -> None:
        snapshots.revert(self._session, vm, name)

    def remove_snapshot(self, vm: VmRef, name: str) -> None:
        snapshots.remove(self._session, vm, name)

    def probed(self) -> Probe | None:
        return answered.recorded(self._session, answered.host_of(self._facts))

    def probe(self, store: str, token: str) -> Probe:
        return probing.probe(self._session, answered.host_of(self._facts), store, token)

    def remove_probe(self, token: str) -> None:
        probing.remove_left(self._session, token)

    def close(self) -> None:
        self._session.close()
