"""What a run reports while it runs: plain dataclasses to plain functions. Nothing depends on being heard."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hypervisors import Wait, Words


@dataclass(frozen=True, kw_only=True)
class Concerning:
    """`vms`: the virtual machines that the run has by now, their ids as 'old' and 'new'."""

    vms: Mapping[str, str] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, kw_only=True)
class Reported(Concerning):
    """Also of which run it is; "" while planning."""

    run_id: str = field(default="", compare=False)


@dataclass(frozen=True)
class RunStarted(Concerning):
    run_id: str
    verb: str  # 'migrate', 'resume', 'rollback', 'finish'
    folder: str


@dataclass(frozen=True)
class StepBegan(Reported):
    """`number` of `total` counts the steps of this direction; both are 0 while planning."""

    step: str
    title: str
    number: int
    total: int
    undoing: bool = False


@dataclass(frozen=True)
class StepProgress(Reported):
    """Bytes. `total` 0 = unknown."""

    step: str
    done: int
    total: int


@dataclass(frozen=True)
class StepWaits(Reported):
    step: str
    wait: Wait


@dataclass(frozen=True)
class StepRemark(Reported, Words):
    """A remark that changes nothing."""

    step: str
    text: str


@dataclass(frozen=True)
class Warned(Reported, Words):
    """A warning of the hypervisor, which does the request anyway."""

    text: str


@dataclass(frozen=True)
class Changed(Reported, Words):
    """A virtual machine, or its guest, was changed. `vm`: 'old' or 'new'. `before`: "" where nobody looked.

    `after`: of a command, how it ended.
    """

    vm: str
    what: str
    before: str
    after: str


@dataclass(frozen=True)
class StepEnded(Reported):
    step: str
    title: str
    seconds: float
    undoing: bool = False


@dataclass(frozen=True)
class StepFailed(Reported, Words):
    step: str
    title: str
    error: str
    hint: str
    undoing: bool = False


@dataclass(frozen=True)
class DirectionTaken(Reported, Words):
    """The run turned: 'back' with its scope, or 'forward'. `words` say it to a person."""

    to: str
    scope: str
    reason: str
    words: str


@dataclass(frozen=True)
class Outage:
    """One interval in which nobody took mail. Times as the journal has them; `ended` is None where it has not ended.

    `about`: the seconds are by the wall clock, which may have been set meanwhile.
    """

    began: str
    ended: str | None
    seconds: float | None
    about: bool


@dataclass(frozen=True)
class Silence:
    """From the last answer before it to the first one after it. Times in UTC; None: there was none."""

    began: str | None
    ended: str | None
    seconds: float | None
    why: str


@dataclass(frozen=True)
class SeenOutside:
    """What one service ('smtp:25') was seen to do from this workstation while a run was in a live phase."""

    service: str
    asked: int
    answered: int
    gaps: tuple[Silence, ...]

    @property
    def longest(self) -> Silence | None:
        """Of those that have both ends."""
        whole = [gap for gap in self.gaps if gap.seconds is not None]
        return max(whole, key=lambda gap: gap.seconds or 0.0, default=None)


FLOWING, TWICE, DOWN, NOT_LOOKED_AT = "flowing", "flowing through both", "down", "not looked at"


@dataclass(frozen=True)
class Service(Words):
    """Whether the world's mail is taken, as it was looked at just now, and not as it was recorded.

    `through`: the names of the machines that take it. `since`: as a journal has times, or in words.
    `seen`: what is in the way, or why it was not looked at. `now`: what ends it. `expected`: the one
    that takes it is the one that the run would have. `barred`: why no command may act on the run now. `impossible`:
    verbs that would be refused whatever else is put right. `machines`: by label, what stands where.
    """

    state: str
    through: tuple[str, ...] = ()
    since: str = ""
    seen: str = ""
    now: str = ""
    expected: bool = False
    barred: str = ""
    impossible: tuple[str, ...] = ()
    machines: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """The line that a person reads first, and last."""
        at = f"{self.since[:10]} {self.since[11:19]} UTC" if self.since[:1].isdigit() else self.since
        since = at or "an unknown time"
        match self.state:
            case state if state == FLOWING:
                return f"MAIL: flowing through {self.through[0]} since {since}"
            case state if state == TWICE:
                return f"MAIL: flowing through {' AND '.join(self.through)}, at the same address: now {self.now}"
            case state if state == DOWN:
                return f"MAIL: DOWN since {since}: now {self.now} ({self.seen})"
            case _:
                return f"MAIL: not looked at: {self.seen}"


@dataclass(frozen=True)
class RunEnded(Concerning):
    """`outcome`: the itinerary's good end, 'rolled-back', 'needs-attention', 'interrupted', 'finished', or a pause.

    `outage`: seconds in which nobody took mail, in all of `outages` that ended; None where there was none. `machines`:
    by label, what stands where now. `next`: the verbs that can follow, each with what it does. `mail`: looked at at the
    end; None for a kind of run that serves none. `seen`: the services as this workstation saw them, where it watched.
    `account`: what became of the mail that waited at the switch, "" where none did. `left`: what is left to a person.
    """

    run_id: str
    outcome: str
    outage: float | None
    machines: Mapping[str, str]
    next: tuple[tuple[str, str], ...] = ()
    insecure: tuple[str, ...] = ()
    outages: tuple[Outage, ...] = ()
    mail: Service | None = None
    seen: tuple[SeenOutside, ...] = ()
    account: str = ""
    left: tuple[str, ...] = ()


Event = (
    RunStarted
    | StepBegan
    | StepProgress
    | StepWaits
    | StepRemark
    | Warned
    | Changed
    | StepEnded
    | StepFailed
    | DirectionTaken
    | RunEnded
)
Listener = Callable[[Event], None]


def unfailing(listener: Listener) -> Listener:
    """The same, but silent after a failed write: a closed pipe or a full disk must not fail a step."""
    hears = True

    def listen(event: Event) -> None:
        nonlocal hears
        if hears:
            try:
                listener(event)
            except (OSError, ValueError):  # ValueError: a closed file, a character that the stream does not have
                hears = False

    return listen


def silent(event: Event) -> None:
    """A listener that does nothing."""
