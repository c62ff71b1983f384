"""The package tool of Debian and Ubuntu on the host: dpkg."""

import re
from collections.abc import Sequence

from vmmigrate.appliance.port import Shell
from vmmigrate.errors import ApplianceError
from vmmigrate.updating import tools
from vmmigrate.updating.tools import Coming, Keeping, State

_STATES = ("dpkg-query", "-W", "-f", "${Package}\\t${db:Status-Abbrev}\\t${Version}\\n")
# Nobody is there to be asked; what was edited stays, and the new one is laid beside it (dpkg(1), debconf(7)).
_ENVIRONMENT = (
    "env",
    "LC_ALL=C",
    "DEBIAN_FRONTEND=noninteractive",
    "DEBIAN_PRIORITY=critical",
    "UCF_FORCE_CONFFOLD=1",
)
_KEEP_EDITED = ("--force-confold", "--force-confdef")
_QUIETLY = (*_ENVIRONMENT, "dpkg", *_KEEP_EDITED)
# As the plan asks it: without what is only recommended.
_APT = (
    *("apt-get", "--yes", "--no-remove", "--no-install-recommends"),
    *(f"--option=Dpkg::Options::={option}" for option in _KEEP_EDITED),
)
# apt-get(8): `Inst NAME [OLD VERSION] (VERSION …`; of another architecture NAME:ARCH, which a name alone does not mean.
_COMES = re.compile(r"^Inst (\S+)( \[[^\]\n]*\])? \(", re.MULTILINE)
_ABROAD = re.compile(r"^'(?!file:)\S+' (\S+)", re.MULTILINE)  # what is not in the cache, nor on a disk of the host
_HINT = "see /var/log/dpkg.log and journalctl there; what is half done: dpkg --audit"
_KEEPING = Keeping(
    ending="deb",
    caches=("/var/cache/apt/archives",),
    query="dpkg-deb -W --showformat='${Package} ${Version}'",
    repack='cd ./repack; dpkg-repack "$2"; cd ..',
)


class Dpkg:
    """Of a package that is not installed whole, dpkg's own two letters are its status."""

    name = "dpkg"
    audit = "dpkg --audit; dpkg --configure -a"
    configuration = "dpkg-query -W -f '${Conffiles}\\n' \"$@\" 2>/dev/null | sed -n 's/^ \\(\\/[^ ]*\\) .*/\\1/p'"
    laid_beside: tuple[str, ...] = (".dpkg-dist", ".dpkg-new", ".ucf-dist")

    def states(self, shell: Shell, names: Sequence[str]) -> dict[str, State]:
        said = shell.run((*_STATES, *names), user="root", check=False).stdout
        lines = [line.split("\t") for line in said.splitlines() if line.count("\t") == 2]
        found = {name: State(status.strip(), version) for name, status, version in lines}
        return {name: state for name, state in found.items() if state.status[1:2] not in ("n", "c")}

    def rehearse(self, shell: Shell, paths: Sequence[str]) -> None:
        _run(shell, "--simulate", "--install", *paths)

    def install(self, shell: Shell, paths: Sequence[str], *, back: bool = False) -> None:
        _run(shell, *(("--force-downgrade",) if back else ()), "--install", *paths)

    def fetch(self, shell: Shell, paths: Sequence[str]) -> str:
        """By apt, whose lists are renewed first."""
        _apt(shell, "apt-get", "update")
        _apt(shell, *_APT, "--download-only", "install", *paths)
        return ""

    def coming(self, shell: Shell, paths: Sequence[str]) -> Coming:
        if gone := _ABROAD.findall(_apt(shell, *_APT, "--print-uris", "install", *paths)):
            raise ApplianceError(f"on {shell.host}: not in apt's cache: {', '.join(gone)}", hint="fetch them again")
        found = _COMES.findall(_apt(shell, *_APT, "--simulate", "install", *paths))
        return Coming(
            tuple(name for name, _ in found), tuple(name for name, old in found if not old and ":" not in name)
        )

    def install_fetched(self, shell: Shell, names: Sequence[str]) -> None:
        """Marked as what other packages need, as apt does by itself: so `autoremove` knows it."""
        _apt(shell, *_APT, "--no-download", "--option=APT::Get::Mark-Auto=true", "install", *names)

    def remove(self, shell: Shell, names: Sequence[str], *, purge: bool) -> None:
        """Tried first: one that cannot go would be marked, and go as soon as it can."""
        act = "--purge" if purge else "--remove"
        for words in (("--simulate", act), (act,)):
            _run(shell, *words, *names)

    def complete(self, shell: Shell) -> None:
        _run(shell, "--configure", "-a")

    def keep(self, shell: Shell, folder: str, name: str, version: str) -> bool:
        return tools.keep(shell, folder, name, version, _KEEPING)


def _run(shell: Shell, *words: str) -> None:
    tools.run(shell, (*_QUIETLY, *words), busy=_is_locked, shown=("dpkg", *words), hint=_HINT)


def _apt(shell: Shell, *words: str) -> str:
    return tools.run(shell, (*_ENVIRONMENT, *words), busy=_is_locked, shown=words, hint=_HINT).stdout


def _is_locked(said: str) -> bool:
    return "lock" in said and ("another process" in said or "held by process" in said)
