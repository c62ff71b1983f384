"""Firmware and disk bus: who decides, what is told of it, and what is named where a guest never boots."""

from dataclasses import replace
from pathlib import Path

import pytest

from hypervisors import Disk, Extent, Image, Inventory, OvfDescription, OvfDisk, PowerState, VmRef
from vmmigrate.findings import Finding, warning
from vmmigrate.hardware import Hardware, decide, doubts, guesses
from vmmigrate.settings.sides import NewSettings

GIB = 2**30
BARE = Image(Path("/images/new.qcow2"), "qcow2", 1, 2, "c0ffee")
OVF = OvfDescription(
    name="mailgw",
    product="",
    version="",
    vendor="",
    vcpus=2,
    memory=4 * GIB,
    disk=OvfDisk("disk.vmdk", 2, "scsi", "VirtualSCSI"),
    networks=(),
    nics=(),
    firmware="efi",
    guest_os="",
    guest_os_id="",
    properties=(),
    licence=False,
    descriptor=Extent(Path("/images/new.ova"), 512, 1, ""),
)
OVA = replace(BARE, format="vmdk", ovf=OVF)
SILENT = replace(OVA, ovf=replace(OVF, firmware=""))
OLD = Inventory(
    vm=VmRef("0c8a", "mailgw"),
    power=PowerState.RUNNING,
    vcpus=2,
    memory=4 * GIB,
    machine="q35",
    domain_type="kvm",
    cpu="host-model",
    firmware="bios",
    nics=(),
    disks=(Disk("vda", "virtio", "/pool/old.qcow2", "qcow2", 8 * GIB),),
    autostart=True,
    notes="",
)


@pytest.mark.parametrize(
    ("new", "image", "firmware"),
    [
        (NewSettings(), BARE, "bios"),
        (NewSettings(), SILENT, "bios"),
        (NewSettings(), OVA, "efi"),
        (NewSettings(firmware="bios"), OVA, "bios"),
        (NewSettings(firmware="efi"), BARE, "efi"),
    ],
)
def test_the_operator_decides_then_the_image_then_the_old_one(new: NewSettings, image: Image, firmware: str) -> None:
    assert decide(new, image, OLD) == Hardware(2, 4 * GIB, firmware, None)


def test_all_that_can_be_said() -> None:
    new = NewSettings(vcpus=4, memory_mib=1024, firmware="efi", disk_bus="sata")
    assert decide(new, OVA, OLD) == Hardware(4, GIB, "efi", "sata")


def doubted(new: NewSettings, image: Image, old: Inventory = OLD) -> list[Finding]:
    assert image.ovf is not None
    return list(doubts(decide(new, image, old), image.ovf, old))


def test_another_firmware_than_the_old_one_is_told() -> None:
    told = "if it does not boot, set new.firmware"
    seen = "the image is made for efi firmware, the old VM has bios"
    assert doubted(NewSettings(), OVA) == [warning("firmware", seen, f"the new VM gets efi; {told}")]
    assert doubted(NewSettings(firmware="bios"), OVA) == [warning("firmware", seen, f"the new VM gets bios; {told}")]


def test_agreement_is_not_told() -> None:
    assert doubted(NewSettings(), OVA, replace(OLD, firmware="efi")) == []
    assert doubted(NewSettings(), SILENT) == []


@pytest.mark.parametrize(
    ("new", "gets"),
    [(NewSettings(vcpus=1), "1 vCPU and 4.0 GiB"), (NewSettings(memory_mib=1536), "2 vCPU and 1.5 GiB")],
)
def test_less_than_the_image_asks_for_is_told(new: NewSettings, gets: str) -> None:
    seen = f"the image asks for 2 vCPU and 4.0 GiB, the new VM gets {gets}"
    assert doubted(new, SILENT) == [warning("hardware", seen, "give it more with new.vcpus and new.memory_mib")]


BOTH = (
    "If it never booted: firmware bios was guessed from the old VM, disk bus virtio was guessed from the old VM: "
    "set new.firmware or new.disk_bus."
)


@pytest.mark.parametrize(
    ("new", "image", "sentence"),
    [
        (
            NewSettings(),
            BARE,
            BOTH,
        ),
        (
            NewSettings(disk_bus="sata"),
            OVA,
            "If it never booted: firmware bios was guessed from the image: set new.firmware.",
        ),
        (
            NewSettings(firmware="bios"),
            OVA,
            "If it never booted: disk bus virtio was guessed from the old VM: set new.disk_bus.",
        ),
        (NewSettings(firmware="bios", disk_bus="virtio"), OVA, ""),
    ],
)
def test_what_was_guessed_is_named(new: NewSettings, image: Image, sentence: str) -> None:
    assert guesses(new, image, OLD) == sentence
