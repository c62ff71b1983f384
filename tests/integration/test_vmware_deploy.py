"""An image becomes a virtual machine of vSphere with every byte; whatever goes wrong leaves nothing behind."""

import dataclasses
import os
import signal
import subprocess
import sys
import tarfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyVmomi", reason="needs pyvmomi")

from pyVmomi import vim
from vsphere_world import NEW_MAC, OLD_MAC, RUN, STAGING, World, world

from fixtures.vsphere import inventory as furniture
from fixtures.vsphere.proxy import HostBehind, cut
from hypervisors import (
    HypervisorError,
    Image,
    NameTaken,
    NicSpec,
    NoRoom,
    NotFound,
    NotSupported,
    Problem,
    Progress,
    Secret,
    Snapshots,
    TlsTrust,
    TrustRefused,
    Unreachable,
    VappProperties,
    identify_image,
    no_progress,
)
from hypervisors.vmware import describing, empty_disks, lease, streaming, vapp
from tests.unit.hypervisors.small_ova import (
    DISK,
    NAME,
    OVF,
    descriptor,
    empty,
    stream_optimized,
    with_disks,
    write_folder,
    write_ova,
)

pytestmark = pytest.mark.vsphere

MEBI = 1 << 20
PROPERTIES = {"net.ip.0": "192.0.2.7", "net.secret.0": "a-secret-value"}


@pytest.fixture(params=["vpx", "esx"])
def vsphere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, request.param) as made:
        yield made


@pytest.fixture
def vcenter(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, "vpx") as made:
        yield made


@pytest.fixture
def bare_host(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, "esx") as made:
        yield made


@pytest.fixture
def ova(tmp_path: Path) -> Image:
    """A disk of 4 MiB, of which two hold noise."""
    return identify_image(write_ova(tmp_path / "mailgw.ova"), no_progress)


@pytest.fixture
def disk(tmp_path: Path, ova: Image) -> Image:
    """The same as a bare VMDK."""
    path = tmp_path / "bare.vmdk"
    with ova.path.open("rb") as file:
        file.seek(ova.disk.offset)
        path.write_bytes(file.read(ova.disk.size))
    return identify_image(path, no_progress)


def properties_for(vsphere: World) -> dict[str, str]:
    """A bare ESXi takes none."""
    return PROPERTIES if vsphere.simulator.kind == "vpx" else {}


def failing(vsphere: World, image: Image, kind: type[Problem] = Problem, **change: Any) -> Problem:
    with pytest.raises(kind) as caught:
        vsphere.hypervisor.deploy(vsphere.spec(image, **change), no_progress)
    assert caught.value.hint
    vsphere.assert_nothing_is_left()
    return caught.value


class TestWhatArrives:
    def test_an_ovas_disk_goes_as_it_lies(self, vsphere: World, ova: Image) -> None:
        vm = vsphere.hypervisor.deploy(vsphere.spec(ova, properties=properties_for(vsphere)), no_progress)
        [upload] = vsphere.proxy.uploads.all
        assert (upload.complete, upload.sha256()) == (True, ova.disk.sha256)
        assert list(vsphere.proxy.uploads.leases.values()) == ["completed"]
        assert vsphere.hypervisor.find_tagged(RUN) == (vm,)

    def test_an_ovfs_disk_beside_it_too(self, vcenter: World, tmp_path: Path) -> None:
        image = identify_image(write_folder(tmp_path), no_progress)
        vcenter.hypervisor.deploy(vcenter.spec(image, properties=PROPERTIES), no_progress)
        assert vcenter.proxy.uploads.all[0].sha256() == image.disk.sha256

    @pytest.mark.parametrize("form", ["qcow2", "raw"])
    def test_others_are_converted_to_the_same_disk(
        self, vcenter: World, disk: Image, tmp_path: Path, form: str
    ) -> None:
        path = tmp_path / f"image.{form}"
        subprocess.run(["qemu-img", "convert", "-O", form, disk.path, path], check=True)
        seen: list[Progress] = []
        image = identify_image(path, no_progress)
        vcenter.hypervisor.deploy(vcenter.spec(image), seen.append)
        [upload] = vcenter.proxy.uploads.all
        same = ["qemu-img", "compare", "-q", "-f", form, "-F", "vmdk", path, upload.path]
        assert subprocess.run(same, check=False).returncode == 0
        assert seen[-1] == Progress(3 * image.file_size, 3 * image.file_size)


class TestAnOva:
    def test_properties_are_as_asked(self, vcenter: World, ova: Image) -> None:
        machine = vcenter.machine(vcenter.hypervisor.deploy(vcenter.spec(ova, properties=PROPERTIES), no_progress))
        told = vcenter.simulator.machines()["machines"][machine._moId]["properties"]
        assert told == {**PROPERTIES, "net.mtu.0": "1500"}
        readable = {vapp.key_of(info): info.value for info in machine.config.vAppConfig.property}
        assert (readable["net.ip.0"], readable["net.secret.0"] or "") == (PROPERTIES["net.ip.0"], "")

    def test_a_bare_esxi_keeps_no_properties(self, bare_host: World, ova: Image) -> None:
        """Those given are refused before anything is sent; those that the image asks for are not demanded."""
        problem = failing(bare_host, ova, NotSupported, properties=PROPERTIES)
        assert "is a bare ESXi, which passes no vApp properties to a guest" in str(problem)
        assert sum(bare_host.proxy.writes().values()) == 0
        machine = bare_host.machine(bare_host.hypervisor.deploy(bare_host.spec(ova), no_progress))
        assert machine.config.vAppConfig is None
        assert bare_host.simulator.machines()["machines"][machine._moId]["properties"] == {}
        assert [isinstance(bare_host.hypervisor, kind) for kind in (VappProperties, Snapshots)] == [False, True]

    def test_a_secret_that_an_import_refuses_is_not_repeated(
        self, vcenter: World, ova: Image, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Neither in the words of a fault nor in what it came from, which a traceback would show."""
        fault = vim.fault.OvfInvalidValue(msg="Invalid value 'hunter2' specified for property net.secret.0.")

        def refuse(self: vim.ResourcePool, *arguments: Any) -> Any:
            raise fault

        monkeypatch.setattr(vim.ResourcePool, "ImportVApp", refuse)
        problem = failing(vcenter, ova, properties={**PROPERTIES, "net.secret.0": Secret("hunter2")})
        assert str(problem) == "import of new: Invalid value '…' specified for property net.secret.0."
        assert "hunter2" not in "".join(traceback.format_exception(problem)) + repr(vcenter.spec(ova))
        plain = failing(vcenter, ova, properties=PROPERTIES)
        assert (plain.__cause__, "hunter2" in str(plain)) == (fault, True)

    def test_cards_and_sizes_are_as_asked_before_power_on(self, vsphere: World, ova: Image) -> None:
        asked = vsphere.spec(ova, properties=properties_for(vsphere), vcpus=3)
        vm = vsphere.hypervisor.deploy(asked, no_progress)
        new = vsphere.hypervisor.inventory(vm)
        assert (new.vcpus, new.memory, new.firmware) == (3, 128 * MEBI, "efi")
        assert [(nic.mac, nic.network, nic.stored_link_up, nic.model) for nic in new.nics] == [
            (OLD_MAC, vsphere.lan, False, "vmxnet3"),
            (NEW_MAC, STAGING, True, "e1000"),
        ]
        assert [disk.capacity for disk in new.disks] == [ova.virtual_size]
        assert vsphere.proxy.calls["PowerOnVM_Task"] == 0

    def test_a_property_that_did_not_take_is_refused(
        self, vcenter: World, ova: Image, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = describing.parameters

        def without(*arguments: Any) -> Any:
            made = asked(*arguments)
            made.propertyMapping = made.propertyMapping[1:]
            return made

        monkeypatch.setattr(describing, "parameters", without)
        monkeypatch.setattr(describing.vapp, "fill", lambda config, wanted: None)
        problem = failing(vcenter, ova, HypervisorError, properties=PROPERTIES)
        assert "other values of its properties than asked for: net.ip.0" in str(problem)

    def test_a_wrong_property_is_refused_by_name(self, vcenter: World, ova: Image) -> None:
        problem = failing(vcenter, ova, NotFound, properties={"ip": "192.0.2.7"})
        assert "net.ip.0" in problem.hint
        assert sum(vcenter.proxy.writes().values()) == 0

    def test_what_the_server_cannot_read_is_told_in_its_words(
        self, vcenter: World, ova: Image, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(describing, "read_text", lambda extent: "<Envelope>")
        assert "import spec of mailgw.ova: " in str(failing(vcenter, ova, properties=PROPERTIES))


class TestEmptyDisks:
    """An image may ask for disks without a file: the upload is of one disk, and those are added to the new machine."""

    def image(self, folder: Path) -> Image:
        text = with_disks(empty("data", 20), empty("swap", 2), before=True)
        return identify_image(write_folder(folder, {NAME: descriptor(text), DISK: stream_optimized()}), no_progress)

    def test_they_are_made_behind_its_own(self, vsphere: World, tmp_path: Path) -> None:
        image = self.image(tmp_path)
        asked = vsphere.spec(image, properties=properties_for(vsphere))
        new = vsphere.hypervisor.inventory(vsphere.hypervisor.deploy(asked, no_progress))
        assert [disk.capacity for disk in new.disks] == [image.virtual_size, 20 << 30, 2 << 30]
        assert {disk.store for disk in new.disks} == {vsphere.spec(image).store}
        assert len({disk.bus for disk in new.disks}) == 1
        [upload] = vsphere.proxy.uploads.all
        assert upload.sha256() == image.disk.sha256

    def test_they_go_with_it(self, vcenter: World, tmp_path: Path) -> None:
        vm = vcenter.hypervisor.deploy(vcenter.spec(self.image(tmp_path), properties=PROPERTIES), no_progress)
        vcenter.hypervisor.destroy(vm, RUN)
        vcenter.assert_nothing_is_left()

    def test_a_server_that_makes_none_is_noticed(
        self, vcenter: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(empty_disks, "changes", lambda *arguments: [])
        problem = failing(vcenter, self.image(tmp_path), HypervisorError, properties=PROPERTIES)
        assert str(problem) == "new was made with other empty disks than its image asks for (bytes: none)"


class TestWhatIsAskedFirst:
    def test_a_name_in_the_same_folder(self, vsphere: World, disk: Image) -> None:
        assert "there is a virtual machine old already" in str(failing(vsphere, disk, NameTaken, name="old"))

    def test_the_same_name_in_another_folder_is_no_matter(self, vcenter: World, disk: Image) -> None:
        [root] = [each.vmFolder for each in furniture._all(vcenter.service, vim.Datacenter)]
        other = root.CreateFolder("other")
        furniture.add_machine(vcenter.service, "new", "00:50:56:0a:00:77")
        [machine] = [each for each in furniture._all(vcenter.service, vim.VirtualMachine) if each.name == "new"]
        furniture._done(other.MoveIntoFolder_Task([machine]))
        vm = vcenter.hypervisor.deploy(vcenter.spec(disk), no_progress)
        assert vcenter.machine(vm) != machine
        assert vcenter.names() == ["new", "new", "old"]

    def test_a_mac_that_another_bears(self, vsphere: World, disk: Image) -> None:
        furniture.add_machine(vsphere.service, "third", NEW_MAC)
        with pytest.raises(HypervisorError, match=f"the virtual machine third has the MAC {NEW_MAC} already"):
            vsphere.hypervisor.deploy(vsphere.spec(disk), no_progress)
        assert vsphere.names() == ["old", "third"]

    def test_a_mac_that_is_not_to_be_given_by_hand(self, vcenter: World, disk: Image) -> None:
        nics = (NicSpec(vcenter.lan, "00:0c:29:00:00:01", link_up=False),)
        assert "does not accept the manual MAC 00:0c:29:00:00:01" in str(failing(vcenter, disk, nics=nics))

    def test_room(self, vsphere: World, disk: Image) -> None:
        vsphere.simulator.set_room(furniture.STORE, MEBI)
        assert "0.00 GiB free" in str(failing(vsphere, disk, NoRoom))

    def test_all_of_it_before_anything_is_made(self, vcenter: World, disk: Image) -> None:
        vcenter.proxy.forget_calls()
        for change in ({"store": "x"}, {"name": "old"}, {"nics": (NicSpec(STAGING, "01:00:00:00:00:01", True),)}):
            failing(vcenter, disk, **change)
        assert sum(vcenter.proxy.writes().values()) == 0


class TestWhatGoesWrong:
    """At each of these something was begun."""

    @pytest.mark.parametrize("after", [1, MEBI, 2 * MEBI])
    def test_an_upload_that_is_cut(self, vsphere: World, disk: Image, after: int) -> None:
        vsphere.proxy.in_upload(after, cut)
        assert "the upload to 127.0.0.1 broke off" in str(failing(vsphere, disk, Unreachable))
        assert list(vsphere.proxy.uploads.leases.values()) == ["aborted"]

    def test_an_upload_that_stalls(self, vcenter: World, tmp_path: Path) -> None:
        impatient = dataclasses.replace(vcenter, hypervisor=vcenter.connect(stall=0.3))
        vcenter.proxy.in_upload(1, vcenter.proxy.stall)
        problem = failing(impatient, noise(tmp_path, 40), Unreachable)
        assert str(problem) == "127.0.0.1 took no byte of the disk, or too few, for 0.3 s"
        impatient.hypervisor.close()

    def test_a_session_that_is_killed_in_mid_upload(
        self, vsphere: World, disk: Image, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The lease goes with the session; a new session removes what is left."""
        monkeypatch.setattr(lease, "_AT_MOST", 0.02)

        def end_and_wait() -> None:
            vsphere.end_sessions()
            time.sleep(0.5)  # until a renewal has met it

        vsphere.proxy.in_upload(MEBI, end_and_wait)
        problem = failing(vsphere, disk, Unreachable)
        assert "upload lease of new: it ended before the upload did" in str(problem)
        assert "run it again" in problem.hint

    @pytest.mark.parametrize("method", ["ImportVApp", "HttpNfcLeaseComplete", "ReconfigVM_Task"])
    def test_a_busy_server_at_each_write(self, vcenter: World, disk: Image, method: str) -> None:
        vcenter.proxy.answer_503(method)
        assert "503 Service Unavailable" in str(failing(vcenter, disk, Unreachable))

    @pytest.mark.parametrize("method", ["ImportVApp", "HttpNfcLeaseComplete", "ReconfigVM_Task"])
    def test_an_answer_that_is_lost_at_each_write(self, vcenter: World, disk: Image, method: str) -> None:
        vcenter.proxy.after_call(method, cut)
        with pytest.raises(Unreachable):
            vcenter.hypervisor.deploy(vcenter.spec(disk), no_progress)
        vm = vcenter.hypervisor.deploy(vcenter.spec(disk), no_progress)
        assert vcenter.hypervisor.find_tagged(RUN) == (vm,)
        assert vcenter.names() == ["new", "old"]

    def test_a_disk_that_changed_meanwhile(self, vcenter: World, disk: Image) -> None:
        changed = dataclasses.replace(disk, sha256="0" * 64)
        assert "changed while it was sent" in str(failing(vcenter, changed))


def noise(folder: Path, mebi: int) -> Image:
    """A streamOptimized VMDK that compression leaves as large."""
    raw, path = folder / "noise.raw", folder / "noise.vmdk"
    raw.write_bytes(bytes(510) + b"\x55\xaa" + os.urandom(mebi * MEBI - 512))
    options = ["-o", "subformat=streamOptimized"]
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "vmdk", *options, raw, path], check=True)
    raw.unlink()
    return identify_image(path, no_progress)


class TestTheLease:
    def test_it_is_renewed_while_the_upload_lasts(
        self, vcenter: World, disk: Image, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The seventh trap: it dies after five minutes without a word."""
        monkeypatch.setattr(lease, "_AT_MOST", 0.02)

        def wait_for_renewals() -> None:
            until = time.monotonic() + 60
            while vcenter.proxy.calls["HttpNfcLeaseProgress"] < 5 and time.monotonic() < until:
                time.sleep(0.01)

        vcenter.proxy.in_upload(MEBI, wait_for_renewals)
        vcenter.hypervisor.deploy(vcenter.spec(disk), no_progress)
        assert vcenter.proxy.calls["HttpNfcLeaseProgress"] > 5

    def test_a_server_that_is_busy_at_several_renewals_is_borne(
        self, vcenter: World, disk: Image, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A renewal is asked for twice: of three refusals two are one failure."""
        monkeypatch.setattr(lease, "_AT_MOST", 0.02)
        for _ in range(3):
            vcenter.proxy.answer_503("HttpNfcLeaseProgress")

        def wait_for_renewals() -> None:
            until = time.monotonic() + 60
            while vcenter.proxy.calls["HttpNfcLeaseProgress"] < 5 and time.monotonic() < until:
                time.sleep(0.01)

        vcenter.proxy.in_upload(MEBI, wait_for_renewals)
        vcenter.hypervisor.deploy(vcenter.spec(disk), no_progress)
        assert vcenter.proxy.calls["HttpNfcLeaseProgress"] > 5
        assert vcenter.names() == ["new", "old"]


class TestTheHostBehind:
    """deviceUrl points to another listener than vCenter's."""

    def deploy(self, vcenter: World, disk: Image, host: HostBehind, trust: TlsTrust) -> None:
        vcenter.proxy.put_host_behind(host)
        hypervisor = vcenter.connect(trust=trust)
        try:
            hypervisor.deploy(vcenter.spec(disk), no_progress)
        finally:
            hypervisor.close()

    def by_authority(self, vcenter: World) -> TlsTrust:
        return TlsTrust(ca_file=vcenter.simulator.ca_file)

    def by_pin(self, vcenter: World) -> TlsTrust:
        return TlsTrust(fingerprint=vcenter.proxy.fingerprint)

    def test_the_authority_vouches(self, vcenter: World, disk: Image) -> None:
        self.deploy(vcenter, disk, HostBehind(trusted=True, thumbprint="none"), self.by_authority(vcenter))
        assert vcenter.proxy.uploads.all[0].sha256() == disk.sha256

    def test_vcenter_vouches(self, vcenter: World, disk: Image) -> None:
        self.deploy(vcenter, disk, HostBehind(trusted=False, thumbprint="right"), self.by_pin(vcenter))
        assert vcenter.proxy.uploads.all[0].sha256() == disk.sha256

    @pytest.mark.parametrize("thumbprint", ["wrong", "none"])
    @pytest.mark.parametrize("by", ["by_authority", "by_pin"])
    def test_nobody_vouches(self, vcenter: World, disk: Image, thumbprint: Any, by: str) -> None:
        with pytest.raises(TrustRefused) as caught:
            self.deploy(vcenter, disk, HostBehind(trusted=False, thumbprint=thumbprint), getattr(self, by)(vcenter))
        assert caught.value.seen
        assert "hypervisor.ca_file" in caught.value.hint
        assert "fingerprint" not in caught.value.hint  # it would pin vCenter's own
        assert vcenter.proxy.uploads.all == []
        vcenter.assert_nothing_is_left()


_CHILD = """
import sys, threading
from pathlib import Path
from hypervisors import *
url, ca_file, image, run = sys.argv[1:]
from fixtures.vsphere.simulator import PASSWORD
hypervisor = connect(url, Access(lambda: Secret(PASSWORD), TlsTrust(ca_file=Path(ca_file))))
lan = next(network for network in hypervisor.networks() if network.name == "lan")
nics = (NicSpec(lan, "00:50:56:0a:00:01", link_up=False),)
spec = DeploySpec(run, "new", identify_image(Path(image), no_progress), hypervisor.find("old"), "LocalDS_0", nics)
def stop(progress):
    print("begun", flush=True)
    threading.Event().wait()
hypervisor.deploy(spec, stop)
"""


def test_what_a_killed_process_left_is_found_and_made_anew(vsphere: World, disk: Image) -> None:
    words = (vsphere.simulator.url_at(vsphere.proxy.api), vsphere.simulator.ca_file, disk.path, RUN)
    with subprocess.Popen([sys.executable, "-c", _CHILD, *words], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"begun\n"
        child.send_signal(signal.SIGKILL)
    assert [half.name for half in vsphere.hypervisor.find_tagged(RUN)] == ["new"]
    whole = vsphere.hypervisor.deploy(vsphere.spec(disk), no_progress)
    assert vsphere.hypervisor.find_tagged(RUN) == (whole,)
    assert vsphere.proxy.calls["Destroy_Task"] == 1
    assert vsphere.names() == ["new", "old"]
    assert vsphere.proxy.uploads.all[-1].sha256() == disk.sha256
    vsphere.hypervisor.destroy(whole, RUN)
    assert (vsphere.names(), vsphere.files()) == (["old"], [])


def test_temporary_files_are_removed_where_an_upload_fails(
    vcenter: World, disk: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(streaming, "folders", lambda: [scratch])
    path = tmp_path / "image.qcow2"
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", disk.path, path], check=True)
    vcenter.proxy.in_upload(1, cut)
    failing(vcenter, identify_image(path, no_progress), Unreachable)
    assert list(scratch.iterdir()) == []


_MEASURED = """
import re, sys
from pathlib import Path
from hypervisors import *
from fixtures.vsphere.simulator import PASSWORD
url, ca_file, image, run = sys.argv[1:]
hypervisor = connect(url, Access(lambda: Secret(PASSWORD), TlsTrust(ca_file=Path(ca_file))))
nics = (NicSpec(next(each for each in hypervisor.networks() if each.name == "lan"), None, link_up=False),)
found, old = identify_image(Path(image), no_progress), hypervisor.find("old")
values = {"net.ip.0": "192.0.2.7"} if found.ovf else {}
hypervisor.deploy(DeploySpec(run, "new", found, old, "LocalDS_0", nics, properties=values), no_progress)
print(re.search("VmHWM:[^0-9]+([0-9]+)", Path("/proc/self/status").read_text())[1])
"""


SENT = 320 * MEBI


def large_ova(folder: Path, raw: Path) -> Path:
    """The member that is sent has SENT bytes, of which all but the first few are a hole: a disk of `raw`'s size."""
    vmdk, path = folder / "large.vmdk", folder / "large.ova"
    options = ["-o", "subformat=streamOptimized"]
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "vmdk", *options, raw, vmdk], check=True)
    mebis = raw.stat().st_size // MEBI
    ovf = OVF.replace("@SIZE@", str(SENT)).replace('capacity="4"', f'capacity="{mebis}"').encode()
    with path.open("wb") as archive:
        for name, data, size in ((NAME, ovf, len(ovf)), (DISK, vmdk.read_bytes(), SENT)):
            member = tarfile.TarInfo(name)
            member.size = size
            archive.write(member.tobuf(tarfile.USTAR_FORMAT) + data)
            archive.seek(-(-size // 512) * 512 - len(data), os.SEEK_CUR)
        archive.truncate(archive.tell() + 1024)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("form", ["ova", "raw"])
def test_a_large_disk_takes_no_more_memory(vcenter: World, tmp_path: Path, form: str) -> None:
    """Sparse, of 5 GiB in the OVA, of which four times what is allowed here is sent; of a raw one a VMDK is made.

    The raw one has 1 GiB, which is many times that too: its zeros are read one after the other, a minute for 5 GiB.
    """
    size = (5 if form == "ova" else 1) << 30
    raw = tmp_path / "large.raw"
    raw.write_bytes(bytes(510) + b"\x55\xaa" + os.urandom(4 * MEBI))
    os.truncate(raw, size)
    path = large_ova(tmp_path, raw) if form == "ova" else raw
    words = (vcenter.simulator.url_at(vcenter.proxy.api), vcenter.simulator.ca_file, path, RUN)
    done = subprocess.run([sys.executable, "-c", _MEASURED, *words], check=True, capture_output=True, text=True)
    [disk_made] = vcenter.hypervisor.inventory(vcenter.hypervisor.find("new")).disks
    assert disk_made.capacity == size
    assert form == "raw" or vcenter.proxy.uploads.all[0].done == SENT
    assert int(done.stdout) << 10 < SENT // 4
