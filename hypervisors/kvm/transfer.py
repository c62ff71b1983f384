"""Fill a volume from an image: with qemu-img if this process may write its file, else by a sparse stream."""

import os
import tempfile
from contextlib import suppress
from io import FileIO
from pathlib import Path

import libvirt

from hypervisors import qemu_img
from hypervisors.description import Image
from hypervisors.errors import Unreachable
from hypervisors.formats import holes
from hypervisors.kvm.deadline import within
from hypervisors.kvm.moving import moving
from hypervisors.types import Progress, ProgressListener

# -W with 8 coroutines wrote 1440 MB/s where plain conversion made 410 and a stream 532
_INTO = ("-W", "-m", "8", "-O", "qcow2")
_ABORTING = 5.0  # seconds
_FEW = 10  # holes below that part of a file are sent as the zeros that they are
_PIECE = libvirt.virStorageVol.streamBufSize  # the largest message of libvirt's protocol


def room_needed(image: Image, folder: Path, *, local: bool) -> int:
    """The most bytes that the volume will take in the pool at `folder`."""
    if _goes_as_it_is(image) and not (local and _writable(folder) and qemu_img.is_installed()):
        return image.file_size
    return qemu_img.measured(image, "qcow2")


def _goes_as_it_is(image: Image) -> bool:
    """A qcow2 in a file of its own."""
    return image.format == "qcow2" and image.inside is None


def fill(
    connection: libvirt.virConnect,
    volume: libvirt.virStorageVol,
    image: Image,
    progress: ProgressListener,
    *,
    local: bool,
    stall: float,
) -> None:
    """Copy all of the image into the volume as a qcow2, by the fastest way there is.

    Raises NoRoom; Unreachable where an upload stands still for `stall` seconds.
    """
    target = Path(volume.path())
    if local and _writable(target) and qemu_img.is_installed():
        convert(image, target, progress)
        _sync(target)
    elif _goes_as_it_is(image):
        upload(connection, volume, image.path, progress, stall)
    else:
        _convert_and_upload(connection, volume, image, progress, stall)


def _writable(path: Path) -> bool:
    """Also false if the daemon sees another file system than this process."""
    return os.access(path, os.W_OK)


def _convert_and_upload(
    connection: libvirt.virConnect,
    volume: libvirt.virStorageVol,
    image: Image,
    progress: ProgressListener,
    stall: float,
) -> None:
    """Counted as the disk's bytes twice: once converted, once sent."""
    half = image.disk.size
    with tempfile.TemporaryDirectory(prefix="vmmigrate.") as folder:
        converted = Path(folder, "converted.qcow2")
        convert(image, converted, lambda now: progress(Progress(now.done, 2 * half)))
        upload(
            connection,
            volume,
            converted,
            lambda now: progress(Progress(half + half * now.done // now.total if now.total else half, 2 * half)),
            stall,
        )


def convert(image: Image, target: Path, progress: ProgressListener) -> None:
    """Write the image as a qcow2 with qemu-img; `progress` counts bytes of the image's disk as it lies there."""
    qemu_img.convert(image, target, _INTO, progress)


def _sync(path: Path) -> None:
    """Onto the disk: qemu-img leaves it to the page cache, and a crash of the host would lose it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def upload(
    connection: libvirt.virConnect,
    volume: libvirt.virStorageVol,
    path: Path,
    progress: ProgressListener,
    stall: float,
) -> None:
    """Send a file into the volume through the daemon, its holes as holes if there are enough of them.

    A sparse stream costs the daemon a look at every piece: of a file with few holes a plain one took two thirds of the
    time.
    """
    stream = connection.newStream(0)
    with path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        extents = list(holes.extents(file, size))
        sparse = _is_sparse(extents, size)
        extents = extents if sparse else [(0, size, False)]
        volume.upload(stream, 0, size, libvirt.VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM if sparse else 0)
        try:
            moving(stall, f"the upload of {path.name}", lambda moved: _send(stream, file, extents, moved), progress)
        except BaseException:
            with suppress(libvirt.libvirtError, Unreachable):  # a stream that failed may be gone already, or be stuck
                within(_ABORTING, "the end of an upload", stream.abort)
            raise
        stream.finish()


def _is_sparse(extents: list[tuple[int, int, bool]], size: int) -> bool:
    return sum(end - start for start, end, is_hole in extents if is_hole) > size // _FEW


def _send(
    stream: libvirt.virStream, file: FileIO, extents: list[tuple[int, int, bool]], progress: ProgressListener
) -> None:
    size = extents[-1][1] if extents else 0
    for start, end, is_hole in extents:
        if is_hole:
            stream.sendHole(end - start)
        else:
            file.seek(start)
            for offset in range(start, end, _PIECE):
                piece = file.read(min(_PIECE, end - offset))
                while piece:  # libvirt may take less than all
                    piece = piece[stream.send(piece) :]
                progress(Progress(offset, size))
        progress(Progress(end, size))
