"""A verified SSH session with one appliance: commands, sudo, files put in place atomically."""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from time import monotonic

import paramiko

from vmmigrate.appliance.port import Account, FileMeta, Result
from vmmigrate.appliance.ssh import HostKey, SshKey, SshServer, connect, fingerprint_of_key, host_key_seen
from vmmigrate.errors import ApplianceUnreachable, CommandFailed, LoginRefused

__all__ = ["HostKey", "SshKey", "SshShell", "fingerprint_of_key", "host_key_seen"]

OUTPUT_LIMIT = 16 << 20  # bytes of one command's output; the longest honest one is a queue's listing
_PIECE = 1 << 15
_PATIENCE = 60.0  # seconds for sudo alone, on a machine that is busy booting
_GRACE = 2.0  # seconds: a daemon that the command left behind may hold its output open for ever
_SHOWN = 400  # characters of a failed command's words


@dataclass(frozen=True)
class _Output:
    status: int
    stdout: bytes
    stderr: bytes


class SshShell:
    """port.Shell over paramiko. Nothing is connected before the first call; a dead session is made anew."""

    def __init__(
        self,
        host: str,
        port: int,
        account: Account,
        *,
        host_key: str | None = None,
        known_hosts: Path | None = None,
        key: SshKey | None = None,
        insecure_ssh_rsa: bool = False,
        timeout: float = 15.0,
    ) -> None:
        """`host_key`: a pin, `SHA256:…` or a public key line; else `known_hosts` decides; else TrustRefused.

        With `key` the log-in is by that key alone, and the account's password serves sudo.
        `timeout` in seconds for connecting and logging in.
        """
        self.host = host
        self.port = port
        self._server = SshServer(host, port, host_key, known_hosts, insecure_ssh_rsa, timeout)
        self._account = account
        self._key = key
        self._transport: paramiko.Transport | None = None
        self._refusal: LoginRefused | None = None
        self._sudo_wants_password: bool | None = None

    def run(self, argv: Sequence[str], *, user: str | None = None, check: bool = True, timeout: float = 60.0) -> Result:
        output = self._run(argv, user, check, timeout)
        return Result(output.status, _text(output.stdout), _text(output.stderr))

    def read_file(self, path: str) -> bytes:
        """Without sudo where that suffices: each sudo is a password check, slow by intent."""
        plain = self._run(("cat", path), None, check=False, timeout=60.0)
        return plain.stdout if plain.status == 0 else self._run(("cat", path), "root", check=True, timeout=60.0).stdout

    def file_meta(self, path: str) -> FileMeta | None:
        for user in (None, "root"):
            found = self.run(("stat", "-c", "%a %U %G", path), user=user, check=False)
            if found.status == 0:
                mode, owner, group = found.stdout.split()
                return FileMeta(mode.zfill(4), owner, group)
        return None

    def install_file(self, path: str, data: bytes, meta: FileMeta) -> None:
        folder = self.run(("mktemp", "-d", "/tmp/vmmigrate.XXXXXXXX")).stdout.strip()  # noqa: S108 -- made 0700 by mktemp
        fresh = f"{path}.vmmigrate-new"
        try:
            self._upload(f"{folder}/data", data)
            owned = ("-m", meta.mode, "-o", meta.owner, "-g", meta.group)
            self.run(("install", *owned, f"{folder}/data", fresh), user="root")
            self.run(("mv", "-f", "-T", fresh, path), user="root")
        finally:
            self.run(("rm", "-rf", folder), check=False)

    def workstation_address(self) -> str:
        return self.run(("printenv", "SSH_CONNECTION")).stdout.split()[0]

    def close(self) -> None:
        if self._transport:
            self._transport.close()
        self._transport = None

    def _session(self) -> paramiko.Transport:
        """The live transport, made anew where it died. A refused log-in is remembered, never repeated."""
        if self._transport and self._transport.is_active():
            return self._transport
        self.close()
        if self._refusal:
            raise self._refusal
        try:
            self._transport = connect(self._server, self._account, self._key)
        except LoginRefused as refusal:
            self._refusal = refusal
            raise
        return self._transport

    def _run(self, argv: Sequence[str], user: str | None, check: bool, timeout: float) -> _Output:
        prefix, first_line = self._sudo(user) if user and user != self._account.user else ((), b"")
        output = self._exec((*prefix, *argv), first_line, timeout)
        if check and output.status != 0:
            raise self._failed(argv, output.status, _text(output.stderr) or _text(output.stdout))
        return output

    def _sudo(self, user: str) -> tuple[tuple[str, ...], bytes]:
        """The words before a command, and what sudo is to read first: nothing where it asks for nothing."""
        if self._sudo_wants_password is None:
            self._sudo_wants_password = self._try_sudo()
        target = () if user == "root" else ("-u", user)
        if not self._sudo_wants_password:
            return ("sudo", "-k", "-n", *target, "--"), b""
        return ("sudo", "-k", "-S", "-p", "", *target, "--"), self._password_line()

    def _try_sudo(self) -> bool:
        """Whether sudo wants the password. If so it is tried once, on `true`: later failures are the command's."""
        if self._exec(("sudo", "-k", "-n", "true"), b"", _PATIENCE).status == 0:
            return False
        answer = self._exec(("sudo", "-k", "-S", "-p", "", "--", "true"), self._password_line(), _PATIENCE)
        if answer.status != 0:
            self._refusal = LoginRefused(
                f"sudo on {self.host} refused {self._account.user!r}: {_words(_text(answer.stderr))}",
                hint="may this account use sudo, and is its password right? it was tried once",
            )
            self.close()
            raise self._refusal
        return True

    def _password_line(self) -> bytes:
        return self._account.password.reveal().encode() + b"\n"

    def _exec(self, argv: Sequence[str], first_line: bytes, timeout: float) -> _Output:
        with self._talking(argv):
            channel = self._session().open_session(timeout=timeout)
            try:
                channel.settimeout(timeout)
                channel.exec_command(shlex.join(argv))
                _send(channel, first_line)
                return self._collect(channel, argv, timeout)
            finally:
                channel.close()

    def _collect(self, channel: paramiko.Channel, argv: Sequence[str], timeout: float) -> _Output:
        """All of both streams, read in turn so that neither blocks the other, within time and size."""
        streams = (bytearray(), bytearray())
        arrived = Event()
        channel.in_buffer.set_event(arrived)
        channel.in_stderr_buffer.set_event(arrived)
        deadline = monotonic() + timeout
        ended: float | None = None
        while not _drained(channel, streams) and monotonic() < (ended or deadline) + _GRACE:
            if sum(map(len, streams)) > OUTPUT_LIMIT:
                raise self._failed(argv, None, f"more than {OUTPUT_LIMIT} bytes of output")
            if ended is None and channel.exit_status_ready():
                ended = monotonic()
            (channel.status_event if channel.eof_received else arrived).wait(0.05)
        if not channel.exit_status_ready() and not channel.closed:
            raise TimeoutError
        status = channel.recv_exit_status()
        if status == -1:  # paramiko's word for a channel that closed without one
            raise EOFError
        return _Output(status, bytes(streams[0]), bytes(streams[1]))

    def _upload(self, path: str, data: bytes) -> None:
        with self._talking(("sftp", path)):
            sftp = paramiko.SFTPClient.from_transport(self._session())
            assert sftp is not None
            with sftp, sftp.open(path, "wb") as remote:
                remote.write(data)

    @contextmanager
    def _talking(self, argv: Sequence[str]) -> Iterator[None]:
        try:
            yield
        except (paramiko.SSHException, EOFError, OSError) as error:
            alive = self._transport is not None and self._transport.is_active()
            if isinstance(error, TimeoutError):
                self.close()  # a peer that vanished without a word looks the same
                raise ApplianceUnreachable(
                    f"{self._server} did not finish {_name(argv)!r} in time",
                    hint="is the machine up, or very busy?",
                ) from error
            if alive and isinstance(error, OSError):  # SFTP's refusals: no such folder, disk full
                raise self._failed(argv, None, str(error)) from error
            self.close()
            raise ApplianceUnreachable(
                f"the SSH session with {self._server} broke off during {_name(argv)!r}",
                hint="is the machine up and its network steady?",
            ) from error

    def _failed(self, argv: Sequence[str], status: int | None, words: str) -> CommandFailed:
        ended = "failed" if status is None else f"ended with status {status}"
        return CommandFailed(
            f"on {self.host}: `{shlex.join(argv)}` {ended}: {_words(words)}",
            hint="run it on the appliance by hand to see more",
        )


def _send(channel: paramiko.Channel, first_line: bytes) -> None:
    try:
        if first_line:
            channel.sendall(first_line)
        channel.shutdown_write()
    except OSError:  # the command ended before it read anything: its status tells why
        if not channel.exit_status_ready():
            raise


def _drained(channel: paramiko.Channel, streams: tuple[bytearray, bytearray]) -> bool:
    """Take what is there; whether that was all there will ever be."""
    over = channel.closed or (channel.exit_status_ready() and bool(channel.eof_received))
    while channel.recv_ready() and len(streams[0]) <= OUTPUT_LIMIT:
        streams[0].extend(channel.recv(_PIECE))
    while channel.recv_stderr_ready() and len(streams[1]) <= OUTPUT_LIMIT:
        streams[1].extend(channel.recv_stderr(_PIECE))
    return over


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _words(text: str) -> str:
    return " · ".join(line.strip() for line in text.splitlines() if line.strip())[:_SHOWN] or "(no words)"


def _name(argv: Sequence[str]) -> str:
    return next((word for word in argv if word != "sudo" and not word.startswith("-")), "")
