"""At 465 TLS comes before the greeting: with real sockets and a real handshake."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from fixtures.appliance import seed
from hypervisors import Dial, Unreachable, dial_straight
from vmmigrate.appliance import offers
from vmmigrate.appliance.mail import banner
from vmmigrate.appliance.submitting import submit
from vmmigrate.watch.asking import service_of


@pytest.fixture
def wrapped(tmp_path: Path) -> Iterator[Dial]:
    """Dials a server with TLS from the start, whatever port is asked for."""
    pem = tmp_path / "tls.pem"
    pem.write_bytes(seed.smtp_pem())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = threading.Thread(target=_serve, args=(listening, context), daemon=True)
        serving.start()
        yield lambda host, port, timeout: dial_straight("127.0.0.1", listening.getsockname()[1], timeout)
        listening.shutdown(socket.SHUT_RDWR)
        serving.join(30)


def _serve(listening: socket.socket, context: ssl.SSLContext) -> None:
    with suppress(OSError):  # of the listening socket: the test is over
        while True:
            plain, _ = listening.accept()
            with suppress(OSError), context.wrap_socket(plain, server_side=True) as tls:  # a client that goes away
                _session(tls)


def _session(tls: ssl.SSLSocket) -> None:
    tls.sendall(b"220 mailgw.example.test ESMTP CipherMail\r\n")
    for line in tls.makefile("rb"):
        word = line.split()[0].upper()
        answers = {
            b"EHLO": b"250-mailgw\r\n250-AUTH PLAIN\r\n250 SIZE 100\r\n",
            b"DATA": b"451 4.3.0 late@example.net later\r\n",
        }
        if word == b"RCPT" and b"late@" not in line:
            tls.sendall(b"554 5.7.1 <you@example.net> no\r\n")
        else:
            tls.sendall(answers.get(word, b"250 ok\r\n"))


def test_the_greeting_is_read_behind_the_handshake(wrapped: Dial) -> None:
    assert banner("mailgw", 465, timeout=30, dial=wrapped) == "mailgw.example.test ESMTP CipherMail"


def test_what_it_offers_is_asked_there(wrapped: Dial) -> None:
    seen = offers.ask("mailgw", 465, {"any": offers.STRANGER}, wrapped)
    assert (seen.keywords["auth"].strip(), seen.keywords["size"], seen.answers) == ("PLAIN", "100", {"any": 554})
    assert seen.secured == {}


@pytest.mark.parametrize("kind", ["smtp", "smtps"])
def test_the_prober_knows_it(wrapped: Dial, kind: str) -> None:
    assert service_of(f"{kind}:465").ask("mailgw", wrapped, 30.0)


def test_a_message_that_it_refuses_is_said_without_the_address(wrapped: Dial) -> None:
    """The recipient is refused first; one that says yes to it may still refuse the message."""
    envelope = "me@example.com", "you@example.net"
    assert submit("mailgw", 465, envelope, b"x\r\n", wrapped) == "554 5.7.1 <the address> no"
    taken = "me@example.com", "late@example.net"
    assert submit("mailgw", 465, taken, b"x\r\n", wrapped) == "451 4.3.0 the address later"


def _plainly(heard: list[bytes], after_starttls: bytes) -> Dial:
    """Dials a server that offers STARTTLS, and says this where the handshake would be."""

    def serve(theirs: socket.socket) -> None:
        with theirs, suppress(OSError):
            theirs.sendall(b"220 mailgw ESMTP\r\n")
            for line in theirs.makefile("rb"):
                heard.append(line.strip())
                offered = b"250-mailgw\r\n250 STARTTLS\r\n" if after_starttls else b"250 mailgw\r\n"
                said = {b"ehlo": offered, b"data": b"354 go on\r\n", b"STAR": b"220 go on\r\n" + after_starttls}
                theirs.sendall(said.get(line[:4], b"250 ok\r\n"))

    def dial(host: str, port: int, timeout: float) -> socket.socket:
        ours, theirs = socket.socketpair()
        serving.append(threading.Thread(target=serve, args=(theirs,)))
        serving[-1].start()
        return ours

    serving: list[threading.Thread] = []
    dial.serving = serving  # type: ignore[attr-defined]
    return dial


def test_a_handshake_that_fails_is_named() -> None:
    """Nothing was handed over then, which `broke off` would leave open."""
    heard: list[bytes] = []
    dial = _plainly(heard, b"454 4.7.0 TLS not available due to local problem\r\n")
    with pytest.raises(Unreachable, match=r"^not handed over: no TLS handshake after STARTTLS with SMTP at mailgw:"):
        submit("mailgw", 25, ("a@b.example", "a@b.example"), b"x\r\n", dial)
    assert not [each for each in heard if each.startswith((b"mail", b"rcpt", b"data"))]


def test_who_has_handed_over_a_message_takes_its_leave() -> None:
    heard: list[bytes] = []
    dial = _plainly(heard, b"")
    assert submit("mailgw", 25, ("a@b.example", "a@b.example"), b"x\r\n", dial) == ""
    dial.serving[0].join(30)  # type: ignore[attr-defined]
    assert heard[-1] == b"QUIT"


def test_a_server_without_tls_there_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def dial(host: str, port: int, timeout: float) -> socket.socket:
            ours = dial_straight("127.0.0.1", listening.getsockname()[1], timeout)
            theirs, _ = listening.accept()
            theirs.sendall(b"220 mailgw ESMTP\r\n")
            theirs.close()
            return ours

        with pytest.raises(Unreachable, match="no SMTP at mailgw:465"):
            banner("mailgw", 465, timeout=30, dial=dial)
