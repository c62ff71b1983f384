"""vApp properties: what is wrong with those asked for is told all at once; secrets are fetched, never told."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from fixtures.memory import MemoryHypervisor, create_lab
from hypervisors import Extent, Hypervisor, Image, OvfDescription, OvfDisk, OvfProperty, Secret
from vmmigrate import properties
from vmmigrate.errors import UsageProblem
from vmmigrate.findings import Severity
from vmmigrate.settings.models import Settings
from vmmigrate.settings.secrets import ProcessSecrets, Secrets
from vmmigrate.settings.sides import NewSettings

pytest.importorskip("pyVmomi", reason="needs pyvmomi")

from hypervisors.vmware.adapter import Vcenter, VmwareHypervisor

ADDRESS = OvfProperty("net.address", "string", "Ip", True, False, "", "Address")
PASSWORD = OvfProperty("sa.password", "string", "MinLen(8)", True, True, "", "")
FIXED = OvfProperty("build", "string", "", False, False, "5.5", "")
BARE = Image(Path("/images/new.vmdk"), "vmdk", 1, 2, "c0ffee")
OVA = replace(
    BARE,
    path=Path("/images/new.ova"),
    ovf=OvfDescription(
        name="mailgw",
        product="",
        version="",
        vendor="",
        vcpus=2,
        memory=1 << 30,
        disk=OvfDisk("disk.vmdk", 2, "scsi", "VirtualSCSI"),
        networks=(),
        nics=(),
        firmware="",
        guest_os="",
        guest_os_id="",
        properties=(ADDRESS, PASSWORD, FIXED),
        licence=False,
        descriptor=Extent(Path("/images/new.ova"), 512, 1, ""),
    ),
)
VSPHERE = Vcenter("vsphere://somebody@vc.example", cast(Any, None))  # asked for no more than properties
ESXI = VmwareHypervisor("vsphere://root@esx1.example", cast(Any, None))
SOURCES = '{ env = "NAME" }, { file = "PATH" }, { command = […] }, { keyring = "SERVICE/USER" } or { prompt = true }'
RIGHT = {"net.address": "192.0.2.20", "sa.password": None}


def faults(
    wanted: Mapping[str, str | None], image: Image = OVA, hypervisor: Hypervisor = VSPHERE
) -> list[tuple[str, str]]:
    """What was seen and its remedy, of findings that all block."""
    found = list(properties.faults(wanted, image, hypervisor))
    assert {(each.id, each.severity) for each in found} <= {("property", Severity.ERROR)}
    return [(each.seen, each.remedy) for each in found]


def secrets(value: str) -> Secrets:
    settings = Settings.model_validate({"new": {"properties": {"sa.password": {"env": "SA"}, "other": "plain"}}})
    return ProcessSecrets({"SA": value} if value else {}).of(settings)


def test_nothing_is_wrong() -> None:
    assert faults(RIGHT) == []
    assert faults({}, BARE) == []


def test_what_vcenter_gives_a_value_is_named() -> None:
    gateway = OvfProperty("net.gateway", "string", 'MinLen(1) Gateway("lan")', True, False, "", "Gateway")
    assert OVA.ovf is not None
    ova = replace(OVA, ovf=replace(OVA.ovf, properties=(*OVA.ovf.properties, gateway)))
    [found] = properties.filled_in(RIGHT, ova, VSPHERE)
    assert (found.id, found.severity) == ("property-filled-in", Severity.WARNING)
    assert found.seen == "vCenter gives these properties their values: net.gateway (Gateway)"
    assert "network protocol profile" in found.remedy
    assert faults(RIGHT, ova) == []
    assert list(properties.filled_in({**RIGHT, "net.gateway": "192.0.2.1"}, ova, VSPHERE)) == []
    assert list(properties.filled_in(RIGHT, OVA, VSPHERE)) == []
    assert list(properties.filled_in(RIGHT, ova, ESXI)) == []


def test_all_that_is_wrong_at_once() -> None:
    assert faults({"net.adress": "192.0.2.20", "sa.password": "hunter22", "build": None}) == [
        ("new.ova has no property 'net.adress'", "those that can be set: net.address, sa.password"),
        (
            "the property sa.password is a password, which must not be in the file",
            f'name its source: new.properties."sa.password" = {SOURCES}',
        ),
        ("the property build cannot be set: its publisher fixed it", "remove it from new.properties"),
        (
            "the property net.address (Address) of new.ova needs a value",
            'give it in the file: new.properties."net.address" = "…"',
        ),
    ]


@pytest.mark.parametrize(("value", "said"), [("", "needs a value"), ("192.0.2", "takes an IP address")])
def test_a_value_that_does_not_fit(value: str, said: str) -> None:
    told = (f"the property net.address (Address) {said}", 'give it another value: new.properties."net.address" = "…"')
    assert faults({**RIGHT, "net.address": value}) == [told]


def test_an_image_without_an_ovf() -> None:
    seen, remedy = "new.vmdk has no OVF, so no vApp properties", "remove new.properties from the settings"
    assert faults(RIGHT, BARE) == [(seen, f"give the publisher's OVA, or {remedy}")]


def test_a_hypervisor_that_hands_none_on(tmp_path: Path) -> None:
    create_lab(tmp_path)
    other = MemoryHypervisor(tmp_path)
    [(seen, remedy)] = faults(RIGHT, hypervisor=other)
    assert seen == f"{other.url} passes no vApp properties to a guest"
    assert remedy.startswith("remove new.properties from the settings")
    assert faults({}, hypervisor=other) == []


def test_a_bare_esxi_tells_none_and_nothing_is_demanded_there() -> None:
    assert faults({}, hypervisor=ESXI) == []
    [(seen, remedy)] = faults(RIGHT, hypervisor=ESXI)
    assert seen == "vsphere://root@esx1.example passes no vApp properties to a guest"
    assert remedy.endswith("set them in the guest over staging, or deploy through a vCenter, which passes them to it")
    [found] = properties.not_passed(OVA, ESXI)
    assert (found.id, found.severity) == ("property-not-passed", Severity.WARNING)
    assert found.seen == (
        "new.ova needs the properties net.address (Address), sa.password,"
        " and vsphere://root@esx1.example passes none to its guest"
    )
    assert found.remedy.startswith("if the guest needs them at its first boot, deploy through a vCenter")


def test_nothing_is_said_of_properties_that_are_told_or_not_asked_for() -> None:
    assert [*properties.not_passed(OVA, VSPHERE), *properties.not_passed(BARE, ESXI)] == []
    assert OVA.ovf is not None
    content = replace(OVA, ovf=replace(OVA.ovf, properties=(FIXED, replace(ADDRESS, default="192.0.2.1"))))
    assert list(properties.not_passed(content, ESXI)) == []


def test_a_secret_is_fetched_for_its_value_and_told_as_one() -> None:
    new = NewSettings.model_validate({"properties": {"sa.password": {"env": "SA"}, "other": "plain"}})
    told = properties.as_shown(new)
    assert told == {"sa.password": None, "other": "plain"}
    assert properties.in_words(told) == ["sa.password: a secret", "other = plain"]
    assert properties.secret_names(told) == ["new.properties.sa.password"]
    assert properties.values(told, secrets("hunter22")) == {"sa.password": Secret("hunter22"), "other": "plain"}
    with pytest.raises(UsageProblem, match=r"new\.properties\.sa\.password: the environment has no SA"):
        properties.values(told, secrets(""))


@pytest.mark.parametrize(("value", "wrong"), [("long-enough", []), ("short", ["takes 8 characters or more"])])
def test_a_secret_that_does_not_fit(value: str, wrong: list[str]) -> None:
    found = list(properties.unfit_secrets(RIGHT, OVA, VSPHERE, secrets(value)))
    assert {each.id for each in found} <= {"property"}
    assert [each.seen for each in found] == [f"the property sa.password {said}" for said in wrong]
    assert value not in str(found)
