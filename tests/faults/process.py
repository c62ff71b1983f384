"""One process of the program within this one: whether it lives, and what it may do to a disk."""

import errno
from collections.abc import Callable
from dataclasses import dataclass, field

from fixtures.model.disk import Disk, File, failure
from fixtures.model.opened import SIZE, Guard


class Killed(BaseException):
    """SIGKILL, or the workstation lost its power: nothing that this process still does has an effect."""


@dataclass(eq=False)
class Process:
    """`folder`: the disk of its workstation."""

    folder: str
    alive: bool = True


@dataclass
class Desks(Guard):
    """The workstations' disks. `free`: bytes left where there are few; `failing`: where the next fsync fails."""

    disk: Disk
    hook: Callable[[str, str, str], None]
    running: list[Process] = field(default_factory=list)
    free: dict[str, int] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)

    @property
    def process(self) -> Process | None:  # type: ignore[override]
        return self.running[-1] if self.running else None

    def acts(self, verb: str, path: str) -> None:
        process = self.process
        if process is None or not path.startswith(process.folder):
            return
        self._refuse_dead(process)
        self.hook("disk", f"{verb} {_short(path)}", "before")
        left = self.free.get(process.folder)
        if left is not None and verb in ("create", "mkdir") and left <= 0:
            raise failure(errno.ENOSPC, path)
        if left is not None and verb in ("unlink", "truncate"):
            node = self.disk.find(path)
            self.free[process.folder] = left + (len(node.data) if isinstance(node, File) else 0)
        if verb == "fsync" and process.folder in self.failing:
            self.failing.discard(process.folder)
            raise failure(errno.EIO, path)

    def left(self, path: str) -> int:
        process = self.process
        return super().left(path) if process is None else max(self.free.get(process.folder, SIZE), 0)

    def synced(self, path: str) -> None:
        process = self.process
        if process is not None and path.startswith(process.folder):
            self.hook("disk", f"fsync {_short(path)}", "after")

    def room(self, path: str, size: int) -> int:
        process = self.process
        if process is None or not path.startswith(process.folder):
            return size
        self._refuse_dead(process)
        left = self.free.get(process.folder)
        if left is None or not size:
            return size
        taken = min(size, max(left, 0))
        if not taken:
            raise failure(errno.ENOSPC, path)
        self.free[process.folder] = left - taken
        return taken  # a full disk takes the first part without an error

    def _refuse_dead(self, process: Process) -> None:
        if not process.alive:
            raise Killed


def _short(path: str) -> str:
    return path.rpartition("/")[2]
