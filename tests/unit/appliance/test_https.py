"""Why a console is not reached, not believed or does not answer: each for real, each in plain words."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from small_ca import NOW, Issuer, authority, certificate

from fixtures.appliance.listener import Listener
from fixtures.ports import free_port
from hypervisors import Problem, TlsTrust, TrustRefused, Unreachable, fingerprint_of
from vmmigrate.appliance.https import HttpsOrigin
from vmmigrate.errors import Unanswered, UsageProblem

RAW = ("HTTPSConnection", "Max retries", "_ssl.c", "urllib3", "Errno", "object at", "\x1b")
Talk = Callable[[socket.socket], None]


@contextmanager
def serving(talk: Talk) -> Iterator[int]:
    """A TCP server on localhost; `talk` gets each connection. Its port."""
    listener = Listener("127.0.0.1", 0, lambda connection, _peer: talk(connection))
    yield listener.port
    listener.close()


def over_tls(folder: Path, talk: Talk, chain: tuple[Issuer, ...]) -> Talk:
    """As `talk`, over TLS with that leaf and what is above it."""
    pem = chain[0][1].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "server.pem").write_bytes(pem + b"".join(each.public_bytes(Encoding.PEM) for each, _ in chain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")

    def shown(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as tls:
            talk(tls)

    return shown


def failing(url: str, trust: TlsTrust, method: str = "GET", timeout: float = 5.0) -> Problem:
    """What a request there and the reading of its answer raise; told in plain words."""

    def ask() -> bytes:
        answer = http.request(method, url, timeout=timeout)
        with http.reading(answer):
            return bytes(answer.raw.read())

    http = HttpsOrigin(url, trust)
    with closing(http), pytest.raises(Problem) as told:
        ask()
    assert not [each for each in RAW if each in f"{told.value} {told.value.hint}"]
    return told.value


# ---- no connection, no TLS ---------------------------------------------------------------------------------------


def test_a_closed_port() -> None:
    origin = f"https://127.0.0.1:{free_port()}"
    told = failing(f"{origin}/x", TlsTrust())
    assert str(told) == f"no connection to {origin}: the connection was refused: nothing listens there"
    assert isinstance(told, Unreachable)


def test_an_unknown_name() -> None:
    told = failing("https://no-such-host.invalid/x", TlsTrust())
    assert str(told) == "no connection to https://no-such-host.invalid:443: the name is not known"


def test_a_server_that_says_nothing() -> None:
    silence = threading.Event()
    with serving(lambda connection: silence.wait(60) and None) as port:
        http = HttpsOrigin(f"https://127.0.0.1:{port}", TlsTrust())
        with pytest.raises(Unreachable) as told:
            http.request("POST", f"https://127.0.0.1:{port}/x", timeout=0.2)
        silence.set()
    assert str(told.value) == f"no connection to https://127.0.0.1:{port}: nothing answered in time"


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"220 mail ESMTP\r\n", b"SSH-2.0-x\r\n"])
def test_a_server_that_speaks_no_tls(greeting: bytes) -> None:
    def talk(connection: socket.socket) -> None:
        connection.sendall(greeting)
        connection.recv(4096)

    with serving(talk) as port:
        told = failing(f"https://127.0.0.1:{port}/x", TlsTrust())
    assert str(told) == f"no TLS session with https://127.0.0.1:{port}: what answers there does not speak TLS"
    assert isinstance(told, Unreachable)


def test_a_server_that_hangs_up_before_anything_was_sent() -> None:
    """Nothing was sent, whatever was to be: a wait may bear with it."""
    with serving(lambda connection: connection.recv(4096) and None) as port:
        told = failing(f"https://127.0.0.1:{port}/x", TlsTrust(), "POST")
    assert "the connection was closed" in str(told)
    assert isinstance(told, Unreachable)


@pytest.mark.parametrize("host", [".", " x", "x y", "[::1", "::1", "x\0y", "*.x", "\u2024.de", "x:0", "x:65536", "x:a"])
def test_a_host_that_no_url_may_name(host: str) -> None:
    with pytest.raises(UsageProblem, match="is not an https URL"):
        HttpsOrigin(f"https://{host}/x", TlsTrust())


# ---- not believed ------------------------------------------------------------------------------------------------


def pages(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("expired", "it has expired"),
        ("not yet", "it is not valid yet"),
        ("self-signed", "it is self-signed, and no authority vouches for it"),
        ("another name", "it is not for this name"),
        ("unknown authority", "its authority is not known here"),
        ("another leaf", "it is not the pinned one"),
    ],
)
def test_a_certificate_that_is_not_believed_is_told_with_the_reason(tmp_path: Path, case: str, words: str) -> None:
    middle, root = authority()
    start = {"expired": NOW - timedelta(days=900), "not yet": NOW + timedelta(days=36500)}.get(case, NOW)
    start -= timedelta(days=400)
    name = "elsewhere.test" if case == "another name" else "localhost"
    leaf = certificate(
        name,
        issuer=None if case == "self-signed" else middle,
        names=(name,),
        days=300 if case == "expired" else 900,
        start=start,
    )
    chain = (leaf,) if case in ("self-signed", "unknown authority") else (leaf, middle)
    (tmp_path / "ca.pem").write_bytes(root[0].public_bytes(Encoding.PEM))
    pin = "ab" * 32 if case == "another leaf" else None
    with serving(over_tls(tmp_path, pages, chain)) as port:
        told = failing(f"https://localhost:{port}/x", TlsTrust(pin, tmp_path / "ca.pem", "new.console.fingerprint"))
    assert isinstance(told, TrustRefused)
    assert str(told).startswith(f"the certificate of https://localhost:{port} is not trusted: {words}; its SHA-256")
    assert told.hint.endswith(f'pin it: new.console.fingerprint = "{told.seen}"')


# ---- no answer ---------------------------------------------------------------------------------------------------


def hang_up(connection: socket.socket) -> None:
    connection.recv(4096)


def break_off(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\nok")


def break_off_a_chunk(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nok")


def gibberish(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"220 mail\x1b[2J ESMTP\r\n")


def redirect_and_hang_up(connection: socket.socket) -> None:
    if connection.recv(4096).startswith(b"POST"):
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n")
        connection.recv(4096)


@pytest.mark.parametrize(
    ("talk", "words"),
    [
        (hang_up, "closed the connection without an answer to {} /x"),
        (break_off, "closed the connection in the middle of its answer to {} /x"),
        (break_off_a_chunk, "closed the connection in the middle of its answer to {} /x"),
        (gibberish, "answered {} /x with what cannot be read: "),
    ],
)
def test_a_server_that_took_the_request_and_does_not_answer(tmp_path: Path, talk: Talk, words: str) -> None:
    """What only reads may be asked again by a wait; all else is another class of error, with another hint."""
    leaf = certificate("localhost", names=("localhost",))
    pin = TlsTrust(_fingerprint(leaf))
    with serving(over_tls(tmp_path, talk, (leaf,))) as port:
        read = failing(f"https://localhost:{port}/x?token=1", pin, "GET")
        sent = failing(f"https://localhost:{port}/x?token=1", pin, "POST")
    assert str(read).startswith(f"https://localhost:{port} " + words.format("GET"))
    assert isinstance(read, Unreachable)
    assert str(sent).startswith(f"https://localhost:{port} " + words.format("POST"))
    assert isinstance(sent, Unanswered)
    assert "not sent again by itself" in sent.hint


def test_a_server_that_lets_wait_for_its_answer(tmp_path: Path) -> None:
    leaf, over = certificate("localhost", names=("localhost",)), threading.Event()
    pin = TlsTrust(_fingerprint(leaf))

    def think(connection: socket.socket) -> None:
        connection.recv(4096)
        over.wait(60)

    with serving(over_tls(tmp_path, think, (leaf,))) as port:
        told = failing(f"https://localhost:{port}/x", pin, "POST", timeout=1)
        over.set()
    assert str(told) == f"https://localhost:{port} did not answer POST /x in time"
    assert isinstance(told, Unanswered)


def test_a_page_that_a_post_was_redirected_to_counts_as_its_answer(tmp_path: Path) -> None:
    leaf = certificate("localhost", names=("localhost",))
    with serving(over_tls(tmp_path, redirect_and_hang_up, (leaf,))) as port:
        told = failing(f"https://localhost:{port}/x", TlsTrust(_fingerprint(leaf)), "POST")
    assert isinstance(told, Unanswered)


def _fingerprint(leaf: Issuer) -> str:
    return fingerprint_of(leaf[0].public_bytes(Encoding.DER))


@pytest.mark.parametrize("target", ["/there", "https://xn--mller-kva.example:8443/there"])
def test_a_name_of_other_letters_is_its_own_origin(tmp_path: Path, target: str) -> None:
    asked: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        asked.append(connection.recv(1 << 16).split(b"\r\n")[0])
        moved = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nConnection: close\r\nLocation: " + target.encode()
        there = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close"
        connection.sendall((there if b"/there" in asked[-1] else moved) + b"\r\n\r\n")

    leaf = certificate("here")
    pin = TlsTrust(fingerprint_of(leaf[0].public_bytes(Encoding.DER)))
    with serving(over_tls(tmp_path, talk, (leaf,))) as port:

        def dial(host: str, _port: int, timeout: float) -> socket.socket:
            return socket.create_connection(("127.0.0.1", port), timeout)

        with closing(HttpsOrigin("https://m\u00fcller.example:8443/", pin, dial)) as http:
            assert http.request("GET", "https://m\u00fcller.example:8443/", timeout=5).status_code == 200
    assert [line.split()[1] for line in asked] == [b"/", b"/there"]
