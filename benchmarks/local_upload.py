"""How fast an image gets into a local pool; the peer is `qemu-img convert -W` of the same file."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figure import Figure, in_turn
from hypervisors import identify_image, no_progress

MIB = 1 << 20
SIZE = 700 * MIB


def measure() -> Iterator[Figure]:
    """Nothing where qemu-img or libvirt's Python binding is missing."""
    try:
        from hypervisors.kvm.transfer import convert
    except ImportError:
        return
    if not shutil.which("qemu-img"):
        return
    with tempfile.TemporaryDirectory(prefix="vmmigrate-bench.", dir="/var/tmp") as folder:
        source = qcow2_of(Path(folder))
        image = identify_image(source, no_progress)
        ours, peer = Path(folder, "ours.qcow2"), Path(folder, "peer.qcow2")
        ours_s, peer_s = in_turn(
            lambda: _once(ours, lambda: convert(image, ours, no_progress)),
            lambda: _once(peer, lambda: _qemu_img("convert", "-W", "-O", "qcow2", str(source), str(peer))),
            rounds=5,
        )
    ratio = round(peer_s / ours_s, 3)
    yield Figure("kvm_upload_local_ratio", ratio, "ratio", "qemu-img convert -W", ratio)
    yield Figure("kvm_upload_local_mib_s", round(SIZE / MIB / ours_s, 1), "MiB/s", "qemu-img convert -W", ratio)


def qcow2_of(folder: Path) -> Path:
    """A qcow2 of incompressible bytes, as a packed root file system nearly is."""
    raw, source = folder / "raw", folder / "source.qcow2"
    with raw.open("wb") as file:
        for _ in range(SIZE // MIB):
            file.write(os.urandom(MIB))
    _qemu_img("convert", "-f", "raw", "-O", "qcow2", str(raw), str(source))
    raw.unlink()
    return source


def _once(target: Path, act: object) -> None:
    target.unlink(missing_ok=True)
    assert callable(act)
    act()


def _qemu_img(*argv: str) -> None:
    subprocess.run(["qemu-img", *argv], check=True, stdout=subprocess.DEVNULL)
