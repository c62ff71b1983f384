"""Whether an image's disk is still what was identified: by its file's stamp, which costs nothing, or by its bytes."""

import hashlib
import os

from hypervisors.description import Extent, Image
from hypervisors.errors import BadImage
from hypervisors.formats import scattered
from hypervisors.types import Progress, ProgressListener, no_progress

_PIECE = 1 << 20


def stamp_of(descriptor: int) -> str:
    """Inode, size and both times of an open file: every change of its bytes changes one of them."""
    seen = os.fstat(descriptor)
    return f"{seen.st_ino}:{seen.st_size}:{seen.st_mtime_ns}:{seen.st_ctime_ns}"


def refuse_changed(image: Image) -> None:
    """Raises BadImage. The bytes are looked at only where the stamp is another: a copy, a restored or touched file.

    For where a SHA-256 of all bytes would take longer than what was done with them.
    """
    try:
        with image.disk.path.open("rb") as file:
            if image.stamp and stamp_of(file.fileno()) == image.stamp:
                return
    except OSError as error:
        raise _changed(image) from error
    refuse_other_bytes(image, no_progress)


def refuse_other_bytes(image: Image, progress: ProgressListener) -> None:
    """Raises BadImage. Reads all of the disk; `progress` counts its bytes."""
    try:
        digest = _digest(image, progress)
    except OSError as error:
        raise _changed(image) from error
    if digest != image.disk.sha256:
        raise _changed(image)


def _digest(image: Image, progress: ProgressListener) -> str:
    """As the image's own was made; a run that an earlier version began has that of all bytes, whatever the size."""
    if not scattered.is_by_pieces(image.sha256):
        return sha256_of(image.disk, progress)
    with image.path.open("rb") as file:
        return scattered.digest(file, os.fstat(file.fileno()).st_size, progress)


def sha256_of(extent: Extent, progress: ProgressListener) -> str:
    """In hexadecimal, of what there is of it. Raises OSError."""
    digest, buffer = hashlib.sha256(), memoryview(bytearray(_PIECE))
    with extent.path.open("rb", buffering=0) as file:
        file.seek(extent.offset)
        done = 0
        while got := file.readinto(buffer[: extent.size - done]):
            digest.update(buffer[:got])
            done += got
            progress(Progress(done, extent.size))
    return digest.hexdigest()


def refuse_absent(image: Image) -> None:
    """Raises BadImage where a file of the image is not there, or not as long as it was."""
    beside = {} if image.disk.path == image.path else {image.disk.path: image.disk.size}  # of an OVF
    for path, size in {image.path: image.file_size, **beside}.items():
        if not path.is_file() or path.stat().st_size != size:
            raise BadImage(
                f"{path} is not what it was: it had {size} bytes", hint="leave the image in place until it is deployed"
            )


def _changed(image: Image) -> BadImage:
    return BadImage(
        f"{image.disk.path} is not what it was: its bytes have changed since it was identified",
        hint="leave the image in place until it is deployed",
    )
