"""The configuration file of the current folder: not where others can have put it there; it uses nothing stored."""

import grp
import os
import pwd
import re
import shlex
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vmmigrate.errors import UsageProblem

HERE = Path("vmmigrate.toml")
_SOURCES = ("command", "env", "file", "keyring")  # of secrets; and the file of a backup
_IS_SECRET = re.compile(r"VMMIGRATE_(?:(?!__).)+_(?:PASSWORD|PASSPHRASE)")


def refuse_foreign(path: Path) -> None:
    """Raises UsageProblem where another user owns the file or its folder, or may write to it."""
    file = path.resolve()
    for each in dict.fromkeys((path.absolute().parent, file.parent, file)):
        if why := foreign(each.stat()):
            raise UsageProblem(
                f"{path.absolute()} is not read, because {each} {why}",
                hint=f"if you trust it: --config {shlex.quote(str(path.absolute()))}; else start in another folder",
            )


def refuse_secrets(path: Path, data: Mapping[str, Any], environ: Mapping[str, str], own: Path) -> None:
    """Raises UsageProblem where what is stored would go to the machines that it names, or a program would be started.

    A folder that was unpacked or copied brings its file along: what a person types goes where the question says.
    """
    named = ", ".join((*_sources(data, ()), *filter(_is_stored, environ)))
    if named:
        raise UsageProblem(
            f"{path.absolute()} was found in the current folder only, and would say where passwords, files or programs"
            f" of yours are used ({named})",
            hint=f"if you trust it: --config {shlex.quote(str(path.absolute()))}; your own is {own}",
        )


def foreign(seen: os.stat_result) -> str:
    """Who else owns it or may write to it, in words; "" where nobody but this user and root can."""
    if seen.st_uid not in (os.geteuid(), 0):
        return f"belongs to {_user(seen.st_uid)}"
    if seen.st_mode & stat.S_IWOTH:
        return "can be written by everybody"
    if seen.st_mode & stat.S_IWGRP and not _is_private(seen.st_gid):
        return "can be written by its group"
    return ""


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"the user {number}"


def _is_private(group: int) -> bool:
    """Whether the group has this user alone (useradd's user private groups; the same rule as Debian's OpenSSH)."""
    try:
        found, user = grp.getgrgid(group), pwd.getpwuid(os.geteuid())
    except KeyError:
        return False
    return found.gr_name == user.pw_name and set(found.gr_mem) <= {user.pw_name}


def _is_stored(variable: str) -> bool:
    """Whether it has a secret, or is a setting that says where one is."""
    words = variable.lower().split("__")
    is_source = variable.startswith("VMMIGRATE_") and not set(words[1:]).isdisjoint(_SOURCES)
    return is_source or _IS_SECRET.fullmatch(variable) is not None


def _sources(data: object, path: tuple[str, ...]) -> Iterator[str]:
    """The paths of all settings by which something of this workstation is read, sent, or started."""
    for name, value in data.items() if isinstance(data, Mapping) else ():
        if name in _SOURCES:
            yield ".".join((*path, name))
        else:
            yield from _sources(value, (*path, str(name)))
