"""What an update would do and what is in its way: findings from what was chosen and what the host shows. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vmmigrate.findings import Finding, error, errors, info, warning
from vmmigrate.updating.chosen import BACKEND, Chosen
from vmmigrate.updating.distributions import BACKEND_UNITS
from vmmigrate.updating.look import Seen

_TIMES = 3  # the packages themselves, their content unpacked, and the one that is replaced
_DIRECTORY = "directory"  # stat's word


@dataclass(frozen=True)
class UpdatePlan:
    """`before`, `after`: releases. `acts`: what would be done, in order. `why`: of each choice."""

    host: str
    system: str
    before: str
    after: str
    acts: tuple[str, ...]
    why: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def nothing_to_do(self) -> bool:
        return not self.acts

    @property
    def blocked(self) -> tuple[Finding, ...]:
        return errors(self.findings)


def plan_of(host: str, seen: Seen, chosen: Chosen) -> UpdatePlan:
    before = seen.host.packages.get(BACKEND, "")
    after = next((package.version for package in chosen.packages if package.name == BACKEND), before)
    findings = () if chosen.nothing_to_do else tuple(_findings(seen, chosen))
    acts = () if chosen.nothing_to_do else tuple(_acts(seen, chosen))
    return UpdatePlan(host, seen.host.distribution.name, before, after, acts, chosen.why, findings)


def _from_four(seen: Seen, chosen: Chosen) -> bool:
    return seen.software.family == "4.x" and any(each.name == BACKEND and each.family == 5 for each in chosen.packages)


def _acts(seen: Seen, chosen: Chosen) -> Iterator[str]:
    """In the vendor's order [F-UPDATE-1]."""
    units, after = seen.software.units, BACKEND_UNITS[5] if _from_four(seen, chosen) else seen.software.units.backend
    yield f"stop postfix, {units.backend}, {seen.tomcat}, each waited for"
    yield f"install {', then '.join(f'{each.name} {each.version}' for each in chosen.packages)}"
    yield f"clear {' and '.join(seen.caches)}"
    if _from_four(seen, chosen):
        yield f"systemctl daemon-reload; enable {after}"
    yield f"start {', '.join(each for each in (units.syslog, seen.tomcat, after, 'postfix') if each)}, in this order"


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
    if seen.suppressed:
        yield warning(
            "log-incomplete",
            "the journal dropped messages (Suppressed … messages)",
            "raise RateLimitBurst in journald.conf, or what goes wrong may not be in the log",
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
        "take those out of the groups who must not",
    )
    yield info("five-log", f"the back end's log becomes root-only: journalctl -u {BACKEND_UNITS[5]}")
    yield info(
        "five-unit", f"the unit {BACKEND_UNITS[4]} becomes {BACKEND_UNITS[5]}: monitoring that names it must follow"
    )
