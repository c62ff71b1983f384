"""Another name, by libvirt's real QEMU driver: only of what is off, and with its UEFI variables."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("libvirt", reason="needs libvirt-python")

import libvirt
from daemons import daemon, url_at

from hypervisors import HypervisorError, NameTaken, NotSupported, VmRef, connect

pytestmark = pytest.mark.slow

_OLD = """
<domain type='qemu'>
  <name>{name}</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
  {os}<features><acpi/></features>
  <devices><graphics type='vnc' passwd='secret'/><video><model type='vga'/></video></devices>
</domain>
"""
BIOS = "<os><type arch='x86_64' machine='q35'>hvm</type></os>"
UEFI = "<os firmware='efi'><type arch='x86_64' machine='q35'>hvm</type></os>"
NEEDS_OVMF = pytest.mark.skipif(not Path("/usr/share/OVMF").exists(), reason="needs ovmf")


class Place:
    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.hypervisor, self.connection = folder, connect(url), libvirt.open(url)

    def defined(self, name: str, os: str = BIOS) -> VmRef:
        domain = self.connection.defineXML(_OLD.format(name=name, os=os))
        return VmRef(domain.UUIDString(), name)

    def definition(self, vm: VmRef) -> str:
        flags = libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE
        return self.domain(vm).XMLDesc(flags)  # type: ignore[no-any-return]

    def domain(self, vm: VmRef) -> Any:
        return self.connection.lookupByUUIDString(vm.id)

    def stores(self) -> list[str]:
        return sorted(path.name for path in self.folder.rglob("*_VARS.fd"))

    def started_and_stopped(self, vm: VmRef) -> None:
        self.domain(vm).create()
        self.domain(vm).destroy()


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="d.") as folder, ExitStack() as opened:
        Path(folder).chmod(0o755)  # the daemon is another user
        running = opened.enter_context(daemon(Path(folder, "d")))
        made = Place(Path(folder), url_at(running.socket, "qemu+unix:///session"))
        opened.callback(made.connection.close)
        opened.callback(made.hypervisor.close)
        yield made


@pytest.fixture(autouse=True)
def cleared(place: Place) -> Iterator[None]:
    yield
    for domain in place.connection.listAllDomains(0):
        if domain.isActive():
            domain.destroy()
        domain.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM)


def test_of_what_is_off(place: Place) -> None:
    vm = place.defined("mailgw")
    place.domain(vm).setAutostart(1)
    for _ in range(2):
        assert place.hypervisor.rename(vm, "mailgw-old") == VmRef(vm.id, "mailgw-old")  # type: ignore[attr-defined]
    assert place.hypervisor.inventory(vm).autostart
    assert "passwd='secret'" in place.definition(vm)


def test_what_runs_is_left_as_it_is(place: Place) -> None:
    """libvirt 9.0: cannot rename active domain."""
    vm = place.defined("mailgw")
    place.domain(vm).create()
    with pytest.raises(NotSupported, match="no other name while it is on"):
        place.hypervisor.rename(vm, "other")  # type: ignore[attr-defined]
    with pytest.raises(libvirt.libvirtError, match="cannot rename active domain"):
        place.domain(vm).rename("other", 0)
    assert place.hypervisor.find("mailgw").id == vm.id


def test_one_whose_state_is_saved(place: Place) -> None:
    vm = place.defined("mailgw")
    place.domain(vm).create()
    place.domain(vm).managedSave()
    with pytest.raises(NotSupported, match="its state is saved") as caught:
        place.hypervisor.rename(vm, "other")  # type: ignore[attr-defined]
    assert "virsh managedsave-remove mailgw" in caught.value.hint


def test_a_name_that_is_taken(place: Place) -> None:
    vm, _ = place.defined("mailgw"), place.defined("other")
    with pytest.raises(NameTaken, match="there is a virtual machine other already"):
        place.hypervisor.rename(vm, "other")  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["", "a/b", "a\nb", ".", "..", "x" * 201])
def test_what_is_no_name(place: Place, name: str) -> None:
    """libvirt itself takes a line break, and fails at the others half-way."""
    vm = place.defined("mailgw")
    with pytest.raises(HypervisorError, match="cannot keep a virtual machine called"):
        place.hypervisor.rename(vm, name)  # type: ignore[attr-defined]


@NEEDS_OVMF
def test_uefi_variables_stay_with_their_machine(place: Place) -> None:
    """Where libvirt chose their file, it goes by the name: the next one of that name would have got them."""
    old, new = place.defined("mailgw", UEFI), place.defined("mailgw-2", UEFI)
    for vm in (old, new):
        place.started_and_stopped(vm)
    assert place.stores() == ["mailgw-2_VARS.fd", "mailgw_VARS.fd"]
    place.hypervisor.rename(old, "mailgw-old")  # type: ignore[attr-defined]
    place.hypervisor.rename(new, "mailgw")  # type: ignore[attr-defined]
    for vm, store in ((old, "mailgw_VARS.fd"), (new, "mailgw-2_VARS.fd")):
        place.started_and_stopped(vm)
        assert f"/{store}</nvram>" in place.definition(vm)
        assert "passwd='secret'" in place.definition(vm)
    assert place.stores() == ["mailgw-2_VARS.fd", "mailgw_VARS.fd"]
