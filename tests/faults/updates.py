"""The update in memory: a host of packages that is killed, rebooted and put back between any two effects.

The program's own engine, journal, steps, claims and guards run. Stood in for: the host's commands, one by one (Shell),
dpkg, pg_dump, nft and the settings' tar as functions of the rooms `steps/update` asks, a hypervisor of one machine.
"""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from hypervisors import Holder, Network, PowerState, Snapshot, VmRef
from tests.faults.process import Killed
from vmmigrate.appliance.database import DatabaseFacts, TableDigest
from vmmigrate.appliance.port import NewFile, Result
from vmmigrate.errors import ApplianceError, CommandFailed
from vmmigrate.updating.packages import Package
from vmmigrate.updating.planning import ServiceUnits, UpdatePlan
from vmmigrate.updating.tools import Coming, State

HOST, VM, MAC = "mailgw.example.test", VmRef("0001", "mailgw"), "52:54:00:00:00:01"
OLD, NEW = "4.6.2-0", "5.5.3"
FETCHED = "another"  # what the packages need, and only a repository has
THEIRS = "munin"  # a person's
BACKEND, WEB, CORE = "djigzo", "djigzo-web", "ciphermail-core-os-no-deps"
UNITS = ServiceUnits("rsyslog", "tomcat9", "djigzo", "ciphermail-gateway-backend")
_OK = Result(0, "", "")


@dataclass
class Machine:
    """All that a snapshot holds. `queue`: mail that was taken and waits. `up`: units that run."""

    boot: int = 1
    packages: dict[str, State] = field(default_factory=lambda: {BACKEND: State("ii", OLD), WEB: State("ii", OLD)})
    tables: dict[str, int] = field(default_factory=lambda: {"cm_users": 2})
    settings: dict[str, str] = field(default_factory=lambda: {"myhostname": HOST})
    enabled: set[str] = field(default_factory=lambda: {"rsyslog", "tomcat9", "djigzo", "postfix"})
    up: set[str] = field(default_factory=lambda: {"rsyslog", "tomcat9", "djigzo", "postfix"})
    closed: bool = False
    files: dict[str, Any] = field(default_factory=dict)
    queue: list[int] = field(default_factory=list)

    def has_unit(self, unit: str) -> bool:
        backend = self.packages.get(BACKEND, State("", "")).version
        theirs = {"djigzo": backend == OLD, "ciphermail-gateway-backend": backend == NEW}
        return theirs.get(unit, True)

    @property
    def takes_mail(self) -> bool:
        return "postfix" in self.up and not self.closed

    @property
    def delivers(self) -> bool:
        return "postfix" in self.up and bool(self.up & {"djigzo", "ciphermail-gateway-backend"})


@dataclass
class Moves:
    """`kill`: at which effect, `after` it or before; `fails`: the package whose script fails."""

    kill: int = 0
    after: bool = False
    fails: str = ""


@dataclass
class World:
    moves: Moves
    machine: Machine = field(default_factory=Machine)
    taken: list[int] = field(default_factory=list)
    out: list[int] = field(default_factory=list)
    snapshots: dict[str, Machine] = field(default_factory=dict)
    effects: int = 0
    dead: bool = False  # the process was killed: nothing of it has an effect any more
    theirs: bool = False  # a person has installed a package of their own, on the machine without a snapshot
    story: list[str] = field(default_factory=list)

    @contextmanager
    def effect(self, what: str) -> Iterator[Machine]:
        if self.dead:
            raise Killed
        self.effects += 1
        self._killed(after=False)
        self.story.append(f"{self.effects} {what}")
        yield self.machine
        self.passes()
        self._killed(after=True)

    def _killed(self, *, after: bool) -> None:
        if self.effects == self.moves.kill and after is self.moves.after:
            self.moves.kill, self.dead = 0, True
            self.story.append("killed")
            raise Killed

    def passes(self) -> None:
        """One message comes, where it is taken; what waits goes out, where it can."""
        machine = self.machine
        if machine.takes_mail:
            self.taken.append(len(self.taken) + 1)
            machine.queue.append(self.taken[-1])
        if machine.delivers:
            self.out += machine.queue
            machine.queue.clear()

    def reboot(self) -> None:
        machine = self.machine
        machine.boot, machine.closed = machine.boot + 1, False
        machine.up = {unit for unit in machine.enabled if machine.has_unit(unit)}
        self.story.append("booted")
        self.passes()


class Shell:
    """appliance.port.Shell: the commands that the steps give by themselves."""

    host = HOST

    def __init__(self, world: World) -> None:
        self.world = world

    def run(self, argv: Sequence[str], *, user: str | None = None, check: bool = True, timeout: float = 60.0) -> Result:
        if self.world.dead:
            raise Killed
        done: Result = _COMMANDS[argv[0]](self.world, *argv[1:])
        if check and done.status:
            raise CommandFailed(f"{argv} failed", hint="look there")
        return done

    def install(self, *files: NewFile, folders: Sequence[str] = ()) -> None:
        for file in files:
            with self.world.effect(f"write {file.path}") as machine:
                machine.files[file.path] = file.data.decode()

    def give(self, argv: Sequence[str], source: BinaryIO, *, timeout: float = 60.0) -> str:
        raise AssertionError(argv)


def _systemctl(world: World, verb: str, *words: str) -> Result:
    machine = world.machine
    units = [word.removesuffix(".service") for word in words if not word.startswith("-")]
    if verb == "is-active":
        return Result(0, "\n".join("active" if unit in machine.up else "inactive" for unit in units), "")
    if verb == "is-enabled":
        return Result(0, "\n".join("enabled" if unit in machine.enabled else "disabled" for unit in units), "")
    if verb == "list-unit-files":
        return Result(0, "".join(f"{unit}.service x x\n" for unit in units if machine.has_unit(unit)), "")
    with world.effect(f"systemctl {verb} {' '.join(units)}"):
        for unit in units:
            if not machine.has_unit(unit):
                return Result(5, "", f"no {unit}")
            acts = {"start": machine.up.add, "restart": machine.up.add, "stop": machine.up.discard}
            acts |= {"enable": machine.enabled.add, "disable": machine.enabled.discard}
            acts[verb](unit)
    return _OK


def _cat(world: World, path: str) -> Result:
    if path.endswith("boot_id"):
        return Result(0, f"{world.machine.boot}\n", "")
    held = world.machine.files.get(path)
    return Result(0, held, "") if held is not None else Result(1, "", "none")


def _ln(world: World, _: str, source: str, target: str) -> Result:
    with world.effect(f"ln {target}") as machine:
        if target in machine.files:
            return Result(1, "", "exists")
        machine.files[target] = machine.files[source]
    return _OK


def _rm(world: World, _: str, path: str) -> Result:
    with world.effect(f"rm {path}") as machine:
        for name in [name for name in machine.files if name == path or name.startswith(f"{path}/")]:
            del machine.files[name]
    return _OK


def _sh(world: World, _: str, script: str, name: str, *folders: str) -> Result:
    assert name == "clear", script
    with world.effect("clear"):
        return _OK


def _ss(world: World, *words: str) -> Result:
    """The mail agent is the back end's."""
    return Result(0, "LISTEN" if world.machine.up & {UNITS.before, UNITS.after} else "", "")


_COMMANDS: Mapping[str, Callable[..., Result]] = {
    "systemctl": _systemctl,
    "cat": _cat,
    "ln": _ln,
    "rm": _rm,
    "sh": _sh,
    "ss": _ss,
    **dict.fromkeys(("chmod", "mkdir", "sync", "postconf", "journalctl"), lambda world, *words: _OK),
    "date": lambda world, *words: Result(0, "0", ""),
}


class Dpkg:
    """updating.tools.Tool. A package is unpacked, then set up: in between it is half there."""

    name, audit, configuration, laid_beside = "dpkg", "dpkg --audit; dpkg --configure -a", "", (".dpkg-dist",)

    def __init__(self, world: World) -> None:
        self.world = world

    def states(self, shell: object, names: Sequence[str]) -> dict[str, State]:
        return {name: state for name, state in self.world.machine.packages.items() if name in names}

    def rehearse(self, shell: object, paths: Sequence[str]) -> None:
        """All would fit."""

    def fetch(self, shell: object, paths: Sequence[str]) -> str:
        with self.world.effect("fetch") as machine:
            machine.files[FETCHED] = "1"
        return ""

    def coming(self, shell: object, paths: Sequence[str]) -> Coming:
        if self.world.dead:
            raise Killed
        if FETCHED in self.world.machine.packages:
            return Coming((), ())
        if FETCHED not in self.world.machine.files:
            raise ApplianceError("not in the cache", hint="fetch it")
        return Coming((FETCHED,), (FETCHED,))

    def install_fetched(self, shell: object, names: Sequence[str]) -> None:
        """Meanwhile a person installs something too."""
        for name in names:
            with self.world.effect(f"unpack {name}") as machine:
                machine.packages[name] = State("iU", "1")
            self._set_up(name)
        self.world.theirs = True
        self.world.machine.packages.setdefault(THEIRS, State("ii", "1"))

    def install(self, shell: object, paths: Sequence[str], *, back: bool = False) -> None:
        version = OLD if back else NEW
        names = [Path(path).stem for path in paths]
        for name in names:
            with self.world.effect(f"unpack {name} {version}") as machine:
                machine.packages[name] = State("iU", version)
                machine.up -= {unit for unit in machine.up if not machine.has_unit(unit)}
        for name in names:
            self._set_up(name)

    def _set_up(self, name: str) -> None:
        with self.world.effect(f"set up {name}") as machine:
            version = machine.packages[name].version
            if name == BACKEND and version == NEW:
                machine.tables["cm_logs"] = 0
                machine.settings["djigzo_new"] = "yes"
                machine.up.add("postfix")
            if name == self.world.moves.fails and version == NEW:
                machine.packages[name] = State("iF", version)
                raise CommandFailed(f"{name}: its script failed", hint="look there")
            machine.packages[name] = State("ii", version)

    def remove(self, shell: object, names: Sequence[str], *, purge: bool) -> None:
        for name in names:
            with self.world.effect(f"remove {name}") as machine:
                machine.packages.pop(name, None)

    def complete(self, shell: object) -> None:
        for name, state in list(self.world.machine.packages.items()):
            if state.status != "ii":
                self._set_up(name)

    def keep(self, shell: object, folder: str, name: str, version: str) -> bool:
        with self.world.effect(f"keep {name}") as machine:
            machine.files[f"{folder}/{name}.deb"] = version
        return True


class Hypervisor:
    """One machine, and its snapshots."""

    url, settling, keeps_network = "memory://update", 0.0, True

    def __init__(self, world: World) -> None:
        self.world = world

    def _there(self) -> None:
        if self.world.dead:
            raise Killed

    def inventory(self, vm: VmRef) -> Any:
        self._there()
        nic = Holder(vm, PowerState.RUNNING, True, True, Network("lan", "network"))
        return type("Seen", (), {"power": nic.power, "nics": ()})

    def holders(self, mac: str) -> tuple[Holder, ...]:
        self._there()
        return ()

    def snapshots(self, vm: VmRef) -> tuple[Snapshot, ...]:
        self._there()
        return tuple(Snapshot(name, 0.0, "", memory=True) for name in self.world.snapshots)

    def snapshot_fault(self, vm: VmRef) -> str:
        return ""

    def create_snapshot(self, vm: VmRef, name: str, description: str) -> None:
        self._there()
        with self.world.effect(f"snapshot {name}") as machine:
            self.world.snapshots.setdefault(name, copy.deepcopy(machine))

    def revert_snapshot(self, vm: VmRef, name: str) -> None:
        self._there()
        with self.world.effect(f"revert to {name}"):
            self.world.machine = copy.deepcopy(self.world.snapshots[name])

    def remove_snapshot(self, vm: VmRef, name: str) -> None:
        self._there()
        with self.world.effect(f"remove {name}"):
            self.world.snapshots.pop(name, None)

    def start(self, vm: VmRef) -> None:
        self._there()

    def close(self) -> None:
        """Nothing is held."""


def database(world: World) -> DatabaseFacts:
    if world.dead:
        raise Killed
    return DatabaseFacts({name: TableDigest(rows, str(rows)) for name, rows in world.machine.tables.items()}, (), ())


def plan(run_id: str, *, vm: bool) -> UpdatePlan:
    packages = tuple(Package(Path(f"/{name}.deb"), "deb", name, NEW, "all", (), name) for name in (CORE, BACKEND, WEB))
    installed = {CORE: "", BACKEND: OLD, WEB: OLD}
    given = {
        "format": "deb",
        "packages": packages,
        "installed": installed,
        "units": UNITS,
        "run_id": run_id,
        "pam": True,
        "from_repository": not vm,
    }
    return UpdatePlan(HOST, "Debian", OLD, NEW, ("all",), (), (), **given, vm=VM if vm else None)  # type: ignore[arg-type]
