"""Fill a volume from an image: with qemu-img where its file is ours to write, else by a sparse stream."""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, BinaryIO

import libvirt

from hypervisors.errors import HypervisorError, NoRoom, NotSupported
from hypervisors.kvm.faults import NO_ROOM
from hypervisors.types import Image, Progress, ProgressListener

# -W with 8 coroutines wrote 1440 MB/s where plain conversion made 410 and a stream 532
_CONVERT = ("qemu-img", "convert", "-p", "-W", "-m", "8", "-O", "qcow2")
_PERCENT = re.compile(rb"\(\s*([0-9.]+)/100%\)")
_PIECE = libvirt.virStorageVol.streamBufSize  # the largest message of libvirt's protocol


def room_needed(image: Image, folder: Path, *, local: bool) -> int:
    """The most bytes that the volume will take in the pool at `folder`."""
    if image.format == "qcow2" and not (local and _writable(folder) and _has_qemu_img()):
        return image.file_size
    measured = json.loads(_qemu_img("measure", "--output", "json", "-f", image.format, "-O", "qcow2", image.path))
    return int(measured["required"])


def fill(
    connection: libvirt.virConnect,
    volume: libvirt.virStorageVol,
    image: Image,
    progress: ProgressListener,
    *,
    local: bool,
) -> None:
    """Copy all of the image into the volume as a qcow2, by the fastest way there is. Raises NoRoom."""
    target = Path(volume.path())
    if local and _writable(target) and _has_qemu_img():
        convert(image, target, progress)
        _sync(target)
    elif image.format == "qcow2":
        upload(connection, volume, image.path, progress)
    else:
        _convert_and_upload(connection, volume, image, progress)


def _writable(path: Path) -> bool:
    """Also false where the daemon sees another file system than we do."""
    return os.access(path, os.W_OK)


def _has_qemu_img() -> bool:
    return shutil.which("qemu-img") is not None


def _convert_and_upload(
    connection: libvirt.virConnect, volume: libvirt.virStorageVol, image: Image, progress: ProgressListener
) -> None:
    """Counted as the image's bytes twice: once converted, once sent."""
    half = image.file_size
    with tempfile.TemporaryDirectory(prefix="vmmigrate.") as folder:
        converted = Path(folder, "converted.qcow2")
        convert(image, converted, lambda now: progress(Progress(now.done, 2 * half)))
        upload(
            connection,
            volume,
            converted,
            lambda now: progress(Progress(half + half * now.done // now.total, 2 * half)),
        )


def convert(image: Image, target: Path, progress: ProgressListener) -> None:
    """Write the image as a qcow2 with qemu-img; `progress` counts bytes of the image file.

    The format is always told, never probed: a guest can write a qcow2 header into its raw disk.
    """
    arguments = (*_CONVERT, "-f", image.format, str(image.path), str(target))
    with _started(arguments) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for percent in _percentages(process.stdout):
            progress(Progress(int(image.file_size * percent / 100), image.file_size))
        complaint = process.stderr.read().decode(errors="replace").strip()
        status = process.wait()
    if status:
        raise _qemu_img_failed(f"{image.path} could not be written to {target}", complaint)
    progress(Progress(image.file_size, image.file_size))


@contextmanager
def _started(arguments: tuple[str, ...]) -> Iterator["subprocess.Popen[bytes]"]:
    """The process, ended if the block is left early."""
    try:
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,  # Ctrl-C is the caller's to handle
        )
    except FileNotFoundError as error:
        raise _no_qemu_img() from error
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def _percentages(stream: IO[bytes]) -> Iterator[float]:
    """The percentages as qemu-img prints them, each over the one before with a carriage return."""
    rest = b""
    while piece := stream.read(4096):
        rest += piece
        found = list(_PERCENT.finditer(rest))
        if found:
            rest = rest[found[-1].end() :]
            yield float(found[-1].group(1))


def _qemu_img(*arguments: str | Path) -> bytes:
    try:
        finished = subprocess.run(
            ("qemu-img", *arguments), stdin=subprocess.DEVNULL, capture_output=True, start_new_session=True
        )
    except FileNotFoundError as error:
        raise _no_qemu_img() from error
    if finished.returncode:
        complaint = finished.stderr.decode(errors="replace").strip()
        raise _qemu_img_failed(f"qemu-img {arguments[0]} failed", complaint)
    return finished.stdout


def _no_qemu_img() -> NotSupported:
    return NotSupported(
        "qemu-img is not installed on this machine, and only a qcow2 goes without it",
        hint="install it: apt-get install qemu-utils",
    )


def _qemu_img_failed(what: str, complaint: str) -> HypervisorError:
    if "No space left on device" in complaint:
        return NoRoom(f"{what}: {complaint}", hint=f"{NO_ROOM.hint}; a conversion also needs room in TMPDIR")
    return HypervisorError(f"{what}: {complaint}", hint="check the image with: qemu-img check")


def _sync(path: Path) -> None:
    """Onto the disk: qemu-img leaves it to the page cache, where a crash of the host would lose it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def upload(
    connection: libvirt.virConnect, volume: libvirt.virStorageVol, path: Path, progress: ProgressListener
) -> None:
    """Send a file into the volume through the daemon, its holes as holes."""
    stream = connection.newStream(0)
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        volume.upload(stream, 0, size, libvirt.VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM)
        try:
            _send(stream, file, size, progress)
        except BaseException:
            with suppress(libvirt.libvirtError):  # a stream that failed may be gone already
                stream.abort()
            raise
        stream.finish()


def _send(stream: libvirt.virStream, file: BinaryIO, size: int, progress: ProgressListener) -> None:
    for start, end, is_hole in _extents(file, size):
        if is_hole:
            stream.sendHole(end - start)
        else:
            file.seek(start)
            for offset in range(start, end, _PIECE):
                stream.send(file.read(min(_PIECE, end - offset)))
                progress(Progress(offset, size))
        progress(Progress(end, size))


def _extents(file: BinaryIO, size: int) -> Iterator[tuple[int, int, bool]]:
    """The file as (start, end, is_hole), in order."""
    at = 0
    while at < size:
        data = _seek(file, at, os.SEEK_DATA, size)
        if data > at:
            yield at, data, True
        at = _seek(file, data, os.SEEK_HOLE, size)
        if at > data:
            yield data, at, False


def _seek(file: BinaryIO, offset: int, whence: int, size: int) -> int:
    """The next data or hole; the end of the file where there is none."""
    try:
        return os.lseek(file.fileno(), offset, whence)
    except OSError:  # ENXIO: no more data
        return size
