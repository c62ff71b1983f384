"""The port over libvirt: qemu:///system, qemu:///session, qemu+ssh://…, and test:///… for tests."""

from collections.abc import Iterator, Sequence
from xml.etree import ElementTree as ET

import libvirt

from hypervisors import limits, refusals
from hypervisors.access import Access
from hypervisors.carried import Carried
from hypervisors.errors import Problem
from hypervisors.kvm import (
    commanding,
    deploying,
    guest,
    holding,
    nics,
    pools,
    power,
    reading,
    removing,
    renaming,
    snapshots,
)
from hypervisors.kvm.deadline import each_within
from hypervisors.kvm.faults import broke_off, door, has_code
from hypervisors.kvm.session import (
    Session,
    definitions,
    open_session,
    power_of,
    ref_of,
    require_ours,
    running,
    stored,
    tag_on,
)
from hypervisors.types import (
    Address,
    DeploySpec,
    Disk,
    Holder,
    Inventory,
    Network,
    PowerState,
    ProgressListener,
    Ran,
    Snapshot,
    Store,
    VmRef,
)
from hypervisors.waiting import REAL_TIME, Pace
from hypervisors.wire.dialling import leads_to_one_machine

_LONGEST = limits.LIBVIRT.most
_LONG = ("deploy", "shut_down", "run_in_guest", "create_snapshot", "revert_snapshot", "remove_snapshot")


def open_hypervisor(url: str, access: Access) -> "KvmHypervisor":
    """Raises NotSupported, Unreachable, LoginRefused, TrustRefused."""
    return KvmHypervisor(url, open_session(url, access))


@each_within(_LONGEST, but=_LONG)
class KvmHypervisor:
    """One connection to a libvirt daemon; the abilities GuestCommands, Rename and Snapshots are among its methods."""

    renames_running = False
    settling = 2.0  # between look and write are two calls
    keeps_network = True

    def __init__(self, url: str, session: Session) -> None:
        self.url = url
        self._session = session

    def find(self, name_or_id: str) -> VmRef:
        return self._session.find(name_or_id)

    def inventory(self, vm: VmRef) -> Inventory:
        domain = self._session.domain(vm)
        with door(f"virtual machine {vm.name}"):
            both = definitions(domain)
            old = both.stored
            return Inventory(
                vm=ref_of(domain),
                power=power_of(domain),
                vcpus=reading.vcpus_of(old),
                memory=reading.bytes_of(old, "memory"),
                machine=reading.attribute(old, "os/type", "machine"),
                domain_type=old.get("type", ""),
                cpu=reading.cpu_in_words(old),
                firmware=reading.firmware_of(old),
                nics=both.nics(),
                disks=tuple(_disk(self._session, domain, disk) for disk in reading.disks_of(old)),
                autostart=bool(domain.autostart()),
                notes=reading.text_of(old, "description"),
            )

    def networks(self) -> tuple[Network, ...]:
        with door("the list of networks"):
            found = self._session.connection.listAllNetworks(0)
            return tuple(Network(one.name(), "network", bool(one.isActive())) for one in found)

    def keeps_mac(self, mac: str) -> bool:
        return reading.is_unicast(mac)

    def stores(self) -> tuple[Store, ...]:
        return pools.stores(self._session)

    def deploy(self, spec: DeploySpec, progress: ProgressListener) -> VmRef:
        return deploying.deploy(self._session, spec, progress)

    def rehearse(self, spec: DeploySpec) -> tuple[Problem, ...]:
        return deploying.rehearse(self._session, spec)

    def carried(self, spec: DeploySpec) -> tuple[Carried, ...]:
        return deploying.carried(self._session, spec)

    def start(self, vm: VmRef) -> None:
        domain = self._session.domain(vm)
        with door(f"start of {vm.name}"):
            power.switch_on(domain, vm.name)

    def shut_down(self, vm: VmRef, timeout: float) -> None:
        domain = self._session.domain(vm)
        with door(f"shutdown of {vm.name}"):
            power.shut_down(domain, vm.name, timeout)

    def power_off(self, vm: VmRef, run_id: str) -> None:
        domain = self._session.domain(vm)
        with door(f"power of {vm.name}"):
            require_ours(domain, run_id)
            power.cut(domain)

    def power_state(self, vm: VmRef) -> PowerState:
        domain = self._session.domain(vm)
        with door(f"virtual machine {vm.name}"):
            return power_of(domain)

    def addresses(self, vm: VmRef) -> tuple[Address, ...]:
        domain = self._session.domain(vm)
        with door(f"addresses of {vm.name}"):
            live = running(domain)
            if live is None:
                return ()
            macs = {reading.mac_of(one) for one in reading.interfaces_of(live)}
            return tuple(one for one in _reported_addresses(domain, live) if one.mac in macs)

    def set_nic(self, vm: VmRef, mac: str, *, link_up: bool | None = None, network: Network | None = None) -> None:
        domain = self._session.domain(vm)
        with door(f"NIC {mac} of {vm.name}"):
            nics.set_nic(domain, mac, link_up, network)

    def remove_nic(self, vm: VmRef, mac: str, run_id: str) -> None:
        domain = self._session.domain(vm)
        with door(f"NIC {mac} of {vm.name}"):
            require_ours(domain, run_id)
            nics.remove_nic(domain, mac)

    def set_notes(self, vm: VmRef, notes: str, *, over: str | None = None) -> None:
        """libvirt has no comparing write: between look and write another may write. Whoever claims looks again."""
        domain = self._session.domain(vm)
        with door(f"notes of {vm.name}"):
            if over is not None:
                _require_notes(domain, over, notes)
            for definition, flag in _definitions_with_flags(domain):
                if reading.text_of(definition, "description") != notes.strip():
                    domain.setMetadata(libvirt.VIR_DOMAIN_METADATA_DESCRIPTION, notes or None, None, None, flag)

    def set_autostart(self, vm: VmRef, autostart: bool, entry: str = "") -> None:
        domain = self._session.domain(vm)
        with door(f"autostart of {vm.name}"):
            if bool(domain.autostart()) != autostart:
                domain.setAutostart(int(autostart))

    def rename(self, vm: VmRef, name: str) -> VmRef:
        return renaming.rename(self._session, vm, name)

    def rehearse_rename(self, vm: VmRef, name: str) -> None:
        renaming.rehearse(self._session, name)

    def holders(self, mac: str) -> tuple[Holder, ...]:
        return holding.holders(self._session, mac)

    def find_tagged(self, run_id: str) -> tuple[VmRef, ...]:
        return tuple(ref_of(domain) for domain in self._session.domains() if _is_tagged(domain, run_id))

    def destroy(self, vm: VmRef, run_id: str) -> None:
        removing.destroy(self._session, vm, run_id)

    def snapshots(self, vm: VmRef) -> tuple[Snapshot, ...]:
        domain = self._session.domain(vm)
        with door(f"snapshots of {vm.name}"):
            return snapshots.snapshots(domain)

    def snapshot_fault(self, vm: VmRef) -> str:
        domain = self._session.domain(vm)
        with door(f"virtual machine {vm.name}"):
            return snapshots.fault(domain)

    def create_snapshot(self, vm: VmRef, name: str, description: str) -> None:
        snapshots.make(self._session.domain(vm), vm, name, description)

    def revert_snapshot(self, vm: VmRef, name: str) -> None:
        snapshots.revert(self._session.domain(vm), vm, name)

    def remove_snapshot(self, vm: VmRef, name: str) -> None:
        snapshots.remove(self._session.domain(vm), vm, name)

    def close(self) -> None:
        with door(f"connection to {self.url}"):
            self._session.close()

    def agent_answers(self, vm: VmRef) -> bool:
        domain = self._session.domain(vm)
        with door(f"guest agent of {vm.name}"):
            return guest.answers(domain)

    def read_guest_file(self, vm: VmRef, path: str) -> bytes:
        return guest.read_file(self._session.domain(vm), path)

    def run_in_guest(
        self,
        vm: VmRef,
        argv: Sequence[str],
        run_id: str,
        *,
        given: bytes = b"",
        timeout: float = limits.AGENT_COMMAND.most,
        pace: Pace = REAL_TIME,
    ) -> Ran:
        return commanding.run(commanding.ours(self._session, vm, run_id), argv, given, timeout, pace)


def _disk(session: Session, domain: libvirt.virDomain, disk: ET.Element) -> Disk:
    target = reading.attribute(disk, "target", "dev")
    try:
        capacity = domain.blockInfo(target)[0]
    except libvirt.libvirtError as error:
        # the file is missing, or the driver does not report it: then 0
        if broke_off(error) or not has_code(error, "NO_SUPPORT", "SYSTEM_ERROR", "INVALID_ARG", "INTERNAL_ERROR"):
            raise
        capacity = 0
    return reading.disk_of(disk, capacity, _store_of(session, disk))


def _store_of(session: Session, disk: ET.Element) -> str:
    """By its definition, if that names a volume; else by the folder of its file."""
    source = reading.attribute(disk, "source", "file")
    return pools.holding(session, source) if source else reading.attribute(disk, "source", "pool")


def _reported_addresses(domain: libvirt.virDomain, live: ET.Element) -> Iterator[Address]:
    """The agent is asked only if it is connected: else each question waits for its time-out."""
    yield from _addresses(domain, "lease", libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE)
    if reading.agent_connected(live):
        yield from _addresses(domain, "agent", libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT)


def _addresses(domain: libvirt.virDomain, source: str, flag: int) -> Iterator[Address]:
    try:
        reported = domain.interfaceAddresses(flag)
    except libvirt.libvirtError as error:
        if not has_code(error, *guest.NO_ANSWER):
            raise
        return
    for interface in reported.values():
        for address in interface["addrs"] or ():
            if leads_to_one_machine(address["addr"]):
                yield Address((interface["hwaddr"] or "").lower(), address["addr"], source)


def _definitions_with_flags(domain: libvirt.virDomain) -> Iterator[tuple[ET.Element, int]]:
    if domain.isPersistent():
        yield stored(domain), libvirt.VIR_DOMAIN_AFFECT_CONFIG
    live = running(domain)
    if live is not None:
        yield live, libvirt.VIR_DOMAIN_AFFECT_LIVE


def _require_notes(domain: libvirt.virDomain, *texts: str) -> None:
    """Raises Changed if it has none of these."""
    if reading.text_of(stored(domain), "description") not in [text.strip() for text in texts]:
        raise refusals.changed(domain.name())


def _is_tagged(domain: libvirt.virDomain, run_id: str) -> bool:
    try:
        tag = tag_on(domain)
    except libvirt.libvirtError as error:
        if has_code(error, "NO_DOMAIN"):  # it went while we looked
            return False
        with door("the list of virtual machines"):
            raise
    return tag is not None and tag.is_of(run_id, domain.UUIDString())
