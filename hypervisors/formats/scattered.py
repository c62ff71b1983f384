"""The digest of a large image by its pieces: those of zeros do not count, so that its holes are not read."""

import hashlib
from typing import IO

from hypervisors.formats.holes import next_data
from hypervisors.types import Progress, ProgressListener

_LARGE = 16 << 30  # a mail gateway's disk; all of 2 TiB of zeros would take an hour
_PIECE = 4 << 20
_PREFIX = "pieces:"  # nobody takes it for what sha256sum prints
_ZEROS = bytes(_PIECE)


def suits(form: str, size: int) -> bool:
    """By what an image is, not by where it has holes: a copy may have others. A VMDK may be sent as it lies."""
    return size > _LARGE and form in ("raw", "qcow2")


def digest(file: IO[bytes], size: int, progress: ProgressListener) -> str:
    """SHA-256 of a line "DIGEST  OFFSET" for each piece with data, and of the size. `progress` counts all bytes."""
    whole, at = hashlib.sha256(), 0
    while (data := next_data(file, at, size)) < size:
        at = data - data % _PIECE
        file.seek(at)
        piece = file.read(min(_PIECE, size - at))
        if piece != _ZEROS[: len(piece)]:
            whole.update(f"{hashlib.sha256(piece).hexdigest()}  {at}\n".encode())
        at += _PIECE
        progress(Progress(min(at, size), size))
    whole.update(f"{size}\n".encode())
    progress(Progress(size, size))
    return _PREFIX + whole.hexdigest()


def is_by_pieces(made: str) -> bool:
    return made.startswith(_PREFIX)
