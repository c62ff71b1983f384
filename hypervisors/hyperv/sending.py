"""Upload a disk over SFTP, and prove the whole by its SHA-256."""

from collections.abc import Callable
from pathlib import Path

from hypervisors import limits
from hypervisors.errors import Busy, HypervisorError
from hypervisors.hyperv import reading
from hypervisors.hyperv.faults import door
from hypervisors.hyperv.reading import Facts
from hypervisors.hyperv.session import Session
from hypervisors.types import ProgressListener
from hypervisors.waiting import NotYet, wait_for

_HELD = 120.0  # seconds that a scanner or a merge may hold a file
_CLEARS = "see who holds that file, then run this again"
_EACH_MIB = 1.0  # seconds: a disk that is read at a MiB a second


def send(session: Session, source: Path, path: str, progress: ProgressListener) -> None:
    """`path` as Windows writes it. Raises HypervisorError where what is there is not what was sent."""
    size = source.stat().st_size
    digest = session.upload(source, sftp_path(path), progress)
    seconds = limits.HYPERV.most + _EACH_MIB * (size >> 20)
    found = let_go(f"digest of {path}", lambda: session.ask("hash", path=path, seconds=seconds))
    if reading.of(found, "sha256", str) != digest:
        raise HypervisorError(
            f"{path} is not what was sent: it has {reading.of(found, 'length', int)} bytes of {size}, or others",
            hint="run this again; a virus scanner there may have changed it",
        )


def let_go(what: str, ask: Callable[[], Facts], *, seconds: float = _HELD, clears: str = _CLEARS) -> Facts:
    """What a script answers, once nothing holds the file: a scanner opens what is new. Raises TimedOut."""

    def act() -> Facts:
        try:
            with door(what):
                return ask()
        except Busy as error:
            raise NotYet(str(error)) from error

    return wait_for(what, act, timeout=seconds, clears=clears)


def sftp_path(path: str) -> str:
    """C:\\x as OpenSSH on Windows has it: without the slash before the drive it would lie below the home folder."""
    return "/" + path.replace("\\", "/")
