"""Ask services again and again, each question in a thread of its own: one that hangs delays no other."""

import heapq
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from hypervisors import Clock, Dial, Problem, dial_straight, in_one_line
from vmmigrate.watch.asking import PATIENCE, Service
from vmmigrate.watch.samples import Sample

_KEPT = 300  # characters of what was answered: it is kept for the whole watch
_AT_ONCE = 40  # questions that may wait for an answer, of one service: Postfix takes 50 sessions of one client


@dataclass
class Prober:
    """Asks `services` of `host` until `stop`. `hear` gets each sample as it is known, in the prober's thread."""

    host: str
    services: Sequence[Service]
    hear: Callable[[Sample], None]
    dial: Dial = dial_straight
    clock: Clock = field(default_factory=Clock)
    timeout: float = PATIENCE
    _known: "queue.SimpleQueue[Sample]" = field(default_factory=queue.SimpleQueue, init=False)
    _open: dict[Service, int] = field(default_factory=dict, init=False)
    _forgets: bool = field(default=False, init=False)
    _stopped: threading.Event = field(default_factory=threading.Event, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)

    def start(self) -> None:
        self._thread = threading.Thread(target=self._go_on, name="prober", daemon=True)
        self._thread.start()

    def stop(self, *, at_once: bool = False) -> None:
        """Waits for what was asked and is not answered yet, no longer than a question may take; or forgets it."""
        self._forgets = at_once
        self._stopped.set()
        if self._thread:
            self._thread.join(self.timeout + 1)

    def _go_on(self) -> None:
        for due, service in _ticks(self.services, self.clock.now()):
            while not self._stopped.is_set() and (left := due - self.clock.now()) > 0:
                self._hear_for(left)
            if self._stopped.is_set():
                break
            self._begin(service)
        while any(self._open.values()) and not self._forgets:
            self._hear_for(self.timeout)

    def _begin(self, service: Service) -> None:
        if self._open.get(service, 0) >= _AT_ONCE:
            return
        self._open[service] = self._open.get(service, 0) + 1
        threading.Thread(target=self._ask, args=(service,), daemon=True).start()

    def _ask(self, service: Service) -> None:
        asked = self.clock.now()
        sign, why = "", ""
        try:
            sign = in_one_line(service.ask(self.host, self.dial, self.timeout))[:_KEPT] or "an empty greeting"
        except (Problem, OSError) as error:
            why = in_one_line(str(error))[:_KEPT]
        self._known.put(Sample(service, asked, self.clock.now(), sign, why))

    def _hear_for(self, seconds: float) -> None:
        try:
            sample = self._known.get(timeout=max(0.0, min(seconds, 0.1)))
        except queue.Empty:
            return
        self._open[sample.service] -= 1
        self.hear(sample)


def _ticks(services: Sequence[Service], now: float) -> Iterator[tuple[float, Service]]:
    """When which service is asked next, for ever: at even distances, whatever an answer took."""
    due = [(now, number) for number, _ in enumerate(services)]
    heapq.heapify(due)
    while due:
        at, number = heapq.heappop(due)
        yield at, services[number]
        heapq.heappush(due, (at + services[number].every, number))
