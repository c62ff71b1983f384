"""A run's folder: where its journal, plan, settings and secrets are."""

import errno
import re
import secrets
import shlex
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from vmmigrate.durable import fsync_folder, part_of, write_durably
from vmmigrate.errors import RunFolderFailed, UsageProblem
from vmmigrate.run.sealed import Sealed
from vmmigrate.settings.folders import KEYS, RUNS, try_to_write


def new_run_id(wall: Callable[[], float] = time.time) -> str:
    """Sortable by time, unique by four random hex digits, valid as the name of a VM or a file."""
    stamp = datetime.fromtimestamp(wall(), UTC).strftime("%Y%m%d-%H%M%S")
    return f"{stamp}-{secrets.token_hex(2)}"


def without_run(name: str) -> str:
    """A VM's name without the run that named it: after ten migrations it is not ten ids longer."""
    return re.sub(r"(-\d{8}-\d{6}-[0-9a-f]{4})+$", "", name) or name


@dataclass(frozen=True)
class RunDir:
    """`path` is the run's folder, `key_path` its age identity, in another folder: a copied run cannot be decrypted."""

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
    def given(self) -> Path:
        """What file and environment said when it began; no secret."""
        return self.path / "given.json"

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
    def host_keys(self) -> Path:
        """The old gateway's SSH host keys, encrypted."""
        return self.path / "host-keys.age"

    @property
    def digests(self) -> Path:
        return self.path / "digests.json"

    @property
    def imported(self) -> Path:
        """Digests of the new gateway's database as the import left it."""
        return self.path / "imported.json"

    @property
    def verified(self) -> Path:
        """The same when it was last compared with the old one's."""
        return self.path / "verified.json"

    @property
    def queue(self) -> Path:
        """The mail that was carried, encrypted."""
        return self.path / "queue.age"

    @property
    def manifest(self) -> Path:
        """Which messages that is, encrypted."""
        return self.path / "queue-manifest.age"

    @property
    def returned(self) -> Path:
        """The mail that is carried back, encrypted."""
        return self.path / "queue-back.age"

    @property
    def sealed(self) -> Sealed:
        """The run's key."""
        return Sealed(self.run_id, self.key_path)

    def secrets(self) -> tuple[Path, ...]:
        """The files that `finish` and a rollback delete."""
        return (
            self.archive,
            self.tls,
            self.host_keys,
            self.queue,
            self.manifest,
            self.returned,
            self.digests,
            self.imported,
            self.verified,
            self.key_path,
        )

    def refuse_unwritable(self) -> None:
        """Raises UsageProblem where a run could not be kept; nothing is left behind."""
        for folder, what, variable in ((self.path.parent, "runs", RUNS), (self.key_path.parent, "keys", KEYS)):
            try:
                try_to_write(folder)
            except OSError as error:
                raise _unwritable(folder, what, variable, error) from error

    def create(self) -> None:
        """Make both folders (0700) and the run's key (0600), or neither.

        Raises FileExistsError, UsageProblem, RunFolderFailed.
        """
        self.refuse_unwritable()
        self.path.mkdir(mode=0o700, parents=True)
        try:
            fsync_folder(self.path.parent)
            self.key_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.sealed.create()
        except OSError as error:
            self.remove()
            raise not_begun(self.path, error) from error

    def write(self, path: Path, data: bytes) -> None:
        """A file of the folder, whole or not at all. Raises RunFolderFailed."""
        try:
            write_durably(path, data)
        except OSError as error:
            raise RunFolderFailed(
                f"{path} cannot be written: {error.strerror or error}",
                hint=f"free some space there (df -h {path.parent}), then resume the run",
            ) from error

    def drop_secrets(self) -> None:
        """Delete the key first: then any remaining file is unreadable. Raises RunFolderFailed."""
        for path in reversed(self.secrets()):
            try:
                for each in (path, part_of(path)):
                    each.unlink(missing_ok=True)
                if path.parent.is_dir():
                    fsync_folder(path.parent)
            except OSError as error:
                raise RunFolderFailed(
                    f"it is not certain that {path} is deleted: {error.strerror or error}",
                    hint="see that the disk is sound, then run the same command again: it tries again",
                ) from error

    def remove(self) -> None:
        """Delete a run that never began."""
        self.key_path.unlink(missing_ok=True)
        shutil.rmtree(self.path, ignore_errors=True)


def to_write_there(folder: Path, error: OSError) -> str:
    """What to do where a folder cannot be written, by the reason."""
    at = shlex.quote(str(folder))
    if error.errno == errno.EROFS:
        return (
            f"its disk is mounted read-only: see why (dmesg), then: mount -o remount,rw $(findmnt -no TARGET -T {at})"
        )
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"free some space there (df -h {at}), then run this again"
    return f"permit this user to write there (ls -ld {at}), then run this again"


def not_begun(folder: Path, error: OSError) -> RunFolderFailed:
    """For a run of which the first files cannot be written."""
    return RunFolderFailed(
        f"{folder} cannot be written: {error.strerror or error}",
        hint=f"nothing was changed, there is no run: free space (df -h {folder.parent}), start it again",
    )


def _unwritable(folder: Path, what: str, variable: str, error: OSError) -> UsageProblem:
    return UsageProblem(
        f"the folder of the {what}, {folder}, cannot be written: {error.strerror or error}",
        hint=f"choose another folder with {variable}",
    )
