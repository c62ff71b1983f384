"""What packages need that neither is given with them nor is on the host: by its own tools, without a file there.

The transaction itself is tried by the package tool once the files are on the host; this is so that a plan says it.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from vmmigrate.appliance.port import Result, Shell
from vmmigrate.findings import Finding, error, info, warning
from vmmigrate.limits import PACKAGE_NEEDS
from vmmigrate.limits.seconds import PACKAGES_ASKED
from vmmigrate.updating.packages import Package

_ENGLISH = ("env", "LC_ALL=C")
# As whoever logs in, with no cache written: it changes nothing. `satisfy` came with apt 2.0.
_APT = (
    *_ENGLISH,
    *("apt-get", "satisfy", "--simulate", "--no-install-recommends", "--option=Debug::NoLocking=1"),
    *("--option=Dir::Cache::pkgcache=", "--option=Dir::Cache::srcpkgcache=", "--"),
)
_RPM = (*_ENGLISH, "rpm", "-q", "--whatprovides", "--")
_PATIENCE = PACKAGES_ASKED.most
_SHOWN = 8
_OLD_APT = re.compile(r"Invalid operation|Command line option|apt-get\W+(command )?(not found|No such file)")


@dataclass(frozen=True)
class Needs:
    """Names, or requirements in the tool's words. `gone`: neither the host nor a repository of its has it.

    `there`: its repositories have it. `removed`: what would have to go for it. `unknown`: why nobody could say.
    """

    gone: tuple[str, ...] = ()
    there: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    unknown: str = ""


def look(shell: Shell, packages: Sequence[Package]) -> Needs:
    """Of all together: what one of them provides, none needs from the host."""
    wanted = _beyond(packages)
    if not wanted:
        return Needs()
    if sum(map(len, wanted)) > PACKAGE_NEEDS.most:
        return Needs(unknown=f"the packages name {len(wanted)} requirements")
    if packages[0].format == "deb":
        return _by_apt(shell.run((*_APT, *wanted), check=False, timeout=_PATIENCE))
    names = dict.fromkeys(each.split()[0] for each in wanted)
    return _by_rpm(shell.run((*_RPM, *names), check=False, timeout=_PATIENCE))


def findings(needs: Needs, *, fetches: bool) -> Iterator[Finding]:
    """`fetches`: what is missing comes from the repositories (--from-repository), whose lists are renewed first."""
    if needs.unknown:
        yield info("dependencies-unknown", f"whether dependencies are missing was not looked at: {needs.unknown}")
    if needs.removed:
        what = f"other packages would have to go: {_listed(needs.removed)}"
        yield error("dependencies", what, "nothing is removed by an update: see on the host what conflicts")
    if needs.gone:
        gone = f"needed, and not on the host: {_listed(needs.gone)}"
        remedy = "see that its repositories have them: their lists are renewed when the run begins"
        yield warning("dependencies", gone, remedy) if fetches else error("dependencies", gone, _INSTALL)
    if needs.there:
        listed = _listed(needs.there)
        if fetches:
            yield info("dependencies", f"fetched from the host's repositories: {listed}")
        else:
            yield error(
                "dependencies", f"needed, and not installed: {listed}", f"give --from-repository, or {_INSTALL}"
            )


_INSTALL = "install them on the host first, with its own package tool"


def _listed(names: Sequence[str]) -> str:
    more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _beyond(packages: Sequence[Package]) -> tuple[str, ...]:
    given = {name for package in packages for name in (package.name, *package.provides)}
    wanted = dict.fromkeys(each for package in packages for each in package.requires)
    met = _met_by if packages[0].format == "deb" else _met_by_rpm
    return tuple(each for each in wanted if not met(each, given))


def _met_by(requirement: str, given: Collection[str]) -> bool:
    """Alternatives, as `tomcat9:any (>= 9.0) [amd64] | tomcat10`."""
    return any(re.split(r"[\s(\[:]", each.strip())[0] in given for each in requirement.split("|"))


def _met_by_rpm(requirement: str, given: Collection[str]) -> bool:
    """`tomcat >= 9.0`, `user(djigzo)`, `libx.so()(64bit)`: the whole first word is the name.

    rpm's own features are of the rpm that installs; a condition (`a or b`) is left to it.
    """
    return requirement.startswith(("rpmlib(", "(", "config(")) or requirement.split()[0] in given


def _by_apt(said: Result) -> Needs:
    if said.status and _OLD_APT.search(said.stderr):
        return Needs(unknown=" ".join(said.stderr.split())[:200])
    gone = re.findall(r"^ *satisfy:command-line : (?:Pre)?Depends: (.+)$", said.stdout, re.MULTILINE)
    if said.status and not gone:
        return Needs(unknown=" ".join((said.stderr or said.stdout).split())[-200:])
    there, removed = (re.findall(rf"^{word} (\S+)", said.stdout, re.MULTILINE) for word in ("Inst", "Remv"))
    return Needs(tuple(gone), tuple(there), tuple(removed))


def _by_rpm(said: Result) -> Needs:
    """By names alone; versions are compared when the files are there."""
    both = f"{said.stdout}\n{said.stderr}"
    found = re.findall(
        r"^(?:no package provides (\S+)|file (\S+) is not owned by any package|error: file (\S+): No such file.*)$",
        both,
        re.MULTILINE,
    )
    if said.status and not found:
        return Needs(unknown=" ".join(both.split())[-200:])
    return Needs(tuple(dict.fromkeys("".join(each) for each in found)))
