"""Run a package tool here over a package that may be hostile: what it prints is bounded, and its time."""

import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Thread
from typing import IO

from vmmigrate.limits import PACKAGE_SAYS
from vmmigrate.limits.seconds import PACKAGE_TIME

_PIECE = 1 << 16


@dataclass(frozen=True)
class Ran:
    """What a command printed, and its exit code; 127: it is not there, 126: it was given up, `err` says why."""

    code: int
    out: str
    err: str


Runs = Callable[[Sequence[str]], Ran]


class _Kept(Thread):
    """What comes from a stream, up to the limit; beyond it `enough` is called."""

    def __init__(self, stream: IO[bytes], enough: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._stream, self._enough = stream, enough
        self.data = b""
        self.too_much = False

    def run(self) -> None:
        kept = bytearray()
        while piece := self._stream.read(_PIECE):
            kept += piece
            if len(kept) > PACKAGE_SAYS.most:
                self.too_much = True
                self._enough()
                break
        self.data = bytes(kept)

    def text(self) -> str:
        return self.data.decode("utf-8", "replace")


def here(argv: Sequence[str]) -> Ran:
    """On this workstation, in a locale whose words are known."""
    try:
        process = subprocess.Popen(
            argv,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin:/opt/homebrew/bin", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,  # it starts others, which end with it
        )
    except FileNotFoundError:
        return Ran(127, "", f"{argv[0]} is not installed")
    except OSError as error:
        return Ran(126, "", str(error))
    with process:
        try:
            return _heard(process)
        finally:
            _end(process)


def _heard(process: "subprocess.Popen[bytes]") -> Ran:
    assert process.stdout is not None
    assert process.stderr is not None
    both = [_Kept(stream, lambda: _end(process)) for stream in (process.stdout, process.stderr)]
    for each in both:
        each.start()
    try:
        code = process.wait(PACKAGE_TIME.most)
    except subprocess.TimeoutExpired:
        return Ran(126, "", f"it takes longer than {PACKAGE_TIME.most} s")
    for each in both:
        each.join(PACKAGE_TIME.most)
    if any(each.too_much for each in both):
        return Ran(126, "", f"it holds more than the limit of {PACKAGE_SAYS.most >> 20} MiB")
    return Ran(code, *(each.text() for each in both))


def _end(process: "subprocess.Popen[bytes]") -> None:
    """With all that it started."""
    if process.returncode is None:
        os.killpg(process.pid, signal.SIGKILL)
