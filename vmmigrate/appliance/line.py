"""The connections of one HTTPS origin: how they begin, and that each exchange over them ends."""

import http.client
import socket
import ssl
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from math import inf
from typing import Any
from weakref import WeakSet

import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.util.ssl_ import create_urllib3_context

from hypervisors import Dial
from hypervisors.wire import Allowance, HttpAnswer, ended_by, shut
from vmmigrate.limits.seconds import DIALLING, TRANSFER

_LONGEST = TRANSFER.most
_BLOCK = 1 << 17  # bytes handed to the socket at a time; urllib3's own 16 KiB halves the speed of an upload


class NoSession(Exception):
    """There is no TLS session, for the reason it was raised from: nothing was sent."""


class Line:
    """The connections of one origin. What goes and comes there counts, and all are shut when an exchange is over."""

    def __init__(self) -> None:
        self._made: WeakSet[socket.socket] = WeakSet()
        self._allowed = Allowance(inf)

    @contextmanager
    def exchange(self, seconds: float) -> Iterator[None]:
        """From here to the answer's head; its body is read in what is left, by `timed`. Raises Late."""
        self._allowed = Allowance(seconds, at_most=_LONGEST)
        with self._watched():
            yield

    @property
    def is_over(self) -> bool:
        return self._allowed.is_over

    def made(self, plain: socket.socket | None) -> None:
        """A connection forgets its socket as soon as it knows that the answer is the last one there."""
        if plain is not None:
            self._made.add(plain)

    def moved(self, size: int) -> None:
        self._allowed.moved(size)

    def timed(self, answer: urllib3.HTTPResponse) -> None:
        """Each read of its body raises Late when the exchange is over."""
        read = answer.read

        def piece(*how: Any, **more: Any) -> bytes:
            with self._watched():
                data = read(*how, **more)
            self.moved(len(data))
            return data

        answer.read = piece  # type: ignore[method-assign]

    def _watched(self) -> AbstractContextManager[None]:
        return ended_by(self._allowed, self._shut, but=(NoSession,))

    def _shut(self) -> None:
        for each in list(self._made):
            shut(each)


class PinningAdapter(HTTPAdapter):
    """Lets urllib3 compare the leaf with the pin when the connection is made, before a byte of ours is sent."""

    def __init__(self, fingerprint: str | None, dial: Dial, line: Line) -> None:
        self._pool = {"blocksize": _BLOCK} | (_pinned(fingerprint) if fingerprint else {})
        self._classes = {"https": _pool_through(dial, line)}
        super().__init__()

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, **kwargs, **self._pool)
        self.poolmanager.pool_classes_by_scheme = self._classes

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs, **self._pool)
        manager.pool_classes_by_scheme = self._classes
        return manager


def _pinned(fingerprint: str) -> dict[str, Any]:
    """A context of its own, else urllib3 reads all authorities of the system (30 ms) for each connection to a pin."""
    return {"assert_fingerprint": fingerprint, "ssl_context": create_urllib3_context(cert_reqs=ssl.CERT_NONE)}


def _pool_through(dial: Dial, line: Line) -> type[HTTPSConnectionPool]:
    """Connections that begin with a socket of `dial`'s, and show what goes wrong before something is sent."""

    class Connection(HTTPSConnection):
        response_class = HttpAnswer

        def __init__(self, host: str, *more: Any, **named: Any) -> None:
            super().__init__(host.replace("%25", "%"), *more, **named)  # a zone, which a URL has percent-encoded

        def _new_conn(self) -> socket.socket:
            """To the origin, or to the proxy on the way there."""
            made = dial(self._dns_host, self.port or 443, float(self.timeout or DIALLING.most))
            if made.family != socket.AF_UNIX:  # that is a jump host's
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line.made(made)
            return made

        def connect(self) -> None:
            try:
                super().connect()
                line.made(self.sock)
            except (urllib3.exceptions.HTTPError, OSError, http.client.HTTPException) as error:
                raise NoSession(TimeoutError("timed out") if line.is_over else error) from error

        def send(self, data: Any) -> None:
            super().send(data)
            line.moved(len(data) if isinstance(data, bytes | bytearray | memoryview) else 0)

        def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]  # as urllib3 itself
            answer = super().getresponse()
            line.timed(answer)
            return answer

    class Pool(HTTPSConnectionPool):
        ConnectionCls = Connection

    return Pool
