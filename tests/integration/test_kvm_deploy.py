"""libvirt's real QEMU driver, in a daemon without any right: what a deployment makes there, and what it refuses."""

import dataclasses
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

pytest.importorskip("libvirt", reason="needs libvirt-python")

import libvirt
from daemons import daemon, pool_folder, url_at

from hypervisors import (
    DeploySpec,
    HypervisorError,
    Image,
    Network,
    NicSpec,
    NotSupported,
    VmRef,
    connect,
    identify_image,
    no_progress,
)
from hypervisors.kvm import building, checking, reading
from hypervisors.kvm.elements import xml
from tests.unit.hypervisors.small_ova import DISK, NAME, descriptor, empty, stream_optimized, with_disks, write_folder
from vmmigrate.show.carried import carried_lines

RUN = "run-20240102"
ROOT = Path(__file__).parents[2]
BRIDGE = Network("lo", "bridge")  # an interface that every host has: nothing is started here
_OLD = """
<domain type='qemu'>
  <name>old</name><uuid>f33048df-d3e6-4fc1-a528-3045070c7f4c</uuid><memory unit='MiB'>64</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features>
  <devices>
    <disk type='file' device='disk'><driver name='qemu' type='qcow2' discard='unmap'/>
      <source file='/nowhere/old.qcow2'/><target dev='vda' bus='virtio'/></disk>
    <interface type='bridge'><mac address='52:54:00:c0:00:10'/><source bridge='lo'/><model type='virtio'/></interface>
  </devices>
</domain>
"""


@dataclass(frozen=True)
class World:
    """`pool`: libvirt's own, as `connection` is."""

    hypervisor: Any
    connection: Any
    pool: Any

    def old(self, definition: str = _OLD) -> VmRef:
        domain = self.connection.defineXML(definition)
        return VmRef(domain.UUIDString(), domain.name())

    def spec(self, image: Image, **change: Any) -> DeploySpec:
        nics = (NicSpec(BRIDGE, "52:54:00:c0:00:10", link_up=False), NicSpec(BRIDGE, None, link_up=True))
        like = change.pop("like", None) or self.old()
        given = {"run_id": RUN, "name": "new", "image": image, "like": like, "store": "default", "nics": nics}
        return DeploySpec(**{**given, **change})

    def volumes(self) -> list[str]:
        self.pool.refresh()
        return sorted(self.pool.listVolumes())

    def stored(self, vm: VmRef) -> ET.Element:
        return ET.fromstring(self.connection.lookupByUUIDString(vm.id).XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))  # noqa: S314 -- libvirt's own


@pytest.fixture(scope="module")
def driver() -> Iterator[World]:
    """Under a short path: libvirt makes a socket for QEMU many folders below it."""
    with tempfile.TemporaryDirectory(prefix="d.") as folder, ExitStack() as opened:
        place = pool_folder(Path(folder))
        running = opened.enter_context(daemon(Path(folder, "d")))
        url = url_at(running.socket, "qemu+unix:///session")
        hypervisor, connection = connect(url), libvirt.open(url)
        pool = connection.storagePoolCreateXML(
            f"<pool type='dir'><name>default</name><target><path>{place}</path></target></pool>", 0
        )
        try:
            yield World(hypervisor, connection, pool)
        finally:
            hypervisor.close()
            connection.close()


@pytest.fixture
def world(driver: World) -> Iterator[World]:
    yield driver
    for domain in driver.connection.listAllDomains(0):
        domain.undefine()
    driver.pool.refresh()
    for volume in driver.pool.listAllVolumes(0):
        volume.delete(0)


class TestLikeOld:
    """What the old definition has is kept anyway; of the rest libvirt knows nothing."""

    @pytest.fixture
    def image(self, tmp_path: Path) -> Image:
        path = tmp_path / "image.vmdk"
        path.write_bytes(stream_optimized())
        return identify_image(path, no_progress)

    @pytest.mark.parametrize("like_old", [None, (), ("shares", "limits", "reservations")])
    def test_what_has_a_meaning_here_is_accepted(self, world: World, image: Image, like_old: Any) -> None:
        world.hypervisor.rehearse(world.spec(image, like_old=like_old))

    def test_what_has_none_is_refused_before_anything_is_made(self, world: World, image: Image) -> None:
        asked = world.spec(image, like_old=("tags", "shares", "permissions"))
        for ask in (world.hypervisor.rehearse, lambda spec: world.hypervisor.deploy(spec, no_progress)):
            with pytest.raises(NotSupported, match="libvirt has no tags, no permissions of a virtual") as caught:
                ask(asked)
            assert "leave that out of new.like_old" in caught.value.hint
        assert world.volumes() == []


class TestEmptyDisks:
    """An image may ask for disks without a file: they are volumes of the run's, behind the one that boots."""

    @pytest.fixture
    def image(self, tmp_path: Path) -> Image:
        text = with_disks(empty("data", 20), empty("swap", 2), before=True)
        (tmp_path / "image").mkdir()
        files = {NAME: descriptor(text), DISK: stream_optimized()}
        return identify_image(write_folder(tmp_path / "image", files), no_progress)

    def test_are_made_behind_its_own(self, world: World, image: Image) -> None:
        world.hypervisor.rehearse(world.spec(image))
        assert world.volumes() == []
        vm = world.hypervisor.deploy(world.spec(image), no_progress)
        made = [(disk.target, disk.bus, disk.capacity) for disk in world.hypervisor.inventory(vm).disks]
        assert made == [
            ("vda", "virtio", image.virtual_size),
            ("vdb", "virtio", 20 << 30),
            ("vdc", "virtio", 2 << 30),
        ]
        assert world.volumes() == [f"new-empty1-{RUN}.qcow2", f"new-empty2-{RUN}.qcow2", f"new-{RUN}.qcow2"]
        boots = [disk.find("boot") is not None for disk in world.stored(vm).findall("devices/disk")]
        assert boots == [True, False, False]

    def test_go_with_it(self, world: World, image: Image) -> None:
        vm = world.hypervisor.deploy(world.spec(image), no_progress)
        world.hypervisor.destroy(vm, RUN)
        assert world.volumes() == []

    def test_an_interrupted_deployment_is_made_again(self, world: World, image: Image) -> None:
        def interrupt(now: object) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            world.hypervisor.deploy(world.spec(image), interrupt)
        assert f"new-empty2-{RUN}.qcow2" in world.volumes()
        vm = world.hypervisor.deploy(world.spec(image), no_progress)
        assert len(world.hypervisor.inventory(vm).disks) == 3

    def test_what_is_there_under_their_names_is_left(self, world: World, image: Image) -> None:
        path = Path(ET.fromstring(world.pool.XMLDesc(0)).findtext("target/path") or "")  # noqa: S314 -- libvirt's own
        taken = path / f"new-empty2-{RUN}.qcow2"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", taken, "1M"], check=True)
        with pytest.raises(Exception, match=f"there is a volume new-empty2-{RUN}.qcow2 in default already"):
            world.hypervisor.deploy(world.spec(image), no_progress)
        assert world.volumes() == [taken.name]


def old_with(*changes: tuple[str, str]) -> str:
    text = _OLD
    for before, after in changes:
        assert before in text, before
        text = text.replace(before, after)
    return text


VCPUS, OS = "<vcpu>1</vcpu>", "<os><type arch='x86_64' machine='q35'>hvm</type></os>"
MEMORY = "<memory unit='MiB'>64</memory>"
CELLS = """<vcpu>2</vcpu>
<cpu><numa><cell id='0' cpus='0' memory='32' unit='MiB'/><cell id='1' cpus='1' memory='32' unit='MiB'/></numa></cpu>
"""
THREADS = """<vcpu>2</vcpu>
<iothreads>2</iothreads><iothreadids><iothread id='5'/><iothread id='7'/></iothreadids>
<cputune><vcpupin vcpu='1' cpuset='0'/><iothreadpin iothread='5' cpuset='0'/></cputune>
"""
CONTROLLER = "<controller type='scsi' index='0' model='virtio-scsi'><driver iothread='5'/></controller></devices>"
LIMITS = "<iotune><total_iops_sec>200</total_iops_sec></iotune></disk>"
THREADED = ("<vcpu>1</vcpu>", "<vcpu>1</vcpu><iothreads>2</iothreads>"), ("discard", "queues='2' iothread='2' discard")
SERIAL = """<vcpu>1</vcpu><sysinfo type='smbios'><system><entry name='serial'>S-1</entry></system></sysinfo>
<sysinfo type='fwcfg'><entry name='opt/com.example/config'>old</entry></sysinfo>"""
SAID = OS.replace("</os>", "<smbios mode='sysinfo'/></os>")
SOUND = "<graphics type='vnc'><audio id='7'/></graphics><audio id='7' type='none'/></devices>"
ROOM = """<maxMemory slots='4' unit='MiB'>512</maxMemory><memory unit='MiB'>192</memory>"""
ONE_CELL = "<vcpu>1</vcpu><cpu><numa><cell id='0' cpus='0' memory='64' unit='MiB'/></numa></cpu>"
MODULE = """<memory model='dimm'><target><size unit='MiB'>128</size><node>0</node></target></memory></devices>"""
TOPOLOGY = """<currentMemory unit='MiB'>48</currentMemory><vcpu current='2'>8</vcpu>
<cputune><vcpupin vcpu='7' cpuset='0'/></cputune>
<cpu><topology sockets='1' cores='4' threads='2'/></cpu>
"""


class TestWhatLibvirtSees:
    """A rehearsal shows libvirt the new definition: what it would refuse later, it refuses then."""

    @pytest.fixture
    def image(self, tmp_path: Path) -> Image:
        path = tmp_path / "image.raw"
        path.write_bytes(bytes(510) + b"\x55\xaa" + bytes(1 << 20))
        return identify_image(path, no_progress)

    def spec(self, world: World, image: Image, old: str, **change: Any) -> DeploySpec:
        return world.spec(image, like=world.old(old), **change)

    @pytest.mark.parametrize("own", [{}, {"vcpus": 3}, {"memory": 96 << 20}, {"vcpus": 3, "memory": 96 << 20}], ids=str)
    @pytest.mark.parametrize(
        "old",
        [
            old_with((VCPUS, CELLS)),
            old_with((VCPUS, THREADS), ("</devices>", CONTROLLER)),
            old_with((VCPUS, TOPOLOGY)),
            old_with(("</disk>", LIMITS), *THREADED),
            old_with((VCPUS, SERIAL), (OS, SAID)),
            old_with(("</devices>", SOUND)),
            old_with((MEMORY, ROOM), (VCPUS, ONE_CELL), ("</devices>", MODULE)),
        ],
        ids=["cells", "iothreads", "topology", "limits", "serial", "sound", "module"],
    )
    def test_every_size_of_a_tuned_machine_is_one_that_it_takes(
        self, world: World, image: Image, old: str, own: dict[str, int]
    ) -> None:
        vm = world.hypervisor.deploy(self.spec(world, image, old, **own), no_progress)
        for name, value in own.items():
            assert getattr(world.hypervisor.inventory(vm), name) == value

    def test_what_it_refuses_is_refused_before_anything_is_made(
        self, world: World, image: Image, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kept = tuple(tag for tag in building._KEPT if tag != "iothreadids")
        monkeypatch.setattr(building, "_KEPT", kept)
        old = old_with((VCPUS, THREADS), ("</devices>", CONTROLLER))
        with pytest.raises(HypervisorError, match=r"deployment of new: .*Cannot find 'iothread' : 5"):
            world.hypervisor.rehearse(self.spec(world, image, old))
        assert world.volumes() == []

    def test_the_list_of_the_labs_old_one(self, world: World, image: Image) -> None:
        """As the documentation shows it."""
        text = (ROOT / "fixtures" / "lab" / "libvirt" / "mailgw.xml").read_text()
        like = world.old(text.replace('file=""', 'file="/nowhere/mailgw.qcow2"'))
        nics = (NicSpec(Network("lan", "network"), "52:54:00:c1:9a:10", link_up=False),)
        lines = world.hypervisor.carried(world.spec(image, like=like, nics=nics))
        shown = "\n".join(carried_lines(lines))
        assert f"```\n{shown}\n```" in (ROOT / "docs" / "kvm.md").read_text(), shown

    @pytest.mark.parametrize(
        "pages",
        ["<page size='2048' unit='KiB'/>", "<page size='2' unit='M'/>", ""],
        ids=["named", "in MiB", "not named"],
    )
    def test_huge_pages_that_it_would_not_have_beside_the_old_one(self, world: World, image: Image, pages: str) -> None:
        """256 GiB of them are free on no host of a test."""
        backed = f"<memory unit='GiB'>256</memory><memoryBacking><hugepages>{pages}</hugepages></memoryBacking>"
        lacking = checking.few_pages(world.hypervisor._session, ET.fromstring(f"<domain>{backed}</domain>"))  # noqa: S314 -- our own
        [problem] = list(lacking)
        assert f"huge pages of 2048 KiB free, the new VM needs {128 << 10} beside" in str(problem)
        assert "virsh allocpages --pagesize 2048KiB" in problem.hint

    def test_no_huge_pages_none_missing(self, world: World, image: Image) -> None:
        assert world.hypervisor.rehearse(world.spec(image)) == ()

    def test_a_firmware_that_the_host_has_not(self, world: World, image: Image) -> None:
        """libvirt lists UEFI for this machine, and no stateless one is installed."""
        if not list(Path("/usr/share/OVMF").glob("OVMF_CODE*4M.fd")):
            pytest.skip("needs OVMF")
        asks = OS.replace("<os>", "<os firmware='efi'>").replace("</os>", "<loader stateless='yes'/></os>")
        with pytest.raises(NotSupported, match=r"no UEFI firmware that fits the new VM: .*Unable to find") as caught:
            world.hypervisor.rehearse(self.spec(world, image, old_with((OS, asks))))
        assert "new.firmware" in caught.value.hint
        assert world.volumes() == []

    @pytest.mark.parametrize(
        ("name", "refused"),
        [("x" * 240, True), ("é" * 125, True), ("a\nb", True), ("..", True), ("y" * 200, False), ("a'b <&", False)],
    )
    def test_a_name_that_it_takes_is_known_before(self, world: World, image: Image, name: str, refused: bool) -> None:
        spec = world.spec(image, name=name)
        if not refused:
            world.hypervisor.rehearse(spec)
            assert world.hypervisor.deploy(spec, no_progress).name == name
            return
        with pytest.raises(NotSupported, match="the new VM's name ") as caught:
            world.hypervisor.rehearse(spec)
        assert "--name" in caught.value.hint

    @pytest.mark.parametrize(
        ("loader", "refused"),
        [
            ("<loader readonly='yes' type='pflash'>{own}</loader><nvram>/srv/old.fd</nvram>", True),
            ("<loader readonly='yes' type='pflash'>{own}</loader>", True),
            ("<loader readonly='yes' type='pflash'>{own}</loader><nvram template='/t.fd'>/srv/old.fd</nvram>", False),
            ("<loader readonly='yes' type='pflash'>{known}</loader><nvram>/srv/old.fd</nvram>", False),
            (
                "<loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE.fd</loader><nvram>/srv/old.fd</nvram>",
                False,
            ),
        ],
    )
    def test_firmware_without_a_template_for_its_variables(
        self, world: World, image: Image, loader: str, refused: bool
    ) -> None:
        known = next(Path("/usr/share/OVMF").glob("OVMF_CODE*4M.fd"), None)
        if known is None:
            pytest.skip("needs OVMF")
        text = loader.format(own="/opt/firmware/OVMF_CODE.fd", known=known)
        spec = self.spec(world, image, old_with((OS, OS.replace("</os>", text + "</os>"))), firmware="efi")
        if not refused:
            world.hypervisor.rehearse(spec)
            return
        with pytest.raises(NotSupported, match=r"OVMF_CODE\.fd is none that libvirt knows here") as caught:
            world.hypervisor.rehearse(spec)
        assert "<nvram template=" in caught.value.hint
        world.hypervisor.rehearse(dataclasses.replace(spec, firmware="bios"))

    @pytest.mark.parametrize(
        "os",
        [
            """<os firmware='efi'>{type}<firmware><feature enabled='yes' name='secure-boot'/>
            <feature enabled='yes' name='enrolled-keys'/></firmware></os>""",
            """<os>{type}<loader readonly='yes' secure='yes' type='pflash'>/opt/firmware/CODE.secboot.fd</loader>
            <nvram>/srv/old.fd</nvram></os>""",
        ],
        ids=["chosen by libvirt", "of the operator's own"],
    )
    def test_secure_boot_is_off_in_the_new_one(self, world: World, image: Image, os: str) -> None:
        """Also where the old firmware has no template: the new one's is chosen by libvirt."""
        if not list(Path("/usr/share/OVMF").glob("OVMF_CODE*4M.fd")):
            pytest.skip("needs OVMF")
        old = old_with((OS, os.format(type=ET.tostring(ET.fromstring(OS)[0], encoding="unicode"))))  # noqa: S314
        spec = self.spec(world, image, old.replace("<acpi/>", "<acpi/><smm state='on'/>"))
        world.hypervisor.rehearse(spec)
        made = world.stored(world.hypervisor.deploy(spec, no_progress))
        assert made.findall("os/firmware/feature[@enabled='yes']") == []
        assert reading.attribute(made, "os", "firmware") == "efi"
        assert any("Secure Boot" in line.why for line in world.hypervisor.carried(spec))

    @pytest.mark.slow
    def test_secure_boot_is_turned_on_afterwards_as_the_docs_say(self, world: World, image: Image) -> None:
        if not Path("/usr/share/OVMF/OVMF_VARS_4M.ms.fd").exists():
            pytest.skip("needs OVMF with Microsoft's keys")
        assert "virsh start --reset-nvram" in (ROOT / "docs/kvm.md").read_text()
        made = world.hypervisor.deploy(self.spec(world, image, old_with(), firmware="efi"), no_progress)
        text = xml(checking.without_nics(world.stored(made)))  # this daemon may make no tap
        domain = world.connection.defineXML(text)
        domain.create()  # a store without keys is made
        domain.destroy()
        for feature in ("secure-boot", "enrolled-keys"):
            assert f'<feature enabled="no" name="{feature}" />' in text
            text = text.replace(f'enabled="no" name="{feature}"', f'enabled="yes" name="{feature}"')
        domain = world.connection.defineXML(text)
        domain.createWithFlags(libvirt.VIR_DOMAIN_START_RESET_NVRAM)
        try:
            running = ET.fromstring(domain.XMLDesc(0))  # noqa: S314 -- libvirt's own
        finally:
            domain.destroy()
            domain.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_NVRAM)
        assert reading.attribute(running, "os/loader", "secure") == "yes"
        assert reading.attribute(running, "os/nvram", "template").endswith(".ms.fd")
