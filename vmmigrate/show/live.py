"""Show a run's events live on a terminal."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from vmmigrate.events import Event, StepBegan, StepProgress, StepRemark, StepWaits, Warned
from vmmigrate.show.lines import PlainLines, transfer


class LiveTerminal:
    """A line a finished step, and a moving one for the step under way, with bytes, rate and time left."""

    def __init__(self, out: TextIO, now: Callable[[], float] = time.monotonic) -> None:
        from rich.console import Console

        self._console = Console(file=out, highlight=False)
        self._plain = PlainLines(out, now, brief=True)
        self._now = now
        self._status = self._console.status("")
        self._title = ""
        self._began = 0.0
        self._moving = False

    def __call__(self, event: Event) -> None:
        match event:
            case StepBegan():
                self._title, self._began = event.title, self._now()
                self._status.update(event.title)
                self._move()
            case StepProgress():
                self._status.update(f"{self._title}: {transfer(event, self._now() - self._began)}")
            case StepWaits():
                wait = event.wait
                left = f"{wait.waited:.0f} s of at most {wait.timeout:.0f} s"
                self._status.update(f"{self._title}: waiting for {wait.what}, {left}")
            case StepRemark() | Warned():
                with self.still():
                    self._plain(event)
            case _:
                self.stop()
        if not isinstance(event, StepProgress | StepWaits | StepRemark | Warned):
            self._plain(event)

    def stop(self) -> None:
        """Nothing moves any more, and the cursor is seen again: for who ends without a last event."""
        self._moving = False
        self._status.stop()

    @contextmanager
    def still(self) -> Iterator[None]:
        """Nothing moves meanwhile: a moving line would wipe a question out."""
        moving = self._moving
        self.stop()
        yield
        if moving:
            self._move()

    def _move(self) -> None:
        self._moving = True
        self._status.start()
