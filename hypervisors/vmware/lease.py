"""The lease under which a disk is uploaded: waited for, kept alive on a thread of its own, completed or aborted."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from pyVmomi import vim

from hypervisors import limits
from hypervisors.errors import HypervisorError, NotFound, Problem, Unreachable
from hypervisors.vmware import properties
from hypervisors.vmware.faults import problem_of
from hypervisors.vmware.session import Session
from hypervisors.vmware.target import Target
from hypervisors.waiting import NotYet, wait_for

_READY = limits.VSPHERE_LEASE.most
_RENEWALS = 4  # in the life of a lease, which is about five minutes
_AT_LEAST, _AT_MOST = 0.05, 60.0  # seconds between two of them
_State = vim.HttpNfcLease.State


class Ended(Unreachable):
    """The lease is there no more: it goes with the session in which it was begun. The upload can be begun again."""


@dataclass(frozen=True)
class Slot:
    """Where one disk goes. `thumbprint`: of the host's certificate, from vCenter; '' if it gives none."""

    url: str
    thumbprint: str


class Lease:
    """`percent` is sent to the server with each renewal. `machine`: what is made, known when the lease is ready."""

    def __init__(self, session: Session, lease: vim.HttpNfcLease, name: str) -> None:
        self.percent = 0
        self.slots: tuple[Slot, ...] = ()
        self.machine: vim.VirtualMachine
        self._session = session
        self._lease = lease
        self._what = f"upload lease of {name}"
        self._over = threading.Event()
        self._failure: Problem | None = None
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Wait until the server is ready, and keep it so. Raises what the server says, TimedOut."""
        wait_for(self._what, self._look, timeout=_READY, clears="see the task in the vSphere client", pause=0.05)
        info = self._read("info")["info"]
        self.slots = slots_of(info, self._session.target)
        self.machine = info.entity
        self._thread = threading.Thread(target=self._renew, args=(info.leaseTimeout,), name="lease", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raises what a renewal met: a lease that is gone makes the upload pointless."""
        if self._failure is not None:
            raise self._failure

    def complete(self) -> None:
        self._end()
        self.check()
        self._report(100)
        with self._going():
            self._session.write(self._what, self._lease.HttpNfcLeaseComplete)

    def abort(self) -> None:
        """The server then removes what it made; the simulator does not, and a lease may be gone already."""
        self._end()
        with suppress(Problem):
            self._session.write(self._what, self._lease.HttpNfcLeaseAbort)

    def reason(self) -> Problem | None:
        """Why the server gave the lease up, if it did: a full datastore shows at our end as a broken connection."""
        try:
            fault = self._read("error").get("error")
        except Problem as problem:
            return problem if isinstance(problem, Ended) else None
        return problem_of(fault, self._what) if fault is not None else None

    @contextmanager
    def _going(self) -> Iterator[None]:
        """Raises Ended in place of NotFound."""
        try:
            yield
        except NotFound as gone:
            raise Ended(
                f"{self._what}: it ended before the upload did, perhaps with its session",
                hint="run it again: the upload begins again from its start",
            ) from gone

    def _read(self, *paths: str) -> properties.Properties:
        with self._going():
            return properties.of_one(self._session, self._lease, paths, self._what)

    def _end(self) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _renew(self, life: float) -> None:
        """`life`: seconds. A server that cannot be reached is asked again as long as the lease may live."""
        period = min(max(life / _RENEWALS, _AT_LEAST), _AT_MOST)
        renewed = time.monotonic()
        while not self._over.wait(period):
            asked = time.monotonic()
            try:
                self._report(self.percent)
                renewed = asked
            except Problem as problem:
                asks_again = isinstance(problem, Unreachable) and not isinstance(problem, Ended)
                if not asks_again or time.monotonic() - renewed >= life:
                    self._failure = problem
                    return

    def _report(self, percent: int) -> None:
        """Reporting twice does no harm."""
        with self._going():
            self._session.read(self._what, lambda: self._lease.HttpNfcLeaseProgress(percent))

    def _look(self) -> None:
        seen = self._read("state", "error")
        if seen["state"] == _State.error:
            raise problem_of(seen["error"], self._what)
        if seen["state"] != _State.ready:
            raise NotYet(str(seen["state"]))


@contextmanager
def held(session: Session, lease: vim.HttpNfcLease, name: str) -> Iterator[Lease]:
    """Completed at the end of the block, aborted if that fails."""
    kept = Lease(session, lease, name)
    try:
        kept.begin()
        yield kept
        kept.complete()
    except BaseException as error:
        reason = kept.reason()
        kept.abort()
        if reason is not None and isinstance(error, Problem):
            raise reason from error
        raise


def slots_of(info: Any, server: Target) -> tuple[Slot, ...]:
    """Those of disks."""
    return tuple(Slot(at(each.url, server), each.sslThumbprint or "") for each in info.deviceUrl if each.disk)


def at(url: str, server: Target) -> str:
    """A `*` stands for the server that we are connected to, host and port. Raises HypervisorError for no address."""
    try:
        parts = urlsplit(url)
        usable = bool(parts.scheme == "https" and parts.hostname and parts.port != 0 and url.isascii())
    except ValueError:  # brackets, or a port, that are none
        usable = False
    if not usable:
        raise HypervisorError(f"the server names {url[:100]!r} as the disk's place", hint="report this")
    return urlunsplit(parts._replace(netloc=f"{server.bracketed}:{server.port}")) if parts.hostname == "*" else url


def only_disk(lease: Lease, name: str) -> Slot:
    """Raises HypervisorError if the server asks for another number of disks."""
    if len(lease.slots) != 1:
        raise HypervisorError(f"{name}: the server asks for {len(lease.slots)} disks, one is there", hint="report this")
    return lease.slots[0]
