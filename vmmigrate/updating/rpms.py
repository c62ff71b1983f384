"""The package tool of RHEL, its kin and SUSE on the host: rpm."""

import re
from collections.abc import Iterator, Sequence

from vmmigrate.appliance.port import Shell
from vmmigrate.updating import tools
from vmmigrate.updating.packages import RPM_VERSION
from vmmigrate.updating.place import FOLDER
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
case $code:$said in
  0:*'scriptlet failed'*) exit 9 ;;
  0:*)
    for n in $was; do case " $names " in *" $n "*) ;; *) echo "$n" ;; esac; done > "$mark.part"
    if test -s "$mark.part"; then mv "$mark.part" "$mark"; else rm -f "$mark" "$mark.part"; fi ;;
  *'transaction lock'*) test -n "$was" || rm -f "$mark" ;;
esac
exit "$code"
""".replace("HOLDERS", _HOLDERS)
# dnf's table of a transaction: a heading, then a line for each package that begins with one space. zypper's is XML.
_HEADING = re.compile(r"^(Installing|Upgrading)[^:\n]*:\n((?: .*\n)*)", re.MULTILINE)
_ROW = re.compile(r"^ (\S+)", re.MULTILINE)
_SOLVABLE = re.compile(r'</?(to-[a-z-]{1,30})>|<solvable type="package" name="([^"]+)"')
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

    def fetch(self, shell: Shell, paths: Sequence[str]) -> None:
        by_zypper = (*_ZYPPER, "install", "--download-only", *_ALONE)
        words = (*_DNF, "--downloadonly", "install") if _has_dnf(shell) else by_zypper
        _run(shell, (*words, *paths), _ENGLISH)

    def coming(self, shell: Shell, paths: Sequence[str]) -> Coming:
        """dnf goes as far as its cache has all; of zypper it is not asked."""
        if _has_dnf(shell):
            said = _run(shell, (*_DNF, "--cacheonly", "--downloadonly", "install", *paths), _ENGLISH)
            return _resolved([(word, _ROW.findall(rows)) for word, rows in _HEADING.findall(said)])
        words = (*_ZYPPER, "--no-refresh", "--xmlout", "install", "--dry-run", *_ALONE)
        said = _run(shell, (*words, *paths), _ENGLISH)
        return _resolved(list(_by_heading(said)))

    def install_fetched(self, shell: Shell, names: Sequence[str]) -> None:
        offline = (*_DNF, "--cacheonly", "install")
        words = offline if _has_dnf(shell) else (*_ZYPPER, "--no-refresh", "install", *_ALONE)
        _run(shell, (*words, *names), _within(" ".join(names)))

    def remove(self, shell: Shell, names: Sequence[str], *, purge: bool) -> None:
        """Tried first: one that cannot go is no transaction that was begun. rpm has no other way for `purge`."""
        _run(shell, ("rpm", "-e", "--test", *names), ("env", "LC_ALL=C"))
        _run(shell, ("rpm", "-e", *names), _within(" ".join(names)))

    def complete(self, shell: Shell) -> None:
        """There is nothing that rpm would complete: a transaction is begun again as a whole."""

    def keep(self, shell: Shell, folder: str, name: str, version: str) -> bool:
        return tools.keep(shell, folder, name, version, _KEEPING)


_ENGLISH = ("env", "LC_ALL=C")
# The files themselves are the operator's, whose digests were compared.
_DNF = ("dnf", "--assumeyes", "--setopt=install_weak_deps=False", "--setopt=localpkg_gpgcheck=False")
_ZYPPER, _ALONE = ("zypper", "--non-interactive"), ("--no-recommends", "--allow-unsigned-rpm")


def _has_dnf(shell: Shell) -> bool:
    """Else zypper, as on SUSE."""
    return shell.run(("test", "-e", "/usr/bin/dnf"), user="root", check=False).status == 0


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


def _names(paths: Sequence[str]) -> str:
    """Each file is called as its package."""
    return " ".join(path.rpartition("/")[2].removesuffix(".rpm") for path in paths)


def _within(names: str) -> tuple[str, ...]:
    return ("sh", "-c", _TRANSACTION, "transaction", _BEGUN, names)


def _status(name: str, versions: Sequence[str], begun: Sequence[str]) -> str:
    if len(versions) > 1:
        return "twice"
    return "begun" if name in begun else WHOLE


def _run(shell: Shell, argv: tuple[str, ...], before: tuple[str, ...]) -> str:
    hint = "see /var/log/dnf.rpm.log, /var/log/zypp/history and journalctl there; what is installed: rpm -q djigzo"
    return tools.run(shell, (*before, *argv), busy=_is_locked, shown=argv, hint=hint)


def _is_locked(said: str) -> bool:
    return "transaction lock" in said
