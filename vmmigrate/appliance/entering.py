"""Lines of sh that act in a folder of a guest where somebody else may write: no link leads root elsewhere.

Each program looks a path up for itself, so whoever may write in a folder or above it can put a link in its place
between two of them. A shell that has entered a folder stays in it, wherever its name leads by then. So each act enters
first, sees from inside where it is, and names files from there. What is written is written in a folder within that one,
made with an unguessable name for root alone: nobody else can move it to another place or change what is in it.
"""

import secrets
import shlex
from collections.abc import Sequence
from posixpath import join

_OURS = ".vmmigrate-new."
_SWEEP = f"rm -rf ./{_OURS}*"  # what a guest keeps that went down in between


def private_name() -> str:
    """For a folder that is made, used and removed by one line."""
    return _OURS + secrets.token_hex(8)


def entered(folder: str) -> list[str]:
    """Go there. Fails where it or a folder above it is a link, or if everybody may write in it: `w` then has words."""
    why = f"{folder} is a link, or below one, or everybody may write in it"
    return [
        f"w={shlex.quote(why)}",
        *_in(folder),
        'test "$(find . -prune -perm -0002)" = ""',
        "w=",
    ]


def made_private(folder: str, name: str) -> list[str]:
    """In a folder that was entered: make that one for root alone, and go into it."""
    return [
        _SWEEP,
        _line("mkdir", "-m", "700", f"./{name}"),
        *gone_back(folder, name),
    ]


def gone_back(folder: str, name: str) -> list[str]:
    """Into what `made_private` made."""
    return _in(join(folder, name))


def removed(folder: str, name: str) -> str:
    """Whatever came of it."""
    return f"{_line('cd', '-P', '--', folder)} && {_line('rm', '-rf', f'./{name}')}"


def swept(folder: str) -> str:
    """Of all that was left behind there."""
    return f"{_line('cd', '-P', '--', folder)} && {_SWEEP}"


def line(acts: Sequence[str], *at_last: str) -> str:
    """Until one fails; `at_last` in any case. What `entered` has to say goes to the error output."""
    said = 's=$?; test "$w" = "" || echo "$w" >&2'
    return "; ".join(("w=", " && ".join(acts), said, *at_last, "exit $s"))


def _in(folder: str) -> list[str]:
    """`env pwd`: the shell's own may have worked out its answer before it went there (bash)."""
    return [_line("cd", "-P", "--", folder), f'test "$(env pwd -P)" = {shlex.quote(folder)}']


def _line(*words: str) -> str:
    return shlex.join(words)
