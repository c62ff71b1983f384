"""What the old gateway's ports show is compared with what its files hold."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from small_ca import pair

from fixtures.appliance.keystore import context_of_pairs
from fixtures.appliance.listener import Listener
from vmmigrate.appliance.tls import as_shown
from vmmigrate.appliance.tls.as_shown import otherwise
from vmmigrate.appliance.tls.bundle import TlsBundle
from vmmigrate.appliance.tls.keys import Pair, to_pem
from vmmigrate.findings import Finding

RSA, ECDSA, OTHER = pair(kind="RSA"), pair(), pair()
BUNDLE = TlsBundle({"web": (RSA, ECDSA), "smtp": (RSA,)})


def serve(shown: Pair, *, starttls: bool) -> Listener:
    context = context_of_pairs([(to_pem(shown), b"")])

    def answer(connection: socket.socket, peer: str) -> None:
        if starttls:
            connection.sendall(b"220 gw ESMTP\r\n")
            connection.recv(1000)
            connection.sendall(b"250-gw\r\n250 STARTTLS\r\n")
            connection.recv(1000)
            connection.sendall(b"220 go on\r\n")
        with context.wrap_socket(connection, server_side=True) as tls:
            tls.recv(1)

    return Listener("127.0.0.1", 0, answer)


@pytest.fixture
def held() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def found(held: ExitStack, ports: dict[int, tuple[Pair, bool]]) -> tuple[Finding, ...]:
    """`ports`: which pair is shown there, and whether by STARTTLS; every other port is closed."""
    real: dict[int, int] = {}
    for port, (shown, starttls) in ports.items():
        listener = serve(shown, starttls=starttls)
        held.callback(listener.close)
        real[port] = listener.port

    def dial(host: str, port: int, timeout: float) -> socket.socket:
        if port not in real:
            raise ConnectionRefusedError(port)
        return socket.create_connection(("127.0.0.1", real[port]), timeout)

    return otherwise("gw.example.test", BUNDLE, dial)


def test_what_the_files_hold_is_no_finding(held: ExitStack) -> None:
    assert found(held, {443: (ECDSA, False), 8443: (RSA, False), 25: (RSA, True), 465: (RSA, False)}) == ()


@pytest.mark.parametrize(("port", "starttls"), [(443, False), (465, False), (25, True), (587, True)])
def test_another_certificate_is_a_warning_with_its_port(held: ExitStack, port: int, starttls: bool) -> None:
    """A proxy in front, or a certificate that was renewed and not read again."""
    [said] = found(held, {8443: (RSA, False), port: (OTHER, starttls)})
    assert said.id == "tls-shown-otherwise"
    assert f"port {port} shows a certificate that is in no file" in said.seen
    assert OTHER.fingerprint in said.seen


def test_where_nothing_answers_nothing_is_said(held: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(as_shown, "_PATIENCE", 0.1)
    assert found(held, {}) == ()
    assert found(held, {25: (OTHER, False)}) == (), "no STARTTLS there"
