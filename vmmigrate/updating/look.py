"""Look at a host that runs the gateway from packages: what is installed, what runs, what is in the way."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from vmmigrate.appliance.family import Software, detect
from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.port import Shell
from vmmigrate.errors import ApplianceError
from vmmigrate.limits.seconds import UPDATE_LOOKED
from vmmigrate.reading import whole
from vmmigrate.updating import logs
from vmmigrate.updating.chosen import BACKEND, CORE, WEB, Host
from vmmigrate.updating.distributions import distribution_of
from vmmigrate.updating.family import Distribution
from vmmigrate.updating.packages import RPM_VERSION
from vmmigrate.updating.rpms import HOLDERS

_OS = ("cat", "/etc/os-release")
_DPKG = ("dpkg-query", "-W", "-f", "${db:Status-Abbrev}\\t${Package}\\t${Version}\\t${Provides}\\n")
_RPM = ("rpm", "-qa", "--qf", f"ii \\t%{{NAME}}\\t{RPM_VERSION}\\t\\n")
_RPM_PROVIDERS = ("rpm", "-q", "--whatprovides", "--qf", "%{NAME}\\n", CORE)
_ARCH = {"deb": ("dpkg", "--print-architecture"), "rpm": ("uname", "-m")}
_EDITED = {"deb": ("dpkg", "--verify", BACKEND, WEB), "rpm": ("rpm", "-V", BACKEND, WEB)}
_LOCKS = ("lslocks", "--noheadings", "--output", "PATH,PID,COMMAND")
_ROOM = ("df", "--output=avail", "-B1", "/usr", "/var", "/tmp")  # noqa: S108 -- it is only measured
_ADMINS = ("getent", "group", "sudo", "wheel")
_SYSTEMD = ("test", "-d", "/run/systemd/system")
# Held by whoever installs or removes packages just now.
_LOCK_FILES = (
    "/dpkg/lock",
    "/apt/lists/lock",
    "/apt/archives/lock",
    ".rpm.lock",
    "/run/dnf",
    "/run/zypp",
    "/dnf/metadata_lock",
)


@dataclass(frozen=True)
class Seen:
    """`broken`: packages that are half installed or configured; `held`: those that the tool may not change.

    `edited`: configuration files of the gateway's packages that differ from what was installed. `room`: bytes that are
    free, by folder. `caches`: what stands where an update clears a folder, in stat's words; "" for nothing.
    `admins`: who may log in to the console by PAM from 5.0 on. `states`: of the units.
    `suppressed`: the last line that says that messages were dropped. `log_limits`: in words.
    """

    host: Host
    software: Software
    states: dict[str, str]
    broken: tuple[str, ...]
    held: tuple[str, ...]
    edited: tuple[str, ...]
    lockers: tuple[str, ...]
    room: dict[str, int]
    caches: dict[str, str]
    other_apps: tuple[str, ...]
    admins: tuple[str, ...]
    suppressed: str
    log_limits: str
    systemd: bool

    @property
    def tomcat(self) -> str:
        return self.software.units.web or "tomcat"


def look_at(shell: Shell) -> Seen:
    """Raises ApplianceError for a host of no known distribution, or without the gateway."""
    look = LookingShell(shell)
    distribution = distribution_of(look.run(_OS).stdout)
    software = detect(look)
    kind, tomcat = distribution.packages, software.units.web or "tomcat"
    caches, apps = distribution.caches_of(tomcat), ("ls", "-1", *distribution.apps_of(tomcat))
    listing = _DPKG if kind == "deb" else _RPM
    stats = [("stat", "-c", "%F", path) for path in caches]
    states = ("systemctl", "is-active", *software.units.restart_order)
    look.ahead(listing, _ARCH[kind], _ROOM, _ADMINS, _SYSTEMD, states, apps, user="root")
    if kind == "rpm":
        look.ahead(_RPM_PROVIDERS, HOLDERS, user="root")
    look.ahead(
        _EDITED[kind],
        _LOCKS,
        logs.DROPPED,
        logs.JOURNALD_NOW,
        logs.RSYSLOG_NOW,
        *stats,
        user="root",
        timeout=UPDATE_LOOKED.most,
    )

    def said(question: tuple[str, ...]) -> str:
        return look.run(question, user="root", check=False).stdout

    _refuse_other_tool(look, distribution, said(listing))
    lines = [line.split("\t") for line in said(listing).splitlines() if line.count("\t") == 3]
    return Seen(
        host=_host(distribution, said(_ARCH[kind]).strip(), lines, said(_RPM_PROVIDERS) if kind == "rpm" else ""),
        software=software,
        states=dict(zip(software.units.restart_order, said(states).split(), strict=False)),
        broken=tuple(_broken(lines)),
        held=tuple(words[1] for words in lines if words[0][:1] == "h"),
        edited=tuple(_edited(said(_EDITED[kind]))),
        lockers=(*_lockers(said(_LOCKS)), *(said(HOLDERS).splitlines() if kind == "rpm" else ())),
        room=_room(shell, said(_ROOM)),
        caches={path: said(stat).strip() for path, stat in zip(caches, stats, strict=True)},
        other_apps=_others(said(apps)),
        admins=_members(said(_ADMINS)),
        suppressed=said(logs.DROPPED).strip()[:120],
        log_limits=logs.now(said(logs.JOURNALD_NOW), said(logs.RSYSLOG_NOW)),
        systemd=look.run(_SYSTEMD, user="root", check=False).status == 0,
    )


_OTHERS = {"deb": ("rpm", "-q", BACKEND), "rpm": ("dpkg-query", "-W", "-f", "${db:Status-Abbrev}", BACKEND)}


def _refuse_other_tool(look: Shell, distribution: Distribution, listed: str) -> None:
    """Raises ApplianceError where `/etc/os-release` and what the gateway was installed by do not agree."""
    kind = distribution.packages
    if f"\t{BACKEND}\t" in listed:
        return
    other = look.run(_OTHERS[kind], user="root", check=False)
    if other.status == 0 and (kind == "deb" or other.stdout.startswith("ii")):
        tool, name = _OTHERS[kind][0], distribution.name
        raise ApplianceError(
            f"/etc/os-release of {look.host} names the {name} family, but {BACKEND} was installed by {tool}",
            hint=f"nothing is guessed: update that host by hand, with {tool}",
        )


def _host(distribution: Distribution, arch: str, lines: Iterable[list[str]], providers: str) -> Host:
    installed = {words[1]: words[2] for words in lines if words[0][1:2] == "i"}
    provide = [w[1] for w in lines if w[0][1:2] == "i" and CORE in {p.split("(")[0].strip() for p in w[3].split(",")}]
    named = [line.strip() for line in providers.splitlines() if line.strip() in installed]
    return Host(distribution, arch, installed, tuple(dict.fromkeys((*provide, *named))))


def _broken(lines: Iterable[list[str]]) -> Iterator[str]:
    """By dpkg's letters; of an .rpm, one of the gateway's that is installed twice."""
    seen = set[str]()
    for state, name, *_ in lines:
        if state[1:2] in tuple("UFHWt") or state[2:3].strip() or (name in seen and name in (BACKEND, WEB)):
            yield name
        seen.add(name)


def _edited(text: str) -> list[str]:
    """dpkg and rpm print the same: nine signs, of which the third says that the content differs, `c`, the path."""
    found = (re.fullmatch(r"[.?SM5DLUGTPc]{2}5\S*\s+c\s+(/.+)", line.strip()) for line in text.splitlines())
    return [each[1] for each in found if each]


def _lockers(text: str) -> list[str]:
    lines = [line.rsplit(None, 2) for line in text.splitlines()]
    return [f"{w[2]} (process {w[1]})" for w in lines if len(w) == 3 and any(part in w[0] for part in _LOCK_FILES)]


def _room(shell: Shell, text: str) -> dict[str, int]:
    numbers = [number for line in text.split() if (number := whole(line)) is not None]
    if len(numbers) != len(_ROOM) - 3:
        raise ApplianceError(f"{shell.host}: df says nothing about free room", hint=f"see there: {' '.join(_ROOM)}")
    return dict(zip(_ROOM[3:], numbers, strict=True))


_OWN_APPS = ("ciphermail", "web", "djigzo", "ROOT")


def _others(text: str) -> tuple[str, ...]:
    """Applications in the same Tomcat that are not the gateway's: it is restarted under them."""
    lines = (line.strip() for line in text.splitlines())
    names = (re.sub(r"\.(war|xml)$", "", line) for line in lines if line and not line.endswith(":"))
    return tuple(sorted({name for name in names if name not in _OWN_APPS}))


def _members(text: str) -> tuple[str, ...]:
    groups = (line.rpartition(":")[2] for line in text.splitlines())
    return tuple(sorted({name for group in groups for name in group.split(",") if name}))
