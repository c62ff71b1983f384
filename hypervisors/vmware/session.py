"""One session with a vCenter or an ESXi: logged in once, renewed once if it expired, closed for good."""

import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from http.client import HTTPException
from threading import Lock, local
from typing import Any, TypeVar

from pyVmomi import SoapStubAdapter, vim, vmodl

from hypervisors import limits
from hypervisors.access import Access
from hypervisors.errors import LoginRefused, Problem
from hypervisors.secrets import Secret
from hypervisors.vmware import trusting
from hypervisors.vmware.faults import TRANSPORT, door
from hypervisors.vmware.target import Target, target_of
from hypervisors.vmware.versions import OLDEST, newest_common
from hypervisors.waiting import REAL_TIME, NotYet, Pace, wait_for
from hypervisors.wire import Allowance, ended_by, proxies
from hypervisors.wire.bounded import HttpAnswer

T = TypeVar("T")
_Collector = vmodl.query.PropertyCollector
_ANSWERING = limits.VSPHERE.most
_LARGEST = limits.VSPHERE_ANSWER.most
_IDLE = 20.0  # seconds after which a connection is not used again: what the server has closed would cost a write
_AGAIN = 0.5  # seconds before a read is repeated

_refused: set[tuple[str, str, Secret]] = set()  # by server and account: five failures lock an account of vSphere's SSO


class Session:
    """`read` and `write` are the only ways to the server: they translate faults and renew the session."""

    def __init__(self, target: Target, access: Access, context: ssl.SSLContext, pace: Pace = REAL_TIME) -> None:
        self.target = target
        self.access = access
        self.context = context
        self._pace = pace
        self.cards: object = None  # what cards.py read last
        self._logins = 0
        self._logging_in = Lock()
        self._stub = _stub(target, context)
        self._service = vim.ServiceInstance("ServiceInstance", self._stub)
        self.content = self.read(f"connection to {target.server}", lambda: self._service.content)
        with self._door(f"connection to {target.server}"):
            self._stub.ComputeVersionInfo(newest_common(self.content.about.apiVersion))

    @property
    def is_vcenter(self) -> bool:
        return bool(self.content.about.apiType == "VirtualCenter")

    def read(self, thing: str, act: Callable[[], T]) -> T:
        """What `act` returns; it changes nothing, so that one failure of the transport makes it be done again."""
        failed: list[Exception] = []

        def look() -> T:
            try:
                return self._renewing(act)
            except TRANSPORT as error:
                if failed or isinstance(error, ssl.SSLCertVerificationError | TimeoutError):
                    raise
                failed.append(error)
                raise NotYet(str(error)) from error

        with self._door(thing):
            return wait_for(
                thing, look, timeout=_ANSWERING, clears="is the server reachable?", pace=self._pace, pause=_AGAIN
            )

    def write(self, thing: str, act: Callable[[], T]) -> T:
        """What `act` returns. Repeated only if the session had expired: such a call was not carried out."""
        with self._door(thing):
            return self._renewing(act)

    def log_in(self) -> None:
        """Raises LoginRefused; nothing in this process tries the same password a second time."""
        password = self.access.password()
        credential = (self.target.server, self.target.user, password)
        if credential in _refused:
            raise self._refusal("its password was refused before")
        try:
            self.content.sessionManager.Login(self.target.user, password.reveal())
        except vim.fault.InvalidLogin as fault:
            _refused.add(credential)
            raise self._refusal("it was tried once") from fault
        self._logins += 1

    def close(self) -> None:
        with suppress(Problem), self._door(f"session with {self.target.server}"):
            self.content.sessionManager.Logout()
        self.hang_up()

    def hang_up(self) -> None:
        """Close all kept connections; the server's session, if there is one, stays."""
        self._stub.DropConnections()

    def _refusal(self, why: str) -> LoginRefused:
        return LoginRefused(
            f"{self.target.server} refused the account {self.target.user!r}",
            hint=f"check the account and its password; {why} and is not tried again",
        )

    def _renewing(self, act: Callable[[], T]) -> T:
        before = self._logins
        try:
            return act()
        except vim.fault.NotAuthenticated:
            with self._logging_in:
                if self._logins == before and self._is_over():  # else another thread has renewed it meanwhile
                    self.log_in()
            return act()

    def _is_over(self) -> bool:
        """A log-in over a living session would be refused, and a refused one is never repeated."""
        manager = self.content.sessionManager
        asked = _Collector.FilterSpec(
            objectSet=[_Collector.ObjectSpec(obj=manager)],
            propSet=[_Collector.PropertySpec(type=vim.SessionManager, pathSet=["currentSession"])],
        )
        try:
            seen = self.content.propertyCollector.RetrievePropertiesEx([asked], _Collector.RetrieveOptions())
        except vim.fault.NotAuthenticated:
            return True
        return not any(each.propSet for each in seen.objects)

    @contextmanager
    def _door(self, thing: str) -> Iterator[None]:
        with door(thing):
            try:
                yield
            except ssl.SSLCertVerificationError as error:
                raise trusting.refused(self.target.host, self.target.port, error) from error


def open_session(url: str, access: Access) -> Session:
    """Raises Unreachable, LoginRefused, TrustRefused."""
    target = target_of(url)
    session = Session(target, access, trusting.context_for(target.host, target.port, access.trust))
    try:
        session.write(f"log-in at {target.server}", session.log_in)
    except BaseException:
        session.hang_up()
        raise
    return session


class _Exchange(local):
    """What this thread has under way with a server."""

    allowed: Allowance | None = None
    connection: proxies.Connection | None = None


_now = _Exchange()


class _Stub(SoapStubAdapter):  # type: ignore[misc]  # pyvmomi has no types
    """Each call ends in its time, however its answer comes."""

    def InvokeMethod(self, *call: object, **how: object) -> object:  # noqa: N802  # pyvmomi's one door of calls
        _now.allowed, _now.connection = Allowance(_ANSWERING), None
        with ended_by(_now.allowed, partial(_shut, _now.__dict__)):
            return super().InvokeMethod(*call, **how)

    def GetConnection(self) -> object:  # noqa: N802
        _now.connection = super().GetConnection()
        return _now.connection


def _shut(now: Mapping[str, Any]) -> None:
    if now["connection"]:
        now["connection"].shut()


def _stub(target: Target, context: ssl.SSLContext) -> SoapStubAdapter:
    """Not SmartConnect: that turns what the transport says into a fault without words."""
    stub = _Stub(
        host=target.host,
        port=target.port,
        path="/sdk",
        version=OLDEST,
        sslContext=context,
        connectionPoolTimeout=_IDLE,
        acceptCompressedResponses=False,  # a little of it could become any amount
    )
    stub.scheme = partial(_connection, target)
    return stub


def _connection(target: Target, *, context: ssl.SSLContext, **_: object) -> proxies.Connection:
    """pyvmomi's own way to a proxy would show the proxy's password to the server."""
    made = proxies.connection(target.host, target.port, context, _ANSWERING)
    made.response_class = _Bounded
    return made


class _Bounded(HttpAnswer):
    """An answer that ends: pyvmomi reads, and keeps, whatever comes."""

    _taken = 0

    def begin(self) -> None:
        super().begin()
        if self.headers.get("Content-Encoding", "identity") != "identity":
            raise HTTPException("a compressed answer, which was not asked for")

    def read(self, amt: int | None = None) -> bytes:
        piece = super().read(_LARGEST + 1 - self._taken if amt is None else amt)
        self._taken += len(piece)
        if _now.allowed:
            _now.allowed.moved(len(piece))
        if self._taken > _LARGEST:
            raise HTTPException(f"an answer of more than {_LARGEST >> 20} MiB")
        return piece
