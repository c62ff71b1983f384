"""Connect over SSH and log in: the host key is verified before anything is sent."""

import logging
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paramiko

from hypervisors.errors import LoginRefused, Problem, TrustRefused, Unreachable
from hypervisors.limits import SSH
from hypervisors.secrets import Secret
from hypervisors.wire.dialling import Dial, dial_straight
from hypervisors.wire.faults import plainly
from hypervisors.wire.ssh.connection import Connection
from hypervisors.wire.ssh.login import Login, Refused, is_refusal, prove
from hypervisors.wire.ssh.packets import Packets, within_its_window
from hypervisors.wire.ssh.server import HostKey, SshServer, family_of, known_types, shown_by, verify
from hypervisors.words import in_one_line

# Paramiko logs whole handshakes and, on failure, tracebacks: our exceptions say the same once.
logging.getLogger("paramiko").setLevel(logging.CRITICAL)

# pam_nologin's words while systemd boots or shuts down: the account is right, but it is too early or too late.
_NOT_NOW = re.compile(rb"not permitted to log in|booting up|going down", re.IGNORECASE)
_KEEPALIVE = 30  # seconds


_KNOWN = (paramiko.SSHException, OSError, EOFError)  # what a broken session raises
_ANSWERS = (paramiko.AuthenticationException, paramiko.ChannelException)  # a "no", after which it goes on


class _Transport(paramiko.Transport):
    """Keeps the words with which a server hangs up, which paramiko only logs; and what it reads raises in its own kind.

    A server's packets may raise anything (no UTF-8, no point of the curve, no byte at all), for whoever waits for it.
    """

    _channel_handler_table = within_its_window(paramiko.Transport._channel_handler_table)  # type: ignore[attr-defined]
    farewell = ""
    ended_by: Exception | None = None  # paramiko forgets it with the first that asks
    _saved: Exception | None = None

    @property
    def saved_exception(self) -> Exception | None:
        return self._saved

    @saved_exception.setter
    def saved_exception(self, error: Exception | None) -> None:
        if error is not None and not isinstance(error, _KNOWN):
            error = paramiko.SSHException(f"it sends what cannot be read: {str(error) or type(error).__name__}")
        if not isinstance(error, _ANSWERS):
            self.ended_by = self.ended_by or error
        self._saved = error

    def _parse_disconnect(self, m: paramiko.Message) -> None:
        m.get_int()
        self.farewell = m.get_text()


def host_key_seen(
    host: str,
    port: int,
    *,
    known_hosts: Path | None = None,
    insecure_ssh_rsa: bool = False,
    timeout: float = SSH.most,
    dial: Dial = dial_straight,
) -> HostKey:
    """The key a server shows now, without logging in: for pinning. Raises Unreachable, TrustRefused.

    Of several keys, it asks for one that is in `known_hosts`.
    """
    server = SshServer(
        host, port, known_hosts=known_hosts, insecure_ssh_rsa=insecure_ssh_rsa, timeout=timeout, dial=dial
    )
    transport = _start(server)
    try:
        return shown_by(transport)
    finally:
        transport.close()


def connect(server: SshServer, login: Login) -> Connection:
    """Verified and logged in. Raises Unreachable, TrustRefused, LoginRefused, Unusable."""
    transport = _start(server)
    try:
        verify(server, shown_by(transport), login.settings)
        accepted = _log_in(server, transport, login)
    except BaseException:
        transport.close()
        raise
    transport.set_keepalive(_KEEPALIVE)
    return Connection(transport, accepted)


def _start(server: SshServer) -> _Transport:
    """A transport after key exchange: encrypted, nothing of ours sent, nobody logged in."""
    with _unreachable(server):
        plain = server.dial(server.host, server.port, server.timeout)
        if plain.family != socket.AF_UNIX:  # that is a jump host's
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # many short commands: 40 ms saved on each
    off = {} if server.insecure_ssh_rsa else {"keys": ["ssh-rsa"], "pubkeys": ["ssh-rsa"]}
    try:
        with _unreachable(server):
            transport = _Transport(plain, disabled_algorithms=off, packetizer_class=Packets)
            _prefer_known_types(transport, server)
            _prefer_one_pass(transport)
            transport.banner_timeout = transport.auth_timeout = server.timeout
            _exchange_keys(transport, server.timeout)
    except BaseException:
        plain.close()
        raise
    return transport


def _exchange_keys(transport: paramiko.Transport, timeout: float) -> None:
    transport.start_client(timeout=timeout)
    if not transport.initial_kex_done:  # paramiko stops waiting without a word
        transport.close()
        raise TimeoutError(f"no keys were exchanged within {timeout:g} s")


@contextmanager
def _unreachable(server: SshServer) -> Iterator[None]:
    try:
        yield
    except paramiko.ssh_exception.IncompatiblePeer as error:
        raise TrustRefused(
            f"SSH at {server} offers no algorithm that is safe today: {error}",
            hint="an old server may support only ssh-rsa: insecure_ssh_rsa = true under its ssh settings permits it",
        ) from error
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise Unreachable(
            f"no SSH session with {server}: {plainly(error)}",
            hint="check address and port, and that the machine is up with its SSH service running",
        ) from error


def _prefer_known_types(transport: paramiko.Transport, server: SshServer) -> None:
    """Ask first for the kinds of key we can verify: a server has several and shows one."""
    known = {family_of(kind) for kind in known_types(server)}
    options = transport.get_security_options()
    options.key_types = sorted(options.key_types, key=lambda kind: family_of(kind) not in known)


def _prefer_one_pass(transport: paramiko.Transport) -> None:
    """GCM encrypts and authenticates at once: a disk goes half as fast again as with CTR and HMAC."""
    options = transport.get_security_options()
    options.ciphers = sorted(options.ciphers, key=lambda name: "gcm" not in name)


def _log_in(server: SshServer, transport: _Transport, login: Login) -> Secret | None:
    try:
        return prove(transport, login, old_rsa=server.insecure_ssh_rsa)
    except (Refused, paramiko.SSHException, OSError, EOFError) as error:
        raise _login_failed(server, transport, login, error) from error


def _login_failed(server: SshServer, transport: _Transport, login: Login, error: BaseException) -> Problem:
    """A server that hangs up with words of its own (MaxAuthTries) has said no: what was sent is not sent again."""
    if _NOT_NOW.search(transport.get_banner() or b""):
        return Unreachable(
            f"{server} is starting up or shutting down and accepts no log-in", hint="wait until it has booted"
        )
    if isinstance(error, Refused) or is_refusal(error) or transport.farewell:
        return LoginRefused(
            f"SSH at {server} refused {login.user!r}: {in_one_line(transport.farewell or str(error))}",
            hint=f"check user, password or key in {login.settings}; it was tried once and is not tried again",
        )
    return Unreachable(f"SSH at {server} broke off: {plainly(error)}", hint="is the machine up and its network steady?")
