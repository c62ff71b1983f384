"""Disks without a file, as appliances have them for data: read, made by both adapters, and named by the plan."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from small_ova import DISK, DISK_SIZE, NAME, OVF, descriptor, empty, stream_optimized, with_disks, write_folder

from hypervisors import BadImage, Image, NotSupported, identify_image, no_progress
from hypervisors.formats.empty_disks import without_empty_disks

GIB = 1 << 30


def image_of(folder: Path, text: str) -> Image:
    return identify_image(write_folder(folder, {NAME: descriptor(text), DISK: stream_optimized()}), no_progress)


def in_its_item(size: str, unit: str = "byte*1024*1024") -> str:
    """A disk that is in no section: its item has the size [DSP0243, table 8; VMware's own appliances]."""
    item = (
        "<Item><rasd:ElementName>Hard disk 2</rasd:ElementName><rasd:InstanceID>17</rasd:InstanceID>"
        f"<rasd:Parent>3</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType><rasd:AllocationUnits>{unit}"
        f"</rasd:AllocationUnits><rasd:VirtualQuantity>{size}</rasd:VirtualQuantity></Item>"
    )
    return OVF.replace("    </VirtualHardwareSection>", f"{item}    </VirtualHardwareSection>")


class TestRead:
    @pytest.mark.parametrize(("size", "unit"), [("10240", "byte*1024*1024"), ("10", "GigaBytes"), ("10737418240", "")])
    def test_one_whose_size_is_in_its_item(self, tmp_path: Path, size: str, unit: str) -> None:
        (disk,) = image_of(tmp_path, in_its_item(size, unit)).empty_disks
        assert (disk.capacity, disk.bus, disk.href) == (10 * GIB, "scsi", "")

    @pytest.mark.parametrize("size", ["0", ""])
    def test_one_without_file_and_size_is_refused(self, tmp_path: Path, size: str) -> None:
        with pytest.raises(BadImage, match="a disk of its hardware has neither a file nor a size"):
            image_of(tmp_path, in_its_item(size))

    @pytest.mark.parametrize("before", [False, True])
    def test_sizes_in_order(self, tmp_path: Path, before: bool) -> None:
        image = image_of(tmp_path, with_disks(empty("data", 20), empty("swap", 2, more=""), before=before))
        assert [(disk.capacity, disk.bus, disk.href) for disk in image.empty_disks] == [
            (20 * GIB, "scsi", ""),
            (2 * GIB, "scsi", ""),
        ]
        assert (image.virtual_size, image.ovf and image.ovf.disk.href) == (DISK_SIZE, DISK)
        said = "besides its disk the new VM gets the empty disks that it asks for: 20.0 GiB, 2.0 GiB"
        assert said in image.remarks

    def test_a_plain_package_has_none(self, tmp_path: Path) -> None:
        assert image_of(tmp_path, OVF).empty_disks == ()

    @pytest.mark.parametrize(
        ("entry", "message"),
        [
            (empty("two", 1, ' ovf:fileRef="file1"'), "describes a machine with 2 disks that have files"),
            (empty("two", 0), "its disk is said to have 0 bytes"),
            (empty("two", 99999999), "its disk is said to have"),
            (empty("two", 1, ' ovf:parentRef="vmdisk1"'), "has a disk that is only a delta of another"),
        ],
    )
    def test_what_stays_refused(self, tmp_path: Path, entry: str, message: str) -> None:
        with pytest.raises(BadImage, match=message):
            image_of(tmp_path, with_disks(entry))


class TestText:
    @pytest.mark.parametrize("before", [False, True])
    @pytest.mark.parametrize("name", ["data", "dätä"])
    def test_nothing_else_is_cut_out(self, before: bool, name: str) -> None:
        text = with_disks(empty(name, 20), before=before)
        assert without_empty_disks(text) == OVF

    def test_nor_where_an_entry_has_children(self) -> None:
        entry = empty("data", 20).replace("/>", "><Description>a > b</Description></Disk>")
        assert without_empty_disks(with_disks(entry)) == OVF

    def test_nor_where_its_item_has_its_size(self) -> None:
        assert without_empty_disks(in_its_item("10240")) == OVF

    def test_nothing_where_none_is_empty(self) -> None:
        assert without_empty_disks(OVF) == OVF


class TestKvm:
    def disks(self, target: str, bus: str, files: Sequence[str]) -> list[dict[str, str]]:
        devices = pytest.importorskip("hypervisors.kvm.devices", reason="needs libvirt-python")
        old = ET.fromstring(  # noqa: S314 -- our own
            f"<domain><devices><disk type='file' device='disk'><driver name='qemu' cache='none' discard='unmap'/>"
            f"<target dev='{target}' bus='{bus}'/></disk></devices></domain>"
        )
        boot = devices.disk(old, "/pool/boot.qcow2", None)
        made = [boot, *devices.disks_beside(boot, files)]
        return [
            {
                **{name: value for child in disk for name, value in child.attrib.items() if name != "name"},
            }
            for disk in made
        ]

    @pytest.mark.parametrize(
        ("target", "bus", "names"),
        [
            ("vda", "virtio", ["vda", "vdb", "vdc"]),
            ("vdb", "virtio", ["vdb", "vda", "vdc"]),
            ("sda", "scsi", ["sda", "sdb", "sdc"]),
            ("hda", "ide", ["hda", "hdb", "hdc"]),
        ],
    )
    def test_on_the_bus_of_the_disk_that_boots_each_with_a_name(self, target: str, bus: str, names: list[str]) -> None:
        boot, *others = self.disks(target, bus, ["/pool/1", "/pool/2"])
        assert [each["dev"] for each in (boot, *others)] == names
        assert boot["order"] == "1"
        assert [(each["file"], each["bus"], each["cache"], each["discard"]) for each in others] == [
            ("/pool/1", bus, "none", "unmap"),
            ("/pool/2", bus, "none", "unmap"),
        ]
        assert not any("order" in each for each in others)

    def test_more_than_the_bus_takes(self) -> None:
        assert len(self.disks("hda", "ide", ["1", "2", "3"])) == 4
        with pytest.raises(NotSupported, match="no room for all disks of the image on the bus ide"):
            self.disks("hda", "ide", ["1", "2", "3", "4"])


class TestVsphere:
    def machine(self, bus: str, units: Sequence[int] = (0,)) -> list[Any]:
        pytest.importorskip("pyVmomi", reason="needs pyvmomi")
        from pyVmomi import vim

        from hypervisors.vmware import controllers

        home = controllers.controller(bus, 1000)
        return [home, *(vim.vm.device.VirtualDisk(key=2000 + n, controllerKey=1000, unitNumber=n) for n in units)]

    def places(self, devices: list[Any], number: int) -> list[tuple[int, int]]:
        from pyVmomi import vim

        from hypervisors.vmware import empty_disks

        made = [each.device for each in empty_disks.changes(devices, [GIB] * number, "store")]
        numbers = {device.key: getattr(device, "busNumber", 0) for device in (*devices, *made)}
        return [
            (numbers[each.controllerKey], each.unitNumber)
            for each in made
            if isinstance(each, vim.vm.device.VirtualDisk)
        ]

    def test_behind_the_disk_that_boots_and_past_the_controllers_own_place(self) -> None:
        assert self.places(self.machine("pvscsi"), 7) == [(0, unit) for unit in (1, 2, 3, 4, 5, 6, 8)]

    @pytest.mark.parametrize(("bus", "room"), [("pvscsi", 14), ("sata", 29), ("nvme", 14)])
    def test_on_a_second_controller_where_the_first_is_full(self, bus: str, room: int) -> None:
        places = self.places(self.machine(bus), room + 2)
        assert [place for place in places if place[0]] == [(1, 0), (1, 1)]
        assert len(set(places)) == room + 2

    def test_more_than_ide_takes(self) -> None:
        assert self.places(self.machine("ide"), 1) == [(0, 1)]
        with pytest.raises(NotSupported, match="no room for all disks of the image on the bus ide"):
            self.places(self.machine("ide"), 2)

    def test_thin_and_of_their_size_in_whole_kib(self) -> None:
        devices = self.machine("scsi")
        from hypervisors.vmware import empty_disks

        [change] = empty_disks.changes(devices, [GIB + 1], "a store")
        disk = change.device
        assert (change.operation, change.fileOperation) == ("add", "create")
        assert (disk.capacityInKB, disk.backing.fileName, disk.backing.thinProvisioned) == (1048577, "[a store]", True)
