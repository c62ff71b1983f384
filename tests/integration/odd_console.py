"""A small HTTPS console whose every page a test gives: for what the stand-in never does."""

import gzip
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509

from fixtures.appliance import ca, keys
from hypervisors import Clock, Pace, Secret, TlsTrust
from vmmigrate.appliance.port import Account
from vmmigrate.appliance.profile import UNPINNED, ConsoleProfile
from vmmigrate.appliance.web.console import WebConsole

ADMIN = Account("admin", Secret("word"))
LOGIN = (
    '<form method="post" action="/in"><input name="u"><input type="password" name="p"><button>Log in</button></form>'
)
HOME = '<a href="/backup">Backup</a>'
BACKUP = (
    '<form method="post" action="/get"><label>Backup location<select name="l"><option>download</select></label></form>'
)

RESTORE = (
    '<form method="post" action="/put" enctype="multipart/form-data"><input type="file" name="f"><button>Restore'
    "</button></form>"
)
ARCHIVE = gzip.compress(bytes(range(256)) * 40, mtime=0) + bytes(128)  # padded: longer than the shortest backup
RESTORED = "The backup has been restored. The system needs to be restarted."

Route = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class StoppedClock:
    """Sleeps in no time, and remembers how long."""

    slept: list[float] = field(default_factory=list)

    def pace(self) -> Pace:
        return Pace(Clock(now=lambda: sum(self.slept), sleep=self.slept.append))


@dataclass
class OddConsole:
    """`routes`: 'POST /in' → what answers, or several in turn of which the last stays.

    `seen`: request lines with their bodies, `headers` those of the last request. `profile`: the client's.
    """

    routes: dict[str, Route | list[Route]] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    port: int = 0
    address: str = "127.0.0.1"
    profile: ConsoleProfile = UNPINNED
    waits: StoppedClock = field(default_factory=StoppedClock)

    @property
    def fingerprint(self) -> str:
        return ca.fingerprint(_leaf())

    @property
    def lines(self) -> list[str]:
        """What was asked for, in order."""
        return [" ".join(line.split(" ")[:2]) for line in self.seen]

    def open(self, path: str) -> WebConsole:
        trust = TlsTrust(self.fingerprint)
        url = f"https://{self.address}:{self.port}{path}"
        return WebConsole(url, trust, profile=self.profile, timeout=5, slow_timeout=100, pace=self.waits.pace())

    @contextmanager
    def running(self, folder: Path, path: str = "/") -> Iterator[WebConsole]:
        pages: dict[str, Route | list[Route]] = {
            "GET /": page(LOGIN),
            "POST /in": page(HOME),
            "GET /backup": page(BACKUP),
        }
        self.routes = pages | self.routes
        (folder / "server.pem").write_bytes(ca.combined_pem(keys.ec_key("odd"), [_leaf()]))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem")
        with ThreadingHTTPServer((self.address, 0), self._handler()) as server:
            server.socket = context.wrap_socket(server.socket, server_side=True)
            self.port = server.server_address[1]
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            console = self.open(path)
            try:
                yield console
            finally:
                console.close()
                server.shutdown()

    def route(self, line: str) -> Route:
        """By path and query, else by the path alone."""
        found = self.routes.get(line) or self.routes.get(re.split(r"[?;]", line)[0]) or page("none", 404)
        if not isinstance(found, list):
            return found
        return found.pop(0) if len(found) > 1 else found[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        console = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"  # a handshake a test, not a request
            wbufsize = -1  # head and body in one piece: else each answer waits for an acknowledgement

            def do_GET(self) -> None:
                self._answer()

            def do_POST(self) -> None:
                self._answer()

            def log_message(self, *arguments: object) -> None:
                """Silent."""

            def _answer(self) -> None:
                self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                line = f"{self.command} {self.path}"
                console.seen.append(f"{line} {self.body.decode(errors='replace')}".strip())
                console.headers = dict(self.headers)
                console.route(line)(self)

        return Handler


def page(body: str, status: int = 200, **headers: str) -> Route:
    return answer(status, f"<html>{body}</html>".encode(), {"Content-Type": "text/html"} | headers)


def archive(name: str = "backup.tar.gz") -> Route:
    headers = {"Content-Type": "application/gzip", "Content-Disposition": f'attachment; filename="{name}"'}
    return answer(200, ARCHIVE, headers)


def redirect(target: str, status: int = 302) -> Route:
    return answer(status, b"", {"Location": target})


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    """Without a word."""
    handler.close_connection = True


def answer(status: int, body: bytes, headers: dict[str, str]) -> Route:
    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)
        handler.close_connection = headers.get("Content-Length", str(len(body))) != str(len(body))

    return send


@cache
def _leaf() -> x509.Certificate:
    return ca.issue(keys.ec_key("odd"), "odd", ["127.0.0.1"])
