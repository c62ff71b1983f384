"""One process's view of an operation: output, questions, signals and exit code."""

import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import nullcontext, suppress
from contextvars import ContextVar
from pathlib import Path
from types import FrameType

from hypervisors import Access, Cancelled, Hypervisor, Pace, Problem, connect, recordable, redacted
from vmmigrate import known_runs
from vmmigrate.commands.in_time import in_time
from vmmigrate.commands.terminal import ask, echo
from vmmigrate.errors import NeedsAttention, NeedsConfirmation, RolledBack, UsageProblem
from vmmigrate.events import Event, Listener, RunEnded, RunStarted, Service, StepBegan, StepFailed, unfailing
from vmmigrate.interrupts import INTERRUPTS
from vmmigrate.parts import Parts
from vmmigrate.service import service
from vmmigrate.settings import folders
from vmmigrate.settings.load import read_given
from vmmigrate.settings.secrets import ProcessSecrets, cannot_ask
from vmmigrate.settings.wanted import Wanted
from vmmigrate.show.jsonlines import JsonLines
from vmmigrate.show.lines import PlainLines
from vmmigrate.show.live import LiveTerminal
from vmmigrate.show.mail import mail_json
from vmmigrate.step import UndoRefused

# How a URL becomes an adapter; a driver with its own adapters sets another before it calls the CLI.
CONNECT: ContextVar[Callable[[str, Access], Hypervisor]] = ContextVar("connect", default=connect)

_REFUSALS = (UsageProblem, NeedsConfirmation, Cancelled)
DONE, WENT_BACK, REFUSED, ATTENTION, BUG, INTERRUPTED = 0, 1, 2, 3, 4, 130


class Session:
    """Made once by a command; `parts` is for operations, `report` turns an error into an exit code, `end` ends it.

    `run_id`: of the run that the command acts on, where it does not begin one.
    """

    def __init__(self, *, json: bool, run_id: str = "", config: Path | None = None) -> None:
        self._config = config
        self._json = JsonLines(sys.stdout) if json else None
        self._live = LiveTerminal(sys.stdout) if not json and sys.stdout.isatty() else None
        self._show = unfailing(self._json or self._live or PlainLines(sys.stdout, brief=True))
        self._failures: list[StepFailed] = []
        self._log: Path | None = None
        self._run_id = ""
        self._file_lines: Listener | None = None
        self._interrupted = self._warned = False
        self._at = "the run"  # what is done or undone
        self._ended: RunEnded | None = None
        self._parts: Parts | None = None
        self._concerns = run_id

    def parts(self) -> Parts:
        self._parts = Parts(
            secrets=ProcessSecrets(dict(os.environ), self._ask if sys.stdin.isatty() else cannot_ask),
            runs_folder=folders.runs_folder(os.environ),
            keys_folder=folders.keys_folder(os.environ),
            connect=CONNECT.get(),
            listen=self._hear,
            pace=Pace(cancelled=self._check),
            within=in_time,
            watches=True,
            given=lambda file: read_given(self._config or file, os.environ),
        )
        return self._parts

    def interrupt(self, number: int, frame: FrameType | None) -> None:
        """A signal handler, of all three alike. Before a run has begun everything stops at once.

        A run stops at its next safe point; asked again, whatever hangs is given up at once. What makes somebody live is
        not: there the first says what is left, and the next leaves it as a power failure would.
        """
        if self._log is None:
            raise KeyboardInterrupt
        if INTERRUPTS.ends_by_itself:
            self._refuse_twice()
        elif self._interrupted:
            self._interrupted = False
            INTERRUPTS.raise_at_once(self._cancelled())
            return
        self._interrupted = True

    def _refuse_twice(self) -> None:
        """Past all buffers: what is shown may be in the midst of a line."""
        if self._warned:
            raise KeyboardInterrupt
        self._warned = True
        words = f"{self._at} goes on, so that somebody takes mail. Once more leaves it as it is"
        with suppress(OSError):
            os.write(2, f"\n{recordable(words)}\n".encode(errors="replace"))

    def report(self, error: BaseException) -> int:
        """Print what happened and what to do; the exit code."""
        if self._live:
            self._live.stop()
        if isinstance(error, KeyboardInterrupt):
            error = self._left() if self._log else Cancelled("interrupted", hint="nothing was changed")
        code = self._code(error)
        if code == BUG:
            message = f"a bug: {type(error).__name__}"
            hint = f"the log is {self._write_traceback(error)}; please report it"
        elif isinstance(error, Problem | Cancelled):
            message, hint = redacted(str(error)), redacted(error.hint)
        else:
            return code
        if self._json:
            mail = mail_json(self._mail(error))
            said = {"event": "Error", "message": message, "hint": hint, "exit_code": code}
            self._json.write({**said, "mail": mail} if mail else said)
        else:
            self._print(message, hint)
        return code

    def _print(self, message: str, hint: str) -> None:
        """Print each failure that the last message does not repeat: before, only its step was named."""
        for each in self._failures:
            if each.error not in message:
                echo([f"error: {each.title}: {each.error}", f"  → {each.hint}"], err=True)
        echo([f"error: {message}", f"  → {hint}"], err=True)

    def end(self, error: BaseException | None) -> None:
        """The last line of a command that acted on a run: whether mail flows."""
        mail = None if self._json else self._mail(error)
        if mail is None:
            return
        line = recordable(str(mail))
        echo([line])
        if self._log:
            with suppress(OSError), self._log.open("a", encoding="utf-8") as log:
                log.write(line + "\n")

    def _mail(self, error: BaseException | None) -> Service | None:
        """As the run's end saw it; of a run that broke off, looked at now.

        None: nothing was touched, and as far as the run knows somebody serves.
        """
        if self._ended:
            return self._ended.mail
        run_id = self._run_id or (self._concerns if error else "")
        if not run_id or self._parts is None:
            return None
        broke_off = self._run_id or (isinstance(error, Problem) and not isinstance(error, _REFUSALS))
        try:
            seen = known_runs.status(run_id, self._parts)
            return service(seen, self._parts) if broke_off or seen.is_down else None
        except Problem:  # its folder cannot be read: the error above says so
            return None

    def _code(self, error: BaseException) -> int:
        match error:
            case RolledBack() | UndoRefused():
                return WENT_BACK
            case NeedsAttention():
                return ATTENTION
            case Cancelled():
                return INTERRUPTED
            case Problem():
                return ATTENTION if self._log else REFUSED
            case _ if type(error).__name__ == "Abort":  # typer's own, if a question is answered with no
                return REFUSED
            case _:
                return BUG

    def _check(self) -> None:
        if self._interrupted:
            self._interrupted = False
            raise self._cancelled()

    def _cancelled(self) -> Cancelled:
        return Cancelled("interrupted", hint=f"vmmigrate resume {self._run_id}, or vmmigrate rollback {self._run_id}")

    def _left(self) -> NeedsAttention:
        return NeedsAttention(
            f"left as it is: {self._at} did not come to its end, and perhaps nobody takes mail",
            hint=f"vmmigrate status {self._run_id} says what stands where, what goes on, and what to type by hand",
        )

    def _hear(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self._log, self._run_id, self._ended = Path(event.folder) / "log.txt", event.run_id, None
            with suppress(OSError):  # a full disk: what follows is shown, and not logged
                self._file_lines = unfailing(PlainLines(self._log.open("a", encoding="utf-8")))
        if isinstance(event, RunEnded):
            self._ended = event
        if isinstance(event, StepBegan):
            self._at = f"{'undoing ' if event.undoing else ''}{event.title!r} ({event.number} of {event.total})"
        if isinstance(event, StepFailed):
            self._failures.append(event)
        if self._file_lines:
            self._file_lines(event)
        self._show(event)

    def _ask(self, wanted: Wanted) -> str:
        with self._live.still() if self._live else nullcontext():
            return ask(wanted.question, secret=True)

    def _write_traceback(self, error: BaseException) -> str:
        """Where it is: on a disk that is full, above, and without the error's own words, which may hold anything."""
        try:
            path = self._log or Path(tempfile.mkdtemp(prefix="vmmigrate-"), "bug.txt")
            with path.open("a") as log:
                log.write(recordable("".join(traceback.format_exception(error))))
        except OSError:
            echo(["".join(traceback.format_tb(error.__traceback__))], err=True)
            return "above"
        return str(path)
