"""An SSH server that stalls at any stage, or sends without end, keeps nobody: each is a real socket."""

import io
import socket
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager
from threading import Event
from typing import Any

import paramiko
import pytest

from hypervisors import LoginRefused, Problem, Secret, Unreachable
from hypervisors.wire.allowance import Allowance
from hypervisors.wire.ssh import (
    BrokeOff,
    Connection,
    Login,
    SshServer,
    TooMuch,
    connect,
    connecting,
    execution,
    pouring,
)
from hypervisors.wire.ssh.connecting import host_key_seen
from tests.integration import odd_sshd
from tests.integration.odd_sshd import OddSshd
from tests.limits.dripping import BEAT, dripping, serving
from tests.limits.twin import most, steps, twin
from vmmigrate.appliance.ssh.streaming import beyond

_SHORT = 0.2
_HELLO = b"SSH-2.0-x\r\n"


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        (b"", b"x"),
        (b"", b"a notice\r\n"),
        (_HELLO, b""),
        (_HELLO, b"\x00\x00\x00\x7f"[:1]),
        (_HELLO + struct.pack(">I", 30_000), b"\x00"),
    ],
    ids=["a greeting of one line", "a notice without end", "no keys", "a length that drips", "a packet that drips"],
)
@twin("SSH")
def test_a_log_in_that_stalls(begin: bytes, piece: bytes) -> None:
    with serving(dripping(begin, piece)) as port, pytest.raises(Unreachable, match="no SSH session with"):
        host_key_seen("127.0.0.1", port, timeout=_SHORT)
    assert SshServer("127.0.0.1", 22).timeout == most("SSH")


@pytest.mark.parametrize(
    ("begin", "words"),
    [
        (b"x" * 70_000, "its greeting has more than 64 KiB"),
        (_HELLO + struct.pack(">I", (1 << 31) + 4), "it announces a packet of 21474836"),
    ],
)
@twin("SSH_GREETING", "SSH_PACKET")
def test_a_greeting_or_a_packet_of_any_size_is_not_read(begin: bytes, words: str) -> None:
    with serving(dripping(begin, b"x")) as port, pytest.raises(Unreachable, match=words):
        host_key_seen("127.0.0.1", port, timeout=5)


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


_EVERY = (1 << 32) - 1


class _Lying(list[tuple[str, bool]]):
    def __len__(self) -> int:
        return _EVERY


def test_questions_of_a_log_in_that_are_announced_and_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    query = paramiko.InteractiveQuery("", "")
    query.prompts = _Lying()
    monkeypatch.setattr(odd_sshd._Server, "_question", lambda server: query)
    sshd = OddSshd(_silent, asks=("Password: ",))
    with pytest.raises(Unreachable, match="it announces more than it sends"), logged_in(sshd):
        pass


def _packet(payload: bytes) -> bytes:
    padding = 16 - (len(payload) + 5) % 8
    return struct.pack(">IB", len(payload) + padding + 1, padding) + payload + bytes(padding)


def _offer(kex: bytes) -> bytes:
    lists = (kex, b"ssh-ed25519", *[b"aes128-ctr"] * 2, *[b"hmac-sha2-256"] * 2, *[b"none"] * 2, b"", b"")
    return _packet(b"\x14" + bytes(16) + b"".join(map(_string, lists)) + bytes(5))


_KEY = _string(_string(b"ssh-ed25519") + _string(bytes(32)))


@pytest.mark.parametrize(
    "sent",
    [
        [_offer(b"\xff\xfe")],
        [struct.pack(">IB", 12, 11) + bytes(11)],
        [_packet(b"\x01" + bytes(4) + _string(b"\xff\x1b[2J"))],
        [_offer(b"ecdh-sha2-nistp256"), _packet(b"\x1f" + _KEY + _string(b"\x04" + bytes(64)) + _string(b""))],
        [_offer(b"curve25519-sha256@libssh.org"), _packet(b"\x1f" + _string(b"\xff") + _string(b"x") + _string(b""))],
    ],
    ids=["no UTF-8", "nothing", "a farewell", "no point", "no key"],
)
def test_packets_that_cannot_be_read(sent: list[bytes]) -> None:
    def talk(connection: socket.socket) -> None:
        connection.sendall(_HELLO)
        for packet in sent:
            connection.sendall(packet)
            Event().wait(0.1)
        connection.recv(1 << 16)

    with serving(talk) as port, pytest.raises(Unreachable, match="no SSH session with"):
        host_key_seen("127.0.0.1", port, timeout=2)


@contextmanager
def logged_in(sshd: OddSshd) -> Iterator[Connection]:
    with sshd.running():
        line = f"{sshd.key.get_name()} {sshd.key.get_base64()}"
        server = SshServer("127.0.0.1", sshd.port, host_key=line, timeout=60)
        with closing(connect(server, Login("root", lambda: Secret("right")))) as connection:
            yield connection


def _silent(line: str, channel: paramiko.Channel) -> None:
    """No status, no end."""


def test_a_proof_that_is_never_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paramiko.auth_handler.AuthHandler, "_parse_userauth_request", lambda *_: None)

    def hasty(transport: paramiko.Transport, *how: Any, **more: Any) -> Any:
        transport.auth_timeout = _SHORT  # and no less time for what comes before
        return prove(transport, *how, **more)

    prove = connecting.prove
    monkeypatch.setattr(connecting, "prove", hasty)
    with pytest.raises(Problem, match="broke off") as told, logged_in(OddSshd(_silent)):
        pass
    assert isinstance(told.value, Unreachable)
    assert not isinstance(told.value, LoginRefused)


def _chatty(line: str, channel: paramiko.Channel) -> None:
    while True:
        channel.sendall(b"x")
        Event().wait(BEAT)


@pytest.mark.parametrize("sshd", [OddSshd(_silent), OddSshd(_silent, silent=True), OddSshd(_chatty)])
def test_a_command_that_never_ends(sshd: OddSshd) -> None:
    with logged_in(sshd) as connection, pytest.raises(execution.Unfinished):
        connection.execute("true", b"", _SHORT)


def test_a_channel_that_is_never_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paramiko.Transport, "_parse_channel_open", lambda *_: None)  # the server's
    with logged_in(OddSshd(_silent)) as connection, pytest.raises(BrokeOff, match=r"[Tt]imeout"):
        connection.execute("true", b"", _SHORT)


@pytest.mark.parametrize("window", [0, 1 << 30], ids=["no window", "a window, and nothing is taken from the line"])
def test_input_that_is_never_taken(window: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def deaf(line: str, channel: paramiko.Channel) -> None:
        channel.get_transport().packetizer.read_message = lambda: Event().wait(60) and None  # type: ignore[method-assign]

    with logged_in(OddSshd(deaf)) as connection:
        opened = connection.transport.open_session

        def widened(*how: object, **more: object) -> paramiko.Channel:
            channel = opened(*how, **more)
            channel.out_window_size = window
            return channel

        monkeypatch.setattr(connection.transport, "open_session", widened)
        with pytest.raises(execution.Unfinished):
            connection.pour_in("cat", b"", io.BytesIO(bytes(1 << 24)), 0.3)


@twin("SSH_WINDOW")
def test_a_server_that_sends_more_than_it_may() -> None:
    """While a long input is sent, nobody reads what it says meanwhile."""
    over = Event()

    def flood(line: str, channel: paramiko.Channel) -> None:
        try:
            for _ in range(4 * most("SSH_WINDOW") >> 15):
                channel.out_window_size = 1 << 30  # it does as if it had one
                channel.sendall(bytes(1 << 15))
        finally:
            over.set()

    class Slow(io.RawIOBase):
        def read(self, size: int = -1, /) -> bytes:
            over.wait(60)
            return b"x"

    held: list[paramiko.Channel] = []
    with logged_in(OddSshd(flood)) as connection:
        opened = connection.transport.open_session
        connection.transport.open_session = lambda **how: held.append(opened(**how)) or held[-1]  # type: ignore
        with pytest.raises(BrokeOff):
            connection.pour_in("cat", b"", Slow(), 120)  # type: ignore[arg-type]
    assert len(held[0].in_buffer) <= most("SSH_WINDOW") + most("SSH_PACKET")


def test_output_that_drips_is_given_up() -> None:
    with logged_in(OddSshd(_chatty)) as connection, pytest.raises(execution.Unfinished):
        connection.pour_out("cat", b"", io.BytesIO(), _SHORT)


@twin("SSH_TRANSFER")
def test_a_stream_that_keeps_coming_is_given_up_at_last() -> None:
    assert most("SSH_TRANSFER") == pouring._LONGEST
    now = 0.0
    allowed = Allowance(60, at_most=most("SSH_TRANSFER"), clock=lambda: now)
    while not allowed.is_over:
        now += 50
        allowed.moved(1 << 30)
    assert now == most("SSH_TRANSFER")


@twin("SSH_OUTPUT")
def test_an_account_that_prints_on_and_on_before_a_stream() -> None:
    """Twice as much takes twice as many steps, and what was kept is given up at the limit."""
    piece = bytes(1 << 15)

    def printed(pieces: int) -> int:
        through = beyond(io.BytesIO(), "canary")
        return steps(lambda: [through.write(piece) for _ in range(pieces)])

    assert printed(200) < 2.5 * printed(100)
    through, pieces = beyond(io.BytesIO(), "canary"), most("SSH_OUTPUT") // len(piece)
    for _ in range(pieces):
        through.write(piece)
    with pytest.raises(TooMuch):
        through.write(piece)
    sink = io.BytesIO()
    through = beyond(sink, "canary")
    for part in (b"Welcome\ncan", b"ary /bin/ba", b"sh\nwhat ", b"follows\n"):
        through.write(part)
    assert sink.getvalue() == b"what follows\n"
