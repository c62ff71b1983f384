"""Record what is shown once and a later report must repeat: remarks and warnings."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

from vmmigrate.errors import JournalFailed
from vmmigrate.events import Changed, Event, Listener, StepBegan, StepEnded, StepRemark, Warned, unfailing
from vmmigrate.run.fold import RunState
from vmmigrate.run.journal import Journal
from vmmigrate.run.record import Kind

VirtualMachines = Callable[[RunState], Mapping[str, str]]  # their ids, as 'old' and 'new'


@dataclass
class Recorder:
    """A listener between the run and the one that shows. What it receives before there is a journal is kept for it."""

    listen: Listener
    _journal: Journal | None = None
    _step: str = ""
    _early: list[tuple[Kind, dict[str, str]]] = field(default_factory=list)
    _vms: VirtualMachines = lambda state: {}
    _bug: Exception | None = None  # the listener's first

    def __post_init__(self) -> None:
        self.listen = unfailing(self.listen)

    def __call__(self, event: Event) -> None:
        event = self._stamped(event)
        self._show(event)
        match event:
            case StepBegan():
                self._step = event.step
            case StepEnded():
                self._step = ""
            case StepRemark():
                self._note(Kind.REMARK, {"step": event.step, "text": event.text})
            case Warned():
                self._note(Kind.WARNING, {"step": self._step, "text": event.text})
            case Changed() if self._journal:
                self._journal.changed(vm=event.vm, what=event.what, before=event.before, after=event.after)

    @contextmanager
    def into(self, journal: Journal, vms: VirtualMachines = lambda state: {}) -> Iterator[None]:
        """Within the block, into that journal. One that an earlier version began gets only kinds that it knows."""
        self._journal, self._vms = journal, vms
        early, self._early = self._early, []
        for kind, data in early:
            self._note(kind, data)
        try:
            yield
        finally:
            self._journal = None
        if self._bug:
            raise self._bug

    def _stamped(self, event: Event) -> Event:
        """With the run and its virtual machines, which a reader of one line would not know."""
        journal = self._journal
        if journal is None:
            return event
        state = journal.state()
        vms = self._vms(state)
        if isinstance(event, Changed):
            return replace(event, vm=_label(event.vm, vms), run_id=state.run_id, vms=vms)
        return replace(event, run_id=state.run_id, vms=vms)

    def _show(self, event: Event) -> None:
        """While a run is under way a bug in the listener waits for its end: half of an act is worse than a late bug."""
        try:
            self.listen(event)
        except Exception as bug:
            if self._journal is None:
                raise
            self._bug = self._bug or bug

    def _note(self, kind: Kind, data: dict[str, str]) -> None:
        """A note that cannot be written fails no act: the journal remembers that, and refuses the next record."""
        journal = self._journal  # once: a transfer's thread may come here while the run ends
        if journal is None:
            self._early.append((kind, data))
        elif journal.schema >= kind.since:
            with suppress(JournalFailed):
                journal.append(kind, data)


def _label(vm: str, vms: Mapping[str, str]) -> str:
    """Of an id, or of a label itself. One that is not known yet is being made."""
    return vm if vm in ("old", "new") else next((label for label, known in vms.items() if known == vm), "new")
