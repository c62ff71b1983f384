"""An upload through OpenSSH to libvirt's real QEMU driver, cut off or stopped half-way: all of it arrives, once."""

import dataclasses
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

pytest.importorskip("libvirt", reason="needs libvirt-python")

import libvirt
from daemons import daemon, pool_folder, url_at
from real_sshd import NEEDS_SSHD

from fixtures.openssh import USER, RealSshd, make_key, public, running
from hypervisors import (
    Access,
    BadImage,
    DeploySpec,
    Hypervisor,
    Image,
    Network,
    NicSpec,
    Progress,
    SshAccess,
    Unreachable,
    VmRef,
    connect,
    identify_image,
    lasting,
    no_progress,
)
from hypervisors.kvm import pulse

pytestmark = [NEEDS_SSHD, pytest.mark.slow]

RUN, SIZE = "run-20240102", 24 << 20
BRIDGE = Network("lo", "bridge")  # an interface that every host has: nothing is started here
_OLD = """
<domain type='qemu'>
  <name>old</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <devices>
    <interface type='bridge'><mac address='52:54:00:c0:00:10'/><source bridge='lo'/><model type='virtio'/></interface>
  </devices>
</domain>
"""


@dataclass
class Host:
    """`pool`: where its volumes lie."""

    sshd: RealSshd
    url: str
    access: Access
    pool: Any
    place: Path
    like: VmRef
    opened: list[Hypervisor] = field(default_factory=list)

    def connect(self) -> Hypervisor:
        self.opened.append(connect(self.url, self.access))
        return self.opened[-1]

    def spec(self, image: Image) -> DeploySpec:
        nics = (NicSpec(BRIDGE, "52:54:00:c0:00:10", link_up=False),)
        return DeploySpec(run_id=RUN, name="new", image=image, like=self.like, store="default", nics=nics)

    @property
    def sessions(self) -> list[psutil.Process]:
        return psutil.Process(self.sshd.process.pid).children(recursive=True)

    def has_all_of(self, image: Image) -> bool:
        self.pool.refresh()
        [volume] = self.pool.listVolumes()
        compared = subprocess.run(["qemu-img", "compare", "-q", str(self.place / volume), str(image.path)])
        return compared.returncode == 0


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    folder = tmp_path_factory.mktemp("image")
    (folder / "raw").write_bytes(os.urandom(SIZE))
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", folder / "raw", folder / "new.qcow2"], check=True)
    return identify_image(folder / "new.qcow2", no_progress)


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with tempfile.TemporaryDirectory(prefix="d.") as folder, ExitStack() as opened:
        place = pool_folder(Path(folder))
        libvirtd = opened.enter_context(daemon(Path(folder, "d")))
        key = make_key(Path(folder, "id"))
        sshd = opened.enter_context(running(Path(folder, "sshd"), authorized=public(key)))
        (known := Path(folder, "known")).write_text(f"[{sshd.address}]:{sshd.port} {sshd.host_key}")
        connection = libvirt.open(url_at(libvirtd.socket, "qemu+unix:///session"))
        opened.callback(connection.close)
        pool = connection.storagePoolCreateXML(
            f"<pool type='dir'><name>default</name><target><path>{place}</path></target></pool>", 0
        )
        old = connection.defineXML(_OLD)
        url = f"qemu+ssh://{USER}@{sshd.address}:{sshd.port}/session?socket={libvirtd.socket}"
        access = Access(ssh=SshAccess(known_hosts=known, key_file=key))
        yield Host(sshd, url, access, pool, place, VmRef(old.UUIDString(), "old"))


@pytest.fixture(autouse=True)
def cleared(host: Host) -> Iterator[None]:
    yield
    for each in host.sessions:
        each.resume()
    hypervisor = host.connect()
    for vm in hypervisor.find_tagged(RUN):
        hypervisor.destroy(vm, RUN)
    for each in host.opened:
        with suppress(Unreachable):  # one that was cut off
            each.close()
    host.opened.clear()
    assert host.pool.refresh() == 0
    assert host.pool.listVolumes() == []


def halfway(act: Callable[[], None]) -> Callable[[Progress], None]:
    """Once, when half of it was sent."""
    left = [act]

    def listen(progress: Progress) -> None:
        if left and progress.done > progress.total // 2:
            left.pop()()

    return listen


def test_an_image_of_other_bytes_does_not_become_whole(host: Host, image: Image) -> None:
    """It was replaced by one of the same size after it was identified."""
    changed = dataclasses.replace(image, sha256="0" * 64, stamp="")
    with pytest.raises(BadImage, match="its bytes have changed"):
        host.connect().deploy(host.spec(changed), no_progress)


def test_all_of_it_arrives(host: Host, image: Image) -> None:
    host.connect().deploy(host.spec(image), no_progress)
    assert host.has_all_of(image)


def kill_sessions(host: Host) -> None:
    """What the server runs for us: the connection is reset."""
    for each in host.sessions:
        each.kill()


def kill_ssh(host: Host) -> None:
    for each in psutil.Process().children():
        if each.name() == "ssh":
            each.kill()


@pytest.mark.parametrize("cut", [kill_sessions, kill_ssh])
def test_one_that_is_cut_off_is_made_again(host: Host, image: Image, cut: Callable[[Host], None]) -> None:
    hypervisor = lasting(host.url, host.connect, host.connect(), 120)
    vm = hypervisor.deploy(host.spec(image), halfway(lambda: cut(host)))
    assert len(host.opened) == 2
    assert hypervisor.find_tagged(RUN) == (vm,)
    assert host.has_all_of(image)


def test_without_that_it_is_a_clear_error_and_the_next_one_begins_anew(host: Host, image: Image) -> None:
    with pytest.raises(Unreachable):
        host.connect().deploy(host.spec(image), halfway(lambda: kill_sessions(host)))
    host.connect().deploy(host.spec(image), no_progress)
    assert host.has_all_of(image)


def test_one_that_hangs_is_given_up(host: Host, image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    """The keep-alive begins with that: before it, a busy machine may be late."""
    watched: list[libvirt.virConnect] = []
    monkeypatch.setattr(pulse, "watch", watched.append)
    hung: list[float] = []

    def hang() -> None:
        hung.append(time.monotonic())
        watched[0].setKeepAlive(1, 1)
        for each in host.sessions:
            each.suspend()

    hypervisor = host.connect()
    with pytest.raises(Unreachable):
        hypervisor.deploy(host.spec(image), halfway(hang))
    assert time.monotonic() - hung[0] < 60
    for each in host.sessions:
        each.resume()
    host.connect().deploy(host.spec(image), no_progress)
    assert host.has_all_of(image)
