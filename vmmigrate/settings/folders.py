"""The folders of runs and keys on this workstation; light, because the shell's completion uses it too."""

from collections.abc import Mapping
from pathlib import Path

import platformdirs


def runs_folder(environ: Mapping[str, str]) -> Path:
    return _folder(environ, "VMMIGRATE_RUNS_FOLDER", platformdirs.user_state_path("vmmigrate") / "runs")


def keys_folder(environ: Mapping[str, str]) -> Path:
    return _folder(environ, "VMMIGRATE_KEYS_FOLDER", platformdirs.user_config_path("vmmigrate") / "keys")


def run_ids(folder: Path) -> tuple[str, ...]:
    """The ids of all runs there, oldest first. Raises OSError where the folder cannot be read."""
    if not folder.is_dir():
        return ()
    return tuple(sorted(path.name for path in folder.iterdir() if _is_run(path)))


def _is_run(path: Path) -> bool:
    """Also one that cannot be looked into: it may be, and whoever reads it says why not."""
    try:
        return (path / "journal.jsonl").exists()
    except OSError:
        return True


def _folder(environ: Mapping[str, str], variable: str, default: Path) -> Path:
    return Path(environ[variable]).absolute() if environ.get(variable) else default
