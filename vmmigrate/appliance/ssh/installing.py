"""Put files in place by one command: their content is its standard input, so that no argument shows a key."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from posixpath import basename, dirname

from vmmigrate.appliance import entering
from vmmigrate.appliance.port import NewFile

_QUIET = "status=none"  # without dd's statistics: they would fill the words that a failure shows (coreutils 8.20)
_PERMISSIONS = 0o777  # of a mode: no new file becomes another user for whoever runs it


@dataclass(frozen=True)
class _Folder:
    """What goes into one, by the name that each has in the private folder while it is written."""

    path: str
    private: str
    files: dict[str, NewFile]


def script(files: Sequence[NewFile], folders: Sequence[str], mark: str) -> str:
    """For sh as root. Each file is written to the disk for root alone, within its folder; then all are moved.

    `read` and `dd` consume exactly one line and one block, so the rest of the input is left for the next of them.
    A mark precedes the files: if sudo asks no password for this command (NOPASSWD), the password that was sent is still
    the first line of the input, and is skipped. A second mark follows the files: if the connection breaks off before
    it, no file is moved. A file that was not moved is removed, because it may be a key.
    """
    at_mark = f'test "$l" = {mark}'
    places = _by_folder(files)
    acts = [
        *([_line("mkdir", "-p", *folders)] if folders else ()),
        "umask 077",
        *(act for place in places for act in _written(place)),
        "read -r l",
        at_mark,
        *(act for place in places for act in _moved(place)),
    ]
    begin = f"read -r l; {at_mark} || read -r l; {at_mark} || exit 99"
    return f"{begin}; {entering.line(acts, *(entering.removed(place.path, place.private) for place in places))}"


def stream(files: Sequence[NewFile], mark: str) -> bytes:
    """What the script reads."""
    line = f"{mark}\n".encode()
    return line + b"".join(file.data for place in _by_folder(files) for file in place.files.values()) + line


def _by_folder(files: Sequence[NewFile]) -> list[_Folder]:
    found: dict[str, dict[str, NewFile]] = {}
    for number, file in enumerate(files):
        found.setdefault(dirname(file.path), {})[f"./{number}"] = file
    return [_Folder(path, entering.private_name(), inside) for path, inside in found.items()]


def _written(place: _Folder) -> Iterator[str]:
    yield from entering.entered(place.path)
    yield from entering.made_private(place.path, place.private)
    for name, file in place.files.items():
        size = len(file.data)
        block = (f"bs={size}", "count=1") if size else ("bs=1", "count=0")
        yield _line("dd", f"of={name}", *block, "iflag=fullblock", "conv=fsync", _QUIET)
        yield _line("chown", f"{file.meta.owner}:{file.meta.group}", name)
        yield _line("chmod", _mode(file), name)


def _moved(place: _Folder) -> Iterator[str]:
    """A rename follows no link, neither there nor here; afterwards it is seen to be there."""
    yield from entering.gone_back(place.path, place.private)
    for name, file in place.files.items():
        there = f"../{basename(file.path)}"
        yield _line("mv", "-f", "-T", name, there)
        whose = ("-user", file.meta.owner, "-group", file.meta.group, "-perm", _mode(file))
        yield f'test "$({_line("find", there, "-prune", "-type", "f", *whose)})" = {shlex.quote(there)}'


def _mode(file: NewFile) -> str:
    return f"{int(file.meta.mode, 8) & _PERMISSIONS:04o}"


def _line(*words: str) -> str:
    return shlex.join(words)
