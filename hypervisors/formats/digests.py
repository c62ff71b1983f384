"""Read each file once, from start to end, and compute every digest of it and of its parts."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from hypervisors.formats import holes
from hypervisors.formats.source import Source
from hypervisors.types import Progress, ProgressListener

_PIECE = 4 << 20


@dataclass(frozen=True)
class Wanted:
    """A digest over all of `source`, a file or a part of one. `algorithm` is hashlib's name."""

    source: Source
    algorithm: str = "sha256"


def make_digests(files: Sequence[Source], wanted: Iterable[Wanted], progress: ProgressListener) -> dict[Wanted, str]:
    """In hexadecimal. Each of `files` is read once, `wanted` are parts of them; `progress` counts the files' bytes.

    Raises BadImage if a file no longer has the size that it had when it was opened.
    """
    making = {each: hashlib.new(each.algorithm, usedforsecurity=False) for each in wanted}
    done, total = 0, sum(file.size for file in files)
    for file in files:
        parts = [(each.source, digest) for each, digest in making.items() if each.source.file is file.file]
        for at, piece in _pieces(file):
            for part, digest in parts:
                digest.update(_overlap(part, at, piece))
            done += len(piece)
            progress(Progress(done, total))
    return {each: digest.hexdigest() for each, digest in making.items()}


def _pieces(file: Source) -> Iterator[tuple[int, memoryview]]:
    """All bytes, each piece with its offset; a piece is overwritten by the next. A hole is not read."""
    buffer = memoryview(bytearray(min(_PIECE, file.size + 1)))
    at = data = 0
    while True:
        if data <= at:
            data = holes.next_data(file.file, at, file.size)
        if at + _PIECE <= data:
            yield at, _zeros()
            at += _PIECE
            continue
        file.file.seek(at)
        got = file.file.readinto(buffer)  # type: ignore[attr-defined]  # BinaryIO does not declare it, files have it
        if not got:
            break
        yield at, buffer[:got]
        at += got
    file.refuse_resized()


@cache
def _zeros() -> memoryview:
    return memoryview(bytes(_PIECE))


def _overlap(part: Source, at: int, piece: memoryview) -> memoryview:
    """The bytes of the piece at `at` that belong to the part."""
    return piece[max(part.start - at, 0) : max(part.start + part.size - at, 0)]
