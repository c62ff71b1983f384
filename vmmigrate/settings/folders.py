"""The folders of runs and keys on this workstation; light, because the shell's completion uses it too."""

import errno
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import platformdirs

RUNS, KEYS = "VMMIGRATE_RUNS_FOLDER", "VMMIGRATE_KEYS_FOLDER"


def runs_folder(environ: Mapping[str, str]) -> Path:
    return _folder(environ, RUNS, platformdirs.user_state_path("vmmigrate") / "runs")


def keys_folder(environ: Mapping[str, str]) -> Path:
    return _folder(environ, KEYS, platformdirs.user_config_path("vmmigrate") / "keys")


def run_ids(folder: Path) -> tuple[str, ...]:
    """The ids of all runs there, oldest first. Raises OSError where the folder cannot be read."""
    if not folder.is_dir():
        return ()
    return tuple(sorted(path.name for path in folder.iterdir() if _is_run(path)))


def _is_run(path: Path) -> bool:
    """Also one that cannot be looked into: it may be, and whoever reads it says why not."""
    if not path.name.isprintable():  # none that we made
        return False
    try:
        return (path / "journal.jsonl").exists()
    except OSError:
        return True


def try_to_write(folder: Path) -> None:
    """Create the folder and a file in it, then remove what was created. Raises OSError.

    Modes do not say it all: root may write everywhere, but not on a read-only disk or in /proc.
    """
    made = [each for each in (folder, *folder.parents) if not os.path.lexists(each)]
    trial = folder / f".{secrets.token_hex(8)}"
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), folder)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(trial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    finally:
        with suppress(OSError):
            trial.unlink(missing_ok=True)
            for each in made:
                each.rmdir()


def _folder(environ: Mapping[str, str], variable: str, default: Path) -> Path:
    return Path(environ[variable]).absolute() if environ.get(variable) else default
