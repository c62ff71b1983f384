"""One process per run: who has its lock, and how another terminal sees that."""

import fcntl
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

from hypervisors import NotYet, TimedOut, Words, wait_for
from vmmigrate.errors import RunFolderFailed, UsageProblem
from vmmigrate.reading import from_json
from vmmigrate.run.rundir import RunDir, to_write_there

# Whoever looks at a lock has it for a moment itself.
GLANCE = 0.5  # seconds


@dataclass(frozen=True)
class Holder(Words):
    """Who works on a run, and since when (as a journal has times). An earlier version said nothing of itself.

    `certain`: its lock is seen to be held. Else its words are all there is: on another workstation's file system a lock
    may not be seen from here.
    """

    host: str
    pid: int
    verb: str
    since: str
    certain: bool = True

    def __str__(self) -> str:
        if not self.host:
            return "by another process"
        return f"{self.verb} on {self.host} (process {self.pid}) since {self.since[:19].replace('T', ' ')} UTC"


@contextmanager
def locked(
    rundir: RunDir,
    verb: str = "",
    *,
    host: Callable[[], str] = socket.gethostname,
    wall: Callable[[], float] = time.time,
) -> Iterator[Holder | None]:
    """One process per run. Raises UsageProblem if another has the lock, RunFolderFailed where none can be had.

    Yields who had it last and did not let it go, on another workstation: from here it is not seen whether it is gone.
    """
    with _held_open(rundir.path / "lock") as lock:
        try:
            wait_for("the lock", lambda: _take(lock), timeout=GLANCE, clears="", pause=0.05)
        except TimedOut as error:
            raise _at_work(rundir, _words_in(lock)) from error
        before = _words_in(lock)
        since = datetime.fromtimestamp(wall(), UTC).isoformat(timespec="milliseconds")
        _say(lock, json.dumps(asdict(Holder(host(), os.getpid(), verb, since))))
        try:
            yield before if before and before.host != host() else None
        finally:
            _say(lock, "")


def refuse_locked(rundir: RunDir) -> None:
    """Raises what `locked` would raise now. Writes nothing."""
    with _held_open(rundir.path / "lock") as lock:
        if _is_held(lock):
            raise _at_work(rundir, _words_in(lock))


def _at_work(rundir: RunDir, who: Holder | None) -> UsageProblem:
    return UsageProblem(
        f"another process is working on run {rundir.run_id}: {who or 'it says nothing of itself'}",
        hint="wait for it to end, or stop it, then check with `vmmigrate status`",
    )


def holder_of(rundir: RunDir, *, host: Callable[[], str] = socket.gethostname) -> Holder | None:
    """Who works on it now, as far as this workstation can see; None: nobody. Changes nothing."""
    path = rundir.path / "lock"
    try:
        if not path.is_file():
            return None
        with path.open("rb") as lock:
            words, held = _words_in(lock), _is_held(lock)
    except OSError:
        return None
    if held:
        return words or Holder("", 0, "", "")
    if words is None or words.host == host():  # a process of this workstation without a lock is gone
        return None
    return Holder(words.host, words.pid, words.verb, words.since, certain=False)


def _take(lock: BinaryIO) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise NotYet("another process has it") from error


def _is_held(lock: BinaryIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _say(lock: BinaryIO, text: str) -> None:
    """The lock holds without these words too, on a full disk."""
    with suppress(OSError):
        os.ftruncate(lock.fileno(), 0)
        os.pwrite(lock.fileno(), text.encode(), 0)


def _words_in(lock: BinaryIO) -> Holder | None:
    """None where there are none, or none that can be read."""
    try:
        return _holder(from_json(os.pread(lock.fileno(), 4096, 0)))
    except (OSError, ValueError, TypeError):
        return None


def _holder(said: dict[str, Any]) -> Holder:
    """Raises TypeError for words of another form: who may write the file may put anything there."""
    found = Holder(**said)
    if not all(isinstance(each, str) for each in (found.host, found.verb, found.since)) or type(found.pid) is not int:
        raise TypeError("not the words of a lock")
    return found


def _held_open(path: Path) -> BinaryIO:
    try:
        return cast(BinaryIO, os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0))
    except OSError as error:
        raise RunFolderFailed(
            f"{path.parent} cannot be used: {error.strerror}",
            hint=to_write_there(path.parent, error),
        ) from error
