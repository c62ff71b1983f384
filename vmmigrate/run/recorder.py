"""Record what is shown once and a later report must repeat: remarks and warnings."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from vmmigrate.events import Event, Listener, StepBegan, StepRemark, Warned
from vmmigrate.findings import recordable
from vmmigrate.run.journal import Journal
from vmmigrate.run.record import Kind


@dataclass
class Recorder:
    """A listener between the run and the one that shows. What it receives before there is a journal is kept for it."""

    listen: Listener
    _journal: Journal | None = None
    _step: str = ""
    _early: list[tuple[Kind, dict[str, str]]] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        self.listen(event)
        match event:
            case StepBegan():
                self._step = event.step
            case StepRemark():
                self._note(Kind.REMARK, {"step": event.step, "text": recordable(event.text)})
            case Warned():
                self._note(Kind.WARNING, {"step": self._step, "text": recordable(event.text)})

    @contextmanager
    def into(self, journal: Journal) -> Iterator[None]:
        """Within the block, into that journal. One that an earlier version began gets only kinds that it knows."""
        self._journal = journal
        early, self._early = self._early, []
        for kind, data in early:
            self._note(kind, data)
        try:
            yield
        finally:
            self._journal = None

    def _note(self, kind: Kind, data: dict[str, str]) -> None:
        if self._journal is None:
            self._early.append((kind, data))
        elif self._journal.schema >= kind.since:
            self._journal.append(kind, data)
