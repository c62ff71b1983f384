"""Servers that keep a client for ever, a few bytes at a time: real sockets, over TLS where that is asked for."""

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache
from pathlib import Path
from threading import Event

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from fixtures.appliance.listener import Listener
from hypervisors import TlsTrust, fingerprint_of
from tests.unit.appliance.small_ca import certificate
from vmmigrate.appliance.https import HttpsOrigin

BEAT = 0.01  # seconds between two pieces
Talk = Callable[[socket.socket], None]


@contextmanager
def serving(talk: Talk) -> Iterator[int]:
    """`talk` gets each connection, until it is cut off. The server's port."""

    def talked(connection: socket.socket, _peer: object) -> None:
        with suppress(OSError):
            talk(connection)

    listener = Listener("127.0.0.1", 0, talked)
    try:
        yield listener.port
    finally:
        listener.close()


def over_tls(folder: Path, talk: Talk) -> tuple[Talk, TlsTrust]:
    """And how the server is trusted."""
    pem, pin = _leaf()
    (folder / "server.pem").write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")

    def shown(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as tls:
            talk(tls)

    return shown, TlsTrust(pin)


@cache
def _leaf() -> tuple[bytes, str]:
    leaf, key = certificate("127.0.0.1", names=("localhost",))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + leaf.public_bytes(Encoding.PEM)
    return pem, fingerprint_of(leaf.public_bytes(Encoding.DER))


def after_another(talk: Talk) -> Talk:
    """`talk` gets the second request: its session is there, so seconds are those of its exchange alone."""

    def both(connection: socket.socket) -> None:
        connection.recv(1 << 16)
        connection.sendall(HEAD + b"Content-Length: 0\r\n\r\n")
        talk(connection)

    return both


@contextmanager
def in_session(port: int, trust: TlsTrust) -> Iterator[HttpsOrigin]:
    """With such a server, that has answered the first."""
    with closing(HttpsOrigin(f"https://127.0.0.1:{port}", trust)) as http:
        answer = http.request("GET", f"https://127.0.0.1:{port}/", timeout=60)
        with http.reading(answer):
            assert answer.raw.read() == b""
        yield http


def dripping(begin: bytes, piece: bytes, patience: float = BEAT) -> Talk:
    """Takes a request, if there is one within `patience`; sends `begin`, then `piece` for ever."""

    def talk(connection: socket.socket) -> None:
        connection.settimeout(patience)
        with suppress(TimeoutError):
            connection.recv(1 << 16)
        connection.settimeout(60)
        connection.sendall(begin)
        while True:
            connection.sendall(piece)
            Event().wait(BEAT)

    return talk


HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
HTTP = {
    "one header without end": (HEAD + b"X: ", b"a"),
    "headers without end": (HEAD, b"X: a\r\n"),
    "continue for ever": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a body with a length": (HEAD + b"Content-Length: 999999\r\n\r\n", b"a"),
    "a body without a length": (HEAD + b"\r\n", b"a"),
    "chunks without end": (CHUNKED, b"1\r\na\r\n"),
    "a chunk's length without end": (CHUNKED, b"0"),
    "trailers without end": (CHUNKED + b"1\r\na\r\n0\r\n", b"X: a\r\n"),
}
"""How an HTTP server never comes to an end: what it begins with, and what it then sends for ever."""
NO_HELLO = (b"\x16\x03\x03\x20\x00\x02\x00\x1f\xfc", b"\x00")  # a TLS record of 8 KiB with a ServerHello that drips
