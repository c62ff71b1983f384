"""What a step acts on: the plan, what is known by now, and the real parts, each connected when first asked for."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from hypervisors import (
    Clock,
    Dial,
    Hypervisor,
    NotYet,
    Progress,
    ProgressListener,
    TlsTrust,
    Wait,
    dial_straight,
    wait_for,
)
from vmmigrate.appliance import consoles
from vmmigrate.appliance.family import Software, detect
from vmmigrate.appliance.port import Console, Shell
from vmmigrate.appliance.profile import Profile, read_profile
from vmmigrate.appliance.ssh.connecting import SshServer
from vmmigrate.appliance.ssh.jump import Jump
from vmmigrate.appliance.ssh.shell import Login, SshKey, SshShell, host_key_seen
from vmmigrate.appliance.tls import bundle as tls
from vmmigrate.errors import ApplianceUnreachable
from vmmigrate.events import Event, StepProgress, StepRemark, StepWaits
from vmmigrate.model import Facts, NewGuest, Plan
from vmmigrate.run.rundir import RunDir
from vmmigrate.settings.models import ConsoleSettings, JumpSettings, Settings, SshSettings
from vmmigrate.settings.secrets import Secrets

T = TypeVar("T")


class Doors:
    """How the two appliances are reached: who, where, believed by what. Keeps what it opened until `close`."""

    def __init__(self, settings: Settings, secrets: Secrets) -> None:
        self.settings = settings
        self.secrets = secrets
        self._open: dict[object, Shell] = {}
        self._jumps: dict[JumpSettings, Jump] = {}
        self._software: dict[Shell, Software] = {}

    def shell(self, side: str, host: str, host_key: str | None = None) -> Shell:
        """A shell of `side` ('old', 'new') at `host`; `host_key` pins it where the settings do not."""
        key = (side, host, host_key)
        if key not in self._open:
            self._open[key] = self._shell(side, host, host_key)
        return self._open[key]

    def _shell(self, side: str, host: str, host_key: str | None) -> Shell:
        ssh: SshSettings = getattr(self.settings, side).ssh
        return SshShell(
            host,
            ssh.port,
            self._login(f"{side}.ssh", ssh, ssh.user),
            host_key=host_key or ssh.host_key,
            known_hosts=ssh.known_hosts or own_known_hosts(),
            insecure_ssh_rsa=ssh.insecure_ssh_rsa,
            dial=self.dial(side),
        )

    def dial(self, side: str) -> Dial:
        """How every connection of that side is made: straight, or through its jump host. Both may have the same."""
        via: JumpSettings | None = getattr(self.settings, side).via
        if via is None:
            return dial_straight
        if via not in self._jumps:
            server = SshServer(via.host, via.port, via.host_key, via.known_hosts or own_known_hosts())
            self._jumps[via] = Jump(server, self._login(f"{side}.via", via, via.user))
        return self._jumps[via].dial

    def _login(self, name: str, who: SshSettings | JumpSettings, user: str) -> Login:
        """A password is fetched when it is wanted: a key and a sudo that asks for nothing need none."""
        passphrase = f"{name}.key_passphrase"
        secret = self.secrets.get(passphrase) if self.secrets.is_given(passphrase) else None
        key = SshKey(who.key_file, secret) if who.key_file else None
        renewed = self._is_set(who, f"{name}.new_password")
        return Login(
            user,
            password=lambda: self.secrets.get(f"{name}.password"),
            key=key,
            agent=who.agent,
            new_password=(lambda: self.secrets.get(f"{name}.new_password")) if renewed else None,
            settings=name,
        )

    def wanted(self) -> Iterator[str]:
        """The secrets that the log-ins over SSH will want. With a key, a password nobody named is asked for by need."""
        for side in ("old", "new"):
            settings = getattr(self.settings, side)
            for name, who in ((f"{side}.via", settings.via), (f"{side}.ssh", settings.ssh)):
                for what in ("password", "key_passphrase", "new_password") if who else ():
                    by_key = who.key_file or who.agent
                    if (what == "password" and not by_key) or self._is_set(who, f"{name}.{what}"):
                        yield f"{name}.{what}"

    def _is_set(self, who: SshSettings | JumpSettings, name: str) -> bool:
        return hasattr(who, name.rpartition(".")[2]) and self.secrets.is_given(name)

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
        return TlsTrust(fingerprint=tls.console_pin(shell, self.software(shell), self.dial(side)))

    def console_url(self, side: str, host: str, trust: TlsTrust) -> str:
        """As the operator says, else looked for at `host`."""
        console: ConsoleSettings = getattr(self.settings, side).console
        return console.url or consoles.find(host, pinned_in(side, trust), self.profile(side), dial=self.dial(side))

    def console(self, side: str, url: str, trust: TlsTrust) -> Console:
        """Not yet logged in; the caller closes it."""
        return consoles.open_console(url, pinned_in(side, trust), self.profile(side), dial=self.dial(side))

    def profile(self, side: str) -> Profile:
        """What the operator says of that side's console."""
        console: ConsoleSettings = getattr(self.settings, side).console
        return read_profile(console.profile)

    def close(self) -> None:
        for shell in self._open.values():
            shell.close()
        self._open.clear()
        for jump in self._jumps.values():
            jump.close()
        self._jumps.clear()


def pinned_in(side: str, trust: TlsTrust) -> TlsTrust:
    """The same, so that a certificate that is not believed names that side's setting."""
    return replace(trust, setting=f"{side}.console.fingerprint")


def own_known_hosts() -> Path | None:
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

    def dial_to(self, host: str) -> Dial:
        """The live address is reached as the old gateway is, also once the new VM answers there; else over staging."""
        return self.doors.dial("old" if host == self.plan.identity.host else "new")

    def new_host_key(self, host: str, *, timeout: float) -> str:
        """The fingerprint that the new VM's SSH shows at `host`, nobody logged in. Raises ApplianceUnreachable."""
        ssh = self.settings.new.ssh
        rsa, dial = ssh.insecure_ssh_rsa, self.dial_to(host)
        return host_key_seen(host, ssh.port, insecure_ssh_rsa=rsa, timeout=timeout, dial=dial).fingerprint

    @property
    def new_shell(self) -> Shell:
        """Over staging, pinned at first contact."""
        guest = self.facts.of(NewGuest)
        return self.doors.shell("new", guest.staging_address, guest.host_key)

    def new_console(self, fingerprint: str) -> Console:
        """Over staging, believed by that leaf."""
        return self.doors.console("new", self.facts.of(NewGuest).console_url, TlsTrust(fingerprint))
