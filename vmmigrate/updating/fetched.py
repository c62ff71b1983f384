"""Which packages came from the host's repositories for an update: compared with the names that were there before."""

from vmmigrate.appliance.port import Shell
from vmmigrate.updating.place import PATIENCE

# $1: the file. Once: after a crash the fetch may have been half done.
_NOTE = 'test -s "$1" || { { LISTING; } | sort -u > "$1.part" && sync "$1.part" && mv "$1.part" "$1"; }'
_SINCE = '{ LISTING; } | sort -u | comm -13 "$1" -'


def note(shell: Shell, path: str, listing: str) -> None:
    """The names that are installed, before anything is fetched."""
    shell.run(("sh", "-c", _NOTE.replace("LISTING", listing), "note", path), user="root", timeout=PATIENCE)


def since(shell: Shell, path: str, listing: str) -> tuple[str, ...]:
    """The names that came since. Raises CommandFailed where none were noted."""
    argv = ("sh", "-c", _SINCE.replace("LISTING", listing), "since", path)
    return tuple(shell.run(argv, user="root", timeout=PATIENCE).stdout.split())
