"""The hypervisors that the contract is put to: each with an old machine, two networks, a store and an image."""

import os
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4
from xml.etree import ElementTree as ET

import pytest

from fixtures.memory import MemoryHypervisor, add_vm, create_lab
from hypervisors import (
    NOWHERE,
    Access,
    DeploySpec,
    Hypervisor,
    Image,
    Network,
    NicSpec,
    Secret,
    SshAccess,
    TlsTrust,
    VmRef,
    connect,
    identify_image,
    no_progress,
)

LAN, STAGING = Network("lan", "network"), Network("staging", "network")
STORE = "default"
RUN, OTHER_RUN = f"run-{uuid4().hex[:8]}", f"run-{uuid4().hex[:8]}"  # a lab may hold other runs
OLD_MAC, NEW_MAC = "52:54:00:c0:00:10", "52:54:00:c0:00:11"
MEBI = 1 << 20


def data_throughout(room: int, folder: Path) -> Image:
    """A qcow2 of some MiB for a disk larger than `room`, all of it data: each cluster is the same one.

    The file itself is larger than `room` too, by a hole at its end; its checksum is not made.
    """
    cluster = 2 * MEBI
    per_table = cluster // 8
    tables = room // cluster // per_table + 1
    header = struct.pack(
        ">4sIQIIQIIQQIIQ",
        *(b"QFI\xfb", 2, 0, 0, 21, tables * per_table * cluster, 0),
        *(tables, cluster, 2 * cluster, 1, 0, 0),
    )
    table_at, data_at = 3 * cluster, 4 * cluster
    path = folder / "huge.qcow2"
    with path.open("wb") as file:
        for offset, data in (
            (0, header),
            (cluster, struct.pack(">Q", table_at) * tables),
            (table_at, struct.pack(">Q", data_at) * per_table),
            (data_at, b"data" * (cluster // 4)),
        ):
            file.seek(offset)
            file.write(data)
        size = file.truncate(room + MEBI)
    return Image(path, "qcow2", size, tables * per_table * cluster, sha256="")


@dataclass(frozen=True)
class World:
    """`old`: switched off, one NIC with OLD_MAC on `lan`, made by nobody's run. `lacks`: ability → reason."""

    hypervisor: Any
    old: VmRef
    image: Image
    volumes: Callable[[], list[str]]  # what lies in the store, by name
    lacks: Mapping[str, str] = field(default_factory=dict)
    make_ours: Callable[[DeploySpec], VmRef] | None = None  # instead of deploy, where that is lacking
    copy: Callable[[VmRef, str], VmRef] | None = None  # under that name, as an administrator's clone; off
    larger_than: Callable[[int, Path], Image] = data_throughout  # an image for which so much room is too little
    lan: Network = LAN
    staging: Network = STAGING
    store: str = STORE
    nic_model: str = "virtio"
    keeps_network: bool = True  # that of a NIC whose link is down
    keeps_order: bool = True  # of the NICs
    describes: bool = True  # a snapshot has the words that it was made with
    tidies: bool = False  # what a refused deployment left is removed at once, not by the next call

    def needs(self, *abilities: str) -> None:
        for ability in abilities:
            if ability in self.lacks:
                pytest.skip(self.lacks[ability])

    def spec(self, **change: Any) -> DeploySpec:
        nics = (NicSpec(self.lan, OLD_MAC, link_up=False), NicSpec(self.staging, NEW_MAC, link_up=True))
        given = {"run_id": RUN, "name": f"{self.old.name}-new", "image": self.image, "like": self.old}
        return DeploySpec(**{**given, "store": self.store, "nics": nics, **change})

    def shown(self, network: Network) -> Network:
        """Where a NIC of that network is said to be, once its link is down."""
        return network if self.keeps_network else NOWHERE

    def ours(self) -> VmRef:
        """A new machine of RUN's, switched off."""
        if self.make_ours is not None:
            return self.make_ours(self.spec())
        ours: VmRef = self.hypervisor.deploy(self.spec(), no_progress)
        return ours


def small_image(folder: Path) -> Image:
    """A raw disk of 3 MiB with a boot sector and nothing to boot."""
    path = folder / "image.raw"
    path.write_bytes(_data())
    os.truncate(path, 3 * MEBI)
    if not _read:
        _read.append(identify_image(path, no_progress))
    return replace(_read[0], path=path)


_read: list[Image] = []  # what such a disk was found to be: reading it costs more than most tests


@cache
def _data() -> bytes:
    return bytes(510) + b"\x55\xaa" + os.urandom(2 * MEBI)


def larger_file(room: int, folder: Path) -> Image:
    """A sparse raw disk of more than `room` bytes."""
    path = folder / "huge.raw"
    path.write_bytes(bytes(510) + b"\x55\xaa")
    os.truncate(path, room + 1)
    return identify_image(path, no_progress)


@contextmanager
def memory(folder: Path) -> Iterator[World]:
    create_lab(folder / "lab", available=16 * MEBI)
    old = add_vm(folder / "lab", "old", [NicSpec(LAN, OLD_MAC, link_up=True)])
    yield World(
        MemoryHypervisor(folder / "lab"),
        old,
        small_image(folder),
        volumes=lambda: sorted(str(path) for path in (folder / "lab" / "vms").rglob("disk.img")),
        lacks={
            "a guest that obeys": "nobody watches here: the process lab has guests",
            "a look at the bytes": "the memory copies whatever lies there",
        },
        larger_than=larger_file,
    )


_NODE = f"""
<node>
  <domain type='test'>
    <name>old</name><description>The old one</description><memory unit='MiB'>128</memory><vcpu>1</vcpu>
    <os><type>hvm</type></os>
    <devices><interface type='network'>
      <mac address='{OLD_MAC}'/><source network='lan'/><model type='virtio'/>
    </interface></devices>
  </domain>
  <network><name>lan</name><ip address='192.0.2.1' netmask='255.255.255.0'/></network>
  <network><name>staging</name><ip address='198.51.100.1' netmask='255.255.255.0'/></network>
  <pool type='dir'><name>{STORE}</name><target><path>/test-driver-pool</path></target></pool>
</node>
"""


@contextmanager
def test_driver(folder: Path) -> Iterator[World]:
    pytest.importorskip("libvirt", reason="needs libvirt-python")
    node = folder / "node.xml"
    node.write_text(_NODE)
    hypervisor = connect(f"test://{node}")
    connection = _connection(hypervisor)
    old = hypervisor.find("old")
    connection.lookupByName("old").destroy()  # the driver starts what the file tells
    pool = connection.storagePoolLookupByName(STORE)
    no_devices = "libvirt's test driver changes no device"
    yield World(
        hypervisor,
        old,
        small_image(folder),
        volumes=lambda: sorted(pool.listVolumes()),
        lacks={
            "deploy": "libvirt's test driver takes no upload into a volume",
            "a full store": "libvirt's test driver takes no upload into a volume",
            "links": no_devices,
            "a guest that ignores": "libvirt's test driver shuts down at once",
            "no addresses": "libvirt's test driver invents addresses",
        },
        make_ours=lambda spec: _defined(connection, old, spec),
        copy=lambda vm, name: _cloned(connection, vm, name),
    )
    hypervisor.close()


def _defined(connection: Any, old: VmRef, spec: DeploySpec) -> VmRef:
    """What a deployment leaves, without bytes."""
    from hypervisors.kvm import building, pools, tags
    from hypervisors.kvm.elements import xml
    from hypervisors.tag import Tag

    pool = connection.storagePoolLookupByName(STORE)
    volume = pool.createXML(xml(pools.volume_of(tags.volume_name(spec.run_id, spec.name), MEBI)), 0)
    tag = Tag(spec.run_id, complete=True, vm=str(uuid4()))
    shape = building.Shape(spec.name, tag, volume.path(), spec.nics)
    template = ET.fromstring(connection.lookupByUUIDString(old.id).XMLDesc(0))  # noqa: S314 -- our own
    domain = connection.defineXML(xml(building.domain_like(template, shape)))
    return VmRef(domain.UUIDString(), domain.name())


def _cloned(connection: Any, vm: VmRef, name: str) -> VmRef:
    """As `virt-clone --preserve-data` does it: another UUID, other MACs, the metadata as they were; no disk here."""
    shape = ET.fromstring(connection.lookupByUUIDString(vm.id).XMLDesc(0))  # noqa: S314 -- our own
    shape.find("name").text, shape.find("uuid").text = name, str(uuid4())  # type: ignore[union-attr]
    devices = shape.find("devices")
    assert devices is not None
    for device in (*devices.findall("interface"), *devices.findall("disk")):
        devices.remove(device)
    domain = connection.defineXML(ET.tostring(shape, encoding="unicode"))
    return VmRef(domain.UUIDString(), domain.name())


def _connection(hypervisor: Hypervisor) -> Any:
    """libvirt's own, to prepare what the port does not."""
    return hypervisor._session.connection  # type: ignore[attr-defined]


_DOMAIN = """
<domain type='qemu'>
  <name>{name}</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features>
  <cpu mode='custom' match='exact'><model>qemu64</model></cpu>
  <devices><interface type='network'>
    <mac address='{mac}'/><source network='lan'/><model type='virtio'/>
  </interface></devices>
</domain>
"""


@contextmanager
def real_libvirtd(folder: Path) -> Iterator[World]:
    """The lab's, which VMMIGRATE_LAB_URI names; whatever the test makes there is removed."""
    uri = os.environ.get("VMMIGRATE_LAB_URI")
    if not uri:
        pytest.skip("VMMIGRATE_LAB_URI names no libvirtd of a lab")
    hypervisor = connect(uri)
    connection = _connection(hypervisor)
    name = f"contract-{uuid4().hex[:8]}"
    domain = connection.defineXML(_DOMAIN.format(name=name, mac=OLD_MAC))
    pool = connection.storagePoolLookupByName(STORE)
    try:
        yield World(
            hypervisor,
            VmRef(domain.UUIDString(), name),
            small_image(folder),
            volumes=lambda: sorted(volume for volume in pool.listVolumes() if volume.startswith(name)),
            lacks={
                "a guest that obeys": "a guest of three megabytes obeys nobody: the lab's own tests have one",
                "snapshots of the memory": "a machine without a disk has nowhere to keep it: the lab's guest has one",
            },
            copy=lambda vm, name: _cloned(connection, vm, name),
        )
    finally:
        _clean_up(connection, pool, name)
        hypervisor.close()


def _clean_up(connection: Any, pool: Any, name: str) -> None:
    import libvirt

    for domain in connection.listAllDomains(0):
        if domain.name().startswith(name):
            with suppress(libvirt.libvirtError):
                domain.destroy()
            domain.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA)
    for volume in pool.listAllVolumes(0):
        if volume.name().startswith(name):
            volume.delete(0)


@contextmanager
def vcenter(folder: Path) -> Iterator[World]:
    with _vsphere(folder, "vpx", distributed=("lan",)) as world:
        yield world


@contextmanager
def esxi(folder: Path) -> Iterator[World]:
    with _vsphere(folder, "esx", distributed=()) as world:
        yield world


@contextmanager
def _vsphere(folder: Path, kind: str, *, distributed: tuple[str, ...]) -> Iterator[World]:
    """The simulator, furnished."""
    pytest.importorskip("pyVmomi", reason="needs pyvmomi")
    from fixtures.vsphere import inventory
    from fixtures.vsphere.building import program
    from fixtures.vsphere.simulator import PASSWORD, simulator

    with simulator(program(), folder, kind) as running:
        with inventory.administrator(running) as service:
            inventory.add_networks(service, distributed=distributed)
            inventory.add_machine(service, "old", OLD_MAC)
        running.set_room(inventory.STORE, 16 * MEBI)
        access = Access(lambda: Secret(PASSWORD), TlsTrust(ca_file=running.ca_file))
        hypervisor = connect(running.url, access)
        datastore = Path(hypervisor.stores()[0].path)
        try:
            yield World(
                hypervisor,
                hypervisor.find("old"),
                small_image(folder),
                volumes=lambda: sorted(str(path) for path in datastore.glob("old-new*/*-flat.vmdk")),
                lacks={
                    "a guest that ignores": "the simulator's guests shut down at once",
                    "no addresses": "the simulator's guests report what the tests tell them to",
                    "an agent": "VMware Tools gives no files without an account of the guest",
                    "going back": "the simulator goes back to a snapshot, and restores nothing",
                    "empty notes": "the simulator keeps notes that are to be emptied",
                },
                lan=Network("lan", "dvportgroup" if "lan" in distributed else "portgroup"),
                staging=Network("staging", "portgroup"),
                store=inventory.STORE,
                nic_model="vmxnet3",
                copy=lambda vm, name: _vsphere_clone(running, vm, name),
                tidies=True,
            )
        finally:
            hypervisor.close()


@contextmanager
def hyperv(folder: Path) -> Iterator[World]:
    """The stand-in host, behind a real sshd."""
    from fixtures.hyperv import lab, windows
    from fixtures.hyperv.host import switch_id

    place = folder / "host"
    with ExitStack() as stack:
        lab.small_host(place, OLD_MAC, 16 * MEBI, checkpoint_type="Standard")
        way = stack.enter_context(lab.reached(place))
        stack.callback(lambda: print(way.sshd.log))  # shown of a test that failed: why a session ended
        ssh = SshAccess(host_key=way.host_key, key_file=way.key)
        hypervisor = connect(way.url, Access(ssh=ssh))
        stack.callback(hypervisor.close)
        drive = place / windows.DRIVE
        yield World(
            hypervisor,
            hypervisor.find("old"),
            small_image(folder),
            volumes=lambda: sorted(str(path) for path in drive.rglob("*.vhdx")),
            lacks={
                "a guest that obeys": "nobody watches here: the process lab has guests",
                "an agent": "the host reads no file of a Linux guest",
            },
            copy=lambda vm, name: lab.copied(place, vm, name),
            larger_than=larger_file,
            lan=Network("lan", "switch", id=switch_id("lan")),
            staging=Network("staging", "switch", id=switch_id("staging")),
            store="C:\\VMs",
            nic_model="synthetic",
            keeps_network=False,
            keeps_order=False,
            describes=False,
            tidies=True,
        )


def _vsphere_clone(running: Any, vm: VmRef, name: str) -> VmRef:
    from fixtures.vsphere import inventory

    with inventory.administrator(running) as service:
        found = service.content.searchIndex.FindByUuid(None, vm.id, True, True)
        clone = inventory.clone(service, found, name)
        return VmRef(clone.config.instanceUuid, name)
