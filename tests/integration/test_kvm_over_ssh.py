"""libvirt through OpenSSH's own server: keys, agent, host keys, what is missing there, what breaks on the way."""

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest

pytest.importorskip("libvirt", reason="needs libvirt-python")

import libvirt
from daemons import Daemon, daemon
from real_sshd import NEEDS_SSHD

from fixtures.openssh import USER, RealSshd, make_key, public, running
from hypervisors import (
    Access,
    Hypervisor,
    HypervisorError,
    LoginRefused,
    NotSupported,
    SshAccess,
    TrustRefused,
    Unreachable,
    connect,
    lasting,
)
from hypervisors.kvm import pulse, session

pytestmark = [NEEDS_SSHD, pytest.mark.slow]


@dataclass(frozen=True)
class There:
    """A host with libvirt: its sshd, a key that it accepts, a file with its host key."""

    sshd: RealSshd
    daemon: Daemon
    key: Path
    known_hosts: Path

    def url(self, query: str = "") -> str:
        place = f"{USER}@{self.sshd.address}:{self.sshd.port}"
        return f"test+ssh://{place}/default?socket={self.daemon.socket}{query}"

    def access(self, **other: object) -> Access:
        return Access(ssh=SshAccess(**{"known_hosts": self.known_hosts, "key_file": self.key, **other}))  # type: ignore[arg-type]

    def connect(self, **other: object) -> Hypervisor:
        return connect(self.url(), self.access(**other))


@contextmanager
def host(folder: Path, libvirtd: Daemon, *options: str) -> Iterator[There]:
    key = make_key(folder / "id")
    with running(folder / "sshd", "LogLevel VERBOSE", *options, authorized=public(key)) as sshd:
        known = folder / "known hosts"
        known.write_text(f"[{sshd.address}]:{sshd.port} {sshd.host_key}")
        yield There(sshd, libvirtd, key, known)


@pytest.fixture(scope="module")
def libvirtd() -> Iterator[Daemon]:
    with TemporaryDirectory(prefix="vmmigrate-") as folder:
        Path(folder).chmod(0o755)  # the daemon is another user
        with daemon(Path(folder, "d")) as made:
            yield made


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: make_key(tmp_path_factory.mktemp("kinds") / kind, kind) for kind in ("rsa", "ecdsa")}


@pytest.fixture(scope="module")
def there(libvirtd: Daemon, kinds: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[There]:
    with host(tmp_path_factory.mktemp("host"), libvirtd, *(f"HostKey {key}" for key in kinds.values())) as made:
        yield made


@pytest.fixture(autouse=True)
def none_left() -> Iterator[None]:
    """No ssh outlives its connection."""
    yield
    until = time.monotonic() + 60
    while left := [child for child in psutil.Process().children() if child.name() == "ssh"]:
        assert time.monotonic() < until, left
        time.sleep(0.02)


def fingerprint(key: Path) -> str:
    told = subprocess.run(["ssh-keygen", "-lf", str(key)], capture_output=True, text=True, check=True)
    return told.stdout.split()[1]


def answers(hypervisor: Hypervisor) -> bool:
    try:
        return hypervisor.find("test").name == "test"
    finally:
        hypervisor.close()


class TestLogIn:
    def test_by_a_key(self, there: There) -> None:
        before = set(Path("/tmp").glob("vmmigrate-*"))
        hypervisor = there.connect()
        assert not {each for each in set(Path("/tmp").glob("vmmigrate-*")) - before if (each / "said").exists()}
        assert answers(hypervisor)

    def test_by_a_key_that_the_url_names(self, there: There) -> None:
        query = f"&keyfile={there.key}&known_hosts={str(there.known_hosts).replace(' ', '%20')}&no_tty=1"
        assert answers(connect(there.url(query)))

    def test_by_the_agent(self, there: There, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        locked = make_key(tmp_path / "locked")
        with agent(tmp_path / "a", monkeypatch):
            subprocess.run(["ssh-add", "-q", str(there.key)], check=True)
            assert answers(there.connect(key_file=None))
            assert answers(there.connect(key_file=Path(f"{there.key}.pub")))  # of the agent's
            with pytest.raises(LoginRefused):
                there.connect(key_file=locked)

    def test_a_refused_key_is_one_attempt(self, libvirtd: Daemon, tmp_path: Path) -> None:
        other = make_key(tmp_path / "other")
        with host(tmp_path, libvirtd) as there:
            hypervisor = lasting(there.url(), lambda: there.connect(key_file=other), there.connect(), 20)
            kill(sessions_of(there))
            before = there.sshd.log.count("Connection from")
            with pytest.raises(LoginRefused) as caught:
                hypervisor.find("test")
            assert there.sshd.log.count("Connection from") == before + 1
            hypervisor.close()
        assert f"refused {USER}: {USER}@{there.sshd.address}: Permission denied (publickey)." in str(caught.value)
        assert "ssh-add" in caught.value.hint


class TestHostKey:
    @pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
    def test_a_pin_of_any_kind_that_the_server_has(self, there: There, kinds: dict[str, Path], kind: str) -> None:
        key = kinds.get(kind, there.sshd.folder / "host_key")
        assert answers(there.connect(host_key=fingerprint(key), known_hosts=None))

    def test_another_pin(self, there: There, kinds: dict[str, Path], tmp_path: Path) -> None:
        """The error names every key that the server has."""
        with pytest.raises(TrustRefused) as caught:
            there.connect(host_key=fingerprint(make_key(tmp_path / "other")))
        for key in (there.sshd.folder / "host_key", *kinds.values()):
            assert fingerprint(key) in str(caught.value)

    def test_a_pin_decides_before_a_file(self, there: There, tmp_path: Path) -> None:
        pin = fingerprint(make_key(tmp_path / "other"))
        with pytest.raises(TrustRefused, match=f"is not the pinned {pin}".replace("+", r"\+")):
            there.connect(host_key=pin, known_hosts=there.known_hosts)

    def test_an_unknown_one(self, there: There, tmp_path: Path) -> None:
        (tmp_path / "none").touch()
        with pytest.raises(TrustRefused, match="is not in known_hosts") as caught:
            there.connect(known_hosts=tmp_path / "none")
        seen = caught.value.seen
        assert seen
        assert f"hypervisor.host_key = '{seen}'" in caught.value.hint
        assert answers(there.connect(host_key=seen, known_hosts=None))  # the hint works
        assert (tmp_path / "none").read_text() == ""

    def test_a_changed_one(self, there: There, tmp_path: Path) -> None:
        known = tmp_path / "known"
        known.write_text(f"[{there.sshd.address}]:{there.sshd.port} {public(make_key(tmp_path / 'other'))}")
        with pytest.raises(TrustRefused, match="not the one in known_hosts: the host was reinstalled, or somebody"):
            there.connect(known_hosts=known)


class TestTheOtherSide:
    def test_neither_helper_nor_netcat(self, libvirtd: Daemon, tmp_path: Path) -> None:
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / "sh").symlink_to("/bin/sh")
        with (
            host(tmp_path, libvirtd, f"SetEnv SHLVL=1 PATH={tmp_path / 'bin'}") as there,
            pytest.raises(NotSupported, match="no virt-ssh-helper, and no netcat") as caught,
        ):
            there.connect()
        assert "netcat-openbsd" in caught.value.hint

    def test_a_shell_that_talks(self, libvirtd: Daemon, tmp_path: Path) -> None:
        talking = "ForceCommand echo Welcome to this host; eval $SSH_ORIGINAL_COMMAND"
        with (
            host(tmp_path, libvirtd, talking) as there,
            pytest.raises(HypervisorError, match="what answers over ssh is not libvirt"),
        ):
            there.connect()

    def test_no_libvirt(self, there: There, tmp_path: Path) -> None:
        url = there.url().replace(str(there.daemon.socket), str(tmp_path / "none"))
        with pytest.raises(Unreachable, match=r"no way to libvirt on 127\.0\.0\.1:\d+: nc: .*No such file") as caught:
            connect(url, there.access())
        assert "virsh uri" in caught.value.hint

    def test_nobody_listens(self) -> None:
        with pytest.raises(Unreachable, match="port 1: Connection refused"):
            connect("qemu+ssh://127.0.0.1:1/system")


class TestOnTheWay:
    def test_a_session_that_was_ended_is_made_again(self, there: There) -> None:
        hypervisor = lasting(there.url(), there.connect, there.connect(), 120)
        assert hypervisor.find("test")
        kill(sessions_of(there))
        assert answers(hypervisor)

    def test_what_hangs_is_given_up(self, there: There, monkeypatch: pytest.MonkeyPatch) -> None:
        """The keep-alive begins once it is there: before that, a busy machine may be late."""
        watched: list[libvirt.virConnect] = []
        monkeypatch.setattr(pulse, "watch", watched.append)
        hypervisor = there.connect()
        watched[0].setKeepAlive(1, 1)
        with stopped(sessions_of(there)):
            began = time.monotonic()
            with pytest.raises(Unreachable):
                hypervisor.find("test")
            hypervisor.close()
            assert time.monotonic() - began < 60

    def test_a_server_that_hangs_is_given_up(self, there: There, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(session, "_CONNECTING", 1.0)
        with stopped([psutil.Process(there.sshd.process.pid)]):
            began = time.monotonic()
            with pytest.raises(Unreachable, match="libvirt gave no answer for 1 s"):
                there.connect()
            assert time.monotonic() - began < 60


class TestTheTerminal:
    """A child with a terminal of its own, at which a person presses Ctrl-C, or ssh would ask."""

    def test_ctrl_c_does_not_end_the_connection(self, there: There) -> None:
        told = at_a_terminal(
            there,
            """
            hypervisor = connect(url, access)
            try:
                print("ready", flush=True)
                time.sleep(60)
            except KeyboardInterrupt:
                time.sleep(0.3)
                print("still", hypervisor.find("test").name, flush=True)
            """,
            press="ready",
        )
        assert "still test" in told

    def test_a_key_with_a_passphrase_asks_nobody(self, there: There, tmp_path: Path) -> None:
        locked = make_key(tmp_path / "locked", passphrase="x")
        told = at_a_terminal(
            there,
            f"""
            try:
                connect(url, Access(ssh=SshAccess(known_hosts=access.ssh.known_hosts, key_file=Path({str(locked)!r}))))
            except LoginRefused:
                print("refused", flush=True)
            """,
        )
        assert told.strip() == "refused"


_CHILD = """
import sys, time
from pathlib import Path
from hypervisors import *
url, known_hosts, key = sys.argv[1:]
access = Access(ssh=SshAccess(known_hosts=Path(known_hosts), key_file=Path(key)))
"""


def at_a_terminal(there: There, code: str, press: str = "") -> str:
    """What the child prints; after the word `press` somebody presses Ctrl-C."""
    code = _CHILD + "\n".join(line[12:] for line in code.splitlines())
    arguments = [there.url(), str(there.known_hosts), str(there.key)]
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-c", code, *arguments])  # noqa: S606 -- pty forks, so no subprocess
    told = b""
    try:
        while piece := os.read(terminal, 4096):
            told += piece
            if press and press.encode() in told:
                os.write(terminal, b"\x03")
                press = ""
    except OSError:  # Linux's word for the end of a terminal
        pass
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)
    return told.decode()


@contextmanager
def agent(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.DEVNULL)
    try:
        while not path.exists():
            assert process.poll() is None
            time.sleep(0.01)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
        yield
    finally:
        process.terminate()
        process.wait()


def sessions_of(there: There) -> list[psutil.Process]:
    found = psutil.Process(there.sshd.process.pid).children(recursive=True)
    assert found
    return found


def kill(processes: list[psutil.Process]) -> None:
    for each in processes:
        each.kill()


@contextmanager
def stopped(processes: list[psutil.Process]) -> Iterator[None]:
    with ExitStack() as going_on:
        for each in processes:
            each.suspend()
            going_on.callback(each.resume)
        yield
