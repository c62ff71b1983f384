"""An OVA on a real libvirt: its disk deployed without unpacking, and booted; UEFI given or refused."""

import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fixtures.lab import Lab
from hypervisors import (
    DeploySpec,
    Image,
    Network,
    NicSpec,
    NotFound,
    NotSupported,
    NotYet,
    PowerState,
    connect,
    identify_image,
    no_progress,
    wait_for,
)

pytestmark = pytest.mark.lab

RUN = "ova-run"
DESCRIPTOR = """<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"
 xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData">
  <References><File ovf:href="disk.vmdk" ovf:id="file1" ovf:size="{file_size}"/></References>
  <DiskSection><Disk ovf:capacity="{capacity}" ovf:diskId="disk1" ovf:fileRef="file1"
    ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/></DiskSection>
  <VirtualSystem ovf:id="gateway"><VirtualHardwareSection>
    <Item><rasd:InstanceID>1</rasd:InstanceID><rasd:ResourceType>6</rasd:ResourceType></Item>
    <Item><rasd:HostResource>ovf:/disk/disk1</rasd:HostResource><rasd:InstanceID>2</rasd:InstanceID>
      <rasd:Parent>1</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType></Item>
  </VirtualHardwareSection></VirtualSystem>
</Envelope>"""


@pytest.fixture(scope="module")
def image(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Image:
    """The new release as an OVA."""
    folder = tmp_path_factory.mktemp("ova")
    vmdk, descriptor, ova = (folder / name for name in ("disk.vmdk", "gateway.ovf", "gateway.ova"))
    options = ("-W", "-O", "vmdk", "-o", "subformat=streamOptimized")
    subprocess.run(["qemu-img", "convert", *options, lab.new.image, vmdk], check=True)
    capacity = identify_image(vmdk, no_progress).virtual_size
    descriptor.write_text(DESCRIPTOR.format(file_size=vmdk.stat().st_size, capacity=capacity))
    with tarfile.open(ova, "w", format=tarfile.USTAR_FORMAT) as archive:
        for path in (descriptor, vmdk):
            archive.add(path, path.name)
    vmdk.unlink()
    return identify_image(ova, no_progress)


@pytest.fixture
def hypervisor(world: Lab) -> Iterator[Any]:
    with closing(connect(world.socket_uri)) as made:
        yield made
        for vm in made.find_tagged(RUN):
            made.destroy(vm, RUN)


def spec(hypervisor: Any, world: Lab, image: Image, **more: str) -> DeploySpec:
    nics = (NicSpec(Network(world.staging, "network"), None, link_up=True),)
    return DeploySpec(RUN, "from-ova", image, hypervisor.find(world.old.name), world.pool, nics, **more)


def test_the_release_boots_from_its_ova(hypervisor: Any, world: Lab, image: Image) -> None:
    vm = hypervisor.deploy(spec(hypervisor, world, image), no_progress)
    hypervisor.start(vm)

    def look() -> None:
        if not hypervisor.agent_answers(vm):
            raise NotYet("no guest agent")

    def made() -> bytes:
        try:
            return bytes(hypervisor.read_guest_file(vm, "/etc/ssh/ssh_host_ed25519_key.pub"))
        except NotFound as error:  # its first boot makes it, perhaps after the agent
            raise NotYet("no host key") from error

    wait_for("the guest agent", look, timeout=180, clears="does it boot?")
    assert wait_for("its host key", made, timeout=180, clears="").startswith(b"ssh-ed25519 ")


@pytest.mark.parametrize("bus", ["virtio", "scsi", "sata"])
def test_its_disk_hangs_on_the_bus_that_was_asked_for(hypervisor: Any, world: Lab, image: Image, bus: str) -> None:
    vm = hypervisor.deploy(spec(hypervisor, world, image, disk_bus=bus), no_progress)
    [disk] = hypervisor.inventory(vm).disks
    assert (disk.bus, disk.capacity) == (bus, image.virtual_size)


@pytest.mark.skipif(Path("/usr/share/OVMF").exists(), reason="this host has UEFI firmware")
def test_uefi_is_refused_where_the_host_has_none(hypervisor: Any, world: Lab, image: Image) -> None:
    with pytest.raises(NotSupported, match="this host has no UEFI firmware for a machine of type pc-q35") as caught:
        hypervisor.deploy(spec(hypervisor, world, image, firmware="efi"), no_progress)
    assert caught.value.hint.startswith("install it there (apt-get install ovmf")
    assert hypervisor.find_tagged(RUN) == ()


@pytest.mark.skipif(not Path("/usr/share/OVMF").exists(), reason="this host has no UEFI firmware")
def test_uefi_is_had_and_removed_with_its_variables(hypervisor: Any, world: Lab, image: Image) -> None:
    """Its definition does not tell of the variable store that libvirt made when it started."""
    vm = hypervisor.deploy(spec(hypervisor, world, image, firmware="efi"), no_progress)
    assert hypervisor.inventory(vm).firmware == "efi"
    hypervisor.start(vm)
    assert hypervisor.power_state(vm) is PowerState.RUNNING
    hypervisor.destroy(vm, RUN)
    assert hypervisor.find_tagged(RUN) == ()
