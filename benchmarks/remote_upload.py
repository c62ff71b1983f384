"""How fast an image goes through libvirtd into a pool; the peer is `virsh vol-upload` of the same file.

What a remote hypervisor does, without the network between: its cost would be the same for both.
"""

import filecmp
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.figure import Figure, in_turn
from benchmarks.local_upload import MIB, SIZE, qcow2_of
from hypervisors import Access, no_progress

ROUNDS = 5
_PEER = "virsh vol-upload"
_VOLUME = "<volume><name>{}</name><capacity>{}</capacity><target><format type='qcow2'/></target></volume>"


def measure() -> Iterator[Figure]:
    """Nothing where libvirt or root, which its daemon's lab needs, is missing."""
    try:
        import libvirt

        from hypervisors.kvm.transfer import upload
    except ImportError:
        return
    if os.geteuid() or not (shutil.which("libvirtd") and shutil.which("virsh")):
        return
    with tempfile.TemporaryDirectory(prefix="vmmigrate-bench.", dir="/var/tmp") as name:
        folder = Path(name)
        source = qcow2_of(folder)
        with daemon(folder) as url:
            connection = libvirt.open(url)
            pool = connection.listAllStoragePools()[0]
            ours, peer = (pool.createXML(_VOLUME.format(each, 2 * SIZE)) for each in ("ours", "peer"))
            ours_s, peer_s = in_turn(
                lambda: upload(connection, ours, source, no_progress, Access().stall),
                lambda: _virsh(url, "vol-upload", "--pool", pool.name(), peer.name(), str(source)),
                rounds=ROUNDS,
            )
            assert filecmp.cmp(ours.path(), source, shallow=False)
            connection.close()
    ratio = round(peer_s / ours_s, 3)
    yield Figure("kvm_upload_remote_ratio", ratio, "ratio", _PEER, ratio)
    yield Figure("kvm_upload_remote_mib_s", round(SIZE / MIB / ours_s, 1), "MiB/s", _PEER, ratio)


@contextmanager
def daemon(folder: Path) -> Iterator[str]:
    """The URL of a libvirtd of its own, in a lab without guests."""
    from fixtures.lab import lab, world
    from fixtures.lab.places import Folders

    place = Folders(folder / "lab", folder / "cache")
    try:
        lab.start_empty(place, lambda line: None)
        yield world.socket_uri(place)
    finally:
        lab.down(place)


def _virsh(url: str, *argv: str) -> None:
    subprocess.run(["virsh", "-q", "-c", url, *argv], check=True, stdout=subprocess.DEVNULL)
