"""The folders and files of this workstation: runs, keys and the configuration."""

import os
import shlex
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path

from hypervisors import Problem
from vmmigrate.findings import Finding, info, missing, warning
from vmmigrate.settings.folders import try_to_write
from vmmigrate.settings.given import NO_FILE
from vmmigrate.settings.load import default_file, load
from vmmigrate.settings.models import Settings
from vmmigrate.show.sizes import size

_ROOM = 2 << 30  # bytes: an archive stays in the runs' folder until `finish`; the largest known are near a GiB


def folder(id_: str, path: Path, variable: str, *, room: int = _ROOM) -> Finding:
    """Writable, private, with free space; if it does not exist yet, its parent folder is checked."""
    there = next(each for each in (path, *path.parents) if _is_there(each))
    quoted = shlex.quote(str(there))
    if not there.is_dir():
        return missing(id_, f"{there} is not a folder", f"move it away: mv {quoted} {quoted}.old", needed=True)
    if not os.access(there, os.W_OK | os.X_OK):
        remedy = f'chown "$USER" {quoted} && chmod u+rwx {quoted}'
        return missing(id_, f"{there} is not writable", remedy, needed=True)
    try:
        try_to_write(path)
    except OSError as error:
        seen = f"{path} cannot be {'written' if there == path else 'created'}: {error.strerror or error}"
        return missing(id_, seen, f"choose another folder with {variable}", needed=True)
    free = shutil.disk_usage(there).free
    if free < room:
        seen = f"{there} has {size(free)} left, a backup may need {size(room)}"
        return warning(id_, seen, f"free some space: df -h {quoted}")
    if there == path and stat.S_IMODE(path.stat().st_mode) & 0o077:
        return warning(id_, f"others may read {path}", f"chmod 700 {quoted}")
    return info(id_, f"{path}: {size(free)} free" + ("" if there == path else ", will be created"))


def _is_there(path: Path) -> bool:
    """False also if it is in a folder that we may not read."""
    try:
        return path.exists()
    except PermissionError:
        return False


def configuration(named: Path | None, environ: Mapping[str, str]) -> tuple[Finding, Settings]:
    """Whether it is valid and nobody else may change it; with the settings, or their defaults if it is invalid.

    The default one is read as every command reads it: in the current folder it may not name all that a named one may.
    """
    id_ = "configuration"
    path = named or default_file()
    try:
        settings = load(named if path.exists() else NO_FILE, {}, environ)
    except Problem as problem:
        return missing(id_, str(problem), problem.hint, needed=True), Settings()
    if not path.exists():
        return warning(id_, f"there is no {path}", "vmmigrate init OLD"), settings
    if path.stat().st_mode & 0o022:
        quoted = shlex.quote(str(path))
        return missing(id_, f"others may change {path}", f"chmod 600 {quoted}", needed=True), settings
    return info(id_, str(path)), settings
