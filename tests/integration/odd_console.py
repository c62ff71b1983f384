"""A small HTTPS console whose every page a test gives: for what the stand-in never does."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509

from fixtures.appliance import ca, keys
from hypervisors import Secret, TlsTrust
from vmmigrate.appliance.console import WebConsole
from vmmigrate.appliance.port import Account

ADMIN = Account("admin", Secret("word"))
LOGIN = (
    '<form method="post" action="/in"><input name="u"><input type="password" name="p"><button>Log in</button></form>'
)
HOME = '<a href="/backup">Backup</a>'
BACKUP = (
    '<form method="post" action="/get"><label>Backup location<select name="l"><option>download</select></label></form>'
)

Route = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class OddConsole:
    """`routes`: 'POST /in' → what answers. `seen`: request lines with their bodies."""

    routes: dict[str, Route] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    port: int = 0

    @contextmanager
    def running(self, folder: Path) -> Iterator[WebConsole]:
        pages = {"GET /": page(LOGIN), "POST /in": page(HOME), "GET /backup": page(BACKUP)}
        self.routes = pages | self.routes
        (folder / "server.pem").write_bytes(ca.combined_pem(keys.ec_key("odd"), [_leaf()]))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem")
        with ThreadingHTTPServer(("127.0.0.1", 0), self._handler()) as server:
            server.socket = context.wrap_socket(server.socket, server_side=True)
            self.port = server.server_address[1]
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            console = WebConsole(f"https://127.0.0.1:{self.port}/", TlsTrust(ca.fingerprint(_leaf())), timeout=5)
            try:
                yield console
            finally:
                console.close()
                server.shutdown()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        console = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer()

            def do_POST(self) -> None:
                self._answer()

            def log_message(self, *arguments: object) -> None:
                """Silent."""

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                line = f"{self.command} {self.path}"
                console.seen.append(f"{line} {body}".strip())
                console.routes.get(line, page("none", 404))(self)

        return Handler


def page(body: str, status: int = 200) -> Route:
    return answer(status, f"<html>{body}</html>".encode(), {"Content-Type": "text/html"})


def redirect(target: str, status: int = 302) -> Route:
    return answer(status, b"", {"Location": target})


def answer(status: int, body: bytes, headers: dict[str, str]) -> Route:
    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return send


def _leaf() -> x509.Certificate:
    return ca.issue(keys.ec_key("odd"), "odd", ["127.0.0.1"])
