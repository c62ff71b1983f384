"""Room on the journal's disk for the records of a way back: a file that gives it up piece by piece when it is full."""

import errno
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from vmmigrate.durable import fsync_folder
from vmmigrate.errors import RunFolderFailed

SIZE = 64 << 10  # a migration's longest way back takes half of it, if every undo fails once
_PIECE = 8 << 10  # not all at once: whatever filled the disk takes what is free
FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Room:
    """`path`: beside the journal."""

    path: Path

    def hold(self) -> None:
        """All of it is on the disk when this returns. Raises RunFolderFailed; what there was room for stays held."""
        try:
            self._fill()
        except OSError as error:
            raise RunFolderFailed(
                f"{self.path.parent} has no room for the record of a way back: {error.strerror}",
                hint=f"free {SIZE >> 10} KiB there: df -h {self.path.parent}",
            ) from error

    def give(self) -> bool:
        """Give a piece of it up. False where nothing is left."""
        try:
            left = self.path.stat().st_size - _PIECE
        except OSError:
            return False
        if left > 0:
            os.truncate(self.path, left)
        else:
            self.drop()
        return True

    def drop(self) -> None:
        """Give all of it up; nothing where there is none."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)

    def _fill(self) -> None:
        held = self.path.stat().st_size if self.path.exists() else 0
        if held >= SIZE:
            return
        fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(fd, "ab", buffering=0) as file:
            _write_all(file.fileno(), os.urandom(SIZE - held))  # zeros may take no room
            os.fsync(file.fileno())
        fsync_folder(self.path.parent)


def _write_all(fd: int, data: bytes) -> None:
    """A full disk takes the first part without an error."""
    while data:
        data = data[os.write(fd, data) :]
