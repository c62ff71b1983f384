"""Run qemu-img: convert an image, also inside an archive, with progress; measure the size of the result."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from hypervisors.description import Image
from hypervisors.errors import HypervisorError, NoRoom, NotSupported
from hypervisors.limits import QEMU_IMG
from hypervisors.secrets import without_secrets
from hypervisors.types import Progress, ProgressListener
from hypervisors.wire.allowance import Allowance, Late, ended_by

_PIECE = 4096
_PERCENT = re.compile(rb"\(\s*([0-9]{1,3}(?:\.[0-9]{1,9})?)/100%\)")
_SECTOR = 512
_MIB = 1 << 20
_QUIET = QEMU_IMG.most


def is_installed() -> bool:
    return shutil.which("qemu-img") is not None


def measured(image: Image, form: str) -> int:
    """The maximum size of the image as 'qcow2' or 'raw', without holes. Raises as `convert`."""
    return int(json.loads(_run("measure", "--output", "json", "-O", form, *source_of(image)))["required"])


def make_empty(target: Path, form: str, size: int) -> None:
    """A disk of so many bytes with nothing in it. Raises as `convert`."""
    _run("create", "-q", "-f", form, target, str(size))


def source_of(image: Image) -> tuple[str, ...]:
    """The image as qemu-img's argument, also inside an archive: nothing is unpacked.

    The format is always given, never probed: a guest can write a qcow2 header into its raw disk.
    """
    disk = image.disk
    if not disk.offset:
        return "-f", image.format, str(disk.path)
    file = {"driver": "file", "filename": str(disk.path)}
    size = -(-disk.size // _SECTOR) * _SECTOR  # QEMU needs whole sectors, and an archive pads them with zeros
    part = {"driver": "raw", "offset": disk.offset, "size": size, "file": file}
    return ("json:" + json.dumps({"driver": image.format, "file": part}),)


def convert(image: Image, target: Path, options: Sequence[str], progress: ProgressListener) -> None:
    """Write the image to `target` with `options`; `progress` counts bytes of the image's disk file.

    Raises NoRoom, NotSupported (no qemu-img), HypervisorError.
    """
    size = image.disk.size
    with _started(("qemu-img", "convert", "-p", *options, *source_of(image), str(target))) as process:
        try:
            complaint, status = _followed(process, size, progress)
        except Late as error:
            raise _stuck(f"{image.path} could not be written to {target}") from error
    if status:
        raise failure(f"{image.path} could not be written to {target}", complaint)
    progress(Progress(size, size))


def _followed(process: "subprocess.Popen[bytes]", size: int, progress: ProgressListener) -> tuple[str, int]:
    """What it complains of, and its status. Raises Late where it shows no progress."""
    assert process.stdout is not None
    assert process.stderr is not None
    done, allowed = 0, Allowance(_QUIET + size / 100 / _MIB, each_mib=1)
    with ended_by(allowed, process.kill):
        for percent in _percentages(process.stdout):
            before, done = done, int(size * percent / 100)
            allowed.moved(done - before)
            progress(Progress(done, size))
        return process.stderr.read().decode(errors="replace").strip(), process.wait()


@contextmanager
def _started(arguments: tuple[str, ...]) -> Iterator["subprocess.Popen[bytes]"]:
    """The process, killed if the block is left early."""
    try:
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=without_secrets(os.environ),
            start_new_session=True,  # the caller handles Ctrl-C
        )
    except FileNotFoundError as error:
        raise _missing() from error
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def _percentages(stream: IO[bytes]) -> Iterator[float]:
    """The percentages that qemu-img prints, each after a carriage return."""
    rest = b""
    while piece := stream.read(_PIECE):
        rest += piece
        found = list(_PERCENT.finditer(rest))
        if found:
            rest = rest[found[-1].end() :]
            yield float(found[-1].group(1))
        rest = rest[-_PIECE:]  # of a number that is not whole yet


def _run(*arguments: str | Path) -> bytes:
    try:
        finished = subprocess.run(
            ("qemu-img", *arguments),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            start_new_session=True,
            env=without_secrets(os.environ),
            timeout=_QUIET,
        )
    except FileNotFoundError as error:
        raise _missing() from error
    except subprocess.TimeoutExpired as error:
        raise _stuck(f"qemu-img {arguments[0]} failed") from error
    if finished.returncode:
        raise failure(f"qemu-img {arguments[0]} failed", finished.stderr.decode(errors="replace").strip())
    return finished.stdout


def _stuck(what: str) -> HypervisorError:
    return HypervisorError(
        f"{what}: qemu-img showed no progress for {_QUIET:g} s",
        hint="does the storage with the image, and the one it goes to, still answer? list both with: ls -l",
    )


def _missing() -> NotSupported:
    return NotSupported(
        "qemu-img is not installed on this machine, and this image must be converted",
        hint="install it: apt-get install qemu-utils",
    )


def failure(what: str, complaint: str) -> HypervisorError:
    """The error that qemu-img's message means."""
    if "No space left on device" in complaint:
        return NoRoom(f"{what}: {complaint}", hint="free some space where it is written (TMPDIR, or the store itself)")
    return HypervisorError(f"{what}: {complaint}", hint="check the image with: qemu-img check")
