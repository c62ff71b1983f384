"""Which of the given packages an update installs, and why not the others: one backend, one web part, one version."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from vmmigrate.findings import Findings
from vmmigrate.updating.family import Distribution
from vmmigrate.updating.packages import Package, newer

BACKEND, WEB, CORE = "djigzo", "djigzo-web", "ciphermail-core-os"
NO_DEPS = f"{CORE}-no-deps"
PROVIDERS = (NO_DEPS, f"{CORE}-debian", f"{CORE}-rhel8")
SIX = ("ciphermail-gateway-backend", "ciphermail-admin-ui", "ciphermail-cli")
_ANY_ARCH = ("all", "noarch")
_WANTED = f"one {BACKEND} and one {WEB} of one release 5.x, and {NO_DEPS} where none of its kind is installed"

Order = Callable[[str, str, str], int]  # format, one version, another → -1, 0, 1


@dataclass(frozen=True)
class Host:
    """What is installed there: `packages`, name → version; `providers`: those that provide ciphermail-core-os."""

    distribution: Distribution
    arch: str
    packages: Mapping[str, str]
    providers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Chosen:
    """In the order of their installation; none: the host has this release already. `why`: each decision in words."""

    packages: tuple[Package, ...]
    why: tuple[str, ...]

    @property
    def nothing_to_do(self) -> bool:
        return not self.packages


@dataclass
class _Choice:
    host: Host
    given: Sequence[Package]
    order: Order
    found: Findings = field(default_factory=Findings)
    why: list[str] = field(default_factory=list)

    def named(self, *names: str) -> list[Package]:
        return [package for package in self.given if package.name in names]


def choose(given: Iterable[Package], host: Host, order: Order = newer) -> Chosen:
    """Raises PlanRefused with all that is wrong with the set."""
    choice = _Choice(host, tuple(given), order)
    _refuse_foreign(choice)
    pair = [package for name in (BACKEND, WEB) if (package := _the_one(choice, name))]
    _refuse_mixed(choice, pair)
    core = tuple(_core(choice))
    choice.found.refuse_if_blocked()
    steps = {_step(choice, package) for package in pair}
    _refuse_older(choice, pair)
    choice.found.refuse_if_blocked()
    return Chosen((*core, *pair) if 1 in steps else (), tuple(choice.why))


def _refuse_foreign(choice: _Choice) -> None:
    for package in choice.given:
        if package.name in SIX or (package.name in (BACKEND, WEB) and package.family >= 6):
            choice.found.error(
                "package-six", f"{package} is of 6.x", "an update goes to 5.x; 6.x is a new installation"
            )
        elif package.name not in (BACKEND, WEB, *PROVIDERS):
            choice.found.error("package-foreign", f"{package} does not belong to the update", f"give {_WANTED}, alone")
        elif package.format != choice.host.distribution.packages:
            wanted = choice.host.distribution.packages
            choice.found.error(
                "package-format", f"{package} is a .{package.format}", f"this host takes .{wanted} files"
            )
        elif package.arch not in (*_ANY_ARCH, choice.host.arch):
            choice.found.error(
                "package-arch", f"{package} is for {package.arch}", f"give the one for {choice.host.arch}, or for all"
            )


def _the_one(choice: _Choice, name: str) -> Package | None:
    found = choice.named(name)
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(map(str, found))
        choice.found.error("package-twice", f"{name} is there {len(found)} times: {listed}", "leave the newest alone")
    else:
        choice.found.error("package-missing", f"there is no {name}", f"give {_WANTED}")
    return None


def _refuse_mixed(choice: _Choice, pair: Sequence[Package]) -> None:
    if len({package.version for package in pair}) > 1:
        choice.found.error("package-mixed", " and ".join(map(str, pair)) + " differ", "give both of one release")


def _core(choice: _Choice) -> Iterator[Package]:
    """At most one, and never beside another: all of its kind provide the same."""
    installed, given = choice.host.providers, choice.named(*PROVIDERS)
    if len(installed) > 1:
        choice.found.error(
            "core-os-twice", f"{' and '.join(installed)} are both installed", "remove one of them on the host first"
        )
        return
    if installed:
        yield from _core_again(choice, installed[0], given)
        return
    found = [package for package in given if package.name == NO_DEPS]
    if len(found) > 1:
        choice.found.error("package-twice", f"{NO_DEPS} is there {len(found)} times", "leave the newest alone")
    elif found:
        choice.why.append(f"{NO_DEPS}: an existing set-up has its dependencies already, and no {CORE} is installed")
        yield found[0]
    else:
        other = f"; {given[0].name} is for a new set-up" if given else ""
        choice.found.error(
            "core-os-missing", f"no {CORE} is installed, and there is no {NO_DEPS}{other}", f"give {NO_DEPS}"
        )


def _core_again(choice: _Choice, installed: str, given: Sequence[Package]) -> Iterator[Package]:
    """The installed one stays; of the same name a newer one replaces it."""
    for package in given:
        if package.name != installed:
            choice.why.append(
                f"{package.name} is left out: {installed} is installed, and two of its kind exclude each other"
            )
        elif choice.order(package.format, package.version, choice.host.packages.get(installed, "0")) > 0:
            choice.why.append(f"{installed} is installed, and is updated to {package.version}")
            yield package
        else:
            choice.why.append(f"{installed} {package.version} is installed already, or a newer one")
    if not given:
        choice.why.append(f"{installed} is installed, and stays")


def _step(choice: _Choice, package: Package) -> int:
    """1: newer than what is installed, 0: the same, -1: older. What is not installed at all is refused."""
    installed = choice.host.packages.get(package.name)
    if installed is None:
        choice.found.error(
            "not-installed",
            f"{package.name} is not installed on the host",
            "an update needs a gateway that is installed",
        )
        return 1
    return choice.order(package.format, package.version, installed)


def _refuse_older(choice: _Choice, pair: Sequence[Package]) -> None:
    for package in pair:
        installed = choice.host.packages.get(package.name)
        if installed is not None and choice.order(package.format, package.version, installed) < 0:
            choice.found.error(
                "package-older", f"{package} is older than the installed {installed}", "give a newer release"
            )
