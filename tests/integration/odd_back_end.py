"""A small REST back end whose every answer a test gives: for what the stand-in never does."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from fixtures.appliance import ca, keys
from fixtures.appliance.listener import Listener
from fixtures.rest.server import context
from hypervisors import Clock, Pace, Secret, TlsTrust
from vmmigrate.appliance.port import Account
from vmmigrate.appliance.profile import Profile
from vmmigrate.appliance.rest.console import RestConsole

ADMIN = Account("ada", Secret("a-word-of-hers"))
TABLE: dict[str, Any] = {
    "base": "/api",
    "login": {"path": "/in", "user": "u", "password": "p"},
    "token": {"json": "/token", "send_header": "X-Token"},
    "check": {"path": "/me"},
    "export": {"path": "/export"},
    "import": {"path": "/import", "file": "f"},
}
Route = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class OddBackEnd:
    """`routes`: 'POST /api/in' → what answers, or answers one after the other. `seen`: what was asked, in order."""

    routes: dict[str, Route | list[Route]] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""
    trust: TlsTrust = field(default_factory=TlsTrust)

    @contextmanager
    def running(self, *, logged_in: bool = True, prefix: str = "", **changes: Any) -> Iterator[RestConsole]:
        usual: dict[str, Route | list[Route]] = {
            "POST /api/in": said(200, {"token": "t-1"}),
            "GET /api/me": said(200, {}),
        }
        self.routes = usual | self.routes
        leaf = ca.issue(keys.ec_key("odd back end"), "odd", ["127.0.0.1"])
        tls_context = context(ca.combined_pem(keys.ec_key("odd back end"), [leaf]))
        handler = self._handler()

        def serve(connection: socket.socket, peer: str) -> None:
            with tls_context.wrap_socket(connection, server_side=True) as tls:
                handler(tls, (peer, 0), None)  # type: ignore[arg-type]  # it asks nothing of a server

        listener = Listener("127.0.0.1", 0, serve)
        self.url = f"https://127.0.0.1:{listener.port}"
        rest = Profile.model_validate({"rest": TABLE | changes}).rest
        assert rest is not None
        slept: list[float] = []
        pace = Pace(Clock(now=lambda: sum(slept), sleep=slept.append))
        self.trust = TlsTrust(ca.fingerprint(leaf))
        console = RestConsole(self.url + prefix, self.trust, rest, pace=pace, timeout=5, slow_timeout=8)
        try:
            if logged_in:
                console.log_in(ADMIN)
            yield console
        finally:
            console.close()
            listener.close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        back_end = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer()

            def do_POST(self) -> None:
                self._answer()

            def log_message(self, *arguments: object) -> None:
                """Silent."""

            def _answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                line = f"{self.command} {self.path}"
                back_end.seen.append(line)
                back_end.headers.append(dict(self.headers.items()))
                route = back_end.routes.get(line, said(404, {"message": "nothing here"}))
                (route.pop(0) if isinstance(route, list) else route)(self)

        return Handler


def said(status: int, document: object, headers: dict[str, str] | None = None) -> Route:
    return sent(status, json.dumps(document).encode(), {"Content-Type": "application/json"} | (headers or {}))


def page(body: str, status: int = 200) -> Route:
    return sent(status, f"<!DOCTYPE html><html>{body}</html>".encode(), {"Content-Type": "text/html"})


def sent(status: int, body: bytes, headers: dict[str, str]) -> Route:
    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return send
