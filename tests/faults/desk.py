"""A workstation: its folders, what is given to the program there, and one command of it at a time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fixtures.appliance import seed
from fixtures.model.host import Daemon, Hook, Line
from fixtures.model.mount import PLACE
from fixtures.model.world import ADDRESS, BESIDE, IMAGE, OLD_NAME, World
from hypervisors import Cancelled, Clock, Pace, Problem
from tests.faults.process import Desks, Killed, Process
from vmmigrate import cutting_over, known_runs, migrating, operations
from vmmigrate.cutting_over import Terms
from vmmigrate.events import Event, RunEnded, Service
from vmmigrate.parts import Parts
from vmmigrate.service import service
from vmmigrate.settings.models import Settings
from vmmigrate.settings.secrets import ProcessSecrets
from vmmigrate.show.status import status_lines

SECRETS = {
    "VMMIGRATE_OLD_CONSOLE_PASSWORD": seed.ADMIN_OLD.password,
    "VMMIGRATE_OLD_SSH_PASSWORD": seed.SA_OLD.password,
    "VMMIGRATE_NEW_CONSOLE_PASSWORD": seed.ADMIN_FRESH.password,
    "VMMIGRATE_NEW_SSH_PASSWORD": seed.SA_FRESH.password,
}
SAME_LAN = {"staging": "same-lan", "staging_address": BESIDE}


@dataclass
class Ended:
    """How a command ended: what it raised, and all that it reported."""

    argv: tuple[str, ...]
    events: list[Event]
    error: BaseException | None = None
    outcome: str = ""
    command: str = ""
    mail: Service | None = None  # as `status` said

    @property
    def killed(self) -> bool:
        return isinstance(self.error, Killed)

    @property
    def reported(self) -> str:
        """The outcome that its last event has, '' where there is none."""
        ends = [event.outcome for event in self.events if isinstance(event, RunEnded)]
        return ends[-1] if ends else ""

    @property
    def text(self) -> str:
        hint = getattr(self.error, "hint", "")
        return f"{self.error} → {hint}" if self.error else self.outcome


@dataclass
class Desk:
    """One workstation. `name`: of its folder."""

    world: World
    daemon: Daemon
    desks: Desks
    hook: Hook
    name: str = "desk"
    cancelled: Callable[[], None] = lambda: None
    run_id: str = ""
    boots: int = 0
    booted_at: float = 0.0
    _looked: Service | None = None
    shown: list[str] = field(default_factory=list)  # by the last `status`
    folder: Path = field(init=False)

    def __post_init__(self) -> None:
        self.folder = Path(PLACE, self.name)
        self.world.disk.make_folders(str(self.folder))

    def settings(self) -> Settings:
        return Settings.model_validate(
            {
                "hypervisor": {"url": "memory:///", "store": "default"},
                "old": {"address": ADDRESS, "ssh": {"host_key": self.world.host_key(self.world.old.id)}},
                "new": SAME_LAN if self.world.same_lan else {"staging": "staging"},
                "switch": {"accept": "main-cf,maps,first-password"},
                # as long as the model's guests need, and not longer: each second is a look
                "limits": {"boot": 60, "restart": 60, "drain": 12, "network": 30, "shutdown": 30, "answer": 10},
            }
        )

    def parts(self, listen: Callable[[Event], None]) -> Parts:
        time = self.world.time
        return Parts(
            secrets=ProcessSecrets(SECRETS),
            runs_folder=self.folder / "runs",
            keys_folder=self.folder / "keys",
            connect=lambda url, access: Line(self.daemon, self.hook),  # type: ignore[arg-type, return-value]
            listen=listen,
            pace=Pace(Clock(time.monotonic, self._sleep), cancelled=lambda: self.cancelled()),
            wall=time.wall,
            up=lambda: time.now - self.booted_at,
            boot=lambda: f"boot-{self.boots}",
            workstation=lambda: self.name,
        )

    def _sleep(self, seconds: float) -> None:
        self.hook("sleep", f"{seconds:.1f} s", "before")
        self.world.time.pass_by(seconds)

    def command(self, verb: str, *given: Any, **options: Any) -> Ended:
        """One process of the program, from its beginning to its end, however it comes."""
        events: list[Event] = []
        process = Process(str(self.folder))
        self.desks.running.append(process)
        ended = Ended((verb, *map(str, given), *(f"{k}={v}" for k, v in options.items())), events)
        try:
            self._looked = None
            ended.outcome = str(VERBS[verb](self, self.parts(events.append), *given, **options))
        except (Problem, Cancelled, Killed) as error:
            ended.error = error
        except Exception as error:
            ended.error = error
        finally:
            ended.mail, process.alive = self._looked, False
            self.desks.running.remove(process)
        return ended

    def reboots(self) -> None:
        """What a power failure does to its clocks."""
        self.boots += 1
        self.booted_at = self.world.time.now

    # ---- the verbs -------------------------------------------------------------------------------------------

    def _migrate(self, parts: Parts, verb: str = "migrate", *, same_lan: bool = False) -> str:
        self.world.same_lan |= same_lan
        self.run_id = _run_id(self.world, self.name)
        return migrating.migrate(OLD_NAME, IMAGE, self.settings(), parts, run_id=self.run_id, yes=True, verb=verb)

    def _prepare(self, parts: Parts, **options: Any) -> str:
        return self._migrate(parts, "prepare", **options)

    def _rehearse(self, parts: Parts, **options: Any) -> str:
        return self._migrate(parts, "rehearse", **options)

    def _cutover(self, parts: Parts, budget: float | None = None) -> str:
        return cutting_over.cutover(self.run_id, parts, Terms(budget=budget), None)

    def _resume(self, parts: Parts, **options: Any) -> str:
        return operations.resume(self.run_id, parts, **options)

    def _rollback(self, parts: Parts, **options: Any) -> str:
        return operations.rollback(self.run_id, parts, yes=True, **options)

    def _finish(self, parts: Parts, **options: Any) -> str:
        return operations.finish(self.run_id, parts, yes=True, **options)

    def _status(self, parts: Parts) -> str:
        """With its first line, for which it looks."""
        seen = known_runs.status(self.run_id, parts)
        self._looked = service(seen, parts)
        self.shown = status_lines(seen, self._looked)
        return seen.word


VERBS: dict[str, Callable[..., Any]] = {
    "migrate": Desk._migrate,
    "prepare": Desk._prepare,
    "rehearse": Desk._rehearse,
    "cutover": Desk._cutover,
    "resume": Desk._resume,
    "rollback": Desk._rollback,
    "finish": Desk._finish,
    "status": Desk._status,
}


def _run_id(world: World, name: str) -> str:
    stamp = datetime.fromtimestamp(world.time.wall(), UTC).strftime("%Y%m%d-%H%M%S")
    return f"{stamp}-{sum(name.encode()) % 65536:04x}"
