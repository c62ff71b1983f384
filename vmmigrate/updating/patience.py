"""Run as root on the host what may take long: ended there when its time is over, so that nothing of ours works on."""

import time
from collections.abc import Callable, Sequence
from itertools import dropwhile

from hypervisors import end_in_one_line
from vmmigrate.appliance.port import Result, Shell
from vmmigrate.errors import CommandFailed
from vmmigrate.limits.seconds import TRANSACTION, TRANSACTION_BESIDE

PATIENCE = TRANSACTION.most
_KILLED = 137  # timeout(1): by its SIGKILL, or by another's before that
_SHOWN = 600  # characters of what it said


def patiently(
    shell: Shell, argv: Sequence[str], *, check: bool = True, clock: Callable[[], float] = time.monotonic
) -> Result:
    """What waits for ever (a script that hangs, another's lock) would keep the packages, and the way back with them.

    With all that it started, in its group: asked to end (SIGTERM), dpkg does, and its script may work on.
    Raises CommandFailed, also with `check` off where it was ended or killed.
    """
    bounded = ("timeout", "--signal=KILL", str(PATIENCE), *argv)
    began = clock()
    done = shell.run(bounded, user="root", check=False, timeout=PATIENCE + TRANSACTION_BESIDE.most)
    words = end_in_one_line(done.stderr or done.stdout, _SHOWN)
    if done.status == _KILLED and clock() - began >= PATIENCE:
        raise CommandFailed(
            f"on {shell.host}: {named(argv)} did not end within {PATIENCE // 60} minutes and was ended there: {words}",
            hint="see what it waited for: another program's lock, or a package's script; that tool's log says which",
        )
    if done.status == _KILLED:
        raise CommandFailed(
            f"on {shell.host}: {named(argv)} was killed there (SIGKILL), perhaps for want of memory: {words}",
            hint=f"log in to {shell.host}, and see there as root: journalctl -k, free -m; give it more memory, or swap",
        )
    if check and done.status:
        raise CommandFailed(
            f"on {shell.host}: {named(argv)} ended with status {done.status}: {words}",
            hint=f"log in to {shell.host}, and see there as root: df -h, journalctl",
        )
    return done


def named(argv: Sequence[str]) -> str:
    """A program of ours by its name; another without what is set for it."""
    own = list(dropwhile(lambda word: word == "env" or "=" in word, argv))
    return f"`{own[3] if own[:2] == ['sh', '-c'] and len(own) > 3 else own[0]}`"
