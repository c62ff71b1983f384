"""What a host of .rpm packages has its repositories by: dnf, or zypper on SUSE, where dnf may be installed too."""

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Protocol

from vmmigrate.appliance.port import Result, Shell
from vmmigrate.errors import ApplianceError
from vmmigrate.updating import tools
from vmmigrate.updating.tools import Coming

HINT = "see /var/log/dnf.rpm.log, /var/log/zypp/history and journalctl there; what is installed: rpm -q djigzo"
_ENGLISH = ("env", "LC_ALL=C")
# The files themselves are the operator's, whose digests were compared.
_DNF = ("dnf", "--assumeyes", "--setopt=install_weak_deps=False", "--setopt=localpkg_gpgcheck=False")
_ZYPPER, _ALONE = ("zypper", "--non-interactive"), ("--no-recommends", "--allow-unsigned-rpm")
_SKIPPED = 106  # of zypper: all is done, but a repository could not be read, and was left out
_LEFT_OUT = re.compile(r"Skipping repository '([^'\n]{1,200})'")
_TO_DOWNLOAD = re.compile(r'<install-summary download-size="([1-9][0-9]{0,18})"')
# dnf's table of a transaction: a heading, then a line for each package that begins with one space. zypper's is XML.
_HEADING = re.compile(r"^(Installing|Upgrading)[^:\n]*:\n((?: .*\n)*)", re.MULTILINE)
_ROW = re.compile(r"^ (\S+)", re.MULTILINE)
_SOLVABLE = re.compile(r'</?(to-[a-z-]{1,30})>|<solvable type="package" name="([^"]+)"')


class Repositories(Protocol):
    """See `Tool`. `installs`: the command that installs the names after it, of the host's cache alone."""

    installs: tuple[str, ...]

    def fetch(self, shell: Shell, paths: Sequence[str]) -> str: ...

    def coming(self, shell: Shell, paths: Sequence[str]) -> Coming: ...


class Dnf:
    installs: tuple[str, ...] = (*_DNF, "--cacheonly", "install")

    def fetch(self, shell: Shell, paths: Sequence[str]) -> str:
        _run(shell, (*_DNF, "--downloadonly", "install", *paths))
        return ""

    def coming(self, shell: Shell, paths: Sequence[str]) -> Coming:
        """It goes as far as its cache has all."""
        said = _run(shell, (*_DNF, "--cacheonly", "--downloadonly", "install", *paths)).stdout
        return _resolved([(word, _ROW.findall(rows)) for word, rows in _HEADING.findall(said)])


class Zypper:
    installs: tuple[str, ...] = (*_ZYPPER, "--no-refresh", "install", *_ALONE)

    def fetch(self, shell: Shell, paths: Sequence[str]) -> str:
        """It says on either stream what it has left out."""
        words = (*_ZYPPER, "install", "--download-only", *_ALONE, *paths)
        done = _run(shell, words, ("sh", "-c", 'exec "$@" 2>&1', "zypper"), fine=(_SKIPPED,))
        left_out = ", ".join(dict.fromkeys(_LEFT_OUT.findall(done.stdout)))
        if left_out:
            return f"zypper could not read the repository {left_out}, and went on without it"
        unnamed = "zypper could not read a repository (which one it does not say), and went on without it"
        return unnamed if done.status == _SKIPPED else ""

    def coming(self, shell: Shell, paths: Sequence[str]) -> Coming:
        """What its cache lacks it would still have to download: only how much that is does it say."""
        words = (*_ZYPPER, "--no-refresh", "--xmlout", "install", "--dry-run", *_ALONE, *paths)
        said = _run(shell, words, fine=(_SKIPPED,)).stdout
        if left := _TO_DOWNLOAD.search(said):
            raise ApplianceError(
                f"on {shell.host}: not all is in zypper's cache: {left[1]} bytes are not", hint="fetch them again"
            )
        return _resolved(list(_by_heading(said)))


def is_locked(said: str) -> bool:
    return "transaction lock" in said


def _run(shell: Shell, argv: tuple[str, ...], before: tuple[str, ...] = (), fine: Collection[int] = ()) -> Result:
    return tools.run(shell, (*_ENGLISH, *before, *argv), busy=is_locked, shown=argv, hint=HINT, fine=fine)


def _by_heading(said: str) -> Iterator[tuple[str, list[str]]]:
    """Of zypper's summary: each package below the element that it stands in."""
    heading = ""
    for tag, name in _SOLVABLE.findall(said):
        heading = "" if tag and heading else tag or heading
        if name and heading in ("to-install", "to-upgrade"):
            yield heading.removeprefix("to-"), [name]


def _resolved(found: Sequence[tuple[str, list[str]]]) -> Coming:
    """`found`: what is done, and to which packages."""
    names = tuple(name for _, rows in found for name in rows)
    return Coming(names, tuple(name for word, rows in found if word.lower().startswith("install") for name in rows))
