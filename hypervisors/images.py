"""What an image file is, by its bytes: format, disk size, checksum; what cannot be deployed is refused."""

import hashlib
import os
from pathlib import Path

from hypervisors.errors import BadImage
from hypervisors.formats import foreign, qcow2, raw, vmdk
from hypervisors.formats.source import FETCH_AGAIN, Source
from hypervisors.types import Image, Progress, ProgressListener

_PIECE = 4 * 1024 * 1024


def identify_image(path: Path, progress: ProgressListener) -> Image:
    """The image at `path`; `progress` counts the bytes read for its checksum. Raises BadImage.

    Refused before the checksum is made: what is no image, is cut short, or needs another file.
    """
    path = path.absolute()
    if not path.is_file():
        raise _no_file(path)
    try:
        with path.open("rb") as file:
            source = Source(path, file, os.fstat(file.fileno()).st_size)
            form, size = _format_and_size(source)
            return Image(path, form, source.size, size, _sha256(source, progress))
    except OSError as error:
        raise BadImage(
            f"{path} cannot be read: {error.strerror}", hint="check the file's owner, mode and disk"
        ) from error


def _no_file(path: Path) -> BadImage:
    if path.is_dir():
        return BadImage(f"{path} is a folder", hint="give the image file itself")
    if path.exists():
        return BadImage(f"{path} is no regular file", hint="give a disk image file")
    return BadImage(f"there is no file {path}", hint="check the path of the image")


def _format_and_size(source: Source) -> tuple[str, int]:
    if not source.size:
        raise source.refused("is empty", hint=FETCH_AGAIN)
    magic = source.peek(0, 4)
    if magic == qcow2.MAGIC:
        return "qcow2", qcow2.virtual_size(source)
    if magic == vmdk.MAGIC:
        return "vmdk", vmdk.virtual_size(source)
    if refusal := foreign.refusal(source):
        raise refusal
    if raw.is_disk(source):
        return "raw", raw.virtual_size(source)
    raise source.refused(
        "is no disk image: neither qcow2 nor VMDK, and without a boot sector",
        hint="give the appliance's disk image (qcow2, VMDK, or a raw disk that boots)",
    )


def _sha256(source: Source, progress: ProgressListener) -> str:
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(_PIECE))
    source.file.seek(0)
    done = 0
    while got := source.file.readinto(buffer):  # type: ignore[attr-defined]  # BinaryIO lacks it, files have it
        digest.update(buffer[:got])
        done += got
        progress(Progress(done, source.size))
    if done != source.size:
        raise source.damaged(f"it changed while it was read ({source.size} bytes, then {done})")
    return digest.hexdigest()
