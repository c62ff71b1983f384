"""Connect over SSH and log in: the host key is verified before anything is sent."""

import base64
import binascii
import hashlib
import logging
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import paramiko

from hypervisors import Dial, LoginRefused, Problem, Secret, TrustRefused, Unreachable, dial_straight
from vmmigrate.appliance.faults import plainly
from vmmigrate.appliance.ssh.login import Login, Refused, SshKey, is_refusal, prove
from vmmigrate.appliance.words import in_one_line
from vmmigrate.errors import ApplianceError, UsageProblem

__all__ = ["HostKey", "SshKey", "SshServer", "connect", "fingerprint_of_key", "host_key_seen", "known_fingerprints"]

# Paramiko logs whole handshakes and, on failure, tracebacks: our exceptions say the same once.
logging.getLogger("paramiko").setLevel(logging.CRITICAL)

# pam_nologin's words while systemd boots or shuts down: the account is good, the moment is not.
_NOT_NOW = re.compile(rb"not permitted to log in|booting up|going down", re.IGNORECASE)
_KEEPALIVE = 30  # seconds


@dataclass(frozen=True)
class HostKey:
    """A host's public key. `line`: `ssh-ed25519 AAAA…`; `fingerprint`: `SHA256:…` as OpenSSH prints it."""

    line: str
    fingerprint: str


@dataclass(frozen=True)
class SshServer:
    """Where to connect and what to believe. `timeout` in seconds, for connecting and for logging in.

    `called`: what it is besides an appliance, for a message ('the jump host').
    """

    host: str
    port: int
    host_key: str | None = None
    known_hosts: Path | None = None
    insecure_ssh_rsa: bool = False
    timeout: float = 15.0
    dial: Dial = dial_straight
    called: str = ""

    def __str__(self) -> str:
        return f"{self.called} {self.host}:{self.port}".strip()


class _Transport(paramiko.Transport):
    """Keeps the words with which a server hangs up; paramiko only logs them."""

    farewell = ""

    def _parse_disconnect(self, m: paramiko.Message) -> None:
        m.get_int()
        self.farewell = m.get_text()


def fingerprint_of_key(line: str) -> str:
    """`SHA256:…` of a public key line (`ssh-ed25519 AAAA… comment`). Raises UsageProblem where it is none."""
    words = line.split()
    try:
        blob = base64.b64decode(words[1], validate=True)
    except (IndexError, binascii.Error):
        blob = b""
    if not blob:
        raise UsageProblem(
            f"{line[:60]!r} is no public key", hint="give a line like /etc/ssh/ssh_host_ed25519_key.pub's"
        )
    return _fingerprint(blob)


def host_key_seen(
    host: str,
    port: int,
    *,
    known_hosts: Path | None = None,
    insecure_ssh_rsa: bool = False,
    timeout: float = 15.0,
    dial: Dial = dial_straight,
) -> HostKey:
    """The key a server shows now, without logging in: for pinning. Raises Unreachable.

    Of several, one that `known_hosts` can vouch for is asked for.
    """
    server = SshServer(
        host, port, known_hosts=known_hosts, insecure_ssh_rsa=insecure_ssh_rsa, timeout=timeout, dial=dial
    )
    transport = _start(server)
    try:
        return _shown(transport)
    finally:
        transport.close()


def known_fingerprints(host: str, port: int, known_hosts: Path | None) -> tuple[str, ...]:
    """`SHA256:…` of each key that a known_hosts file has for that server. Raises UsageProblem."""
    keys = _known_keys(SshServer(host, port, known_hosts=known_hosts))
    return tuple(_fingerprint(key.asbytes()) for key in keys.values())


def connect(server: SshServer, login: Login) -> tuple[paramiko.Transport, Secret | None]:
    """A verified, logged-in transport, and the password that was accepted (None: a key was enough).

    Raises Unreachable, TrustRefused, LoginRefused, UsageProblem.
    """
    transport = _start(server)
    try:
        _verify(server, _shown(transport), login.settings)
        accepted = _log_in(server, transport, login)
    except BaseException:
        transport.close()
        raise
    transport.set_keepalive(_KEEPALIVE)
    return transport, accepted


def _start(server: SshServer) -> _Transport:
    """A transport after key exchange: encrypted, nothing of ours sent, nobody logged in."""
    with _unreachable(server):
        plain = server.dial(server.host, server.port, server.timeout)
        if plain.family != socket.AF_UNIX:  # that is a jump host's
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # many short commands: 40 ms saved on each
    off = {} if server.insecure_ssh_rsa else {"keys": ["ssh-rsa"], "pubkeys": ["ssh-rsa"]}
    try:
        with _unreachable(server):
            transport = _Transport(plain, disabled_algorithms=off)
            _prefer_known_types(transport, server)
            transport.banner_timeout = transport.auth_timeout = server.timeout
            transport.start_client(timeout=server.timeout)
    except BaseException:
        plain.close()
        raise
    return transport


@contextmanager
def _unreachable(server: SshServer) -> Iterator[None]:
    try:
        yield
    except paramiko.ssh_exception.IncompatiblePeer as error:
        raise ApplianceError(
            f"SSH at {server} offers no algorithm that is safe today: {error}",
            hint="an old appliance may know ssh-rsa alone: insecure_ssh_rsa = true under its ssh settings permits it",
        ) from error
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise Unreachable(
            f"no SSH session with {server}: {plainly(error)}",
            hint="check address and port, and that the machine is up with its SSH service running",
        ) from error


def _prefer_known_types(transport: paramiko.Transport, server: SshServer) -> None:
    """Ask first for the kinds of key we can verify: a server has several and shows one."""
    known = {_family(kind) for kind in _known_types(server)}
    options = transport.get_security_options()
    options.key_types = sorted(options.key_types, key=lambda kind: _family(kind) not in known)


def _known_types(server: SshServer) -> list[str]:
    if server.host_key:
        return [] if server.host_key.startswith("SHA256:") else server.host_key.split()[:1]
    return list(_known_keys(server))


def _family(kind: str) -> str:
    """rsa-sha2-256, rsa-sha2-512 and ssh-rsa sign with one kind of key."""
    return "ssh-rsa" if kind.startswith("rsa-sha2") else kind


def _known_keys(server: SshServer) -> dict[str, paramiko.PKey]:
    """The host's keys in known_hosts, by type."""
    if server.known_hosts is None:
        return {}
    try:
        hosts = paramiko.HostKeys(str(server.known_hosts))
    except OSError as error:
        raise UsageProblem(
            f"cannot read {server.known_hosts}: {error.strerror}", hint="give a known_hosts file or a pin"
        ) from error
    name = server.host if server.port == 22 else f"[{server.host}]:{server.port}"
    return dict((hosts.lookup(name) or {}).items())


def _shown(transport: paramiko.Transport) -> HostKey:
    key = transport.get_remote_server_key()
    return HostKey(f"{key.get_name()} {key.get_base64()}", _fingerprint(key.asbytes()))


def _fingerprint(blob: bytes) -> str:
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def _verify(server: SshServer, shown: HostKey, settings: str) -> None:
    if server.host_key:
        wanted = [_pinned(server.host_key)]
    else:
        wanted = [_fingerprint(key.asbytes()) for key in _known_keys(server).values()]
    if shown.fingerprint in wanted:
        return
    kind = shown.line.split()[0]
    expected = f"expected was {' or '.join(wanted)}" if wanted else "it is not known here"
    raise TrustRefused(
        f"the SSH host key of {server} is {kind} {shown.fingerprint}; {expected}",
        hint="compare with the machine's own (`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` at its console)"
        f" and pin the right one with {settings}.host_key, or add it to known_hosts",
    )


def _pinned(text: str) -> str:
    return text.strip().rstrip("=") if text.strip().startswith("SHA256:") else fingerprint_of_key(text)


def _log_in(server: SshServer, transport: _Transport, login: Login) -> Secret | None:
    try:
        return prove(transport, login, old_rsa=server.insecure_ssh_rsa)
    except (Refused, paramiko.SSHException, OSError, EOFError) as error:
        raise _login_failed(server, transport, login, error) from error


def _login_failed(server: SshServer, transport: _Transport, login: Login, error: BaseException) -> Problem:
    """A server that hangs up with words of its own (MaxAuthTries) has said no: what was sent is not sent again."""
    if _NOT_NOW.search(transport.get_banner() or b""):
        return Unreachable(
            f"{server} is starting up or shutting down and lets nobody in", hint="wait until it has booted"
        )
    if isinstance(error, Refused) or is_refusal(error) or transport.farewell:
        return LoginRefused(
            f"SSH at {server} refused {login.user!r}: {in_one_line(transport.farewell or str(error))}",
            hint=f"check user, password or key in {login.settings}; it was tried once and is not tried again",
        )
    return Unreachable(f"SSH at {server} broke off: {plainly(error)}", hint="is the machine up and its network steady?")
