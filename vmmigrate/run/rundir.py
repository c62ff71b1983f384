"""A run's folder: journal, plan, settings, and what must rest there encrypted; and its locks."""

import fcntl
import hashlib
import io
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import BinaryIO, cast

from pyrage import decrypt_io, encrypt_io, x25519

from hypervisors import Progress, ProgressListener, no_progress
from vmmigrate.durable import fsync_folder, part_of, replacing, write_durably
from vmmigrate.errors import JournalDamaged, RunFolderFailed, UsageProblem

PIECE = 1 << 20


def new_run_id(now: datetime | None = None) -> str:
    """Sortable by time, unique by four random hex digits, fit for the name of a VM or a file."""
    stamp = (now or datetime.now(UTC)).strftime("%Y%m%d-%H%M%S")
    return f"{stamp}-{secrets.token_hex(2)}"


@dataclass(frozen=True)
class RunDir:
    """`path` holds the run, `key_path` its age identity: in another folder, so that a copied run stays shut."""

    path: Path
    key_path: Path

    @property
    def run_id(self) -> str:
        return self.path.name

    @property
    def journal(self) -> Path:
        return self.path / "journal.jsonl"

    @property
    def plan(self) -> Path:
        return self.path / "plan.json"

    @property
    def settings(self) -> Path:
        return self.path / "settings.json"

    @property
    def log(self) -> Path:
        return self.path / "log.txt"

    @property
    def archive(self) -> Path:
        return self.path / "archive.age"

    @property
    def tls(self) -> Path:
        return self.path / "tls.age"

    @property
    def digests(self) -> Path:
        return self.path / "digests.json"

    def secrets(self) -> tuple[Path, ...]:
        """What `finish` and a rollback drop."""
        return (self.archive, self.tls, self.digests, self.key_path)

    def create(self) -> None:
        """Make both folders (0700) and the run's key (0600). Raises FileExistsError."""
        self.path.mkdir(mode=0o700, parents=True)
        fsync_folder(self.path.parent)
        self.key_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        identity = x25519.Identity.generate()
        write_durably(self.key_path, str(identity).encode())

    def digest_key(self) -> bytes:
        """The key of this run's keyed digests, derived from its identity."""
        return hashlib.sha256(b"vmmigrate digests\0" + self._identity_text()).digest()

    def _identity_text(self) -> bytes:
        try:
            return self.key_path.read_bytes().strip()
        except FileNotFoundError as error:
            raise UsageProblem(
                f"the key of run {self.run_id} is gone ({self.key_path})",
                hint="without it the archive cannot be opened: roll back, and start a new run",
            ) from error

    def _identity(self) -> x25519.Identity:
        return x25519.Identity.from_str(self._identity_text().decode())

    # ---- encrypted at rest -------------------------------------------------------------------------------

    def encrypt(self, target: Path, source: BinaryIO) -> None:
        """Encrypt all of `source` into `target` as it is read; `target` appears whole or not at all."""
        try:
            with replacing(target) as sink:
                encrypt_io(source, sink, [self._identity().to_public()])
        except OSError as error:
            raise RunFolderFailed(
                f"{target}: {error.strerror or error}",
                hint=f"make room there (df -h {target.parent}), then resume the run",
            ) from error

    def verify(self, source: Path, sha256: str, size: int, progress: ProgressListener = no_progress) -> None:
        """A whole pass over the plaintext: age gives plaintext before it notices a truncation.

        Raises JournalDamaged where the file is not what was recorded.
        """
        counted, identity = _Counted(size, progress), self._identity()
        try:
            with source.open("rb") as cipher:
                decrypt_io(cipher, cast(BinaryIO, counted), [identity])
        except Exception as error:  # pyrage raises its own and OSError alike for a damaged file
            raise _not_as_recorded(source, str(error)) from error
        if (counted.hexdigest(), counted.size) != (sha256, size):
            raise _not_as_recorded(source, "its digest differs")

    @contextmanager
    def decrypted(self, source: Path) -> Iterator[BinaryIO]:
        """The plaintext as a stream to read, decrypted by a thread through a pipe. Verify first."""
        identity, cipher = self._identity(), source.open("rb")  # both before the pipe: they may raise
        read_fd, write_fd = os.pipe()

        def pour() -> None:
            try:
                with cipher, os.fdopen(write_fd, "wb", buffering=PIECE) as sink:
                    decrypt_io(cipher, sink, [identity])
            except Exception:  # noqa: S110 -- the reader left early, or the file changed since verify: it sees a short stream
                pass

        thread = Thread(target=pour, daemon=True)
        with os.fdopen(read_fd, "rb", buffering=PIECE) as plain:
            thread.start()
            yield plain
        thread.join()

    def decrypt_small(self, source: Path) -> bytes:
        """A small file at once. Raises JournalDamaged where it cannot be decrypted as a whole."""
        plain, identity = io.BytesIO(), self._identity()
        try:
            with source.open("rb") as cipher:
                decrypt_io(cipher, plain, [identity])
        except Exception as error:  # as in verify
            raise _not_as_recorded(source, str(error)) from error
        return plain.getvalue()

    def drop_secrets(self) -> None:
        """Delete the key first: what is left of the rest is then unreadable."""
        for path in reversed(self.secrets()):
            for each in (path, part_of(path)):
                each.unlink(missing_ok=True)
            if path.parent.is_dir():
                fsync_folder(path.parent)

    def remove(self) -> None:
        """Forget a run that never began."""
        self.key_path.unlink(missing_ok=True)
        shutil.rmtree(self.path, ignore_errors=True)


class _Counted:
    """A sink that hashes and counts, for `verify`."""

    def __init__(self, total: int, progress: ProgressListener) -> None:
        self.size = 0
        self._total = total
        self._hash = hashlib.sha256()
        self._progress = progress

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        self.size += len(data)
        self._progress(Progress(self.size, self._total))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back; decrypt_io calls it."""

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


class Piped:
    """A reader fed by a writer on another thread: `produce(sink)` pushes, `encrypt_io` pulls."""

    def __init__(self, produce: Callable[[BinaryIO], object]) -> None:
        self.result: object = None
        self.error: BaseException | None = None
        self._produce = produce
        read_fd, self._write_fd = os.pipe()
        self._reader = os.fdopen(read_fd, "rb", buffering=PIECE)
        self._thread = Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            with os.fdopen(self._write_fd, "wb", buffering=PIECE) as sink:
                self.result = self._produce(sink)
        except BaseException as error:  # handed to the reading thread by __exit__
            self.error = error

    def __enter__(self) -> BinaryIO:
        self._thread.start()
        return self._reader

    def __exit__(self, *exc: object) -> None:
        self._reader.close()
        self._thread.join()
        if self.error is not None and exc[0] is None:
            raise self.error


def _not_as_recorded(path: Path, why: str) -> JournalDamaged:
    return JournalDamaged(f"{path} is not what the run wrote: {why}", hint="roll this run back and start a new one")


def _held_open(path: Path) -> BinaryIO:
    return cast(BinaryIO, os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "wb"))


@contextmanager
def locked(rundir: RunDir) -> Iterator[None]:
    """One process a run. Raises UsageProblem where another holds it."""
    with _held_open(rundir.path / "lock") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageProblem(
                f"another process works on run {rundir.run_id}",
                hint="wait for it to end, or end it, and look with `vmmigrate status`",
            ) from error
        yield
