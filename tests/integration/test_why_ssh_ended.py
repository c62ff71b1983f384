"""A session that ended says why: whoever waits at it hears from paramiko only that it is closed."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import paramiko
import pytest
from paramiko.common import cMSG_DISCONNECT

from hypervisors.secrets import Secret
from hypervisors.wire.ssh import BrokeOff, Connection, Login, SshServer, connect
from tests.integration.odd_sshd import Answer, OddSshd, ended


@contextmanager
def logged_in(sshd: OddSshd) -> Iterator[Connection]:
    with sshd.running():
        key = f"{sshd.key.get_name()} {sshd.key.get_base64()}"
        server = SshServer("127.0.0.1", sshd.port, host_key=key, timeout=60)
        with closing(connect(server, Login("root", lambda: Secret("right")))) as connection:
            yield connection


def hangs_up(line: str, channel: paramiko.Channel) -> None:
    last = paramiko.Message()
    last.add_byte(cMSG_DISCONNECT)
    last.add_int(11)
    last.add_string("closed\nfor\x1b[2J the night")
    last.add_string("en")
    channel.get_transport()._send_message(last)  # type: ignore[attr-defined]


def vanishes(line: str, channel: paramiko.Channel) -> None:
    channel.get_transport().close()


def sends_rubbish(line: str, channel: paramiko.Channel) -> None:
    channel.get_transport().sock.send(b"\0" * 64)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (hangs_up, "^closed .* the night$"),
        (vanishes, "^the connection was closed from there$"),
        (sends_rubbish, "^it sends what cannot be read: ."),
    ],
)
@pytest.mark.parametrize("at_once", [False, True])
def test_its_command_says_why(answer: Answer, why: str, at_once: bool) -> None:
    """While it runs, and while its request waits: then paramiko gives the reason to the first that asks alone."""
    with logged_in(OddSshd(answer, at_once=at_once)) as connection:
        with pytest.raises(BrokeOff, match=why) as told:
            connection.execute("true", b"", 60)
        assert "\x1b" not in str(told.value)
        with pytest.raises(BrokeOff, match=why):
            connection.execute("true", b"", 60)


def test_a_session_that_lasts_says_nothing_of_it() -> None:
    with logged_in(OddSshd(lambda line, channel: ended(channel, 0))) as connection:
        assert connection.execute("true", b"", 60).status == 0
