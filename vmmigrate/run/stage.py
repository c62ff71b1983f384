"""What a step acts on: the plan, what is known by now, and the real parts."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from hypervisors import (
    Clock,
    Dial,
    Hypervisor,
    NotYet,
    Progress,
    ProgressListener,
    TlsTrust,
    Unreachable,
    Wait,
    wait_for,
)
from vmmigrate.appliance.port import Console, Shell
from vmmigrate.appliance.ssh.shell import host_key_seen
from vmmigrate.doors import Doors
from vmmigrate.events import Event, StepProgress, StepRemark, StepWaits
from vmmigrate.facts import Facts, NewGuest
from vmmigrate.model import Plan
from vmmigrate.run.rundir import RunDir
from vmmigrate.settings.models import Settings

T = TypeVar("T")


@dataclass
class Run:
    """One run in one process."""

    run_id: str
    rundir: RunDir
    plan: Plan
    settings: Settings
    hypervisor: Hypervisor
    doors: Doors
    emit: Callable[[Event], None]
    wall: Callable[[], float]
    clock: Clock = field(default_factory=Clock)
    cancelled: Callable[[], None] = field(default=lambda: None)
    facts: Facts = field(default_factory=Facts)
    step: str = ""
    leave_mail: bool = False
    _learn: Callable[[object], None] = lambda value: None

    # ---- set by the engine, used by the step ---------------------------------------------------------------

    def enter(self, step: str, learn: Callable[[object], None], *, leave_mail: bool) -> None:
        self.step, self._learn, self.leave_mail = step, learn, leave_mail

    def disarm(self) -> None:
        """Nothing interrupts this run any more."""
        self.cancelled = lambda: None

    def learn(self, value: object) -> None:
        """Record what must be known before the effect it protects; it is on the disk when this returns."""
        self._learn(value)

    # ---- telling and waiting -------------------------------------------------------------------------------

    def remark(self, text: str) -> None:
        self.emit(StepRemark(self.step, text))

    @property
    def progress(self) -> ProgressListener:
        def listen(progress: Progress) -> None:
            self.cancelled()
            self.emit(StepProgress(self.step, progress.done, progress.total))

        return listen

    def tick(self, wait: Wait) -> None:
        """For everything that waits: tell, and let the operator stop it."""
        self.cancelled()
        self.emit(StepWaits(self.step, wait))

    def wait(self, what: str, probe: Callable[[], T], *, timeout: float, clears: str) -> T:
        return wait_for(what, probe, timeout=timeout, clears=clears, clock=self.clock, tick=self.tick)

    def wait_for_answer(self, what: str, look: Callable[[], T], *, timeout: float, clears: str) -> T:
        """As `wait`, for something that does not answer yet: unreachable is borne, a refusal is final."""

        def probe() -> T:
            try:
                return look()
            except Unreachable as error:
                raise NotYet(str(error)) from error

        return self.wait(what, probe, timeout=timeout, clears=clears)

    # ---- the two appliances --------------------------------------------------------------------------------

    @property
    def old_host(self) -> str:
        return self.settings.old.address or self.plan.identity.host

    @property
    def old_shell(self) -> Shell:
        return self.doors.old.shell(self.old_host)

    @property
    def old_console(self) -> Console:
        return self.doors.old.console_of(self.old_shell)

    def dial_to(self, host: str) -> Dial:
        """The live address is reached as the old gateway is, also once the new VM answers there; else over staging."""
        return (self.doors.old if host == self.plan.identity.host else self.doors.new).dial

    def new_host_key(self, host: str, *, timeout: float) -> str:
        """The fingerprint that the new VM's SSH shows at `host`, nobody logged in. Raises Unreachable."""
        ssh = self.settings.new.ssh
        rsa, dial = ssh.insecure_ssh_rsa, self.dial_to(host)
        return host_key_seen(host, ssh.port, insecure_ssh_rsa=rsa, timeout=timeout, dial=dial).fingerprint

    @property
    def new_shell(self) -> Shell:
        """Over staging, pinned at first contact."""
        guest = self.facts.of(NewGuest)
        return self.doors.new.shell(guest.staging_address, guest.host_key)

    def new_console(self, fingerprint: str) -> Console:
        """Over staging, believed by that leaf."""
        return self.doors.new.console(self.facts.of(NewGuest).console_url, TlsTrust(fingerprint))
