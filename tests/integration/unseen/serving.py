"""Serves the unseen consoles: HTTPS on a free port of the loopback, what a form sent read into fields and a file.

Here is what none of them does in a way of its own.
"""

import contextlib
import http.server
import os
import re
import ssl
import sys
import threading
import urllib.parse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from cryptography import x509

from fixtures.appliance import ca, keys

Folder = str | os.PathLike[str]
File = tuple[str, bytes]  # the name it was sent under, and its content
AnyConsole = TypeVar("AnyConsole", bound="Console")

_MULTIPART = re.compile(r'multipart/form-data;.*boundary="?([^";]+)', re.I)
_DISPOSITION = re.compile(r'\b(name|filename)\*?="?([^";\r\n]*)')


class Console:
    """What a test asks of a console, whichever it is."""

    def __init__(self, user: str, password: str, archive: bytes) -> None:
        self.user, self.password = user, password
        self.archive = archive  # after a full backup: its bytes as they were given, encrypted or not
        self.restored: bytes | None = None
        self.log: list[str] = []  # a line for each request
        self.harm: list[str] = []  # what was done that nobody asked for
        self.url = self.host = self.fingerprint = ""


@dataclass
class Sent:
    """What a form sent."""

    fields: dict[str, str]
    file: File | None = None


class Handler(http.server.BaseHTTPRequestHandler):
    """Takes a request in whole; the console's own handler answers it in `exchange`."""

    protocol_version = "HTTP/1.1"
    timeout = 30
    wbufsize = 65536
    software = ""  # what it calls itself in the header Server
    charset = "utf-8"  # of its pages, and so of what their forms send
    console: Console

    def exchange(self, body: bytes) -> None:
        raise NotImplementedError

    def version_string(self) -> str:
        return self.software

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._receive()

    def do_POST(self) -> None:
        self._receive()

    def _receive(self) -> None:
        body = self.body()
        self.console.log.append(f"{self.command} {self.path}")
        self.exchange(body)

    def body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return body

    def sent(self, body: bytes) -> Sent:
        """What the form of this body sent, in whichever of the two ways."""
        multipart = _MULTIPART.match(self.headers.get("Content-Type", ""))
        if not multipart:
            return Sent(pairs(body.decode(self.charset), self.charset))
        sent = Sent({})
        for part in (b"\r\n" + body).split(b"\r\n--" + multipart[1].encode())[1:-1]:
            head, _, value = part.partition(b"\r\n\r\n")
            named = dict(_DISPOSITION.findall(head.decode(self.charset)))
            if "filename" in named:
                sent.file = named["filename"], value
            else:
                sent.fields[named.get("name", "")] = value.decode(self.charset)
        return sent

    def harmed(self, what: str) -> None:
        self.console.harm.append(f"{self.command} {self.path}: {what}")

    def reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
        """An answer in one piece; its length follows the headers, unless it stands among them."""
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def pairs(text: str, charset: str = "utf-8") -> dict[str, str]:
    """The fields of a query, or of a form that was sent like one."""
    return dict(urllib.parse.parse_qsl(text, keep_blank_values=True, encoding=charset))


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exc_info()[1], OSError):  # a client that hung up or did not trust is no error
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@contextlib.contextmanager
def running(
    console: AnyConsole,
    handler: type[Handler],
    folder: Folder,
    key: keys.PrivateKey,
    chain: Sequence[x509.Certificate],
    path: str,
) -> Iterator[AnyConsole]:
    """The console until the block ends; `folder` takes its key, `path` follows the host in the browser's address."""
    with Server(("127.0.0.1", 0), type("Bound", (handler,), {"console": console})) as server:
        context = tls(folder, key, chain)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        console.host = f"127.0.0.1:{server.server_port}"
        console.url = f"https://{console.host}{path}"
        console.fingerprint = ca.fingerprint(chain[0])
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield console
        finally:
            server.shutdown()
            thread.join()


def tls(folder: Folder, key: keys.PrivateKey, chain: Sequence[x509.Certificate]) -> ssl.SSLContext:
    store = Path(folder) / "console.pem"
    store.write_bytes(ca.combined_pem(key, chain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(store)
    return context
