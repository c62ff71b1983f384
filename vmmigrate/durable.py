"""Files that appear complete or not at all: written under another name, fsynced, then renamed."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from vmmigrate.errors import UsageProblem


def fsync_folder(folder: Path) -> None:
    """Make a creation, a rename or a deletion in `folder` durable."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def part_of(path: Path) -> Path:
    """The temporary name beside `path`. It is fixed, so that a part left by a crash is found and replaced."""
    return path.with_name(path.name + ".part")


@contextmanager
def aside(path: Path) -> Iterator[Path]:
    """An empty private file (0600) that takes `path`'s name at the end. Who writes into it fsyncs it.

    A failure leaves nothing of it, and what was at `path` stays.
    """
    part = part_of(path)
    part.unlink(missing_ok=True)
    try:
        _private(part).close()
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    fsync_folder(path.parent)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """The same, open to be written, and fsynced at the end."""
    with aside(path) as part, part.open("wb") as file:
        yield file
        _sync(file)


def write_durably(path: Path, data: bytes) -> None:
    with replacing(path) as file:
        file.write(data)


def _private(part: Path) -> BinaryIO:
    """A new file of mode 0600 whatever the umask."""
    return os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


# ---- a file that the user names --------------------------------------------------------------------------


class Sink:
    """A file whose failures are UsageProblem, so that they are not taken for network errors."""

    def __init__(self, file: BinaryIO, target: Path) -> None:
        self._file, self._target = file, target

    def write(self, data: bytes) -> int:
        with _translated(self._target):
            self._file.write(data)
            self._file.flush()
        return len(data)


@contextmanager
def new_file(target: Path, *, force: bool) -> Iterator[tuple[Sink, Path]]:
    """A sink and its name beside `target`. It gets `target`'s name at the end; a failure leaves nothing.

    Raises UsageProblem at once if `target` exists (without `force`) or cannot be created.
    """
    _refuse_existing(target, force=force)
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")  # two processes may write one target
    with _translated(target):
        opened = _private(part)
    try:
        with opened as file:
            yield Sink(file, target), part
            with _translated(target):
                _sync(file)
                _take_name(part, target, force=force)
    finally:
        part.unlink(missing_ok=True)


def refuse_special(path: Path) -> None:
    """Raises UsageProblem for a device or a pipe: it may never end, and no file may replace it."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise UsageProblem(f"{path} is not an ordinary file", hint="give a file on a disk")


def _refuse_existing(target: Path, *, force: bool) -> None:
    if target.is_dir():
        raise UsageProblem(f"{target} is a folder", hint="give a file in it")
    refuse_special(target)
    if os.path.lexists(target) and not force:
        raise _exists(target)


def _exists(target: Path) -> UsageProblem:
    return UsageProblem(f"{target} exists", hint="give another path, or --force to replace it")


def _take_name(part: Path, target: Path, *, force: bool) -> None:
    """Do not overwrite a file created in the meantime either: a link fails where a rename would replace it."""
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
            f"{target} cannot be written: {error.strerror or error}", hint="give a path in a folder with free space"
        ) from error
