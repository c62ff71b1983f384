"""An OVF's hardware with another size and another bus: what depends on them follows, as a vCenter demands. Pure."""

from typing import Any

import pytest

pytest.importorskip("pyVmomi", reason="needs pyvmomi")

from pyVmomi import vim

from hypervisors.vmware import building, controllers

Device = vim.vm.device
Change = Device.VirtualDeviceSpec
LSI, SAS, PVSCSI = (
    Device.VirtualLsiLogicController,
    Device.VirtualLsiLogicSASController,
    Device.ParaVirtualSCSIController,
)
IDE, SATA = Device.VirtualIDEController, Device.VirtualAHCIController
DISK, DISC = Device.VirtualDisk, Device.VirtualCdrom


class TestSize:
    def sized(self, vcpus: int, memory: int, **given: Any) -> Any:
        config = vim.vm.ConfigSpec(**{"numCPUs": 4, "memoryMB": 8192, **given})
        building._size(config, vcpus, memory)
        assert (config.numCPUs, config.memoryMB) == (vcpus, memory)
        return config

    @pytest.mark.parametrize(
        ("vcpus", "cores", "left"), [(2, 4, 1), (6, 4, 1), (8, 4, 4), (4, 4, 4), (3, 1, 1), (2, 0, 0), (2, None, None)]
    )
    def test_cores_of_a_socket_divide_the_cpus(self, vcpus: int, cores: int | None, left: int | None) -> None:
        """0 is vSphere 8's own choice."""
        assert self.sized(vcpus, 2048, numCoresPerSocket=cores).numCoresPerSocket == left

    @pytest.mark.parametrize(
        ("memory", "reserved", "left"), [(2048, 8192, 2048), (2048, 1024, 1024), (2048, 0, 0), (16384, 8192, 8192)]
    )
    def test_no_more_memory_is_reserved_than_there_is(self, memory: int, reserved: int, left: int) -> None:
        share = vim.ResourceAllocationInfo(reservation=reserved, limit=-1)
        assert self.sized(4, memory, memoryAllocation=share).memoryAllocation.reservation == left

    def test_all_of_it_stays_reserved_where_all_was(self) -> None:
        share = vim.ResourceAllocationInfo(reservation=8192)
        made = self.sized(4, 16384, memoryAllocation=share, memoryReservationLockedToMax=True)
        assert made.memoryAllocation.reservation == 16384

    @pytest.mark.parametrize(("vcpus", "left"), [(1, 1000), (2, 2000), (4, 4000), (8, 4000)])
    def test_cpu_time_is_reserved_in_proportion(self, vcpus: int, left: int) -> None:
        share = vim.ResourceAllocationInfo(reservation=4000, limit=6000)
        allocation = self.sized(vcpus, 2048, cpuAllocation=share).cpuAllocation
        assert (allocation.reservation, allocation.limit) == (left, 6000)


def moved(bus: str, *devices: Any) -> dict[int, Any]:
    """By key, with the disk on `bus`; and no two of one family have one number."""
    changes = [Change(operation="add", device=device) for device in devices]
    controllers.move_disk(changes, bus)
    found = {change.device.key: change.device for change in changes}
    assert len(found) == len(changes)
    for family in (Device.VirtualSCSIController, IDE, SATA, Device.VirtualNVMEController):
        numbers = [each.busNumber for each in found.values() if isinstance(each, family)]
        assert len(set(numbers)) == len(numbers)
    return found


def disk(on: int, unit: int = 0) -> Any:
    return DISK(key=-10, controllerKey=on, unitNumber=unit)


class TestBus:
    def on(self, found: dict[int, Any]) -> Any:
        """The disk's controller."""
        return found[found[-10].controllerKey]

    def test_a_disc_stays_on_the_controller_that_the_disk_leaves(self) -> None:
        found = moved("virtio", LSI(key=-1, busNumber=0), disk(-1), DISC(key=-11, controllerKey=-1, unitNumber=1))
        assert (type(self.on(found)), self.on(found).busNumber, found[-10].unitNumber) == (PVSCSI, 1, 0)
        assert (type(found[-1]), found[-11].controllerKey) == (LSI, -1)

    def test_a_controller_with_nothing_left_on_it_goes(self) -> None:
        found = moved("virtio", LSI(key=-1, busNumber=0), disk(-1, 3))
        assert [type(each) for each in found.values()] == [PVSCSI, DISK]
        assert found[-10].unitNumber == 0

    def test_its_number_is_free_among_all_kinds_of_scsi(self) -> None:
        found = moved("scsi", IDE(key=-3, busNumber=0), PVSCSI(key=-1, busNumber=0), SAS(key=-2, busNumber=1), disk(-3))
        assert (type(self.on(found)), self.on(found).busNumber) == (LSI, 2)

    def test_another_family_counts_for_itself(self) -> None:
        found = moved("sata", LSI(key=-1, busNumber=0), disk(-1))
        assert (type(self.on(found)), self.on(found).busNumber) == (SATA, 0)

    @pytest.mark.parametrize(("bus", "kind"), [("scsi", SAS), ("virtio", PVSCSI), ("sata", SATA), ("ide", IDE)])
    def test_a_disk_that_is_there_already_stays(self, bus: str, kind: type) -> None:
        found = moved(bus, kind(key=-1, busNumber=0), disk(-1, 1))
        assert (self.on(found).key, found[-10].unitNumber, len(found)) == (-1, 1, 2)

    def test_its_key_is_less_than_any(self) -> None:
        """Those of a vCenter's own devices are positive."""
        assert self.on(moved("sata", LSI(key=1000, busNumber=0), DISK(key=-10, controllerKey=1000))).key == -11
        assert controllers.controller("sata", -1).key == -1

    def test_of_ide_there_are_two_and_each_has_two_places(self) -> None:
        """A machine cannot have a third."""
        first, second = IDE(key=-1, busNumber=0), IDE(key=-2, busNumber=1)
        full = [DISC(key=-20 - unit, controllerKey=-1, unitNumber=unit) for unit in (0, 1)]
        half = DISC(key=-30, controllerKey=-2, unitNumber=0)
        found = moved("ide", first, second, *full, half, LSI(key=-3, busNumber=0), disk(-3))
        assert (found[-10].controllerKey, found[-10].unitNumber, -3 in found) == (-2, 1, False)

    def test_an_ide_controller_is_made_where_there_is_none(self) -> None:
        found = moved("ide", LSI(key=-1, busNumber=0), disk(-1))
        assert (type(self.on(found)), self.on(found).busNumber) == (IDE, 0)
