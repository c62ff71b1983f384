"""Keep a transfer from filling the workstation's disk: it may be longer than it says, or have no end."""

import shutil
from pathlib import Path

from hypervisors import Progress, ProgressListener
from vmmigrate.errors import NoBackup

RESERVE = 1 << 30  # bytes that stay free; half of what is free at the beginning, if that is less
_STEP = 1 << 24  # bytes between two looks at the disk


def leaving_room(folder: Path, listener: ProgressListener, what: str = "the backup") -> ProgressListener:
    """The same listener for a transfer into `folder`, which raises NoBackup where the disk would be filled."""
    free = shutil.disk_usage(folder).free
    keep = min(RESERVE, free // 2)
    looked = 0

    def moved(progress: Progress) -> None:
        nonlocal looked
        if progress.total > free - keep:
            raise _too_large(f"{what} has {progress.total >> 20} MiB, and {folder} has {free >> 20} MiB free", keep)
        if progress.done - looked >= _STEP:
            looked = progress.done
            if shutil.disk_usage(folder).free < keep:
                raise _too_large(
                    f"{what} does not end: {progress.done >> 20} MiB came, and {folder} is nearly full", keep
                )
        listener(progress)

    return moved


def _too_large(why: str, keep: int) -> NoBackup:
    return NoBackup(
        why,
        hint=f"{keep >> 20} MiB stay free; is this the right gateway? if so, free the disk and start again",
    )
