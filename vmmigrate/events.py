"""What a run reports while it runs: plain dataclasses to plain functions. Nothing depends on being heard."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hypervisors import Wait, Words


@dataclass(frozen=True)
class RunStarted:
    run_id: str
    verb: str  # 'migrate', 'resume', 'rollback', 'finish'
    folder: str


@dataclass(frozen=True)
class StepBegan:
    """`number` of `total` counts the steps of this direction; both are 0 while planning."""

    step: str
    title: str
    number: int
    total: int
    undoing: bool = False


@dataclass(frozen=True)
class StepProgress:
    """Bytes. `total` 0 = unknown."""

    step: str
    done: int
    total: int


@dataclass(frozen=True)
class StepWaits:
    step: str
    wait: Wait


@dataclass(frozen=True)
class StepRemark(Words):
    """A remark that changes nothing."""

    step: str
    text: str


@dataclass(frozen=True)
class Warned(Words):
    """A warning of the hypervisor, which does the request anyway."""

    text: str


@dataclass(frozen=True)
class StepEnded:
    step: str
    title: str
    seconds: float
    undoing: bool = False


@dataclass(frozen=True)
class StepFailed(Words):
    step: str
    title: str
    error: str
    hint: str
    undoing: bool = False


@dataclass(frozen=True)
class DirectionTaken(Words):
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
class RunEnded:
    """`outcome`: the itinerary's good end, 'rolled-back', 'needs-attention', 'interrupted', 'finished', or a pause.

    `outage`: seconds in which nobody took mail, in all of `outages` that ended; None where there was none. `machines`:
    by label, what stands where now. `next`: the verbs that can follow, each with what it does.
    """

    run_id: str
    outcome: str
    outage: float | None
    machines: Mapping[str, str]
    next: tuple[tuple[str, str], ...] = ()
    insecure: tuple[str, ...] = ()
    outages: tuple[Outage, ...] = ()


Event = (
    RunStarted
    | StepBegan
    | StepProgress
    | StepWaits
    | StepRemark
    | Warned
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
