"""The package tool of a host, as an update uses it: what is installed, whole or half; install, remove, keep."""

import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from vmmigrate.appliance.port import Result, Shell
from vmmigrate.errors import ApplianceError, CommandFailed
from vmmigrate.updating.patience import patiently

WHOLE = "ii"


class Busy(ApplianceError):
    """Another program has the lock of the packages."""


@dataclass(frozen=True)
class State:
    """Of one package. `status`: 'ii' is installed whole; else what is the matter with it, in the tool's words."""

    status: str
    version: str

    def __str__(self) -> str:
        return f"{self.version or 'no version'} ({self.status})"


@dataclass(frozen=True)
class Coming:
    """Names of packages. `names`: all that would be installed or made newer; `new`: those that were not installed."""

    names: tuple[str, ...]
    new: tuple[str, ...]


class Tool(Protocol):
    """dpkg or rpm. `audit`: what a person types to see what is half done, and to end it. `name`: of the program.

    `configuration`: a line of the shell that prints the configuration files of the packages "$@". `laid_beside`: the
    endings of files that the tool puts beside edited ones.
    """

    name: str
    audit: str
    configuration: str
    laid_beside: tuple[str, ...]

    def states(self, shell: Shell, names: Sequence[str]) -> dict[str, State]:
        """Those that the tool knows."""

    def rehearse(self, shell: Shell, paths: Sequence[str]) -> None:
        """See that these could be installed together; changes nothing. Raises CommandFailed, Busy."""

    def install(self, shell: Shell, paths: Sequence[str], *, back: bool = False) -> None:
        """All in one transaction. `back`: to a release that is older. Raises CommandFailed, Busy."""

    def fetch(self, shell: Shell, paths: Sequence[str]) -> str:
        """Bring what these need from the repositories into the host's cache; install nothing. What is to be known of
        that, "" for nothing.

        Raises CommandFailed, Busy.
        """

    def coming(self, shell: Shell, paths: Sequence[str]) -> Coming:
        """What these would bring with them, as the tool itself resolves it; changes nothing.

        Raises ApplianceError where some of it is not in the host's cache, CommandFailed, Busy.
        """

    def install_fetched(self, shell: Shell, names: Sequence[str]) -> None:
        """These, of the host's cache alone: no network. Nothing is removed for it. Raises CommandFailed, Busy."""

    def remove(self, shell: Shell, names: Sequence[str], *, purge: bool) -> None:
        """All, or none where something else needs one. `purge`: with what they configured.

        Raises CommandFailed, Busy.
        """

    def complete(self, shell: Shell) -> None:
        """End what another transaction left half done. Raises CommandFailed, Busy."""

    def keep(self, shell: Shell, folder: str, name: str, version: str) -> bool:
        """Whether the installed package could be kept there, as its name with the ending of its kind."""


def differing(tool: Tool, shell: Shell, wanted: Mapping[str, str]) -> str:
    """What is not installed whole in that version, in words; "" where all is. "" as a version: not installed."""
    seen = tool.states(shell, tuple(wanted))
    odd = [
        f"{name} {seen.get(name, 'is not installed')}, {version or 'none'} is wanted"
        for name, version in wanted.items()
        if (seen[name] != State(WHOLE, version) if name in seen else bool(version))
    ]
    return "; ".join(odd)


def run(
    shell: Shell,
    argv: Sequence[str],
    *,
    busy: Callable[[str], bool],
    shown: Sequence[str],
    hint: str,
    fine: Collection[int] = (),
) -> Result:
    """How it ended. Raises Busy where `busy` finds in its words that another program is at work; CommandFailed.

    `shown`: the command as a person reads it; `fine`: statuses with which it has done its work, beside 0.
    """
    done = patiently(shell, argv, check=False)
    if done.status in (0, *fine):
        return done
    words = " ".join((done.stderr or done.stdout).split())
    if busy(words):
        raise Busy(f"on {shell.host} another program works on the packages", hint="see it there: lslocks")
    raise CommandFailed(f"on {shell.host}: {shlex.join(shown)} failed: {words[-600:]}", hint=hint)


@dataclass(frozen=True)
class Keeping:
    """How the installed package is found again. `ending`: of its files; `caches`: folders of downloads.

    `query`: prints name and version of the file that follows. `repack`: makes the package "$2" again in `./repack`.
    """

    ending: str
    caches: tuple[str, ...]
    query: str
    repack: str


# $1: the folder that keeps them, $2: a name, $3: its version. What is there already, what was downloaded, or made again
# of what is installed; status 3: none of these.
_KEEP = """\
set -e
cd "$1"
is() { test -f "$1" && test "$(QUERY "$1" 2>/dev/null)" = "$2"; }
first() { while read -r f; do if is "$f" "$1"; then printf '%s\\n' "$f"; break; fi; done; }
kept=./$2.ENDING
if is "$kept" "$2 $3"; then exit 0; fi
found=$(find CACHES -type f -name "$2[-_]*.ENDING" 2>/dev/null | first "$2 $3")
if test -z "$found"; then
  rm -rf ./repack; mkdir ./repack
  { REPACK; } >&2 || true
  found=$(find ./repack -type f -name '*.ENDING' | first "$2 $3")
fi
test -n "$found" || exit 3
cp "$found" "$kept.part"; mv "$kept.part" "$kept"; sync "$kept"; rm -rf ./repack
"""


def keep(shell: Shell, folder: str, name: str, version: str, how: Keeping) -> bool:
    """Raises CommandFailed, as for a full disk."""
    words = {"QUERY": how.query, "ENDING": how.ending, "CACHES": " ".join(how.caches), "REPACK": how.repack}
    script = _KEEP
    for word, text in words.items():
        script = script.replace(word, text)
    argv = ("sh", "-c", script, "keep", folder, name, version)
    done = patiently(shell, argv, check=False)
    if done.status not in (0, 3):
        said = " ".join(done.stderr.split())
        raise CommandFailed(f"on {shell.host}: {name} {version} cannot be kept: {said}", hint="is its disk full?")
    return done.status == 0
