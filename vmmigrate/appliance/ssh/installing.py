"""Files put in place by one command: what they hold comes as its standard input, so that no argument shows a key."""

import shlex
from collections.abc import Sequence

from vmmigrate.appliance.port import NewFile, fresh


def script(files: Sequence[NewFile], folders: Sequence[str], mark: str) -> str:
    """For sh as root. Each file is written beside its place, to the disk, for root alone; then all take their places.

    Line and block reads take no byte too many. The mark comes before the files, because a sudo that asks this account
    for no password leaves it there to be read (a NOPASSWD for this very command); and behind them, so that where the
    connection breaks off nothing takes its place. What cannot take its place does not stay beside it: it may be a key.
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
    return _line("dd", f"of={fresh(file.path)}", *block, "iflag=fullblock", "conv=fsync")


def _line(*words: str) -> str:
    return shlex.join(words)
