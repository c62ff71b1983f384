"""What a run keeps encrypted (age), by a key that is kept in another folder; and digests by the same key."""

import hashlib
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import BinaryIO, cast

from pyrage import decrypt_io, encrypt_io, x25519

from hypervisors import Progress, ProgressListener, no_progress
from vmmigrate.durable import replacing, write_durably
from vmmigrate.errors import JournalDamaged, RunFolderFailed, UsageProblem

PIECE = 1 << 20


@dataclass(frozen=True)
class Sealed:
    """One run's key: without it, what it encrypts cannot be read."""

    run_id: str
    key_path: Path

    def create(self) -> None:
        """A new key (0600)."""
        write_durably(self.key_path, str(x25519.Identity.generate()).encode())

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

    def encrypt(self, target: Path, source: BinaryIO) -> None:
        """Encrypt all of `source` into `target` while reading it; `target` appears complete or not at all."""
        try:
            with replacing(target) as sink:
                encrypt_io(source, sink, [self._identity().to_public()])
        except OSError as error:
            raise RunFolderFailed(
                f"{target}: {error.strerror or error}",
                hint=f"free some space there (df -h {target.parent}), then resume the run",
            ) from error

    def verify(self, source: Path, sha256: str, size: int, progress: ProgressListener = no_progress) -> None:
        """Read all of the plaintext: age returns plaintext before it notices a truncation.

        Raises JournalDamaged if the file is not the recorded one.
        """
        counted, identity = _Counted(size, progress), self._identity()
        try:
            with source.open("rb") as cipher:
                decrypt_io(cipher, cast(BinaryIO, counted), [identity])
        except Exception as error:  # for a damaged file pyrage raises its own error or OSError
            raise _not_as_recorded(source, str(error)) from error
        if (counted.hexdigest(), counted.size) != (sha256, size):
            raise _not_as_recorded(source, "its digest differs")

    @contextmanager
    def decrypted(self, source: Path) -> Iterator[BinaryIO]:
        """The plaintext as a stream to read, decrypted by a thread through a pipe. Verify first."""
        identity, cipher = self._identity(), source.open("rb")  # both before the pipe, because they may raise
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
        """A small file at once. Raises JournalDamaged if it cannot be decrypted completely."""
        plain, identity = io.BytesIO(), self._identity()
        try:
            with source.open("rb") as cipher:
                decrypt_io(cipher, plain, [identity])
        except Exception as error:  # as in verify
            raise _not_as_recorded(source, str(error)) from error
        return plain.getvalue()


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
        """Nothing is buffered; decrypt_io calls it."""

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
