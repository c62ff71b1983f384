"""The package tool of Debian and Ubuntu on the host: what is installed, whole or half; install, remove, keep."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vmmigrate.appliance.port import Result, Shell
from vmmigrate.errors import ApplianceError, CommandFailed
from vmmigrate.updating.place import PATIENCE

_STATES = ("dpkg-query", "-W", "-f", "${Package}\\t${db:Status-Abbrev}\\t${Version}\\n")
_WHOLE = "ii"
# Nobody is there to be asked; what was edited stays, and the new one is laid beside it (dpkg(1), debconf(7)).
_QUIETLY = (
    "env",
    "LC_ALL=C",
    "DEBIAN_FRONTEND=noninteractive",
    "DEBIAN_PRIORITY=critical",
    "UCF_FORCE_CONFFOLD=1",
    "dpkg",
    "--force-confold",
    "--force-confdef",
)
_CACHE = "/var/cache/apt/archives"


@dataclass(frozen=True)
class State:
    """Of one package. `status`: dpkg's two letters, what is wanted and what is so: 'ii' is installed whole."""

    status: str
    version: str

    def __str__(self) -> str:
        return f"{self.version or 'no version'} ({self.status})"


def states(shell: Shell, names: Sequence[str]) -> dict[str, State]:
    """Those of which dpkg knows anything."""
    said = shell.run((*_STATES, *names), user="root", check=False).stdout
    lines = [line.split("\t") for line in said.splitlines() if line.count("\t") == 2]
    found = {name: State(status.strip(), version) for name, status, version in lines}
    return {name: state for name, state in found.items() if state.status[1:2] not in ("n", "c")}


def differing(shell: Shell, wanted: Mapping[str, str]) -> str:
    """What is not installed whole in that version, in words; "" where all is. "" as a version: not installed."""
    seen = states(shell, tuple(wanted))
    odd = [
        f"{name} {seen.get(name, 'is not installed')}, {version or 'none'} is wanted"
        for name, version in wanted.items()
        if (seen[name] != State(_WHOLE, version) if name in seen else bool(version))
    ]
    return "; ".join(odd)


def installing(paths: Sequence[str], *, back: bool = False) -> tuple[str, ...]:
    """All in one transaction. `back`: to a release that is older."""
    return (*_QUIETLY, *(("--force-downgrade",) if back else ()), "--install", *paths)


def removing(names: Sequence[str]) -> tuple[str, ...]:
    return (*_QUIETLY, "--purge", *names)


CONFIGURING = (*_QUIETLY, "--configure", "-a")


def run(shell: Shell, argv: Sequence[str]) -> Result:
    """Raises Busy while another program has dpkg's lock; CommandFailed with dpkg's own words."""
    done = shell.run(argv, user="root", check=False, timeout=PATIENCE)
    if done.status and "lock" in done.stderr and "another process" in done.stderr:
        raise Busy(f"on {shell.host} another program works on the packages", hint="see it there: lslocks")
    if done.status:
        words = " ".join((done.stderr or done.stdout).split())[-600:]
        raise CommandFailed(
            f"on {shell.host}: {shlex.join(argv[len(_QUIETLY) :])} failed: {words}",
            hint="see /var/log/dpkg.log and journalctl there; what is half done: dpkg --audit",
        )
    return done


class Busy(ApplianceError):
    """Another program has the lock of the packages."""


# $1: the folder that keeps them, $2: a name, $3: its version. What is there already, the cache of apt, or made again of
# what is installed; status 3: none of these.
_KEEP = """\
set -e
cd "$1"
is() { test -f "$1" && test "$(dpkg-deb -W --showformat='${Package} ${Version}' "$1" 2>/dev/null)" = "$2"; }
if is "./$2.deb" "$2 $3"; then exit 0; fi
for f in CACHE/"$2"_*.deb; do
  if is "$f" "$2 $3"; then cp "$f" "./$2.part"; mv "./$2.part" "./$2.deb"; sync "./$2.deb"; exit 0; fi
done
command -v dpkg-repack >/dev/null || exit 3
rm -rf ./repack; mkdir ./repack; cd ./repack; dpkg-repack "$2" >&2
for f in ./*.deb; do if is "$f" "$2 $3"; then mv "$f" "../$2.deb"; cd ..; rm -rf ./repack; exit 0; fi; done
exit 3
""".replace("CACHE", _CACHE)


def keep(shell: Shell, folder: str, name: str, version: str) -> bool:
    """Whether the installed package could be kept there as `NAME.deb`."""
    argv = ("sh", "-c", _KEEP, "keep", folder, name, version)
    done = shell.run(argv, user="root", check=False, timeout=PATIENCE)
    if done.status not in (0, 3):
        words = " ".join(done.stderr.split())
        raise CommandFailed(f"on {shell.host}: {name} {version} cannot be kept: {words}", hint="is its disk full?")
    return done.status == 0
