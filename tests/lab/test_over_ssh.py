"""libvirt as root's daemon on a host that is reached by ssh alone: its own helper leads to its sockets there."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "integration"))

from fixtures.lab import Folders, folders, namespace
from fixtures.lab.lab import down, start_empty
from fixtures.lab.places import LAN, OLD_VM
from fixtures.openssh import make_key, public, running
from hypervisors import (
    Access,
    DeploySpec,
    Hypervisor,
    Network,
    NicSpec,
    PowerState,
    SshAccess,
    connect,
    identify_image,
    no_progress,
)

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(
        os.geteuid() != 0 or not shutil.which("libvirtd") or not shutil.which("virt-ssh-helper"),
        reason="needs root, libvirtd and its virt-ssh-helper",
    ),
]


@pytest.fixture(scope="module")
def host() -> Iterator[Folders]:
    """Namespaces with a libvirtd and no guest, apart from the lab with the old gateway."""
    place = Folders(Path(tempfile.mkdtemp(prefix="vmmigrate-")), folders().cache)
    place.lab.chmod(0o755)  # QEMU's user must come to the pool
    start_empty(place, print)
    try:
        yield place
    finally:
        down(place)


@pytest.fixture
def hypervisor(host: Folders, tmp_path: Path) -> Iterator[Hypervisor]:
    """By an sshd that sees libvirt's sockets where they belong; this process does not."""
    key = make_key(tmp_path / "id")
    inside = ("nsenter", f"--target={namespace.first_process(host)}", "--mount", "--pid", "--")
    with running(tmp_path / "sshd", authorized=public(key), wrapper=inside) as sshd:
        (tmp_path / "known").write_text(f"[{sshd.address}]:{sshd.port} {sshd.host_key}")
        access = Access(ssh=SshAccess(known_hosts=tmp_path / "known", key_file=key))
        opened = connect(f"qemu+ssh://root@{sshd.address}:{sshd.port}/system", access)
        yield opened
        opened.close()


def test_a_machine_is_deployed_started_and_removed(host: Folders, hypervisor: Hypervisor, tmp_path: Path) -> None:
    disk = tmp_path / "new.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", disk, "64M"], check=True)
    nics = (NicSpec(Network(LAN, "network"), "52:54:00:c0:00:77", link_up=False),)
    spec = DeploySpec("run-1", "new", identify_image(disk, no_progress), hypervisor.find(OLD_VM), "default", nics)
    vm = hypervisor.deploy(spec, no_progress)
    hypervisor.start(vm)
    hypervisor.set_nic(vm, "52:54:00:c0:00:77", link_up=True)
    seen = hypervisor.inventory(vm)
    assert (seen.power, seen.nics[0].link_up) == (PowerState.RUNNING, True)
    assert [Path(each.source).parent for each in seen.disks] == [host.pool]
    hypervisor.destroy(vm, "run-1")
    assert hypervisor.find_tagged("run-1") == ()
