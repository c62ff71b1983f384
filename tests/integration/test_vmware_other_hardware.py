"""An OVA deployed with another size and bus than it asks for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("pyVmomi", reason="needs pyvmomi")

from vsphere_world import World, world

from hypervisors import identify_image, no_progress
from tests.unit.hypervisors.small_ova import OVF, members, write_ova

pytestmark = pytest.mark.vsphere

DISC = """<Item>
        <rasd:AddressOnParent>1</rasd:AddressOnParent><rasd:ElementName>CD/DVD drive 1</rasd:ElementName>
        <rasd:InstanceID>8</rasd:InstanceID><rasd:Parent>4</rasd:Parent>
        <rasd:ResourceType>15</rasd:ResourceType>
      </Item>
      <vmw:Config"""


@pytest.fixture(params=["vpx", "esx"])
def vsphere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, request.param) as made:
        yield made


SCSI, IDE = "<rasd:Parent>3<", "<rasd:Parent>4<"


@pytest.mark.parametrize(
    ("was", "bus", "found"),
    [(IDE, "virtio", "pvscsi"), (IDE, "sata", "sata"), (SCSI, "ide", "ide"), (IDE, "ide", "ide")],
)
def test_the_disk_is_on_the_bus_asked_for_and_a_disc_where_it_was(
    vsphere: World, tmp_path: Path, was: str, bus: str, found: str
) -> None:
    """The simulator knows discs on IDE alone."""
    described = OVF.replace(SCSI, was).replace("<vmw:Config", DISC)
    described = described.replace('ovf:key="ip"', 'ovf:key="ip" ovf:value="192.0.2.7"')  # an ESXi hands over none
    image = identify_image(write_ova(tmp_path / "mailgw.ova", members(described)), no_progress)
    asked = vsphere.spec(image, disk_bus=bus, vcpus=3, memory=1 << 30)
    vm = vsphere.hypervisor.deploy(asked, no_progress)
    new = vsphere.hypervisor.inventory(vm)
    assert ([disk.bus for disk in new.disks], new.vcpus, new.memory) == ([found], 3, 1 << 30)
    devices = vsphere.machine(vm).config.hardware.device
    by_key = {device.key: type(device).__name__.rpartition(".")[2] for device in devices}
    [disc] = [device for device in devices if type(device).__name__.endswith("VirtualCdrom")]
    assert by_key[disc.controllerKey] == "VirtualIDEController"
