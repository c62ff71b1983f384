"""Handshakes with a server of two pairs: each kind of signature is asked for by itself, and a closed port is told."""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from small_ca import pair

from fixtures.appliance.keystore import context_of_pairs
from fixtures.appliance.listener import Listener
from hypervisors import TimedOut, Unreachable
from vmmigrate.alone import tls_show as tlsshow
from vmmigrate.appliance.tls.handshake import Expected, Offer, PortClosed, is_closed, prove, served
from vmmigrate.appliance.tls.keys import to_pem
from vmmigrate.errors import UsageProblem

RSA, ECDSA = pair(kind="RSA"), pair()


@pytest.fixture
def port() -> Iterator[int]:
    """Serves both pairs."""
    context = context_of_pairs([(to_pem(RSA), b""), (to_pem(ECDSA), b"")])

    def serve(connection: socket.socket, peer: str) -> None:
        with context.wrap_socket(connection, server_side=True) as tls:
            tls.recv(1)

    listener = Listener("127.0.0.1", 0, serve)
    yield listener.port
    listener.close()


def test_each_kind_is_shown_to_those_who_ask_for_it(port: int) -> None:
    assert served("127.0.0.1", port, starttls=False, offer=Offer.RSA).fingerprint == RSA.fingerprint
    shown = served("127.0.0.1", port, starttls=False, offer=Offer.ECDSA)
    assert (shown.fingerprint, shown.chain_length, shown.version) == (ECDSA.fingerprint, 2, "TLSv1.2")


def test_a_proof_is_one_of_every_kind(port: int) -> None:
    both = Expected("console", port, False, {"RSA": RSA.fingerprint, "ECDSA": ECDSA.fingerprint})
    assert prove("127.0.0.1", both, timeout=5) == (
        f"console shows the old RSA certificate {RSA.fingerprint[:16]}…",
        f"console shows the old ECDSA certificate {ECDSA.fingerprint[:16]}…",
    )
    wrong = Expected("console", port, False, {"RSA": pair().fingerprint, "ECDSA": ECDSA.fingerprint})
    with pytest.raises(TimedOut, match=f"it shows {RSA.fingerprint}"):
        prove("127.0.0.1", wrong, timeout=0.1)


def test_a_port_that_nobody_serves_is_closed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
        assert not is_closed("127.0.0.1", free)
    assert is_closed("127.0.0.1", free)
    with pytest.raises(PortClosed, match="accepts no connection"):
        served("127.0.0.1", free, starttls=True)


def test_show_tells_two_pairs_apart(port: int) -> None:
    (seen,) = tlsshow.look("127.0.0.1", port, datetime.now(UTC))
    assert {each.kind: each.sha256 for each in seen.shown} == {"RSA": RSA.fingerprint, "ECDSA": ECDSA.fingerprint}
    assert seen.shown[0].chain == ["mailgw.example.test", "Intermediate"]
    assert seen.shown[0].findings[-1] == "the certificate is for mailgw.example.test, not for 127.0.0.1"


def test_show_of_something_else_tells_what_was_wrong() -> None:
    def greet(connection: socket.socket, peer: str) -> None:
        connection.sendall(b"hello\r\n")

    listener = Listener("127.0.0.1", 0, greet)
    try:
        with pytest.raises(Unreachable, match=f"{listener.port}: no TLS: "):
            tlsshow.look("127.0.0.1", listener.port, datetime.now(UTC))
    finally:
        listener.close()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("mailgw.example.test", ("mailgw.example.test", None)),
        ("192.0.2.10:8443", ("192.0.2.10", 8443)),
        ("[2001:db8::1]:465", ("2001:db8::1", 465)),
        ("2001:db8::1", ("2001:db8::1", None)),
    ],
)
def test_where_to_look(text: str, meant: tuple[str, int | None]) -> None:
    assert tlsshow.parse(text) == meant


@pytest.mark.parametrize("text", ["", "host:", "host:0", "host:65536", "host:smtp", ":25"])
def test_what_is_no_place_to_look_is_refused(text: str) -> None:
    with pytest.raises(UsageProblem, match="is not HOST or HOST:PORT"):
        tlsshow.parse(text)


def test_a_name_in_a_certificate_does_not_steer_the_operators_terminal() -> None:
    shown = tlsshow.Shown("RSA", "CN=a\x1b[2J\nb", [], "CN=x", "2026-01-01", "2027-01-01", 9, "00", "TLSv1.3", ["a"])
    told = tlsshow.lines("gw", (tlsshow.Port(443, False, shown=(shown,)),))
    assert told[1] == "  subject    CN=a [2J b"
