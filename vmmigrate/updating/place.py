"""The folder of one update on the host itself, and the claim beside it: who updates this host just now."""

from vmmigrate.appliance.port import FileMeta, NewFile, Shell
from vmmigrate.errors import Guarded

FOLDER = "/var/lib/vmmigrate"  # it outlives a boot, as an update may
CLAIM = f"{FOLDER}/claim"
_META = FileMeta("0600", "root", "root")


def folder_of(run_id: str) -> str:
    return f"{FOLDER}/{run_id}"


def claim(shell: Shell, run_id: str, words: str) -> None:
    """Compare and set: a hard link appears with what it holds, or not at all. Raises Guarded for another run's claim.

    `words`: what an administrator reads who finds it.
    """
    mine = f"{folder_of(run_id)}/claim"
    shell.install(NewFile(mine, f"{run_id} {words}\n".encode(), _META), folders=(folder_of(run_id),))
    shell.run(("chmod", "0700", FOLDER, folder_of(run_id)), user="root")
    shell.run(("ln", "-T", mine, CLAIM), user="root", check=False)
    holder = claimed_by(shell)
    if holder.split()[:1] != [run_id]:
        raise taken(shell, holder)


def taken(shell: Shell, holder: str) -> Guarded:
    return Guarded(
        f"{shell.host} is claimed by another update: {holder or 'its claim cannot be read'}",
        hint=f"if nobody works on that any more, on the host, as root: rm {CLAIM}; then run this again",
    )


def claimed_by(shell: Shell) -> str:
    """The words of the claim; "" where there is none."""
    return shell.run(("cat", CLAIM), user="root", check=False).stdout.strip()


def release(shell: Shell, run_id: str) -> None:
    """The claim, if it is ours, and all that the run has put on the host."""
    if claimed_by(shell).split()[:1] == [run_id]:
        shell.run(("rm", "-f", CLAIM), user="root")
    shell.run(("rm", "-rf", folder_of(run_id)), user="root")
