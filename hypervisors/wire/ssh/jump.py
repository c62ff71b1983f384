"""Reach machines behind a jump host: a `Dial` whose sockets end there, in channels of one verified SSH session."""

import select
import socket
from contextlib import suppress
from dataclasses import replace
from threading import Lock, Thread

import paramiko

from hypervisors.errors import LoginRefused, Unreachable
from hypervisors.wire.dialling import bracketed
from hypervisors.wire.ssh.connecting import connect
from hypervisors.wire.ssh.connection import Connection
from hypervisors.wire.ssh.login import Login
from hypervisors.wire.ssh.server import SshServer

_PIECE = 1 << 16
_ALIVE = 5.0  # seconds for a sign of life
_REFUSES = "administratively prohibited"
_UNEXPLAINED = (
    "Unable to open channel"  # paramiko keeps one error: of two refusals at once, another thread has the reason
)
_GONE = (OSError, EOFError, paramiko.SSHException)


class Jump:
    """One jump host. Nothing is connected before the first dial, and nothing listens here.

    Safe to use from several threads.
    """

    def __init__(self, server: SshServer, login: Login) -> None:
        self._server, self._login = replace(server, called="the jump host"), login
        self._lock = Lock()
        self._connection: Connection | None = None
        self._pumps: list[_Pump] = []
        self._refusal: LoginRefused | None = None

    def __str__(self) -> str:
        return str(self._server)

    def dial(self, host: str, port: int, timeout: float) -> socket.socket:
        """A `Dial`. Raises OSError if the jump host works but cannot reach the target: TimeoutError for its silence.

        What is wrong with the jump host itself is raised as such: Unreachable, LoginRefused, TrustRefused. Several
        dials at once take no longer than one.
        """
        channel = self._channel(host, port, timeout)
        with self._lock:
            ours, theirs = socket.socketpair()
            ours.settimeout(timeout)
            self._pumps = [pump for pump in self._pumps if pump.is_alive()]
            self._pumps.append(_Pump(theirs, channel))
            return ours

    def close(self) -> None:
        """End the session and all that goes through it; returns when no thread of it is left."""
        with self._lock:
            self._hang_up()  # first: a channel's own end would wait behind what a jump host does not take
            for pump in self._pumps:
                pump.stop()
            self._pumps = []

    def _channel(self, host: str, port: int, timeout: float) -> paramiko.Channel:
        """A session that died without notice is recreated once."""
        connection, was_there = self._session()
        try:
            return self._opened(connection, host, port, timeout)
        except (OSError, Unreachable) as error:
            if isinstance(error, _Answered | _Forbidden) or _is_alive(connection):
                raise
            if not was_there:
                raise self._unwell(f"{self} does not answer any more: {error}") from error
        self._drop(connection)
        return self._opened(self._session()[0], host, port, timeout)

    def _opened(self, connection: Connection, host: str, port: int, timeout: float) -> paramiko.Channel:
        try:
            return connection.transport.open_channel("direct-tcpip", (host, port), ("127.0.0.1", 0), timeout=timeout)
        except paramiko.ChannelException as error:
            raise self._not_through(f"{bracketed(host)}:{port}", error) from error
        except (paramiko.SSHException, EOFError) as error:
            if "timeout" in str(error).lower():  # the other end's silence looks the same
                raise TimeoutError(f"{self}, on the way to {bracketed(host)}:{port}: no answer in time") from error
            if _UNEXPLAINED in str(error) and connection.is_active:
                raise _Answered(f"{self} does not get through to {bracketed(host)}:{port}") from error
            raise self._unwell(f"the session with {self} broke off, on the way to {bracketed(host)}:{port}") from error

    def _not_through(self, where: str, error: paramiko.ChannelException) -> Exception:
        words = str(error.text or error).lower()
        if error.code == 1 or _REFUSES in words:
            return _Forbidden(
                f"{self} forbids the way to {where}: {_REFUSES}",
                hint="see AllowTcpForwarding and PermitOpen in its sshd_config, and permitopen beside the key; or give"
                f" another as {self._login.settings}.url",
            )
        return _Answered(f"{self} does not get through to {where}: {words}")

    def _unwell(self, words: str) -> Unreachable:
        hint = f"check {self._login.settings}.url, and that the jump host is up with its SSH service running"
        return Unreachable(words, hint=hint)

    def _session(self) -> tuple[Connection, bool]:
        """And whether it was there before."""
        with self._lock:
            known = self._connection
            if known is not None and known.is_active:
                return known, True
            self._hang_up()
            self._connection = self._connected()
            return self._connection, False

    def _drop(self, connection: Connection) -> None:
        """Unless another thread has recreated it already."""
        with self._lock:
            if self._connection is connection:
                self._hang_up()

    def _connected(self) -> Connection:
        """A refused log-in is remembered, never repeated."""
        if self._refusal:
            raise self._refusal
        try:
            return connect(self._server, self._login)
        except LoginRefused as refusal:
            self._refusal = refusal
            raise
        except Unreachable as error:
            raise self._unwell(str(error)) from error

    def _hang_up(self) -> None:
        if self._connection:
            self._connection.close()
        self._connection = None


def _is_alive(connection: Connection) -> bool:
    """A target that says nothing looks like a jump host that vanished: so this one is asked itself."""
    try:
        connection.transport.open_session(timeout=_ALIVE).close()
    except paramiko.ChannelException:
        return True  # it gives no session, but it answers
    except (paramiko.SSHException, EOFError, OSError):
        return False
    return True


class _Answered(ConnectionError):
    """The jump host works and says that it cannot reach the target."""


class _Forbidden(Unreachable):
    """The jump host works and does not permit it."""


class _Pump:
    """Carries bytes between a socket and a channel until both sides have ended, each by a thread."""

    def __init__(self, end: socket.socket, channel: paramiko.Channel) -> None:
        self._end, self._channel = end, channel
        channel.settimeout(None)
        self._threads = [Thread(target=work, daemon=True, name="jump") for work in (self._outward, self._inward)]
        for thread in self._threads:
            thread.start()

    def is_alive(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def stop(self) -> None:
        with suppress(OSError):
            self._end.shutdown(socket.SHUT_RDWR)
        self._close()
        for thread in self._threads:
            thread.join()

    def _outward(self) -> None:
        """Ours to theirs. An end of writing is handed on; once ours is closed for good, so is the channel."""
        with suppress(*_GONE):
            while piece := self._end.recv(_PIECE):
                self._channel.sendall(piece)
            self._channel.shutdown_write()
            _await_closing(self._end)
        self._close()
        self._end.close()

    def _inward(self) -> None:
        """Theirs to ours. The socket is left to the other thread, which still reads from it."""
        with suppress(*_GONE):
            while piece := self._channel.recv(_PIECE):
                self._end.sendall(piece)
        with suppress(OSError):
            self._end.shutdown(socket.SHUT_WR)

    def _close(self) -> None:
        with suppress(*_GONE):  # with its session
            self._channel.close()


def _await_closing(end: socket.socket) -> None:
    """Until the other end of the pair is closed, not only its writing: poll reports that unasked."""
    poll = select.poll()
    poll.register(end, 0)
    poll.poll()
