"""What an account's login shell is like, by a canary before its first command, and how to speak to it."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

_RESTRICTED = frozenset({"rbash", "rksh", "rzsh", "lshell"})
# Shells whose quoting is not sh's. Within single quotes csh expands `!` and stops at a newline, and fish takes a
# backslash before another one or before the quote; every other character is literal to each of them.
_OTHERS = frozenset({"csh", "tcsh", "fish"})
_UNSAFE_THERE = re.compile(r"[!\n\r]|\\[\\']")


@dataclass(frozen=True)
class LoginShell:
    """`path` as sshd gives it in $SHELL ('' if it does not); `noisy`: it prints something of its own each time."""

    path: str
    noisy: bool

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name

    @property
    def is_restricted(self) -> bool:
        return self.name in _RESTRICTED

    def quoted(self, argv: Sequence[str]) -> str:
        """A line that this shell reads as these words."""
        line = shlex.join(argv)
        return line if self.name not in _OTHERS or reads_as_sh(line) else _through_sh(line)


def reads_as_sh(line: str) -> bool:
    """Whether every shell reads the line as sh does."""
    return not _UNSAFE_THERE.search(line)


def canary(nonce: str) -> str:
    """A command that every shell has as a builtin, so it needs no process: only a shell answers it."""
    return f"echo {nonce} $SHELL"


def heard(nonce: str, stdout: bytes) -> tuple[LoginShell, bytes] | None:
    """What answered and what came after it; None if no shell answered."""
    noise, found, rest = stdout.partition(nonce.encode())
    if not found:
        return None
    path, _, rest = rest.partition(b"\n")
    return LoginShell(path.decode("utf-8", "replace").strip(), bool(noise)), rest


def _through_sh(line: str) -> str:
    """The line for sh, encoded so that it has no character that another shell reads differently."""
    spelt = "".join(chr(byte) if _is_plain(byte) else f"\\0{byte:03o}" for byte in line.encode())
    return f"""sh -c 'eval "$(printf %b "{spelt}")"'"""


def _is_plain(byte: int) -> bool:
    return chr(byte).isascii() and (chr(byte).isalnum() or chr(byte) in " ./,=_-")
