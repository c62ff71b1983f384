"""Put files in place by one command: their content is its standard input, so that no argument shows a key."""

import shlex
from collections.abc import Sequence

from vmmigrate.appliance.port import NewFile, fresh

_QUIET = "status=none"  # without dd's statistics: they would fill the words that a failure shows (coreutils 8.20)


def script(files: Sequence[NewFile], folders: Sequence[str], mark: str) -> str:
    """For sh as root. Each file is written to the disk beside its place, readable only by root; then all are moved.

    `read` and `dd` consume exactly one line and one block, so the rest of the input is left for the next of them.
    A mark precedes the files: if sudo asks no password for this command (NOPASSWD), the password that was sent is still
    the first line of the input, and is skipped. A second mark follows the files: if the connection breaks off before
    it, no file is moved. A file that was not moved is removed, because it may be a key.
    """
    beside = [fresh(file.path) for file in files]
    at_mark = f'test "$l" = {mark}'
    acts = [
        *([_line("mkdir", "-p", *folders)] if folders else ()),
        "umask 077",
        _line("rm", "-f", *beside),
        *(_written(file) for file in files),
        "read -r l",
        at_mark,
        *(_line("chown", f"{file.meta.owner}:{file.meta.group}", fresh(file.path)) for file in files),
        *(_line("chmod", file.meta.mode, fresh(file.path)) for file in files),
        *(_line("mv", "-f", "-T", fresh(file.path), file.path) for file in files),
    ]
    begin = f"read -r l; {at_mark} || read -r l; {at_mark} || exit 99"
    return f"{begin}; {' && '.join(acts)}; s=$?; {_line('rm', '-f', *beside)}; exit $s"


def stream(files: Sequence[NewFile], mark: str) -> bytes:
    """What the script reads."""
    line = f"{mark}\n".encode()
    return line + b"".join(file.data for file in files) + line


def _written(file: NewFile) -> str:
    size = len(file.data)
    block = (f"bs={size}", "count=1") if size else ("bs=1", "count=0")
    return _line("dd", f"of={fresh(file.path)}", *block, "iflag=fullblock", "conv=fsync", _QUIET)


def _line(*words: str) -> str:
    return shlex.join(words)
