"""Bring files to the host, and keep copies there of what an update may change: digests compared, on the disk."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vmmigrate.appliance.port import Shell
from vmmigrate.errors import ApplianceError
from vmmigrate.updating.logs import DROP_INS
from vmmigrate.updating.patience import PATIENCE, patiently

# $1: the archive, then the packages. Their configuration files, and what is known to be set by hand beside them.
_SAVE = """\
set -e
umask 077
archive=$1; shift
rm -f "$archive.part"
{ CONFIGURATION
  for f in /etc/postfix/main.cf /etc/postfix/master.cf /etc/tomcat*/server.xml /etc/default/tomcat* \\
    /etc/sysconfig/tomcat* DROP_INS; do printf '%s\\n' "$f"; done
  find /usr/share/djigzo/conf -type f -name '*.properties' 2>/dev/null
} | sort -u | while read -r f; do if test -f "$f"; then printf '%s\n' "${f#/}"; fi; done > "$archive.list"
tar -C / -cpf "$archive.part" -T "$archive.list"
tar -tf "$archive.part" | cmp - "$archive.list"
sync "$archive.part"
mv "$archive.part" "$archive"
"""


@dataclass(frozen=True)
class Brought:
    """A file of this workstation, where it is to lie on the host, and its SHA-256, hex."""

    local: Path
    remote: str
    sha256: str


def upload(shell: Shell, files: Sequence[Brought]) -> None:
    """Raises ApplianceError where what arrived is another. Nothing is sent twice that is there already."""
    there = digests(shell, [file.remote for file in files])
    coming = [file for file in files if there.get(file.remote) != file.sha256]
    for file in coming:
        with file.local.open("rb") as source:
            argv = ("dd", f"of={file.remote}.part", "bs=1M", "conv=fsync", "status=none")
            shell.give(argv, source, timeout=PATIENCE)
    arrived = digests(shell, [f"{file.remote}.part" for file in coming])
    for file in coming:
        if arrived.get(f"{file.remote}.part") != file.sha256:
            raise ApplianceError(
                f"{file.local.name} arrived on {shell.host} as another file",
                hint="is its disk full? free some room there",
            )
    if coming:
        shell.run(("sh", "-c", _PLACE, "place", *(file.remote for file in coming)), user="root")


_PLACE = 'for f in "$@"; do mv -f -T "$f.part" "$f" || exit; done'


def digests(shell: Shell, paths: Sequence[str]) -> dict[str, str]:
    """SHA-256, hex, by path; of what is not there none."""
    if not paths:
        return {}
    said = patiently(shell, ("sha256sum", *paths), check=False).stdout
    found = (line.split("  ", 1) for line in said.splitlines() if line[64:66] == "  ")
    return {path: digest for digest, path in found}


def save_settings(shell: Shell, archive: str, configuration: str, packages: Sequence[str]) -> None:
    """The packages' configuration files, main.cf, master.cf, Tomcat's, the console's properties [F-CONSOLE-5], and an
    earlier update's limits of the log, with mode and owner, in one tar.

    `configuration`: a line of the shell that prints the first, of the packages "$@".
    """
    script = _SAVE.replace("CONFIGURATION", configuration).replace("DROP_INS", " ".join(DROP_INS))
    patiently(shell, ("sh", "-c", script, "save", archive, *packages))


# $1: the archive, $2…: endings. What was put beside the archive's files after it was made: by the time of the inode,
# as the other time is the package's.
_BESIDE = """\
archive=$1; shift
sed 's|^|/|' "$archive.list" | while read -r f; do
  for ending in "$@"; do
    if test -f "$f$ending"; then find "$f$ending" -cnewer "$archive"; fi
  done
done
"""


def laid_beside(shell: Shell, archive: str, endings: Sequence[str]) -> tuple[str, ...]:
    """The new release's configuration files that a package tool has put beside edited ones."""
    argv = ("sh", "-c", _BESIDE, "beside", archive, *endings)
    return tuple(patiently(shell, argv).stdout.splitlines())


def restore_settings(shell: Shell, archive: str) -> None:
    """Each as it was; a file that came since stays."""
    patiently(shell, ("tar", "-C", "/", "--same-owner", "-xpf", archive))
