"""A TLS host on loopback that takes uploads and keeps what it was sent; a proxy that tunnels to it."""

import hashlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from fixtures.appliance import ca, keys

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@dataclass
class Host:
    """`takes`: bytes of a body after which it takes no more. `answer`: what it says at the end."""

    port: int
    certificate: bytes  # DER
    ca_file: Path
    takes: int | None = None
    answer: bytes = OK
    heads: list[bytes] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}/nfc/lease-1/disk-0.vmdk?token=a%20b"

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.certificate).hexdigest()

    @property
    def thumbprint(self) -> str:
        """As the API tells it."""
        return ":".join(f"{byte:02X}" for byte in hashlib.sha1(self.certificate, usedforsecurity=False).digest())

    def serve(self, client: socket.socket) -> None:
        stream = client.makefile("rb")
        head = b""
        while (line := stream.readline()) != b"\r\n":
            if not line:
                return  # a look at the certificate alone
            head += line
        self.heads.append(head)
        length = next((int(line[15:]) for line in head.splitlines() if line.startswith(b"Content-Length:")), 0)
        body = stream.read(length if self.takes is None else self.takes)
        if self.takes is not None:
            self.over.wait()
            return
        if len(body) < length:
            return  # the sender went away: sometimes its end comes before the reset
        self.digests.append(hashlib.sha256(body).hexdigest())
        client.sendall(self.answer)


@contextmanager
def tls_host(folder: Path, name: str = "esx1.example", *, trusted: bool = True) -> Iterator[Host]:
    """Its certificate is for 127.0.0.1, of the lab's authority (in `ca_file`) or of nobody's."""
    key = keys.ec_key(name)
    leaf = ca.issue(key, name, ["127.0.0.1"]) if trusted else ca.self_signed(key, name)
    ca_file, pem = folder / "ca.pem", folder / f"{name}.pem"
    ca_file.write_bytes(ca.pem(ca.authority()))
    pem.write_bytes(ca.combined_pem(key, [leaf]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)

    def wrapped(plain: socket.socket) -> None:
        with context.wrap_socket(plain, server_side=True) as client:
            host.serve(client)

    with listening(wrapped) as port:
        host = Host(port, leaf.public_bytes(Encoding.DER), ca_file)
        try:
            yield host
        finally:
            host.over.set()


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port on 127.0.0.1; each connection is served by a thread."""

    def one(client: socket.socket) -> None:
        with suppress(OSError), client:
            serve(client)

    def accept() -> None:
        with suppress(OSError):  # closed
            while True:
                threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)


@contextmanager
def connect_proxy(to: int) -> Iterator[tuple[int, list[bytes]]]:
    """Its port, and the heads of what it was asked; whatever host is asked for is 127.0.0.1's port `to`."""
    asked: list[bytes] = []

    def serve(client: socket.socket) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            if not (byte := client.recv(1)):
                return
            head += byte
        asked.append(head)
        with socket.create_connection(("127.0.0.1", to)) as there:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            threading.Thread(target=_pass_on, args=(there, client), daemon=True).start()
            _pass_on(client, there)

    with listening(serve) as port:
        yield port, asked


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
