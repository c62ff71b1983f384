"""An SSH server: where it is, and by which host key it is trusted."""

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import paramiko

from hypervisors.errors import TrustRefused, Unusable
from hypervisors.limits import SSH
from hypervisors.wire.dialling import Dial, bracketed, dial_straight
from hypervisors.wire.ssh.known_hosts import Known, known


@dataclass(frozen=True)
class HostKey:
    """A host's public key. `line`: `ssh-ed25519 AAAA…`; `fingerprint`: `SHA256:…` as OpenSSH prints it."""

    line: str
    fingerprint: str


@dataclass(frozen=True)
class SshServer:
    """Where to connect and what to trust. `timeout` in seconds, for connecting and for logging in.

    `also`: lines of the keys that the same machine may show instead of `host_key` by then.
    `called`: what it is for, in a message ('the jump host'). `shows_keys`: the command that shows its own keys there.
    """

    host: str
    port: int
    host_key: str | None = None
    known_hosts: Path | None = None
    insecure_ssh_rsa: bool = False
    timeout: float = SSH.most
    dial: Dial = dial_straight
    called: str = ""
    shows_keys: str = "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"
    also: Callable[[], Sequence[str]] = tuple

    def __str__(self) -> str:
        return f"{self.called} {bracketed(self.host)}:{self.port}".strip()


def fingerprint_of_key(line: str) -> str:
    """`SHA256:…` of a public key line (`ssh-ed25519 AAAA… comment`). Raises Unusable if it is not one."""
    words = line.split()
    try:
        blob = base64.b64decode(words[1], validate=True)
    except (IndexError, ValueError):  # binascii.Error is one too
        blob = b""
    if not blob:
        raise Unusable(
            f"{line[:60]!r} is not a public key", hint="give a line like /etc/ssh/ssh_host_ed25519_key.pub's"
        )
    return _digest(blob)


def known_fingerprints(host: str, port: int, known_hosts: Path | None) -> tuple[str, ...]:
    """`SHA256:…` of each key that a known_hosts file has for that server. Raises Unusable."""
    found = _known(SshServer(host, port, known_hosts=known_hosts))
    return tuple(dict.fromkeys(_digest(blob) for _, blob in found.keys))


def shown_by(transport: paramiko.Transport) -> HostKey:
    key = transport.get_remote_server_key()
    return HostKey(f"{key.get_name()} {key.get_base64()}", _digest(key.asbytes()))


def known_types(server: SshServer) -> list[str]:
    if server.host_key:
        return [] if server.host_key.startswith("SHA256:") else server.host_key.split()[:1]
    return [kind for kind, _ in _known(server).keys]


def family_of(kind: str) -> str:
    """rsa-sha2-256, rsa-sha2-512 and ssh-rsa sign with one kind of key."""
    return "ssh-rsa" if kind.startswith("rsa-sha2") else kind


def _known(server: SshServer) -> Known:
    return known(server.known_hosts, server.host, server.port) if server.known_hosts else Known()


def _digest(blob: bytes) -> str:
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def verify(server: SshServer, shown: HostKey, settings: str) -> None:
    """Raises TrustRefused if it is neither the pinned key nor in known_hosts."""
    held = Known() if server.host_key else _known(server)
    if shown.fingerprint in map(_digest, held.revoked):
        raise TrustRefused(
            f"the SSH host key of {server}, {shown.fingerprint}, is revoked in {server.known_hosts}",
            hint=f"whoever has it may be anybody: give the machine a new one, and pin that with {settings}.host_key",
        )
    pins = [server.host_key, *server.also()] if server.host_key else []
    wanted = [_pinned(pin) for pin in pins] or [_digest(blob) for _, blob in held.keys]
    if shown.fingerprint in wanted:
        return
    kind = shown.line.split()[0]
    expected = f"expected was {' or '.join(wanted)}" if wanted else "it is not known here"
    raise TrustRefused(
        f"the SSH host key of {server} is {kind} {shown.fingerprint}; {expected}",
        hint=f"compare with the machine's own (`{server.shows_keys}` at the machine's screen) and pin the right one"
        f" with {settings}.host_key" + ("" if server.host_key else ", or add it to known_hosts"),  # a pin decides first
        seen=shown.fingerprint,
    )


def _pinned(text: str) -> str:
    return text.strip().rstrip("=") if text.strip().startswith("SHA256:") else fingerprint_of_key(text)
