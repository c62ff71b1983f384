"""The configuration file of the current folder: read where nobody else can have put it there; it starts nothing."""

import grp
import os
import pwd
import shlex
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vmmigrate.errors import UsageProblem

HERE = Path("vmmigrate.toml")


def refuse_foreign(path: Path) -> None:
    """Raises UsageProblem where another user owns the file or its folder, or may write to it."""
    file = path.resolve()
    for each in dict.fromkeys((path.absolute().parent, file.parent, file)):
        if why := foreign(each.stat()):
            raise UsageProblem(
                f"{path.absolute()} is not read, because {each} {why}",
                hint=f"if you trust it: --config {shlex.quote(str(path.absolute()))}; else start in another folder",
            )


def refuse_programs(path: Path, data: Mapping[str, Any], own: Path) -> None:
    """Raises UsageProblem where it names a program: a folder that was unpacked or copied brings its file along."""
    named = ", ".join(_programs(data, ()))
    if named:
        raise UsageProblem(
            f"{path.absolute()} names a program to run ({named}), and was found in the current folder only",
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


def _programs(data: object, path: tuple[str, ...]) -> Iterator[str]:
    """The paths of all settings called `command`: only sources of secrets have one."""
    for name, value in data.items() if isinstance(data, Mapping) else ():
        if name == "command":
            yield ".".join((*path, name))
        else:
            yield from _programs(value, (*path, str(name)))
