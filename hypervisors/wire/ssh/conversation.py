"""Talk with a program on a terminal: wait until it asks for something, answer, read until it ends."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from time import monotonic

import paramiko

from hypervisors.wire.ssh import execution
from hypervisors.wire.ssh.execution import TooMuch, Unfinished

# What programs end a question with. Its words are in any language, so only the shape is asked for.
_ASKS = (":", "?", ">", "\uff1a")
_QUIET = 0.4  # seconds without another byte: before that it may be half of a line
_PIECE = 1 << 15


@dataclass(frozen=True)
class Questions:
    """What counts as a question, and what is answered.

    `answer` gets the unfinished line that waits, and returns one line or raises to hang up. `known`: a question that
    needs no second look. `never`: the beginning of a line that is not a question.
    """

    answer: Callable[[str], str]
    known: str = ""
    never: str = ""

    def sees(self, line: str) -> bool:
        said = line.strip()
        return len(said) > 1 and said.endswith(_ASKS) and not (self.never and line.startswith(self.never))

    def is_sure(self, line: str) -> bool:
        return bool(self.known) and line.endswith(self.known)


def converse(transport: paramiko.Transport, line: str, questions: Questions, timeout: float) -> tuple[str, int | None]:
    """Run `line` on a terminal of its own; everything it printed, and its status (None if none came).

    Raises Unfinished, TooMuch, what `questions.answer` and paramiko raise.
    """
    ends = monotonic() + timeout
    channel = transport.open_session(timeout=timeout)
    try:
        channel.settimeout(timeout)
        with execution.closed_after(ends - monotonic(), channel):
            channel.get_pty(term="dumb", width=500)
            channel.exec_command(line)
        seen = _talk(channel, questions, ends - monotonic())
        status = channel.recv_exit_status() if channel.exit_status_ready() else -1
        return _text(seen), None if status == -1 else status
    finally:
        channel.close()


def _talk(channel: paramiko.Channel, questions: Questions, timeout: float) -> bytes:
    seen, answered, deadline = bytearray(), 0, monotonic() + timeout
    arrived = Event()
    channel.in_buffer.set_event(arrived)
    while not _over(channel):
        if _taken(channel, seen):
            continue
        line = _text(bytes(seen[answered:])).rpartition("\n")[2]
        if questions.is_sure(line) or (questions.sees(line) and not arrived.wait(_QUIET)):
            channel.sendall(questions.answer(line).encode() + b"\n")
            answered = len(seen)
        elif monotonic() > deadline:
            raise Unfinished(bytes(seen))
        (channel.status_event if channel.eof_received else arrived).wait(0.05)
    while _taken(channel, seen):
        pass
    return bytes(seen)


def _taken(channel: paramiko.Channel, seen: bytearray) -> bool:
    if not channel.recv_ready():
        return False
    seen.extend(channel.recv(_PIECE))
    if len(seen) > execution.OUTPUT_LIMIT:
        raise TooMuch(bytes(seen))
    return True


def _over(channel: paramiko.Channel) -> bool:
    return channel.closed or (bool(channel.eof_received) and channel.exit_status_ready() and not channel.recv_ready())


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace").replace("\r", "")
