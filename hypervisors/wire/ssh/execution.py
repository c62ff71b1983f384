"""Run one command line over an SSH transport: both streams and the status, within a time and a size."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event
from time import monotonic

import paramiko

from hypervisors.limits import SSH_OUTPUT
from hypervisors.wire.allowance import Allowance, Late, ended_by

OUTPUT_LIMIT = SSH_OUTPUT.most
_PIECE = 1 << 15
_GRACE = 2.0  # seconds without another byte: a daemon that the command left behind may hold its output open for ever


@dataclass(frozen=True)
class Output:
    """A command that ended."""

    status: int
    stdout: bytes
    stderr: bytes


class TooMuch(Exception):
    """More than OUTPUT_LIMIT bytes came. `seen`: what it began with."""

    def __init__(self, seen: bytes) -> None:
        super().__init__(f"more than {OUTPUT_LIMIT} bytes of output")
        self.seen = seen[:_PIECE]


class Unfinished(TimeoutError):
    """The command did not end in time. `seen`: what it had printed by then."""

    def __init__(self, seen: bytes) -> None:
        super().__init__("it did not end in time")
        self.seen = seen


def execute(transport: paramiko.Transport, line: str, given: bytes, timeout: float) -> Output:
    """Run `line` with `given` as its standard input.

    Raises Unfinished, TooMuch, EOFError (the channel closed without a status) and what paramiko raises.
    """
    ends = monotonic() + timeout
    channel = transport.open_session(timeout=timeout)
    try:
        channel.settimeout(timeout)
        with closed_after(ends - monotonic(), channel):
            channel.exec_command(line)
            _send(channel, given)
        return collect(channel, ends - monotonic())
    finally:
        channel.close()


@contextmanager
def closed_after(seconds: float, channel: paramiko.Channel) -> Iterator[None]:
    """Paramiko waits for ever for an answer to a request, for each byte of a window, and for a peer that reads nothing.

    The whole session is closed: a channel's own end would wait behind what does not go. Raises Unfinished.
    """
    with ended(Allowance(seconds), channel):
        yield


@contextmanager
def ended(allowance: Allowance, channel: paramiko.Channel) -> Iterator[None]:
    """As `closed_after`, by what is left."""
    try:
        with ended_by(allowance, channel.get_transport().close):
            yield
    except Late as error:
        raise Unfinished(b"") from error


def _send(channel: paramiko.Channel, given: bytes) -> None:
    try:
        if given:
            channel.sendall(given)
        channel.shutdown_write()
    except OSError:  # the command ended before it read anything: its status says why
        if not channel.exit_status_ready():
            raise


def collect(channel: paramiko.Channel, timeout: float) -> Output:
    """All of both streams, read in turn so that neither blocks the other."""
    streams = (bytearray(), bytearray())
    arrived = Event()
    channel.in_buffer.set_event(arrived)
    channel.in_stderr_buffer.set_event(arrived)
    deadline = monotonic() + timeout
    size, quiet = 0, monotonic()  # since when nothing came: the status may overtake much output on a slow line
    while not _drained(channel, streams):
        if sum(map(len, streams)) > OUTPUT_LIMIT:
            raise TooMuch(bytes(streams[0]))
        if not channel.exit_status_ready() or size != sum(map(len, streams)):
            size, quiet = sum(map(len, streams)), monotonic()
        if monotonic() > min(deadline, quiet + _GRACE):
            break
        (channel.status_event if channel.eof_received else arrived).wait(0.05)
    if not channel.exit_status_ready() and not channel.closed:
        raise Unfinished(bytes(streams[0] + streams[1]))
    return Output(_status(channel), bytes(streams[0]), bytes(streams[1]))


def _status(channel: paramiko.Channel) -> int:
    status = channel.recv_exit_status()
    if status == -1:  # paramiko's word for a channel that closed without one
        raise EOFError
    return status


def _drained(channel: paramiko.Channel, streams: tuple[bytearray, bytearray]) -> bool:
    """Take what is there; whether that was all there will ever be."""
    over = channel.closed or (channel.exit_status_ready() and bool(channel.eof_received))
    while channel.recv_ready() and len(streams[0]) <= OUTPUT_LIMIT:
        streams[0].extend(channel.recv(_PIECE))
    while channel.recv_stderr_ready() and len(streams[1]) <= OUTPUT_LIMIT:
        streams[1].extend(channel.recv_stderr(_PIECE))
    return over
