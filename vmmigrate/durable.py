"""A new private file that appears whole or not at all, and never in another's place unless that was asked for."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from vmmigrate.errors import UsageProblem
from vmmigrate.run.journal import fsync_folder


class Sink:
    """A file whose failures are its own: UsageProblem, and not taken for the network's."""

    def __init__(self, file: BinaryIO, target: Path) -> None:
        self._file, self._target = file, target

    def write(self, data: bytes) -> int:
        with _translated(self._target):
            self._file.write(data)
            self._file.flush()
        return len(data)


@contextmanager
def new_file(target: Path, *, force: bool) -> Iterator[tuple[Sink, Path]]:
    """A sink and its temporary name beside `target`, which it takes when all went well; else nothing is left.

    Raises UsageProblem at once where `target` exists (without `force`) or cannot be made there.
    """
    _refuse_existing(target, force=force)
    with _translated(target):
        fd, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)  # mode 0600
    part = Path(name)
    try:
        with os.fdopen(fd, "wb") as file:
            yield Sink(file, target), part
            with _translated(target):
                os.fsync(file.fileno())
        with _translated(target):
            _take_name(part, target, force=force)
    finally:
        part.unlink(missing_ok=True)


def refuse_special(path: Path) -> None:
    """Raises UsageProblem for a device or a pipe: its bytes need not end, and in its place no file belongs."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise UsageProblem(f"{path} is no ordinary file", hint="name a file on a disk")


def _refuse_existing(target: Path, *, force: bool) -> None:
    if target.is_dir():
        raise UsageProblem(f"{target} is a folder", hint="name a file in it")
    refuse_special(target)
    if os.path.lexists(target) and not force:
        raise _exists(target)


def _exists(target: Path) -> UsageProblem:
    return UsageProblem(f"{target} exists", hint="name another file, or give --force to replace it")


def _take_name(part: Path, target: Path, *, force: bool) -> None:
    """A file that came to be in the meantime is not overwritten either: a link refuses where a rename does not."""
    if force:
        part.replace(target)
    else:
        try:
            target.hardlink_to(part)
        except FileExistsError:
            raise _exists(target) from None
        except OSError:  # a file system without hard links
            _refuse_existing(target, force=False)
            part.replace(target)
    fsync_folder(target.parent)


@contextmanager
def _translated(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageProblem(
            f"{target} cannot be written: {error.strerror or error}", hint="name a file in a folder with room"
        ) from error
