"""What an update would do and what is in its way: findings from what was chosen and what the host shows. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter

from hypervisors import VmRef
from vmmigrate.findings import Finding, error, errors, info, warning
from vmmigrate.updating.chosen import BACKEND, Chosen
from vmmigrate.updating.family import BACKEND_UNITS
from vmmigrate.updating.logs import Limits
from vmmigrate.updating.look import Seen
from vmmigrate.updating.packages import Package

_TIMES = 3  # the packages themselves, their content unpacked, and the one that is replaced
_DIRECTORY = "directory"  # stat's word


@dataclass(frozen=True)
class ServiceUnits:
    """Names of systemd units. `syslog`: "" where there is none. `before`, `after`: the back end's, by release."""

    syslog: str
    tomcat: str
    before: str
    after: str


@dataclass(frozen=True)
class UpdatePlan:
    """`before`, `after`: releases. `acts`: what would be done, in order. `why`: of each choice.

    `packages`: in the order of their installation. `installed`: name → version of those that they replace; "" of one
    that is new. `old`: the installed release's packages as the operator gave them. `no_way_back`: the operator goes
    without them. `vm`: the virtual machine that the host is, where a snapshot of it is made. `pam`: whether Unix
    accounts may log in to the console afterwards; None: as the release has it.
    """

    host: str
    system: str
    before: str
    after: str
    acts: tuple[str, ...]
    why: tuple[str, ...]
    findings: tuple[Finding, ...]
    run_id: str = ""
    format: str = ""
    packages: tuple[Package, ...] = ()
    installed: Mapping[str, str] = field(default_factory=dict)
    units: ServiceUnits = ServiceUnits("", "", "", "")
    caches: tuple[str, ...] = ()
    old: tuple[Package, ...] = ()
    no_way_back: bool = False
    vm: VmRef | None = None
    log_limits: Limits | None = None
    from_repository: bool = False
    pam: bool | None = None

    @property
    def family(self) -> int:
        """The first number of the release that it becomes."""
        return max((package.family for package in self.packages if package.name == BACKEND), default=0)

    @property
    def names(self) -> Mapping[str, str]:
        """What the run is about."""
        return {"host": self.host}

    @property
    def concerns(self) -> tuple[str, ...]:
        return (self.host, *((self.vm.name, self.vm.id) if self.vm else ()))

    @property
    def insecure(self) -> tuple[str, ...]:
        return ("--no-way-back",) if self.no_way_back else ()

    @property
    def nothing_to_do(self) -> bool:
        return not self.acts

    @property
    def blocked(self) -> tuple[Finding, ...]:
        return errors(self.findings)

    def having(self, *seen: Finding) -> "UpdatePlan":
        return replace(self, findings=(*self.findings, *seen))

    def with_machine(self, vm: VmRef, seen: Iterable[Finding]) -> "UpdatePlan":
        """With a snapshot of it, between what stops and what is installed; `seen`: what was seen of it."""
        first, *others = self.acts
        acts = (first, f"make a snapshot of {vm.name}, with its memory", *others)
        return replace(self, vm=vm, acts=acts, findings=(*self.findings, *seen, *self._until_mail()))

    def _until_mail(self) -> Iterator[Finding]:
        given = {(package.name, package.version) for package in self.old}
        if left := [name for name, version in self.installed.items() if version and (name, version) not in given]:
            yield warning(
                "snapshot-until-mail",
                "nothing goes back by the snapshot once mail is taken again: only by the packages that are kept",
                f"give them with --old-packages DIR, or have them in the host's cache: {', '.join(left)}",
            )


def plan_of(host: str, seen: Seen, chosen: Chosen) -> UpdatePlan:
    before = seen.host.packages.get(BACKEND, "")
    after = next((package.version for package in chosen.packages if package.name == BACKEND), before)
    findings = () if chosen.nothing_to_do else tuple(_findings(seen, chosen))
    acts = () if chosen.nothing_to_do else tuple(_acts(seen, chosen))
    return UpdatePlan(
        host,
        seen.host.distribution.name,
        before,
        after,
        acts,
        chosen.why,
        findings,
        format=seen.host.distribution.packages,
        packages=chosen.packages,
        installed={each.name: seen.host.packages.get(each.name, "") for each in chosen.packages},
        units=_units(seen, chosen),
        caches=tuple(seen.caches),
    )


@cache
def _plans() -> TypeAdapter[UpdatePlan]:
    return TypeAdapter(UpdatePlan)


def update_to_json(plan: UpdatePlan) -> str:
    return _plans().dump_json(plan, indent=2).decode()


def update_from_json(text: str) -> UpdatePlan:
    """Raises ValueError if the text is no plan of an update."""
    return _plans().validate_json(text)


def _units(seen: Seen, chosen: Chosen) -> ServiceUnits:
    units = seen.software.units
    after = BACKEND_UNITS[5] if _from_four(seen, chosen) else units.backend
    return ServiceUnits(units.syslog or "", seen.tomcat, units.backend, after)


def _from_four(seen: Seen, chosen: Chosen) -> bool:
    return seen.software.family == "4.x" and any(each.name == BACKEND and each.family == 5 for each in chosen.packages)


def _acts(seen: Seen, chosen: Chosen) -> Iterator[str]:
    """In the vendor's order [F-UPDATE-1]."""
    units = _units(seen, chosen)
    yield f"stop postfix, {units.before}, {units.tomcat}, each waited for"
    yield f"install {', then '.join(f'{each.name} {each.version}' for each in chosen.packages)}"
    yield f"clear {' and '.join(seen.caches)}"
    if _from_four(seen, chosen):
        yield f"systemctl daemon-reload; enable {units.after}"
    order = (units.syslog, units.tomcat, units.after, "postfix")
    yield f"start {', '.join(filter(None, order))}, in this order"


def _findings(seen: Seen, chosen: Chosen) -> Iterator[Finding]:
    yield from _in_the_way(seen)
    yield from _room(seen, chosen)
    yield from _caches(seen)
    yield from _to_know(seen)
    if _from_four(seen, chosen):
        yield from _four_to_five(seen)


def _in_the_way(seen: Seen) -> Iterator[Finding]:
    if seen.lockers:
        running = ", ".join(seen.lockers)
        yield error("package-lock", f"{running} works on the packages just now", "wait for it, then plan again")
    if seen.broken:
        repair = "dpkg --configure -a" if seen.host.distribution.packages == "deb" else "rpm --verifydb"
        names = ", ".join(seen.broken[:5])
        yield error("package-broken", f"half installed: {names}", f"repair that first, on the host, as root: {repair}")
    if held := [name for name in seen.held if name.startswith(("djigzo", "ciphermail"))]:
        yield error(
            "package-held", f"{', '.join(held)}: held", f"on the host, as root: apt-mark unhold {' '.join(held)}"
        )
    if not seen.systemd:
        yield error("no-systemd", "the host does not run systemd", "5.x needs it: migrate to a new machine instead")


def _room(seen: Seen, chosen: Chosen) -> Iterator[Finding]:
    needed = _TIMES * sum(_size(package.path) for package in chosen.packages)
    for folder, free in seen.room.items():
        if free < needed:
            yield error(
                "no-room", f"{folder}: {free >> 20} MiB are free, {needed >> 20} MiB are needed", "free some room there"
            )


def _size(path: Path) -> int:
    return path.stat().st_size


def _caches(seen: Seen) -> Iterator[Finding]:
    """They are deleted, so each must be what it should be; a link could lead anywhere."""
    for path, kind in seen.caches.items():
        if kind not in ("", _DIRECTORY):
            yield error(
                "cache-odd", f"{path} is a {kind}, and not a folder", "see what it is; an update deletes that folder"
            )


def _to_know(seen: Seen) -> Iterator[Finding]:
    for path in seen.edited:
        keeps = "kept" if seen.host.distribution.packages == "deb" else "kept where the new release has another one"
        yield warning("edited", f"{path} was edited", f"it is {keeps}; compare it with the new release's afterwards")
    down = [f"{unit} is {state}" for unit, state in seen.states.items() if state != "active"]
    if down:
        yield warning("already-down", ", ".join(down), "an update would start them: is that wanted?")
    if seen.other_apps:
        apps = ", ".join(seen.other_apps)
        yield warning("other-applications", f"in the same Tomcat: {apps}", f"they are restarted with {seen.tomcat}")
    if seen.log_limits:
        yield info("log-limits", f"the log's limits: {seen.log_limits}")
    if seen.suppressed:
        yield warning(
            "log-incomplete",
            f"the log dropped messages: {seen.suppressed}",
            "raise its limits (--log-limits 30,100000), or what goes wrong may not be in the log",
        )


def _four_to_five(seen: Seen) -> Iterator[Finding]:
    """[F-UPDATE-6]."""
    yield warning(
        "five-database",
        "from 5.0 on the packages do not set up PostgreSQL",
        "see before the update that the gateway's own database answers: its packages stay, their set-up is yours",
    )
    admins = ", ".join(seen.admins) or "nobody now"
    yield warning(
        "five-pam",
        f"from 5.0 on members of sudo and wheel may log in to the console, with all rights: {admins}",
        "take those out of the groups who must not, or give --pam off",
    )
    yield info("five-log", f"the back end's log becomes root-only: journalctl -u {BACKEND_UNITS[5]}")
    yield info(
        "five-unit", f"the unit {BACKEND_UNITS[4]} becomes {BACKEND_UNITS[5]}: monitoring that names it must follow"
    )
