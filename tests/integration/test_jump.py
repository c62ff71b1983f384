"""Through a jump host, OpenSSH's own: bytes, ends, errors, a session that dies, threads that do not stay."""

import smtplib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from odd_sshd import OddSshd, ended
from real_sshd import NEEDS_SSHD
from stand_in import Guest, login_of, old_guest

from fixtures.openssh import USER, RealSshd, make_key, public, running
from fixtures.ports import free_port
from hypervisors import (
    LoginRefused,
    NotYet,
    Problem,
    Secret,
    TlsTrust,
    TrustRefused,
    Unreachable,
    fetch_leaf,
    fingerprint_of,
    wait_for,
)
from hypervisors.wire.ssh import Jump, Login, SshKey, SshServer, host_key_seen
from vmmigrate.appliance import consoles, mail
from vmmigrate.appliance.https import HttpsOrigin
from vmmigrate.appliance.profile import Profile
from vmmigrate.appliance.ssh.shell import SshShell
from vmmigrate.appliance.tls.handshake import is_closed, served

pytestmark = NEEDS_SSHD


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return make_key(tmp_path / "id")


@pytest.fixture
def sshd(tmp_path: Path, key: Path) -> Iterator[RealSshd]:
    with running(tmp_path / "jump", "LogLevel VERBOSE", authorized=public(key)) as sshd:
        yield sshd


@contextmanager
def jumping(sshd: RealSshd, key: Path, host_key: str | None = None) -> Iterator[Jump]:
    """Afterwards none of its threads is left."""
    before = set(threading.enumerate())
    login = Login(USER, lambda: Secret("not asked for"), SshKey(key), settings="new.via")
    jump = Jump(SshServer(sshd.address, sshd.port, host_key or sshd.host_key, timeout=60), login)
    try:
        yield jump
    finally:
        jump.close()
    until(lambda: not {each.name for each in set(threading.enumerate()) - before})


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def serving(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A TCP server whose every connection `answer` gets; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _peer = listening.accept()
                    with connection, suppress(OSError):
                        answer(connection)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(60)


def everything(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(1 << 16), b""))


# ---- bytes and ends ------------------------------------------------------------------------------------------


def test_bytes_go_both_ways_and_each_end_is_handed_on(sshd: RealSshd, key: Path) -> None:
    data = bytes(range(256)) * 8192

    def reversed_once_all_is_there(connection: socket.socket) -> None:
        connection.sendall(everything(connection)[::-1])

    with serving(reversed_once_all_is_there) as port, jumping(sshd, key) as jump:
        with jump.dial("127.0.0.1", port, 30) as there:
            there.sendall(data)
            there.shutdown(socket.SHUT_WR)
            assert everything(there) == data[::-1]
        until(lambda: not any(pump.is_alive() for pump in jump._pumps))


def test_what_is_closed_here_is_closed_there(sshd: RealSshd, key: Path) -> None:
    """Also where the other side had more to say."""
    gone = threading.Event()

    def talks_without_end(connection: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection.sendall(bytes(1 << 16))
        gone.set()

    with serving(talks_without_end) as port, jumping(sshd, key) as jump:
        jump.dial("127.0.0.1", port, 30).close()
        assert gone.wait(60)
        until(lambda: not any(pump.is_alive() for pump in jump._pumps))


@pytest.mark.slow
def test_a_server_that_says_nothing_more_holds_no_thread(sshd: RealSshd, key: Path) -> None:
    with serving(lambda connection: everything(connection) and None) as port, jumping(sshd, key) as jump:
        jump.dial("127.0.0.1", port, 30).close()
        until(lambda: not any(pump.is_alive() for pump in jump._pumps))


@pytest.mark.slow
def test_closing_the_jump_ends_what_goes_through_it(sshd: RealSshd, key: Path) -> None:
    with serving(lambda connection: everything(connection) and None) as port, jumping(sshd, key) as jump:
        there = jump.dial("127.0.0.1", port, 30)
        jump.close()
        assert there.recv(1) == b""
        there.close()


@pytest.mark.slow
def test_a_timeout_is_the_sockets_own(sshd: RealSshd, key: Path) -> None:
    with (
        serving(lambda connection: everything(connection) and None) as port,
        jumping(sshd, key) as jump,
        jump.dial("127.0.0.1", port, 0.2) as there,
        pytest.raises(TimeoutError),
    ):
        there.recv(1)


def refused(jump: Jump, kind: type[Problem]) -> Problem:
    """What every user of the dial is told in the same words: a console, a shell, a handshake, SMTP."""
    users: tuple[Callable[[], object], ...] = (
        lambda: jump.dial("127.0.0.1", 1, 5),
        lambda: HttpsOrigin("https://127.0.0.1:1", TlsTrust("ab" * 32), jump.dial).request(
            "POST", "https://127.0.0.1:1/x", timeout=5
        ),
        lambda: host_key_seen("127.0.0.1", 1, dial=jump.dial),
        lambda: served("127.0.0.1", 1, starttls=True, dial=jump.dial),
        lambda: mail.banner("127.0.0.1", 1, dial=jump.dial),
    )
    told: list[Problem] = []
    for use in users:
        with pytest.raises(kind) as error:
            use()
        told.append(error.value)
    assert len({(str(each), each.hint) for each in told}) == 1
    return told[0]


# ---- what goes wrong -----------------------------------------------------------------------------------------


def test_a_closed_port_is_told_with_the_jump_host(sshd: RealSshd, key: Path) -> None:
    port = free_port()
    words = rf"the jump host 127.0.0.1:{sshd.port} does not get through to 127.0.0.1:{port}: connect"
    with jumping(sshd, key) as jump:
        for _time in range(2):
            with pytest.raises(OSError, match=words):
                jump.dial("127.0.0.1", port, 30)
        with pytest.raises(Unreachable, match=r"no SSH session with .*: the jump host .* connect"):
            host_key_seen("127.0.0.1", port, dial=jump.dial)
        assert sshd.log.count("Accepted publickey") == 1


def test_ports_that_are_refused_at_once_are_closed_and_nothing_else(sshd: RealSshd, key: Path) -> None:
    """What was wrong with one of two channels can come to the thread of the other."""
    ports = [free_port() for _ in range(4)]
    with jumping(sshd, key) as jump, ThreadPoolExecutor(len(ports)) as pool:
        jump_to = [pool.submit(jump.dial, "127.0.0.1", port, 5) for port in ports * 60]
        assert all(isinstance(each.exception(), ConnectionError) for each in jump_to)
        assert sshd.log.count("Accepted publickey") == 1


@pytest.mark.slow
def test_a_jump_host_that_forbids_it_is_told(tmp_path: Path, key: Path) -> None:
    with (
        running(tmp_path / "jump", "AllowTcpForwarding no", authorized=public(key)) as sshd,
        jumping(sshd, key) as jump,
    ):
        told = refused(jump, Unreachable)
        assert is_closed("127.0.0.1", 1, jump.dial)
    assert (
        str(told) == f"the jump host 127.0.0.1:{sshd.port} forbids the way to 127.0.0.1:1: administratively prohibited"
    )
    assert told.hint == (
        "see AllowTcpForwarding and PermitOpen in its sshd_config, and permitopen beside the key;"
        " or give another as new.via.url"
    )


@pytest.mark.slow
def test_the_jump_hosts_own_key_is_verified(sshd: RealSshd, key: Path) -> None:
    with jumping(sshd, key, "SHA256:" + "A" * 43) as jump:
        told = refused(jump, TrustRefused)
    assert str(told).startswith(f"the SSH host key of the jump host 127.0.0.1:{sshd.port} is ssh-ed25519 SHA256:")
    assert told.hint.endswith("pin the right one with new.via.host_key")


def test_a_refused_log_in_there_is_tried_once(tmp_path: Path, sshd: RealSshd) -> None:
    with jumping(sshd, make_key(tmp_path / "another")) as jump:
        for _time in range(3):
            told = refused(jump, LoginRefused)
            assert str(told).startswith(f"SSH at the jump host 127.0.0.1:{sshd.port} refused {USER!r}: ")
            assert told.hint.startswith("check user, password or key in new.via;")
        until(lambda: "Connection closed by authenticating user" in sshd.log)
    assert sshd.log.count("Failed publickey") == 1


@pytest.mark.slow
def test_a_jump_host_that_is_not_there(sshd: RealSshd, key: Path) -> None:
    sshd.process.terminate()
    sshd.process.wait()
    wait_for("the port to close", lambda: _refuses(sshd.port), timeout=15, clears="", pause=0.02)
    with jumping(sshd, key) as jump:
        told = refused(jump, Unreachable)
    where = f"the jump host 127.0.0.1:{sshd.port}"
    assert str(told) == f"no SSH session with {where}: the connection was refused: nothing listens there"
    assert told.hint == "check new.via.url, and that the jump host is up with its SSH service running"


def _refuses(port: int) -> None:
    """The child that sshd had for the last connection keeps the port open for a moment."""
    with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), 1):
        raise NotYet("it is still open")


def test_a_dead_session_is_made_anew_once(sshd: RealSshd, key: Path) -> None:
    def echo(connection: socket.socket) -> None:
        connection.sendall(connection.recv(100))

    with serving(echo) as port, jumping(sshd, key) as jump:
        for _time in range(2):
            with jump.dial("127.0.0.1", port, 30) as there:
                there.sendall(b"word")
                assert there.recv(100) == b"word"
            assert jump._connection is not None
            jump._connection.transport.sock.shutdown(socket.SHUT_RDWR)
    assert sshd.log.count("Accepted publickey") == 2


@pytest.mark.slow
def test_a_target_that_swallows_everything_does_not_end_the_session() -> None:
    """The jump host answers for itself, so what else goes through it goes on."""
    odd = OddSshd(lambda command, channel: ended(channel, 0))
    with odd.running():
        pin = host_key_seen("127.0.0.1", odd.port).line
        jump = Jump(SshServer("127.0.0.1", odd.port, pin), Login("sa", lambda: Secret("right")))
        odd.swallows = 2.0
        for _time in range(2):
            with pytest.raises(TimeoutError, match=r"on the way to 192.0.2.1:25: no answer in time"):
                jump.dial("192.0.2.1", 25, 0.3)
        jump.close()
    assert odd.seen.count("password sa") == 1


def test_a_jump_host_that_stops_answering_is_no_silent_target(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a target's silence a guard concludes that nobody is there; of the jump host's nothing."""
    monkeypatch.setattr("hypervisors.wire.ssh.jump._ALIVE", 0.1)
    odd = OddSshd(lambda command, channel: ended(channel, 0), swallows=60.0)
    with odd.running():
        pin = host_key_seen("127.0.0.1", odd.port).line
        jump = Jump(SshServer("127.0.0.1", odd.port, pin), Login("sa", lambda: Secret("right"), settings="old.via"))
        with pytest.raises(Unreachable, match="does not answer any more"):
            jump.dial("192.0.2.1", 25, 0.1)
        jump.close()


def test_several_dials_share_one_session_and_wait_for_no_other(sshd: RealSshd, key: Path) -> None:
    """The second is through while the first still waits for its log-in's lock or its target."""
    with serving(lambda connection: connection.sendall(b"here")) as port, jumping(sshd, key) as jump:
        with ThreadPoolExecutor(3) as pool:
            ends = list(pool.map(lambda _: jump.dial("127.0.0.1", port, 30), range(3)))
        for end in ends:
            with end:
                assert end.recv(4) == b"here"
    assert sshd.log.count("Accepted publickey") == 1


# ---- a whole appliance behind it -----------------------------------------------------------------------------


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Guest]:
    with old_guest(tmp_path) as guest:
        yield guest


def test_console_shell_and_handshakes_of_an_appliance_behind_it(sshd: RealSshd, key: Path, old: Guest) -> None:
    with jumping(sshd, key) as jump:
        pin = host_key_seen(old.address, old.ssh_port, dial=jump.dial)
        leaf = fingerprint_of(fetch_leaf(old.address, 8443, dial=jump.dial))
        assert leaf == served(old.address, 8443, starttls=False, dial=jump.dial).fingerprint
        assert served(old.address, old.smtp_port, starttls=True, dial=jump.dial).chain_length > 1
        assert mail.banner(old.address, old.smtp_port, dial=jump.dial).endswith("ESMTP CipherMail")
        shell = SshShell(
            SshServer(old.address, old.ssh_port, host_key=pin.fingerprint, dial=jump.dial), login_of(old.sa)
        )
        assert "PRIVATE KEY" in shell.run(["cat", "/etc/postfix/tls.pem"], user="root").stdout
        url = consoles.find(old.address, TlsTrust(leaf), Profile(), dial=jump.dial)
        console = consoles.open_console(url, TlsTrust(leaf), Profile(), dial=jump.dial)
        console.log_in(old.admin)
        console.find_backup()
        console.close()
        shell.close()


@pytest.mark.slow
def test_a_pin_holds_through_it(sshd: RealSshd, key: Path, old: Guest) -> None:
    with jumping(sshd, key) as jump:
        console = consoles.open_console(old.url, TlsTrust("a" * 64), Profile(), dial=jump.dial)
        with pytest.raises(TrustRefused, match="its SHA-256 fingerprint is"):
            console.log_in(old.admin)
        console.close()


@pytest.mark.slow
def test_smtp_that_breaks_off_is_unreachable(sshd: RealSshd, key: Path) -> None:
    with (
        serving(lambda connection: None) as port,
        jumping(sshd, key) as jump,
        pytest.raises(Unreachable, match=f"no SMTP at 127.0.0.1:{port}") as told,
    ):
        mail.banner("127.0.0.1", port, dial=jump.dial)
    assert isinstance(told.value.__cause__, (smtplib.SMTPServerDisconnected, OSError))
