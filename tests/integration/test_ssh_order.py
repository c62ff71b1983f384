"""A message that a thread had ready when another answered the channel's close is not sent: OpenSSH ends the session."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event

import paramiko
import pytest
from paramiko.common import MSG_CHANNEL_CLOSE, MSG_CHANNEL_DATA, MSG_CHANNEL_EOF

from fixtures import openssh
from hypervisors.wire.ssh import Connection, Login, SshKey, SshServer, connect

pytestmark = pytest.mark.skipif(not openssh.SSHD, reason="needs OpenSSH's server")


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    key = openssh.make_key(tmp_path / "id")
    with openssh.running(tmp_path / "sshd", authorized=openssh.public(key)) as sshd:
        server = SshServer(sshd.address, sshd.port, host_key=sshd.host_key)
        with closing(connect(server, Login(openssh.USER, None, SshKey(key)))) as connection:
            yield connection


@contextmanager
def comes_late(transport: paramiko.Transport, kind: int, patch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The thread that sends it is stopped for so long that the channel's close goes out first. Yields what was late."""
    closed, late = Event(), list[int]()
    send = transport._send_user_message  # type: ignore[attr-defined]

    def sent(message: paramiko.Message) -> None:
        first = message.asbytes()[0]
        if first == kind:
            assert closed.wait(60)
            for _ in range(2):  # it answers in turn, and lets go of a channel between two turns
                transport.global_request("keepalive@openssh.com", wait=True)
            late.append(first)
        send(message)
        if first == MSG_CHANNEL_CLOSE:
            closed.set()

    with patch.context() as within:
        within.setattr(transport, "_send_user_message", sent)
        yield late


@pytest.mark.parametrize("kind", [MSG_CHANNEL_EOF, MSG_CHANNEL_DATA])
def test_the_session_lasts(connection: Connection, kind: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with comes_late(connection.transport, kind, monkeypatch) as late:
        assert connection.execute("true", b"given", 60).status == 0
    assert late == [kind]
    for _ in range(2):  # in a channel that has the closed one's number there
        assert connection.execute("cat", b"given", 60).stdout == b"given"
