"""What a step uses: the plan, the facts so far, and the real parts."""

import socket
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import TypeVar

from hypervisors import (
    REAL_TIME,
    Dial,
    Hypervisor,
    Pace,
    TlsTrust,
    once_reachable,
    patient,
    wait_for,
)
from hypervisors.wire.ssh import HostKey, fingerprint_of_key, host_key_seen
from vmmigrate.appliance.port import Console, Shell
from vmmigrate.doors import Doors
from vmmigrate.events import Event, StepProgress, StepRemark, StepWaits
from vmmigrate.facts import HostKeys, Intake, KeptHostKeys, NewGuest, NewVm, Opened
from vmmigrate.learnt import Facts
from vmmigrate.model import Plan
from vmmigrate.run import apart
from vmmigrate.run.clocks import Clocks
from vmmigrate.run.outside import Outside
from vmmigrate.run.rundir import RunDir
from vmmigrate.run.service import Within, at_once
from vmmigrate.run.whereabouts import at, elsewhere
from vmmigrate.settings.given import NOTHING_GIVEN, Given
from vmmigrate.settings.models import Settings

T = TypeVar("T")

_CONNECTS = 5.0  # seconds
UNSEEN = "unseen"  # in place of a number, where nobody could count


@dataclass(frozen=True)
class Discard:
    """What an operator permits to be lost with a VM that is deleted: the exact number, or UNSEEN; "" is nothing."""

    mail: str = ""
    settings: str = ""

    @property
    def given(self) -> dict[str, str]:
        return {name: number for name, number in asdict(self).items() if number}


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
    clocks: Clocks
    pace: Pace = REAL_TIME
    given: Given = NOTHING_GIVEN  # by file and environment, as it begins
    unasked: Callable[[], Doors] | None = None  # for a look that asks for no password; None: by the run's own
    within: Within = at_once  # how long the look at the service may take
    workstation: Callable[[], str] = socket.gethostname
    facts: Facts = field(default_factory=Facts)
    steps: Collection[str] = ()  # names of those that it was begun with
    watches: bool = False  # whether the services are asked from here in a live phase
    outside: Outside | None = None  # who does
    step: str = ""
    leave_behind: bool = False
    discard: Discard = Discard()
    unseen: tuple[str, ...] = ()  # what a `finish` could not see, for its record
    onward: str = "resume"  # the command that goes forward again where this step stops the run
    permitted_outage: float | None = None  # seconds without mail, by the command itself
    outage_accepted: bool = False  # one of minutes, by the command itself
    accepts: tuple[str, ...] = ()  # ids of what may stay otherwise than it should be, by the command itself
    _learn: Callable[[object], None] = lambda value: None
    _found: dict[str, str] = field(default_factory=dict)  # by host key: where this process found the new guest

    # ---- set by the engine, used by the step ---------------------------------------------------------------

    def enter(self, step: str, learn: Callable[[object], None], *, leave_behind: bool) -> None:
        self.step, self._learn, self.leave_behind = step, learn, leave_behind
        self.pace = replace(
            self.pace,
            hears_wait=lambda wait: self.emit(StepWaits(step, wait)),
            hears_progress=lambda progress: self.emit(StepProgress(step, progress.done, progress.total)),
        )

    def watch(self, outside: Callable[["Run"], Outside | None], *, alone: bool) -> None:
        """From the first live step on, the services are asked as the world asks them. `outside`: how, of this kind."""
        if self.watches:
            self.outside = self.outside or outside(self)
        if self.outside:
            self.outside.alone = alone
            self.outside.begin()

    def learn(self, value: object) -> None:
        """Record a fact before the effect that it protects; it is on the disk when this returns."""
        self._learn(value)

    def wall(self) -> float:
        """Unix seconds now."""
        return self.clocks.wall()

    @property
    def accepted(self) -> tuple[str, ...]:
        """What the operator permits, by a setting, by this command, or by one that was killed in the switch."""
        closed = self.facts.find(Intake)
        return (*self.settings.switch.accept, *self.accepts, *(closed.accepted if closed else ()))

    @property
    def budget(self) -> float | None:
        """Seconds without mail that the operator permits before the commit. None: as long as it takes."""
        return self.permitted_outage or self.settings.switch.budget

    @property
    def accepts_outage(self) -> bool:
        """Whether all may be prepared once more while nobody takes mail."""
        return self.outage_accepted or self.settings.switch.accept_outage

    # ---- reporting and waiting -------------------------------------------------------------------------------

    def remark(self, text: str) -> None:
        """Shown and recorded. It may hold the words of another machine."""
        self.emit(StepRemark(self.step, text))

    def wait(self, what: str, probe: Callable[[], T], *, timeout: float, clears: str) -> T:
        return wait_for(what, probe, timeout=timeout, clears=clears, pace=self.pace)

    def wait_for_answer(self, what: str, look: Callable[[], T], *, timeout: float, clears: str) -> T:
        """As `wait`, for something that does not answer yet: unreachable is tolerated, a refusal is final."""
        return self.wait(what, once_reachable(look), timeout=timeout, clears=clears)

    def wait_for_host_key(self, what: str, host: str, *, first: float, timeout: float, clears: str) -> HostKey:
        """As `host_key_at`, of a guest that may be slow: a first try is given `first` seconds, and later ones more."""
        ask = partial(self.host_key_at, host)
        look = patient(ask, first=first, timeout=timeout, clock=self.pace.clock)
        return self.wait_for_answer(what, look, timeout=timeout, clears=clears)

    # ---- the two appliances --------------------------------------------------------------------------------

    @property
    def old_host(self) -> str:
        return self.settings.old.address or self.plan.identity.host

    @property
    def old_shell(self) -> Shell:
        return self.doors.old.shell(self.old_host, proof=partial(apart.prove_old, self))

    def old_host_key(self) -> str:
        """The line of the key that the old gateway's SSH shows, nobody logged in. Raises Unreachable."""
        ssh, rsa, dial = self.settings.old.ssh, self.settings.old.ssh.insecure_ssh_rsa, self.doors.old.dial
        limit = self.settings.limits.answer
        return host_key_seen(self.old_host, ssh.port, insecure_ssh_rsa=rsa, timeout=limit, dial=dial).line

    @property
    def old_console(self) -> Console:
        return self.doors.old.console_of(self.old_shell)

    def dial_to(self, host: str) -> Dial:
        """The live address is reached like the old gateway, also when the new VM answers there; else over staging."""
        return (self.doors.old if host == self.plan.identity.host else self.doors.new).dial

    def new_host_key(self, host: str, *, timeout: float) -> str:
        """The fingerprint that the new VM's SSH shows at `host`, nobody logged in. Raises Unreachable."""
        return self.host_key_at(host, timeout).fingerprint

    def host_key_at(self, host: str, timeout: float) -> HostKey:
        """To connect has a time of its own: a guest's kernel does that, however busy it is."""
        ssh, dial = self.settings.new.ssh, self.dial_to(host)

        def soon(to: str, port: int, within: float) -> socket.socket:
            return dial(to, port, min(within, _CONNECTS))

        rsa = ssh.insecure_ssh_rsa
        return host_key_seen(host, ssh.port, insecure_ssh_rsa=rsa, timeout=timeout, dial=soon)

    @property
    def new_guest(self) -> NewGuest:
        """As it was learnt, at the address where it answers now as far as this process knows."""
        guest = self.facts.of(NewGuest)
        return at(guest, self._found.get(guest.host_key, guest.staging_address))

    @property
    def new_shell(self) -> Shell:
        guest = self.facts.of(NewGuest)
        return self.staging_shell(guest.staging_address, guest.host_key)

    def staging_shell(self, address: str, host_key: str) -> Shell:
        """Pinned at first contact. Where the guest does not answer there any more, it is looked for."""
        again = partial(self.found_again, host_key)
        return self.doors.new.shell(address, host_key, again, self.given_keys, partial(apart.prove_new, self))

    def shell_by(self, keys: tuple[str, ...]) -> Shell:
        """A session of its own with the new guest, which has to show one of these keys. The caller closes it."""
        return self.doors.new.another(self.new_guest.staging_address, keys)

    def shell_at(self, host: str) -> Shell:
        """A session of its own with whoever shows one of the new guest's host keys there. The caller closes it."""
        keys = (self.facts.of(NewGuest).host_key, *self.given_keys())
        return self.doors.new.another(host, keys, self.dial_to(host), partial(apart.prove_new, self))

    def given_keys(self) -> tuple[str, ...]:
        """The old gateway's host keys that the new guest may have, as lines; also where that step was undone since."""
        given, new, stored = self.facts.last(HostKeys), self.facts.last(NewVm), self.facts.last(KeptHostKeys)
        if given is None:  # its record may be lost, in an older copy of the folder: it comes after the opening
            return tuple(stored.lines.values()) if stored and self.facts.last(Opened) else ()
        return given.kept if new and given.vm in ("", new.vm.id) else ()

    def is_new_guest(self, seen: str) -> bool:
        """Whether that is a fingerprint of the new guest's host keys: its own, or one that it was given. By the latter
        alone it is not known apart from the old gateway: see `apart`.
        """
        guest = self.facts.last(NewGuest)
        return guest is not None and seen in {guest.host_key, *map(fingerprint_of_key, self.given_keys())}

    def found_again(self, host_key: str, tried: str) -> str:
        """Where the new guest answers, other than `tried`; "" where it is not found."""
        address = elsewhere(self, tried)
        if address:
            self._found[host_key] = address
            self.remark(f"{self.plan.new_name} has the address {address} on staging now, and not {tried}")
        return address

    def new_console(self, fingerprint: str) -> Console:
        """Over staging, trusted by that leaf."""
        return self.doors.new.console(self.new_guest.console_url, TlsTrust(fingerprint))
