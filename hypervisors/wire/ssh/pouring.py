"""Stream through one command: its standard input from a source, or its output into a sink; memory stays constant."""

from typing import BinaryIO

import paramiko

from hypervisors.limits import SSH_TRANSFER
from hypervisors.wire.allowance import Allowance
from hypervisors.wire.ssh.execution import Output, Unfinished, closed_after, collect, ended

_PIECE = 1 << 17
_LONGEST = SSH_TRANSFER.most
_SHOWN = 1 << 15  # bytes of what it says beside its output


def pour_in(transport: paramiko.Transport, line: str, first: bytes, source: BinaryIO, quiet: float) -> Output:
    """Run `line`; its input is `first`, then all of `source`. `quiet`: seconds in which nothing, or too little, moves.

    Raises Unfinished, TooMuch, EOFError and what paramiko raises.
    """
    channel = transport.open_session(timeout=quiet)
    try:
        channel.settimeout(quiet)
        with closed_after(quiet, channel):
            channel.exec_command(line)
        _send(channel, first, source, Allowance(quiet, at_most=_LONGEST))
        return collect(channel, quiet)
    finally:
        channel.close()


def _send(channel: paramiko.Channel, first: bytes, source: BinaryIO, allowed: Allowance) -> None:
    piece = first
    try:
        while piece or (piece := source.read(_PIECE)):
            with ended(allowed, channel):
                channel.sendall(piece)
            allowed.moved(len(piece))
            piece = b""
        channel.shutdown_write()
    except Unfinished:
        raise
    except TimeoutError as error:  # the channel's own clock was the first of the two
        raise Unfinished(b"") from error
    except OSError:  # the command ended before it read all: its status says why
        if not channel.exit_status_ready():
            raise


def pour_out(transport: paramiko.Transport, line: str, first: bytes, sink: BinaryIO, quiet: float) -> Output:
    """Run `line` with `first` as its input; its output goes into `sink` as it comes. Raises as `pour_in`."""
    channel = transport.open_session(timeout=quiet)
    try:
        channel.settimeout(quiet)
        with closed_after(quiet, channel):
            channel.exec_command(line)
            if first:
                channel.sendall(first)
            channel.shutdown_write()
        said, allowed = bytearray(), Allowance(quiet, at_most=_LONGEST)
        try:
            while piece := _received(channel, allowed):
                sink.write(piece)
                _hear(channel, said)
        except TimeoutError as error:
            raise Unfinished(bytes(said)) from error
        ended = collect(channel, quiet)
        return Output(ended.status, b"", bytes(said) + ended.stderr)
    finally:
        channel.close()


def _received(channel: paramiko.Channel, allowed: Allowance) -> bytes:
    """What comes next, b"" at the end. Raises TimeoutError."""
    if allowed.is_over:
        raise TimeoutError
    channel.settimeout(allowed.left)
    piece = bytes(channel.recv(_PIECE))
    allowed.moved(len(piece))
    return piece


def _hear(channel: paramiko.Channel, said: bytearray) -> None:
    while channel.recv_stderr_ready():
        said.extend(channel.recv_stderr(_PIECE)[: max(0, _SHOWN - len(said))])
