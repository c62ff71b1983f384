"""Show a run's events live on a terminal.

Its line is ours, over rich's status. rich.progress would show `0/? bytes ?` for a step that counts no bytes, as most
do, and both GiB and MB/s for a transfer; and the plain lines of a log need the same words anyway.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from hypervisors import printable
from vmmigrate.events import Event, StepBegan, StepProgress, StepRemark, StepWaits, Warned
from vmmigrate.show.lines import PlainLines, titled, transfer


class LiveTerminal:
    """One line per finished step, and a moving one for the current step, with bytes, rate and time left."""

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
                self._title, self._began = titled(event), self._now()
                self._say("")
                self._move()
            case StepProgress():
                self._say(f": {transfer(event, self._now() - self._began)}")
            case StepWaits():
                wait = event.wait
                self._say(f": waiting for {wait.what}, {wait.waited:.0f} s of at most {wait.timeout:.0f} s")
            case StepRemark() | Warned():
                with self.still():
                    self._plain(event)
            case _:
                self.stop()
        if not isinstance(event, StepProgress | StepWaits | StepRemark | Warned):
            self._plain(event)

    def _say(self, more: str) -> None:
        """As text: a name or a path may hold [words], which rich would read as its own markup."""
        from rich.text import Text

        self._status.update(Text(printable(self._title + more)))

    def stop(self) -> None:
        """Stop the moving line and show the cursor again, for an end without a last event."""
        self._moving = False
        self._status.stop()

    @contextmanager
    def still(self) -> Iterator[None]:
        """Stop the moving line meanwhile: it would overwrite a question."""
        moving = self._moving
        self.stop()
        yield
        if moving:
            self._move()

    def _move(self) -> None:
        self._moving = True
        self._status.start()
