"""A verified SSH session with one appliance: commands, sudo, files put in place atomically."""

import re
import secrets
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import BinaryIO

from hypervisors import LoginRefused, Problem, Secret
from hypervisors.wire.ssh import Connection, Login, Output, SshServer
from vmmigrate.addressing import plain
from vmmigrate.appliance.changing import Hears, heard
from vmmigrate.appliance.port import FileMeta, NewFile, Result
from vmmigrate.appliance.several import Line, commands_of, status_as_of_sh
from vmmigrate.appliance.ssh import installing, streaming, sudo
from vmmigrate.appliance.ssh.session import Elsewhere, Proof, Session, by_its_key, in_words, nowhere, text_of
from vmmigrate.appliance.stat import QUESTION, meta_of
from vmmigrate.errors import ApplianceError
from vmmigrate.limits.seconds import GUEST_COMMAND, GUEST_FILES

# Where only root makes anything: keys in memory (older systems have no /run), a queue on the disk.
_KEYS, _MUCH = "/var/run", "/var/lib"
_INCOMING = "vmmigrate-in"
SEEN_AS = ("printenv", "SSH_CONNECTION")
_PATIENCE = GUEST_FILES.most


def unheard(what: str, ended: str) -> None:
    """Nobody listens."""


class SshShell:
    """port.Shell over paramiko. Nothing is connected before the first call; a dead session is replaced by a new one."""

    def __init__(
        self,
        server: SshServer,
        login: Login,
        elsewhere: Elsewhere = nowhere,
        hears: Hears = unheard,
        proof: Proof = by_its_key,
    ) -> None:
        """With a key the log-in is by that key; the password is for sudo, or for the server if it requires both.

        `hears`: each command that may change the guest, once it has ended, however it has.
        """
        self._session = Session(server, login, elsewhere, proof)
        self._sudo: sudo.Sudo | None = None
        self._sh_as: dict[str, bool] = {}  # by user, whether sudo runs any line of sh without a password
        self._hears = hears
        self._seen: dict[Connection, str] = {}

    @property
    def host(self) -> str:
        return self._session.host

    @property
    def accepted(self) -> Secret | None:
        """The password that the server has taken; None before the log-in, and where a key was enough."""
        return self._session.accepted

    def run(
        self, argv: Sequence[str], *, user: str | None = None, check: bool = True, timeout: float = GUEST_COMMAND.most
    ) -> Result:
        with heard(argv, self._hears) as ended:
            output = self._run(argv, user, check, timeout)
            ended.status, ended.said = output.status, text_of(output.stdout)
        error = text_of(output.stderr)
        return Result(status_as_of_sh(output.status, error), text_of(output.stdout), error)

    def read_file(self, path: str) -> bytes:
        """Without sudo if that is enough: each sudo is a password check, which is slow by design."""
        plain = self._run(("cat", path), None, check=False, timeout=_PATIENCE)
        return (
            plain.stdout
            if plain.status == 0
            else self._run(("cat", path), "root", check=True, timeout=_PATIENCE).stdout
        )

    def file_meta(self, path: str) -> FileMeta | None:
        for user in (None, "root"):
            if found := meta_of(self.host, path, self.run((*QUESTION, path), user=user, check=False)):
                return found
        return None

    def install(self, *files: NewFile, folders: Sequence[str] = ()) -> None:
        mark = f"vmmigrate-{secrets.token_hex(8)}"
        line, given = installing.script(files, folders, mark), installing.stream(files, mark)
        with heard(("install", *(file.path for file in files)), self._hears) as ended:
            output = self._given(line, given)
            ended.status = output.status
        if output.status != 0:
            named = ("install", *(file.path for file in files))
            raise self._session.failed(named, output.status, text_of(output.stderr))

    def _given(self, line: str, given: bytes) -> Output:
        """Run a line as root with that standard input."""
        if self._session.login.user == "root":
            return self._session.plain(("sh", "-c", line), given, _PATIENCE)
        if not self._found_out().tty:
            return self._by_sudo(("sh", "-c", line), "root", _PATIENCE, given)
        with self._passing(_KEYS) as path:
            self._upload(path, given)
            return self._by_sudo(("sh", "-c", f"exec <{path}; {line}"), "root", _PATIENCE)

    # ---- streams -----------------------------------------------------------------------------------------------

    def take(self, argv: Sequence[str], sink: BinaryIO, *, timeout: float = GUEST_COMMAND.most) -> None:
        with heard(argv, self._hears) as ended:
            self._take(argv, sink, timeout)
            ended.status = 0

    def give(self, argv: Sequence[str], source: BinaryIO, *, timeout: float = GUEST_COMMAND.most) -> str:
        with heard(argv, self._hears) as ended:
            output = self._checked(argv, self._give(argv, source, timeout))
            ended.status = 0
        return text_of(output.stdout)

    def _take(self, argv: Sequence[str], sink: BinaryIO, timeout: float) -> None:
        if self._session.login.user == "root":
            self._checked(argv, self._session.pour_out(argv, b"", sink, timeout))
        elif not self._found_out().tty:
            words, first = self._found_out().before(argv)
            self._checked(argv, sudo.without_prompt(self._session.pour_out(words, first, sink, timeout)))
        else:
            with self._passing(_MUCH) as path:
                self._checked(argv, self._by_sudo(("sh", "-c", streaming.into_file(argv, path)), "root", timeout))
                self._checked(argv, self._session.pour_out(("cat", path), b"", sink, timeout))

    def _give(self, argv: Sequence[str], source: BinaryIO, timeout: float) -> Output:
        if self._session.login.user == "root":
            return self._session.pour_in(argv, b"", source, timeout)
        if self._found_out().of_each:
            words, _ = self._found_out().before(argv)
            return self._session.pour_in(words, b"", source, timeout)
        if not self._found_out().tty:
            mark = f"vmmigrate-{secrets.token_hex(8)}"
            words, first = self._found_out().before(("sh", "-c", streaming.after_mark(mark, argv)))
            return sudo.without_prompt(self._session.pour_in(words, first + f"{mark}\n".encode(), source, timeout))
        with self._passing(_MUCH) as path:
            put = ("dd", f"of={path}")
            self._checked(put, self._session.pour_in(put, b"", source, timeout))
            return self._by_sudo(("sh", "-c", streaming.from_file(argv, path)), "root", timeout)

    @contextmanager
    def _passing(self, parent: str) -> Iterator[str]:
        """A file's place in a folder of this account alone, as long as a stream passes through it."""
        folder = self._make_incoming(f"{parent}/{_INCOMING}")
        try:
            yield f"{folder}/data"
        finally:
            with suppress(Problem):  # the next one removes it
                self.run(("rm", "-rf", folder), user="root", check=False)

    def _checked(self, argv: Sequence[str], output: Output) -> Output:
        self._permitted(argv, "root", output)
        if output.status != 0:
            raise self._session.failed(argv, output.status, text_of(output.stderr) or text_of(output.stdout))
        return output

    def _make_incoming(self, stem: str) -> str:
        """A new folder for this account alone, where only root may make one. What an interrupted run left goes."""
        made = self.run(("sh", "-c", f"rm -rf {stem}.*; mktemp -d {stem}.XXXXXXXXXX"), user="root")
        folder = made.stdout.strip()
        if not re.fullmatch(rf"{re.escape(stem)}\.[A-Za-z0-9]{{10}}", folder):
            raise self._session.failed(("mktemp", "-d"), made.status, made.stdout)
        self.run(("chown", self._session.login.user, folder), user="root")
        return folder

    def _upload(self, path: str, data: bytes) -> None:
        """By dd: SFTP may be switched off, and does not start if an account's start-up files print something."""
        done = self._session.plain(("dd", f"of={path}"), data, timeout=_PATIENCE)
        if done.status != 0:
            raise self._session.failed(("dd", f"of={path}"), done.status, text_of(done.stderr))

    def own_address(self) -> str:
        ours = self._session.connection().own_address
        return plain(ours) if ours else ""

    def seen_address(self) -> str:
        """sshd says it once for each connection."""
        connection = self._session.connection()
        if connection not in self._seen:
            self._seen = {connection: self._seen_now()}
        return self._seen[connection]

    def _seen_now(self) -> str:
        said = self.run(SEEN_AS).stdout
        try:
            return plain(said.split()[0])
        except (IndexError, ValueError):
            raise ApplianceError(
                f"{self.host}: `{shlex.join(SEEN_AS)}` printed {in_words(said)!r}, which begins with no address",
                hint="what sets SSH_CONNECTION there? it is for sshd to set: see the account's start-up files",
            ) from None

    def close(self) -> None:
        self._session.close()

    # ---- as whom -----------------------------------------------------------------------------------------------

    def _run(self, argv: Sequence[str], user: str | None, check: bool, timeout: float) -> Output:
        if user and user != self._session.login.user:
            output = self._as(user, argv, timeout)
        else:
            output = self._session.plain(argv, b"", timeout)
        if check and output.status != 0:
            raise self._session.failed(argv, output.status, text_of(output.stderr) or text_of(output.stdout))
        return output

    def _as(self, user: str, argv: Sequence[str], timeout: float) -> Output:
        if self._session.login.user == "root":  # root needs no sudo, which may not be installed
            return self._session.plain(("su", "-s", "/bin/sh", user, "-c", shlex.join(argv)), b"", timeout)
        return self._by_sudo(argv, user, timeout)

    def _by_sudo(self, argv: Sequence[str], user: str, timeout: float, given: bytes = b"") -> Output:
        """Where sudo asks for nothing and permits no sh, each command of a line by a sudo of its own: so its rules can
        name them.
        """
        found = self._found_out()
        if not (found.of_each and isinstance(argv, Line)):
            return self._permitted(argv, user, found.run(self._session, argv, user, timeout, given))
        if self._permits_sh(user):
            output = found.run(self._session, argv, user, timeout, given)
            if not sudo.does_not_permit(output):
                return output
            self._sh_as[user] = False  # by a password alone, which its list of rights does not show
        return self._permitted(
            argv, user, self._session.plain(argv.behind((*found.silently(user), "--")), given, timeout)
        )

    def _permitted(self, argv: Sequence[str], user: str, output: Output) -> Output:
        """A command that sudo refuses did not run, so it must not pass for one that failed ("no such file")."""
        found = self._sudo
        if found is None or not sudo.does_not_permit(output, argv):
            return output
        login, denied = self._session.login, tuple[Sequence[str], ...]()
        if found.of_each:
            denied = sudo.which_are_denied(self._session, tuple(commands_of(argv)), user)
        raise LoginRefused(
            f"sudo on {self.host} does not let {login.user!r} run `{(denied or (argv,))[0][0]}` as {user}: "
            f"{in_words(sudo.in_sudos_words(output))}",
            hint=sudo.what_to_permit(login.user, login.settings, denied, user),
        )

    def _permits_sh(self, user: str) -> bool:
        """By one sudo a line takes a fraction of the time; asked once, because the list of rights is a file there."""
        if user not in self._sh_as:
            self._sh_as[user] = not sudo.which_are_denied(self._session, (sudo.ANY_LINE,), user)
        return self._sh_as[user]

    def _found_out(self) -> sudo.Sudo:
        if self._sudo is None:
            login = self._session.login
            try:
                self._sudo = sudo.find_out(self._session, self._session.passwords, login.settings)
            except sudo.Refused as refused:
                words = f"sudo on {self.host} refused {login.user!r}: {in_words(str(refused))}"
                raise self._session.given_up(LoginRefused(words, hint=refused.hint)) from refused
        return self._sudo
