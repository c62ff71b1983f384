"""Where an image is converted before it is sent: a folder of this machine that has room for it."""

import os
import tempfile
from pathlib import Path

from hypervisors.errors import NoRoom

_GIB = 1 << 30


def folders() -> list[Path]:
    """Where temporary files may lie: TMPDIR first; /tmp is often memory, /var/tmp is not."""
    return list(dict.fromkeys([Path(tempfile.gettempdir()), Path("/var/tmp")]))  # noqa: S108 -- a fresh folder in it


def roomy_folder(needed: int, places: list[Path], *, by_hand: str) -> Path:
    """The first with room for so many bytes. `by_hand`: the command that converts it elsewhere. Raises NoRoom."""
    free = {place: _free(place) for place in places}
    for place, room in free.items():
        if room >= needed:
            return place
    rooms = ", ".join(f"{place} has {room / _GIB:.2f} GiB" for place, room in free.items())
    raise NoRoom(
        f"the image is converted before it is sent, for which {needed / _GIB:.2f} GiB may be needed; {rooms} free",
        hint=f"set TMPDIR to a folder with room, or convert it elsewhere: {by_hand}",
    )


def _free(place: Path) -> int:
    try:
        found = os.statvfs(place)
    except OSError:
        return 0
    return found.f_bavail * found.f_frsize
