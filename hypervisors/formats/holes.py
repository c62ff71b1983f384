"""Where a file holds data: a sparse one is not read where it has none."""

import os
from collections.abc import Iterator
from typing import IO


def extents(file: IO[bytes], size: int) -> Iterator[tuple[int, int, bool]]:
    """The file as (start, end, is_hole), in order."""
    at = 0
    while at < size:
        data = next_data(file, at, size)
        if data > at:
            yield at, data, True
        at = _seek(file, data, os.SEEK_HOLE, size)
        if at > data:
            yield data, at, False


def next_data(file: IO[bytes], offset: int, size: int) -> int:
    """From where on there is data at or behind `offset`; `size` where none is left."""
    return _seek(file, offset, os.SEEK_DATA, size)


def _seek(file: IO[bytes], offset: int, whence: int, size: int) -> int:
    """A file system that knows no holes says that all is data."""
    try:
        return min(file.seek(offset, whence), size)
    except OSError:  # ENXIO: no more data
        return size
