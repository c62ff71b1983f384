"""One connection to a Hyper-V host: scripts uploaded into a folder of ours, one run a call, all removed at the end."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import resources
from pathlib import Path
from typing import Any

from hypervisors import limits
from hypervisors.access import Access
from hypervisors.errors import HypervisorError, NotSupported, Problem, TimedOut, Unreachable
from hypervisors.hyperv import requests
from hypervisors.hyperv.target import Target
from hypervisors.types import Progress, ProgressListener
from hypervisors.wire import ssh

FOLDER = ".vmmigrate-"
_ABANDONED = 7 * 86_400  # seconds: a folder that a killed program left; a run may wait for its window for days
_SHOWS_KEYS = r"ssh-keygen -lf $env:ProgramData\ssh\ssh_host_ed25519_key.pub"
_POWERSHELL = "powershell -NoProfile -NonInteractive -ExecutionPolicy Bypass -File"


def scripts() -> Mapping[str, bytes]:
    """What is shipped with this package, by file name."""
    folder = resources.files("hypervisors.hyperv") / "scripts"
    return {each.name: each.read_bytes() for each in sorted(folder.iterdir(), key=str) if each.name.endswith(".ps1")}


class Session:
    """`stall`: seconds for which an upload may stand still."""

    def __init__(self, target: Target, connection: ssh.Connection, stall: float) -> None:
        self.target, self.stall = target, stall
        self._connection = connection
        self._folder = f"{FOLDER}{secrets.token_hex(8)}"
        self.files = connection.files(stall)
        try:
            with self._working():
                self.files.make_folder(self._folder)
                self._remove_abandoned()
                self._upload_scripts()
        except Problem:
            self.close()
            raise

    def ask(self, script: str, *, seconds: float = limits.HYPERV.most, **asked: Any) -> Mapping[str, Any]:
        """What that script answers. Raises requests.Failed, Unreachable, TimedOut, NotSupported, HypervisorError."""
        mark = requests.new_mark()
        path = f"{self._folder}/{mark}.json"
        line = f"{_POWERSHELL} {self._folder}/{script}.ps1 {path}"
        with self._working():
            self.files.write(path, requests.request(mark, asked))
            try:
                ended = self._connection.execute(line, b"", seconds)
            except ssh.Unfinished as error:
                raise _late(script, self.target.host, seconds) from error
            finally:
                with suppress(OSError, ssh.BrokeOff):
                    self.files.remove(path)
        _refuse_without_powershell(ended)
        return requests.answer(mark, ended.stdout, ended.stderr)

    def read(self, path: str, most: int) -> bytes:
        """A small file below the account's folder. Raises FileNotFoundError, and as `ask`."""
        with self._working():
            try:
                return self.files.read(path, most)
            except FileNotFoundError as error:
                absent = error
        raise absent

    def write(self, path: str, data: bytes) -> None:
        """Raises as `ask`."""
        with self._working():
            self.files.write(path, data)

    def upload(self, source: Path, path: str, progress: ProgressListener) -> str:
        """`path` as SFTP has it; the SHA-256 of what was sent, in hexadecimal. Raises as `ask`."""
        with self._working():
            return self.files.send(source, path, lambda done, total: progress(Progress(done, total)))

    @contextmanager
    def _working(self) -> Iterator[None]:
        try:
            yield
        except ssh.TooMuch as error:
            raise HypervisorError(f"{self.target.host} answered {error}", hint="is it PowerShell there?") from error
        except (ssh.BrokeOff, TimeoutError) as error:
            raise _broken(self.target.host, error) from error
        except OSError as error:
            raise HypervisorError(
                f"a file could not be written or read over SFTP on {self.target.host}: {error}",
                hint="SFTP must be on there, and this account's own folder writable",
            ) from error

    def _upload_scripts(self) -> None:
        """Read back: what runs there is what was sent."""
        for name, text in scripts().items():
            path = f"{self._folder}/{name}"
            self.files.write(path, text)
            if self.files.read(path, len(text) + 1) != text:
                raise HypervisorError(
                    f"{name} on {self.target.host} is not what was sent",
                    hint="does a virus scanner change files there?",
                )

    def _remove_abandoned(self) -> None:
        """By the host's own clock, which has just dated our folder; none where a listing lacks that one."""
        folders = {name: changed for name, changed in self.files.listed(".") if name.startswith(FOLDER)}
        now = folders.get(self._folder, 0.0)
        for name, changed in folders.items():
            if changed < now - _ABANDONED:
                with suppress(OSError):  # held, or another program removes it now
                    self._remove_folder(name)

    def _remove_folder(self, folder: str) -> None:
        for name, _ in self.files.listed(folder):
            self.files.remove(f"{folder}/{name}")
        self.files.remove_folder(folder)

    def close(self) -> None:
        try:
            with suppress(OSError, ssh.BrokeOff):
                self._remove_folder(self._folder)
        finally:
            self._connection.close()


def open_session(target: Target, access: Access) -> Session:
    """Raises Unreachable, LoginRefused, TrustRefused, Unusable, NotSupported."""
    server = ssh.SshServer(
        target.host,
        target.port,
        host_key=access.ssh.host_key,
        known_hosts=access.ssh.known_hosts or _known_hosts(),
        called="the Hyper-V host",
        shows_keys=_SHOWS_KEYS,
    )
    key = ssh.SshKey(access.ssh.key_file) if access.ssh.key_file else None
    login = ssh.Login(
        target.user, access.password, key, agent=key is None and ssh.agent_holds_any(), settings="hypervisor"
    )
    connection = ssh.connect(server, login)
    try:
        return Session(target, connection, access.stall)
    except BaseException:
        connection.close()
        raise


def _known_hosts() -> Path | None:
    usual = Path("~/.ssh/known_hosts").expanduser()
    return usual if usual.is_file() else None


def _refuse_without_powershell(ended: ssh.Output) -> None:
    """cmd's own status for a command that it does not know; its words are localised."""
    if ended.status == 9009:
        raise NotSupported("the host knows no command powershell", hint="is it a Windows host? name another")


def _late(script: str, host: str, seconds: float) -> TimedOut:
    return TimedOut(
        f"waited {seconds:g} s for the script {script} on {host}: whether it had its effect is not known",
        hint="look at the host's load, then run this again: each script looks first",
    )


def _broken(host: str, error: Exception) -> Problem:
    return Unreachable(f"the SSH session with {host} broke off: {error}", hint="is the host up and its network steady?")
