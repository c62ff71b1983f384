"""A verified SSH session with one appliance: commands, sudo, files put in place atomically."""

import secrets
import shlex
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import paramiko

from hypervisors import Dial, Secret, dial_straight
from vmmigrate.appliance.port import INCOMING, Account, FileMeta, Result, fresh
from vmmigrate.appliance.ssh import execution, loginshell, new_password, sudo
from vmmigrate.appliance.ssh.connecting import HostKey, SshKey, SshServer, connect, fingerprint_of_key, host_key_seen
from vmmigrate.appliance.ssh.conversation import Questions, converse
from vmmigrate.appliance.ssh.execution import Output, TooMuch, Unfinished, execute
from vmmigrate.appliance.ssh.login import Login
from vmmigrate.appliance.ssh.loginshell import LoginShell
from vmmigrate.appliance.words import in_one_line
from vmmigrate.errors import ApplianceError, ApplianceUnreachable, CommandFailed, LoginRefused

__all__ = ["HostKey", "Login", "SshKey", "SshShell", "fingerprint_of_key", "host_key_seen"]

_SHOWN = 400  # characters of a failed command's words


class SshShell:
    """port.Shell over paramiko. Nothing is connected before the first call; a dead session is made anew."""

    def __init__(
        self,
        host: str,
        port: int,
        account: Account | Login,
        *,
        host_key: str | None = None,
        known_hosts: Path | None = None,
        key: SshKey | None = None,
        insecure_ssh_rsa: bool = False,
        timeout: float = 15.0,
        dial: Dial = dial_straight,
    ) -> None:
        """`host_key`: a pin, `SHA256:…` or a public key line; else `known_hosts` decides; else TrustRefused.

        With a key the log-in is by that key, and the account's password serves sudo, or the server where it wants
        both. `timeout` in seconds for connecting and logging in.
        """
        self.host = host
        self.port = port
        self._server = SshServer(host, port, host_key, known_hosts, insecure_ssh_rsa, timeout, dial)
        self._login = account if isinstance(account, Login) else Login(account.user, lambda: account.password, key)
        self._nonce = f"vmmigrate-{secrets.token_hex(8)}"
        self._transport: paramiko.Transport | None = None
        self._accepted: Secret | None = None
        self._shell: LoginShell | None = None
        self._sudo: sudo.Sudo | None = None
        self._refusal: ApplianceError | None = None

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
        self._make_incoming()
        try:
            self._upload(f"{INCOMING}/data", data)
            owned = ("-m", meta.mode, "-o", meta.owner, "-g", meta.group)
            self.run(("install", *owned, f"{INCOMING}/data", fresh(path)), user="root")
            self._into_place(path)
        finally:
            self.run(("rm", "-rf", INCOMING), check=False)

    def _make_incoming(self) -> None:
        """Ours alone, and empty: what somebody who was killed left there goes first."""
        make = ("mkdir", "--mode=0700", INCOMING)
        if self.run(make, check=False).status != 0:
            self.run(("rm", "-rf", INCOMING), user="root")
            self.run(make)

    def _into_place(self, path: str) -> None:
        """In one act; what cannot take its place is not left beside it: it may be a key."""
        try:
            self.run(("mv", "-f", "-T", fresh(path), path), user="root")
        except CommandFailed:
            self.run(("rm", "-f", fresh(path)), user="root", check=False)
            raise

    def workstation_address(self) -> str:
        return self.run(("printenv", "SSH_CONNECTION")).stdout.split()[0]

    def close(self) -> None:
        if self._transport:
            self._transport.close()
        self._transport = None

    # ---- as whom -----------------------------------------------------------------------------------------------

    def _run(self, argv: Sequence[str], user: str | None, check: bool, timeout: float) -> Output:
        output = self._as(user, argv, timeout) if user and user != self._login.user else self.plain(argv, b"", timeout)
        if check and output.status != 0:
            raise self._failed(argv, output.status, _text(output.stderr) or _text(output.stdout))
        return output

    def _as(self, user: str, argv: Sequence[str], timeout: float) -> Output:
        if self._login.user == "root":  # whoever is root needs no sudo, which may not be there
            return self.plain(("su", "-s", "/bin/sh", user, "-c", shlex.join(argv)), b"", timeout)
        if self._sudo is None:
            try:
                self._sudo = sudo.find_out(self, self._passwords, self._login.settings)
            except sudo.Refused as refused:
                words = f"sudo on {self.host} refused {self._login.user!r}: {_words(str(refused))}"
                raise self._given_up(LoginRefused(words, hint=refused.hint)) from refused
        return self._sudo.run(self, argv, user, timeout)

    def _passwords(self) -> Iterable[Secret]:
        return self._login.passwords() if self._accepted is None else (self._accepted,)

    # ---- how it reaches the appliance --------------------------------------------------------------------------

    def plain(self, argv: Sequence[str], given: bytes, timeout: float) -> Output:
        """Without a terminal: both streams apart, and exact."""
        with self._talking(argv):
            if self._shell is None:
                return self._first(argv, given, timeout)
            output = self._execute(self._line(self._shell, argv), given, timeout)
            return self._quiet(output) if self._shell.noisy else output

    def on_tty(self, argv: Sequence[str], prompt: str, secret: Secret | None, timeout: float) -> Output:
        """With a terminal, as a sudo with `requiretty` demands."""
        mark, told = f"{self._nonce}-", [secret] if secret else []

        def answer(question: str) -> str:
            if not told:
                raise new_password.Unanswerable(question)
            return told.pop().reveal()

        assert self._shell is not None
        line = self._line(self._shell, sudo.on_tty_words(mark, argv))
        with self._talking(argv):
            try:
                seen, _status = converse(self._session(), line, Questions(answer, prompt, mark), timeout)
            except new_password.Unanswerable:
                return Output(1, b"", b"the password was not accepted: it asks once more")
            output = sudo.apart(mark, seen)
            if output is None:
                raise EOFError
            return output

    def _line(self, shell: LoginShell, argv: Sequence[str]) -> str:
        quoted = shell.quoted(argv)
        return f"echo {self._nonce}; {quoted}" if shell.noisy else quoted

    def _execute(self, line: str, given: bytes, timeout: float) -> Output:
        return execute(self._session(), line, given, timeout)

    def _first(self, argv: Sequence[str], given: bytes, timeout: float) -> Output:
        """The first command, with the canary before it in one line where every shell reads that line alike."""
        line, canary = shlex.join(argv), loginshell.canary(self._nonce)
        if not loginshell.reads_alike(line):
            self._shell = self._recognised(self._try(canary, b"", timeout))[0]
            return self.plain(argv, given, timeout)
        output = self._try(f"{canary}; {line}", given, timeout)
        self._shell, rest = self._recognised(output)
        return Output(output.status, rest, output.stderr)

    def _try(self, line: str, given: bytes, timeout: float) -> Output:
        """A menu may wait for a choice for ever: what it shows by then is as good as an end."""
        try:
            output = self._execute(line, given, timeout)
        except (Unfinished, TooMuch) as error:
            if not error.seen.strip() or self._nonce.encode() in error.seen:
                raise
            output = Output(1, error.seen, b"")
        if loginshell.heard(self._nonce, output.stdout) is None and self._has_expired(output):
            self._change_password()
            output = self._execute(line, given, timeout)
        return output

    def _recognised(self, output: Output) -> tuple[LoginShell, bytes]:
        heard = loginshell.heard(self._nonce, output.stdout)
        who, settings = f"{self._login.user!r} on {self.host}", self._login.settings
        if heard is None:
            words = _words(_text(output.stdout + b"\n" + output.stderr))
            raise self._given_up(
                ApplianceError(
                    f"the account {who} gives no shell: a command is answered with {words}",
                    hint=f"give another account with a shell as {settings}.user; or log in at the machine's screen,"
                    " leave its menu for a shell, and give this account one: chsh -s /bin/bash ACCOUNT",
                )
            )
        if heard[0].is_restricted:
            raise self._given_up(
                ApplianceError(
                    f"the account {who} has a restricted shell: {heard[0].path}",
                    hint=f"give another account as {settings}.user, or this one a shell: chsh -s /bin/bash ACCOUNT",
                )
            )
        return heard

    def _quiet(self, output: Output) -> Output:
        """Without what the account's own start-up files print before every command."""
        heard = loginshell.heard(self._nonce, output.stdout)
        return Output(output.status, heard[1], output.stderr) if heard else output

    def _upload(self, path: str, data: bytes) -> None:
        """By dd: SFTP may be switched off, and does not start where an account's start-up files print something."""
        done = self.plain(("dd", f"of={path}"), data, timeout=60.0)
        if done.status != 0:
            raise self._failed(("dd", f"of={path}"), done.status, _text(done.stderr))

    # ---- the session -------------------------------------------------------------------------------------------

    def _session(self) -> paramiko.Transport:
        """The live transport, made anew where it died. A refused log-in is remembered, never repeated."""
        if self._transport and self._transport.is_active():
            return self._transport
        self.close()
        if self._refusal:
            raise self._refusal
        try:
            self._transport, self._accepted = connect(self._server, self._login)
        except LoginRefused as refusal:
            self._refusal = refusal
            raise
        return self._transport

    def _given_up(self, refusal: ApplianceError) -> ApplianceError:
        self._refusal = refusal
        self.close()
        return refusal

    def _has_expired(self, output: Output) -> bool:
        return new_password.says_expired(_text(output.stdout + output.stderr))

    def _change_password(self) -> None:
        """Once: afterwards the session is a new one, proved by the new password."""
        who, new = f"{self._login.user!r} on {self.host}", self._login.new_password
        if new is None:
            raise self._given_up(
                LoginRefused(
                    f"the password of {who} has expired and must be changed first",
                    hint="on the new VM: say what it becomes with new.ssh.new_password; on the old one, which is not"
                    f" altered: log in by hand (ssh {self._login.user}@{self.host}), change it, give the changed one",
                )
            )
        current = self._accepted or self._login.password()
        if current == new():
            raise self._given_up(
                LoginRefused(f"the password of {who} has expired again", hint="give another as new.ssh.new_password")
            )
        try:
            new_password.change(self._session(), str(self._server), self._login.user, current, new())
        except LoginRefused as refused:
            raise self._given_up(refused) from refused
        self._login = replace(self._login, password=new, new_password=None)
        self.close()

    @contextmanager
    def _talking(self, argv: Sequence[str]) -> Iterator[None]:
        try:
            yield
        except TooMuch as error:
            raise self._failed(argv, None, f"more than {execution.OUTPUT_LIMIT} bytes of output") from error
        except (paramiko.SSHException, EOFError, OSError) as error:
            self.close()
            if isinstance(error, TimeoutError):  # a peer that vanished without a word looks the same
                raise ApplianceUnreachable(
                    f"{self._server} did not finish {_name(argv)!r} in time",
                    hint="is the machine up, or very busy?",
                ) from error
            raise ApplianceUnreachable(
                f"the SSH session with {self._server} broke off during {_name(argv)!r}",
                hint="is the machine up and its network steady?",
            ) from error

    def _failed(self, argv: Sequence[str], status: int | None, words: str) -> CommandFailed:
        ended = "failed" if status is None else f"ended with status {status}"
        return CommandFailed(
            f"on {self.host}: `{shlex.join(argv)}` {ended}: {_words(words)}",
            hint="log in there and run it by hand to see more: "
            f"ssh -p {self._server.port} {self._login.user}@{self.host}",
        )


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _words(text: str) -> str:
    return in_one_line(text)[:_SHOWN]


def _name(argv: Sequence[str]) -> str:
    return next((word for word in argv if word != "sudo" and not word.startswith("-")), "")
