"""The package tool of Debian and Ubuntu on the host: dpkg."""

from collections.abc import Sequence

from vmmigrate.appliance.port import Shell
from vmmigrate.updating import tools
from vmmigrate.updating.tools import Keeping, State

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
_APT = ("apt-get", "--yes", "--no-remove", *(f"--option=Dpkg::Options::={option}" for option in _KEEP_EDITED))
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
    listing = "dpkg-query -W -f '${db:Status-Abbrev}${Package}\\n' | sed -n 's/^ii //p'"
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

    def fetch(self, shell: Shell, paths: Sequence[str]) -> None:
        """By apt, whose lists are renewed first."""
        _apt(shell, "apt-get", "update")
        _apt(shell, *_APT, "--download-only", "install", *paths)

    def install_with_dependencies(self, shell: Shell, paths: Sequence[str]) -> None:
        _apt(shell, *_APT, "install", *paths)

    def remove(self, shell: Shell, names: Sequence[str]) -> None:
        """Tried first: one that cannot go would be marked, and go as soon as it can."""
        for words in (("--simulate", "--purge"), ("--purge",)):
            _run(shell, *words, *names)

    def complete(self, shell: Shell) -> None:
        _run(shell, "--configure", "-a")

    def keep(self, shell: Shell, folder: str, name: str, version: str) -> bool:
        return tools.keep(shell, folder, name, version, _KEEPING)


def _run(shell: Shell, *words: str) -> None:
    tools.run(shell, (*_QUIETLY, *words), busy=_is_locked, shown=("dpkg", *words), hint=_HINT)


def _apt(shell: Shell, *words: str) -> None:
    tools.run(shell, (*_ENVIRONMENT, *words), busy=_is_locked, shown=words, hint=_HINT)


def _is_locked(said: str) -> bool:
    return "lock" in said and ("another process" in said or "held by process" in said)
