"""The package tool of RHEL, its kin and SUSE on the host: rpm."""

from collections.abc import Sequence

from vmmigrate.appliance.port import Shell
from vmmigrate.updating import tools
from vmmigrate.updating.packages import RPM_VERSION
from vmmigrate.updating.place import FOLDER
from vmmigrate.updating.repositories import HINT, Repositories, is_locked
from vmmigrate.updating.tools import WHOLE, Coming, Keeping, State

_BEGUN = f"{FOLDER}/rpm-transaction"  # names of what a transaction of ours works on; it goes when all went well
_STATES = ("rpm", "-q", "--qf", f"%{{NAME}}\\t{RPM_VERSION}\\n")
# dnf, yum and zypper say by a file with their process who works on the packages; rpm's own lock is seen by lslocks.
_HOLDERS = """\
for f in /var/cache/dnf/*.pid /var/lib/dnf/*.pid /run/yum.pid /run/zypp.pid; do
  read -r pid < "$f" || continue
  if kill -0 "$pid"; then printf '%s %s\\n' "$(cat "/proc/$pid/comm")" "$pid"; fi
done 2>/dev/null
"""
HOLDERS = ("sh", "-c", _HOLDERS, "package-holders")
# $1: the file that says what was begun, $2: names, $3…: the command. rpm ends well although a script failed that it
# runs after the files are there: its words are looked at, and the file stays.
_TRANSACTION = """\
mark=$1; names=$2; shift 2
held=$(HOLDERS)
if test -n "$held"; then echo "transaction lock: $held" >&2; exit 1; fi
was=$(cat "$mark" 2>/dev/null)
mkdir -p "${mark%/*}"
printf '%s\\n' $was $names > "$mark.part"; sync "$mark.part"; mv "$mark.part" "$mark"
said=$(LC_ALL=C "$@" 2>&1); code=$?
printf '%s\\n' "$said" >&2
case $1:$code in zypper:102 | zypper:103 | zypper:106) code=0 ;; esac  # done, and something is to be known
case $code:$said in
  0:*'scriptlet failed'* | 0:*'script failed'*) exit 9 ;;
  0:*)
    for n in $was; do case " $names " in *" $n "*) ;; *) echo "$n" ;; esac; done > "$mark.part"
    if test -s "$mark.part"; then mv "$mark.part" "$mark"; else rm -f "$mark" "$mark.part"; fi ;;
  *'transaction lock'*) test -n "$was" || rm -f "$mark" ;;
esac
exit "$code"
""".replace("HOLDERS", _HOLDERS)
_KEEPING = Keeping(
    ending="rpm",
    caches=("/var/cache/dnf", "/var/cache/yum", "/var/cache/zypp/packages"),
    query=f"rpm -qp --nosignature --qf '%{{NAME}} {RPM_VERSION}'",
    repack='rpmrebuild --batch --notest-install --directory=./repack "$2"',
)


class Rpm:
    """A status other than 'ii': 'begun', its transaction did not end well; 'twice', of a release and another."""

    name = "rpm"
    audit = "rpm -q djigzo djigzo-web; rpm -V djigzo djigzo-web"
    configuration = "rpm -qc \"$@\" 2>/dev/null | grep '^/'"
    laid_beside: tuple[str, ...] = (".rpmnew", ".rpmsave", ".rpmorig")

    def __init__(self, repositories: Repositories) -> None:
        self._repositories = repositories

    def states(self, shell: Shell, names: Sequence[str]) -> dict[str, State]:
        said = shell.run((*_STATES, *names), user="root", check=False).stdout
        begun = shell.run(("cat", _BEGUN), user="root", check=False).stdout.split()
        versions = dict[str, list[str]]()
        for line in said.splitlines():
            name, tab, version = line.partition("\t")
            if tab:
                versions.setdefault(name, []).append(version)
        return {name: State(_status(name, found, begun), " and ".join(found)) for name, found in versions.items()}

    def rehearse(self, shell: Shell, paths: Sequence[str]) -> None:
        _run(shell, ("rpm", "-U", "--test", *paths), ("env", "LC_ALL=C"))

    def install(self, shell: Shell, paths: Sequence[str], *, back: bool = False) -> None:
        """Also what is there already: its scripts may not have run to their end."""
        argv = ("rpm", "-U", "--replacepkgs", *(("--oldpackage",) if back else ()), *paths)
        _run(shell, argv, _within(_names(paths)))

    def fetch(self, shell: Shell, paths: Sequence[str]) -> str:
        return self._repositories.fetch(shell, paths)

    def coming(self, shell: Shell, paths: Sequence[str]) -> Coming:
        return self._repositories.coming(shell, paths)

    def install_fetched(self, shell: Shell, names: Sequence[str]) -> None:
        _run(shell, (*self._repositories.installs, *names), _within(" ".join(names)))

    def remove(self, shell: Shell, names: Sequence[str], *, purge: bool) -> None:
        """Tried first: one that cannot go is no transaction that was begun. rpm has no other way for `purge`."""
        _run(shell, ("rpm", "-e", "--test", *names), ("env", "LC_ALL=C"))
        _run(shell, ("rpm", "-e", *names), _within(" ".join(names)))

    def complete(self, shell: Shell) -> None:
        """There is nothing that rpm would complete: a transaction is begun again as a whole."""

    def keep(self, shell: Shell, folder: str, name: str, version: str) -> bool:
        return tools.keep(shell, folder, name, version, _KEEPING)


def _names(paths: Sequence[str]) -> str:
    """Each file is called as its package."""
    return " ".join(path.rpartition("/")[2].removesuffix(".rpm") for path in paths)


def _within(names: str) -> tuple[str, ...]:
    return ("sh", "-c", _TRANSACTION, "transaction", _BEGUN, names)


def _status(name: str, versions: Sequence[str], begun: Sequence[str]) -> str:
    if len(versions) > 1:
        return "twice"
    return "begun" if name in begun else WHOLE


def _run(shell: Shell, argv: tuple[str, ...], before: tuple[str, ...]) -> None:
    tools.run(shell, (*before, *argv), busy=is_locked, shown=argv, hint=HINT)
