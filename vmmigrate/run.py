"""What a step acts on: the plan, what is known by now, and the real parts, each connected when first asked for."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from hypervisors import Clock, Hypervisor, NotYet, Progress, ProgressListener, TlsTrust, Wait, wait_for
from vmmigrate.appliance import consoles, tls
from vmmigrate.appliance.family import Software, detect
from vmmigrate.appliance.port import Account, Console, Shell
from vmmigrate.appliance.profile import Profile, read_profile
from vmmigrate.appliance.shell import SshKey, SshShell
from vmmigrate.config import ConsoleSettings, Settings, SshSettings
from vmmigrate.errors import ApplianceUnreachable
from vmmigrate.events import Event, StepProgress, StepRemark, StepWaits
from vmmigrate.model import Facts, NewGuest, Plan
from vmmigrate.rundir import RunDir
from vmmigrate.secrets import Secrets

T = TypeVar("T")


class Doors:
    """How the two appliances are reached: who, where, believed by what. Keeps what it opened until `close`."""

    def __init__(self, settings: Settings, secrets: Secrets) -> None:
        self.settings = settings
        self.secrets = secrets
        self._open: dict[object, Shell] = {}
        self._software: dict[Shell, Software] = {}

    def shell(self, side: str, host: str, host_key: str | None = None) -> Shell:
        """A shell of `side` ('old', 'new') at `host`; `host_key` pins it where the settings do not."""
        key = (side, host, host_key)
        if key not in self._open:
            self._open[key] = self._dial(side, host, host_key)
        return self._open[key]

    def _dial(self, side: str, host: str, host_key: str | None) -> Shell:
        ssh: SshSettings = getattr(self.settings, side).ssh
        account = Account(ssh.user, self.secrets.get(f"{side}.ssh.password"))
        key = SshKey(ssh.key_file) if ssh.key_file else None
        return SshShell(
            host,
            ssh.port,
            account,
            host_key=host_key or ssh.host_key,
            known_hosts=ssh.known_hosts or _own_known_hosts(),
            key=key,
            insecure_ssh_rsa=ssh.insecure_ssh_rsa,
        )

    def software(self, shell: Shell) -> Software:
        """What is installed behind a shell: asked once, because nothing here changes it."""
        if shell not in self._software:
            self._software[shell] = detect(shell)
        return self._software[shell]

    def hang_up(self, host: str) -> None:
        """Forget the sessions with one host, whose other end is about to change."""
        for key in [key for key, shell in self._open.items() if shell.host == host]:
            self._open.pop(key).close()

    def console_trust(self, side: str, shell: Shell) -> TlsTrust:
        """The operator's pin or authority; without one, the certificate that the verified shell sees inside."""
        console: ConsoleSettings = getattr(self.settings, side).console
        if console.fingerprint or console.ca_file:
            return TlsTrust(console.fingerprint, console.ca_file)
        return TlsTrust(fingerprint=tls.collect_web(shell, self.software(shell)).fingerprint)

    def console_url(self, side: str, host: str, trust: TlsTrust) -> str:
        """As the operator says, else looked for at `host`."""
        console: ConsoleSettings = getattr(self.settings, side).console
        return console.url or consoles.find(host, trust, self.profile(side))

    def console(self, side: str, url: str, trust: TlsTrust) -> Console:
        """Not yet logged in; the caller closes it."""
        return consoles.open_console(url, trust, self.profile(side))

    def profile(self, side: str) -> Profile:
        """What the operator says of that side's console."""
        console: ConsoleSettings = getattr(self.settings, side).console
        return read_profile(console.profile)

    def close(self) -> None:
        for shell in self._open.values():
            shell.close()
        self._open.clear()


def _own_known_hosts() -> Path | None:
    """The operator's, where there is one: what `ssh` trusts is trusted here."""
    path = Path.home() / ".ssh" / "known_hosts"
    return path if path.exists() else None


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
            except ApplianceUnreachable as error:
                raise NotYet(str(error)) from error

        return self.wait(what, probe, timeout=timeout, clears=clears)

    # ---- the two appliances --------------------------------------------------------------------------------

    @property
    def old_host(self) -> str:
        return self.settings.old.address or self.plan.identity.host

    @property
    def old_shell(self) -> Shell:
        return self.doors.shell("old", self.old_host)

    @property
    def old_console(self) -> Console:
        trust = self.doors.console_trust("old", self.old_shell)
        return self.doors.console("old", self.doors.console_url("old", self.old_host, trust), trust)

    @property
    def new_shell(self) -> Shell:
        """Over staging, pinned at first contact."""
        guest = self.facts.of(NewGuest)
        return self.doors.shell("new", guest.staging_address, guest.host_key)

    def new_console(self, fingerprint: str) -> Console:
        """Over staging, believed by that leaf."""
        return self.doors.console("new", self.facts.of(NewGuest).console_url, TlsTrust(fingerprint))
