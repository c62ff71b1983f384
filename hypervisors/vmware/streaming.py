"""The disk as vSphere takes it: a streamOptimized VMDK, in place if the image holds one, else converted."""

import os
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from hypervisors import qemu_img, unchanged
from hypervisors.description import Extent, Image
from hypervisors.formats.vmdk import MAGIC
from hypervisors.roomy import folders, roomy_folder
from hypervisors.types import Progress, ProgressListener, no_progress

_HEADER = "<4sII"  # magic, version, flags
_COMPRESSED, _MARKERS = 1 << 16, 1 << 17
# a VMDK's header says which adapter it is for; vSphere hangs the disk where the import spec says
_INTO = ("-O", "vmdk", "-o", "subformat=streamOptimized,adapter_type=lsilogic")
_BY_HAND = "qemu-img convert -O vmdk -o subformat=streamOptimized"
_OVERHEAD = 16 << 20  # headers, grain tables and markers of any disk of ours


@dataclass(frozen=True)
class Stream:
    """What is uploaded, and what hears how many of its bytes went."""

    extent: Extent
    progress: ProgressListener


def is_streamable(image: Image) -> bool:
    """By its header: compressed grains, each behind a marker."""
    if image.format != "vmdk":
        return False
    with image.disk.path.open("rb") as file:
        file.seek(image.disk.offset)
        head = file.read(struct.calcsize(_HEADER))
    if len(head) < struct.calcsize(_HEADER):
        return False
    magic, _, flags = struct.unpack(_HEADER, head)
    return bool(magic == MAGIC and flags & _COMPRESSED and flags & _MARKERS)


def data_size(image: Image) -> int:
    """How many bytes of the disk hold data, as far as its tables show: the size of a thin disk."""
    if is_streamable(image) and not qemu_img.is_installed():
        return image.disk.size
    return qemu_img.measured(image, "raw")


@contextmanager
def streamed(image: Image, progress: ProgressListener) -> Iterator[Stream]:
    """`progress` counts the disk's bytes three times if there is a conversion: converted, checked, sent.

    Raises NoRoom, NotSupported (no qemu-img), BadImage (converted from other bytes than were identified).
    """
    if is_streamable(image):
        yield Stream(image.disk, progress)
        return
    folder = roomy_folder(qemu_img.measured(image, "raw") + _OVERHEAD, folders(), by_hand=_BY_HAND)
    with tempfile.TemporaryDirectory(prefix="vmmigrate.", dir=folder) as private:  # 0700
        yield _converted(image, Path(private, "disk.vmdk"), progress)


def _converted(image: Image, target: Path, progress: ProgressListener) -> Stream:
    """The image is read again when qemu-img is through: what changed before or meanwhile is seen then."""
    size = image.disk.size

    def third(number: int) -> ProgressListener:
        return lambda now: progress(Progress(number * size + size * now.done // now.total, 3 * size))

    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    qemu_img.convert(image, target, _INTO, third(0))
    unchanged.refuse_other_bytes(image, third(1))
    made = Extent(target, 0, target.stat().st_size, "")
    return Stream(replace(made, sha256=unchanged.sha256_of(made, no_progress)), third(2))
