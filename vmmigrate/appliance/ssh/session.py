"""One account's session: connected when first needed, known to be a shell, connected again after it broke off."""

import secrets
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import BinaryIO

from hypervisors import LoginRefused, Problem, Secret, TrustRefused, Unreachable, in_one_line
from hypervisors.wire.ssh import (
    BrokeOff,
    Connection,
    Login,
    Output,
    Questions,
    SshServer,
    TooMuch,
    Unanswerable,
    Unfinished,
    connect,
)
from vmmigrate.appliance.several import in_short
from vmmigrate.appliance.ssh import loginshell, new_password, sudo
from vmmigrate.appliance.ssh.loginshell import LoginShell
from vmmigrate.appliance.ssh.streaming import beyond
from vmmigrate.errors import ApplianceError, CommandFailed

_SHOWN = 400  # characters of a failed command's words

Elsewhere = Callable[[str], str]  # from the address that does not answer to the one where the machine is now, or ""
Ask = Callable[[Sequence[str]], str]  # a command to what it prints
Proof = Callable[[str, Ask], None]  # of the machine at an address, by more than its key; raises TrustRefused


def nowhere(tried: str) -> str:
    """Of a machine that has one address."""
    return ""


def by_its_key(host: str, ask: Ask) -> None:
    """Of a machine whose host key nobody else has: no more is asked."""


class Session:
    """Commands of one account, as that account. A refusal is remembered, never repeated."""

    def __init__(
        self, server: SshServer, login: Login, elsewhere: Elsewhere = nowhere, proof: Proof = by_its_key
    ) -> None:
        self._server, self._login, self._elsewhere, self._proof = server, login, elsewhere, proof
        self._nonce = f"vmmigrate-{secrets.token_hex(8)}"
        self._connection: Connection | None = None
        self._accepted: Secret | None = None
        self._shell: LoginShell | None = None
        self._refusal: Problem | None = None

    @property
    def host(self) -> str:
        return self._server.host

    @property
    def login(self) -> Login:
        return self._login

    @property
    def accepted(self) -> Secret | None:
        """The password that the server has taken, if it took one."""
        return self._accepted

    def connection(self) -> Connection:
        """The one by which the next command goes: another one after it broke off."""
        with self._talking(("getsockname",)):
            return self._live()

    def passwords(self) -> Iterable[Secret]:
        """Those that sudo may accept: only the one that the server accepted, if it accepted one."""
        return self._login.passwords() if self._accepted is None else (self._accepted,)

    def given_up(self, refusal: Problem) -> Problem:
        """The refusal, to be raised: this account cannot be used, so nothing more is tried with it."""
        self._refusal = refusal
        self.close()
        return refusal

    def failed(self, argv: Sequence[str], status: int | None, words: str) -> CommandFailed:
        ended = "failed" if status is None else f"ended with status {status}"
        host, port = self._server.host, self._server.port
        return CommandFailed(
            f"on {host}: `{in_short(argv)}` {ended}: {in_words(words)}",
            hint=f"log in there and run it by hand to see more: ssh -p {port} {self._login.user}@{host}",
        )

    def close(self) -> None:
        if self._connection:
            self._connection.close()
        self._connection = None

    # ---- how commands get there -------------------------------------------------------------------------------

    def plain(self, argv: Sequence[str], given: bytes, timeout: float) -> Output:
        """Without a terminal: both streams apart, and exact."""
        with self._talking(argv):
            if self._shell is None:
                return self._first(argv, given, timeout)
            output = self._live().execute(self._line(self._shell, argv), given, timeout)
            return self._quiet(output) if self._shell.noisy else output

    def pour_in(self, argv: Sequence[str], first: bytes, source: BinaryIO, quiet: float) -> Output:
        """As `plain`, with more input than fits into memory, which is sent once: not before the canary."""
        shell = self._known()
        with self._talking(argv):
            output = self._live().pour_in(self._line(shell, argv), first, source, quiet)
            return self._quiet(output) if shell.noisy else output

    def pour_out(self, argv: Sequence[str], first: bytes, sink: BinaryIO, quiet: float) -> Output:
        """As `plain`, with more output than fits into memory."""
        shell = self._known()
        with self._talking(argv):
            past = beyond(sink, self._nonce) if shell.noisy else sink
            return self._live().pour_out(self._line(shell, argv), first, past, quiet)

    def _known(self) -> LoginShell:
        if self._shell is None:
            self.plain(("true",), b"", sudo.PATIENCE)
        assert self._shell is not None
        return self._shell

    def on_tty(self, argv: Sequence[str], prompt: str, secret: Secret | None, timeout: float) -> Output:
        """With a terminal, as a sudo with `requiretty` demands."""
        mark, left = f"{self._nonce}-", [secret] if secret else []

        def answer(question: str) -> str:
            if not left:
                raise Unanswerable(question)
            return left.pop().reveal()

        assert self._shell is not None
        line = self._line(self._shell, sudo.on_tty_words(mark, argv))
        with self._talking(argv):
            try:
                seen, _status = self._live().converse(line, Questions(answer, prompt, mark), timeout)
            except Unanswerable:
                return Output(1, b"", b"the password was not accepted: it asks once more")
            output = sudo.apart(mark, seen)
            if output is None:
                raise BrokeOff("its output has no end")
            return output

    def _line(self, shell: LoginShell, argv: Sequence[str]) -> str:
        quoted = shell.quoted(argv)
        return f"echo {self._nonce}; {quoted}" if shell.noisy else quoted

    def _first(self, argv: Sequence[str], given: bytes, timeout: float) -> Output:
        """The first command, with the canary before it in one line if every shell reads that line in the same way."""
        line, canary = shlex.join(argv), loginshell.canary(self._nonce)
        if not loginshell.reads_as_sh(line):
            self._shell = self._recognised(self._try(canary, b"", timeout))[0]
            return self.plain(argv, given, timeout)
        output = self._try(f"{canary}; {line}", given, timeout)
        self._shell, rest = self._recognised(output)
        return Output(output.status, rest, output.stderr)

    def _try(self, line: str, given: bytes, timeout: float) -> Output:
        """A menu may wait for a choice for ever: what it has shown when the time is over counts as its output."""
        try:
            output = self._live().execute(line, given, timeout)
        except (Unfinished, TooMuch) as error:
            if not error.seen.strip() or self._nonce.encode() in error.seen:
                raise
            output = Output(1, error.seen, b"")
        if loginshell.heard(self._nonce, output.stdout) is None and self._has_expired(output):
            self._change_password()
            output = self._live().execute(line, given, timeout)
        return output

    def _recognised(self, output: Output) -> tuple[LoginShell, bytes]:
        heard = loginshell.heard(self._nonce, output.stdout)
        who, settings = f"{self._login.user!r} on {self._server.host}", self._login.settings
        if heard is None:
            words = in_words(text_of(output.stdout + b"\n" + output.stderr))
            raise self.given_up(
                ApplianceError(
                    f"the account {who} has no shell: a command is answered with {words}",
                    hint=f"give another account with a shell as {settings}.user; or log in at the machine's screen,"
                    " leave its menu for a shell, and give this account one: chsh -s /bin/bash ACCOUNT",
                )
            )
        if heard[0].is_restricted:
            raise self.given_up(
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

    # ---- the session -------------------------------------------------------------------------------------------

    def _live(self) -> Connection:
        """The live connection, recreated if it died. A refused log-in is remembered, never repeated."""
        if self._connection and self._connection.is_active:
            return self._connection
        self.close()
        if self._refusal:
            raise self._refusal
        try:
            self._connection = self._connected()
            self._accepted = self._connection.accepted
        except LoginRefused as refusal:
            self._refusal = refusal
            raise
        return self._connection

    def _connected(self) -> Connection:
        """There, or where the machine is by now: nothing was sent yet, and its key and the proof decide who it is."""
        try:
            return self._proved(connect(self._server, self._login))
        except (Unreachable, TrustRefused):
            found = self._elsewhere(self._server.host)
            if not found:
                raise
        self._server = replace(self._server, host=found)
        return self._proved(connect(self._server, self._login))

    def _proved(self, connection: Connection) -> Connection:
        """Before anything else is run there."""
        execute = connection.execute
        try:
            self._proof(self.host, lambda argv: text_of(execute(shlex.join(argv), b"", sudo.PATIENCE).stdout))
        except BaseException:
            connection.close()
            raise
        return connection

    def _has_expired(self, output: Output) -> bool:
        return new_password.says_expired(text_of(output.stdout + output.stderr))

    def _change_password(self) -> None:
        """Once: afterwards the session is a new one, proved by the new password."""
        user, host, new = self._login.user, self._server.host, self._login.new_password
        who = f"{user!r} on {host}"
        if new is None:
            raise self.given_up(
                LoginRefused(
                    f"the password of {who} has expired and must be changed first",
                    hint="new VM: give the next one as new.ssh.new_password; old VM, which is not altered:"
                    f" log in by hand (ssh {user}@{host}), change it, and give the changed one",
                )
            )
        current = self._accepted or self._login.password()
        if current == new():
            raise self.given_up(
                LoginRefused(f"the password of {who} has expired again", hint="give another as new.ssh.new_password")
            )
        try:
            new_password.change(self._live(), str(self._server), self._login.user, current, new())
        except LoginRefused as refused:
            raise self.given_up(refused) from refused
        self._login = replace(self._login, password=new, new_password=None)
        self.close()

    @contextmanager
    def _talking(self, argv: Sequence[str]) -> Iterator[None]:
        try:
            yield
        except TooMuch as error:
            raise self.failed(argv, None, str(error)) from error
        except OSError as error:  # BrokeOff, or a wait that ended
            self.close()
            if isinstance(error, TimeoutError):  # a peer that vanished without a word looks the same
                raise Unreachable(
                    f"{self._server} did not finish {_name(argv)!r} in time",
                    hint="is the machine up, or very busy?",
                ) from error
            raise Unreachable(
                f"the SSH session with {self._server} broke off during {_name(argv)!r}",
                hint="is the machine up and its network steady?",
            ) from error


def text_of(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def in_words(text: str) -> str:
    return in_one_line(text)[:_SHOWN]


def _name(argv: Sequence[str]) -> str:
    """The program of a command, also behind sudo and its options."""
    own = argv[list(argv).index("--") + 1 :] if argv[0] == "sudo" and "--" in argv else argv
    return next((word for word in own if word != "sudo" and not word.startswith("-")), "")
