"""Read a file of the workstation up to its limit: a path may lead to a device, or to the wrong file."""

from pathlib import Path

from hypervisors import Limit


def data(path: Path, limit: Limit) -> bytes:
    """All of it. Raises ValueError for more than the limit, OSError."""
    with path.open("rb") as file:
        found = file.read(limit.most + 1)
    if len(found) > limit.most:
        raise ValueError(f"it has more than {limit.most >> 10} KiB, which is the limit for {limit.what}")
    return found


def text(path: Path, limit: Limit) -> str:
    """The same, decoded. Raises UnicodeDecodeError, which is a ValueError, too."""
    return data(path, limit).decode()
