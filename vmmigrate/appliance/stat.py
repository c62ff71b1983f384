"""A file's mode and owner in a guest: how they are asked for, and read."""

import re

from vmmigrate.appliance.port import FileMeta, Result
from vmmigrate.errors import CommandFailed

QUESTION = ("stat", "-c", "%a %U %G")  # and the path
_ANSWER = re.compile(r"([0-7]{1,5}) ([^\s:/]+) ([^\s:/]+)\s*")  # names that can be given to chown


def meta_of(host: str, path: str, said: Result) -> FileMeta | None:
    """None where there is no such file. Raises CommandFailed for an answer of another shape."""
    if said.status != 0:
        return None
    found = _ANSWER.fullmatch(said.stdout)
    if found is None:
        raise CommandFailed(
            f"on {host}: `{' '.join(QUESTION[:2])} '{QUESTION[2]}' {path}` printed something else",
            hint=f"is that machine's `stat` the distribution's? see it there: stat {path}",
        )
    return FileMeta(found[1].zfill(4), found[2], found[3])
