"""A hypervisor that answers without end, or not at all, is given up after so many bytes or seconds."""

import io
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyVmomi import vim

from hypervisors import HypervisorError, Secret, TimedOut, Unreachable, VmRef, limits
from hypervisors.access import Access
from hypervisors.hyperv import answered
from hypervisors.hyperv.session import Session
from hypervisors.hyperv.target import Target
from hypervisors.kvm import adapter, snapshots
from hypervisors.kvm import session as kvm_session
from hypervisors.kvm.tunnel import Tunnel
from hypervisors.vmware import lease, properties, removing, tagging, tasks
from hypervisors.vmware import session as vsphere
from hypervisors.vmware.faults import Busy
from hypervisors.vmware.target import target_of
from hypervisors.wire import Allowance, proxies, ssh
from tests.limits.dripping import HTTP, dripping, over_tls, serving
from tests.limits.twin import Endless, most, twin

_URL = "vsphere://root@gw.example.org/"


class _Socket:
    """What http.client reads an answer from."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def makefile(self, *_: object, **__: object) -> Any:
        return io.BufferedReader(self._stream)


class _Stream(Endless):
    def readinto(self, buffer: Any, /) -> int:
        piece = self.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)


def _answer(head: bytes) -> tuple[vsphere._Bounded, _Stream]:
    stream = _Stream(b"<a>0</a>" * 1000, b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
    answer = vsphere._Bounded(_Socket(stream))  # type: ignore[arg-type]
    answer.begin()
    return answer, stream


@pytest.mark.parametrize("head", [b"", b"Content-Length: 99999999999\r\n"])
@twin("VSPHERE_ANSWER")
def test_an_answer_of_vsphere_without_end(head: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shortened: 64 MiB through a parser take seconds."""
    assert most("VSPHERE_ANSWER") == vsphere._LARGEST
    monkeypatch.setattr(vsphere, "_LARGEST", 1 << 20)
    answer, stream = _answer(head)
    with pytest.raises(HTTPException, match="an answer of more than 1 MiB"):
        list(iter(lambda: answer.read(1 << 16), b""))
    assert stream.taken < (1 << 20) + (1 << 17)
    with pytest.raises(HTTPException):
        _answer(b"Content-Length: 99999999999\r\n")[0].read()


def test_a_chunk_of_less_than_nothing_is_not_read_to_the_end_of_all() -> None:
    answer, stream = _answer(b"Transfer-Encoding: chunked\r\n\r\n-1\r\n")
    with pytest.raises(HTTPException):
        answer.read(1 << 10)
    assert stream.taken < 1 << 17


@twin("VSPHERE_PAGES")
def test_a_list_of_vsphere_of_pages_without_end() -> None:
    asked: list[object] = []
    page = SimpleNamespace(objects=[], token="more")
    collector = SimpleNamespace(
        RetrievePropertiesEx=lambda *_: page, ContinueRetrievePropertiesEx=lambda token: asked.append(token) or page
    )
    session: Any = SimpleNamespace(content=SimpleNamespace(propertyCollector=collector))
    with pytest.raises(HypervisorError, match="the server's list does not end"):
        properties._pages(session, None, "the list of machines")
    assert len(asked) == most("VSPHERE_PAGES")


def test_what_is_compressed_unasked_is_refused() -> None:
    with pytest.raises(HTTPException, match="a compressed answer"):
        _answer(b"Content-Encoding: gzip\r\n")


@twin("VSPHERE")
def test_vsphere_has_so_many_seconds() -> None:
    made = vsphere._connection(target_of(_URL), context=None)  # type: ignore[arg-type]
    assert made.timeout == most("VSPHERE")
    assert made.response_class is vsphere._Bounded


@pytest.mark.parametrize("kind", HTTP)
def test_an_answer_of_vsphere_that_never_ends(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No read is late, and all of them are."""
    monkeypatch.setattr(vsphere, "_ANSWERING", 0.2)
    talk, trust = over_tls(tmp_path, dripping(*HTTP[kind]))
    with serving(talk) as port, pytest.raises(Unreachable, match=r"did not end in time|cannot be read"):
        vsphere.open_session(f"vsphere://root@127.0.0.1:{port}/", Access(lambda: Secret("x"), trust=trust))


def test_a_proxy_that_never_says_whether_it_connects(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(dripping(b"HTTP/1.1 200 OK\r\n", b"X: a\r\n")) as port:
        monkeypatch.setattr(proxies, "proxy_for", lambda host: proxies.Proxy("127.0.0.1", port))
        with pytest.raises(TimeoutError, match="did not end in time"):
            proxies.dial("vc.example", 443, 0.2)


@pytest.mark.parametrize(("part", "lasts"), [(1.0, 3600), (0.5, 240)])
@twin("SLOWEST")
def test_an_exchange_that_is_slower_than_the_slowest_is_given_up(part: float, lasts: float) -> None:
    """By a clock of its own: at the slowest speed it lasts as long as it moves, at half of it twice its seconds."""
    now = 0.0
    allowed = Allowance(120, clock=lambda: now)
    while not allowed.is_over and now < 3600:
        now += 1
        allowed.moved(int(part * (1 << 20) / most("SLOWEST")))
    assert abs(now - lasts) < 3
    allowed.moved(1 << 30)
    assert allowed.is_over is (part < 1)


@twin("TAGS", "TAGS_ANSWER")
def test_an_answer_about_tags_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    raw, seconds = Endless(b'"x",', b'{"value": ['), []

    class Connection:
        def request(self, *_: object) -> None: ...

        def getresponse(self) -> object:
            return SimpleNamespace(status=200, reason="OK", read=raw.read)

        def close(self) -> None: ...

        def shut(self) -> None: ...

    def connection(host: str, port: int, context: object, timeout: float) -> Connection:
        seconds.append(timeout)
        return Connection()

    monkeypatch.setattr(proxies, "connection", connection)
    access = Access(lambda: Secret("x"))
    session = SimpleNamespace(target=target_of(_URL), access=access, context=None)
    with pytest.raises(HypervisorError, match=f"more than {most('TAGS')} bytes"), tagging.opened(session):  # type: ignore[arg-type]
        pass
    assert raw.taken == most("TAGS") + 1
    assert seconds == [most("TAGS_ANSWER")]


@twin("LIBVIRT")
def test_each_call_of_libvirt_has_so_many_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds, here = list[float](), threading.get_ident()

    def within(limit: float, what: str, act: Callable[[], object]) -> object:
        if threading.get_ident() == here:  # the connections of other tests may still be looked after
            seconds.append(limit)
        return act()

    monkeypatch.setitem(adapter.each_within.__globals__, "within", within)  # of the very module that it came from
    hypervisor = adapter.open_hypervisor("test:///default", Access(lambda: Secret("x")))
    hypervisor.networks()
    hypervisor.close()
    assert set(seconds) == {most("LIBVIRT")}
    assert most("LIBVIRT") == adapter._LONGEST


@twin("SNAPSHOT")
def test_a_snapshot_of_which_libvirt_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shortened; vSphere's is the limit of its task."""
    bound = replace(limits.LIMITS["SNAPSHOT"], most=0.05)
    monkeypatch.setattr(snapshots, "limits", SimpleNamespace(SNAPSHOT=bound))
    with pytest.raises(Unreachable, match=r"snapshot s of old: libvirt gave no answer for 0\.05 s"):
        snapshots._long(VmRef("1", "old"), "s", lambda: threading.Event().wait(3))


@twin("VSPHERE_TASK", "VSPHERE_LEASE", "VSPHERE_HELD")
def test_what_vsphere_begins_and_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that runs on, a lease that is not ready, a machine that is held: each shortened, and given up."""
    bounds = {tasks: ("_LONGEST", "VSPHERE_TASK"), lease: ("_READY", "VSPHERE_LEASE")}
    bounds[removing] = ("_LEASE", "VSPHERE_HELD")
    for module, (name, limit) in bounds.items():
        assert getattr(module, name) == most(limit)
        monkeypatch.setattr(module, name, 0.15)
    looks: list[str] = []

    def state(*_: object) -> dict[str, object]:
        looks.append("state")
        return {"info.state": vim.TaskInfo.State.running}

    def held(*_: object) -> None:
        looks.append("held")
        raise Busy("an upload holds it", hint="x")

    monkeypatch.setattr(tasks, "_seen", state)
    monkeypatch.setattr(removing.power, "cut", held)
    session: Any = SimpleNamespace(write=lambda what, begin: begin())
    waiting = lease.Lease(session, None, "new")
    monkeypatch.setattr(waiting, "_read", lambda *paths: {"state": vim.HttpNfcLease.State.initializing})
    for act in (
        lambda: tasks.run(session, "start of new", lambda: None),
        waiting.begin,
        lambda: removing.remove(session, None, "new"),
    ):
        with pytest.raises(TimedOut):
            act()
    assert len(looks) < 20


@twin("LIBVIRT_CONNECTING")
def test_a_libvirt_that_takes_a_connection_and_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shortened."""
    assert most("LIBVIRT_CONNECTING") == kvm_session._CONNECTING
    monkeypatch.setattr(kvm_session, "_CONNECTING", 0.05)
    monkeypatch.setattr(kvm_session.libvirt, "open", lambda address: threading.Event().wait(3))
    with pytest.raises(Unreachable, match=r"gave no answer for 0\.05 s"):
        kvm_session.open_session("qemu:///system", Access(lambda: Secret("x")))


@twin("SSH_TO_LIBVIRT")
def test_what_ssh_says_without_end_is_kept_in_part_and_in_no_file(tmp_path: Path) -> None:
    script = "import sys; [sys.stderr.write('x' * 1023 + chr(10)) for _ in range(2000)]; sys.stderr.write('the end')"
    tunnel = Tunnel([sys.executable, "-c", script])
    try:
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(tunnel.path))
        client.recv(1)  # it has ended
        said = tunnel.last_words()
        files = [each.name for each in tunnel.path.parent.iterdir()]
        client.close()
    finally:
        tunnel.close()
    assert said.endswith("the end")
    assert len(said) == most("SSH_TO_LIBVIRT")
    assert files == ["s"]


class _Silent:
    """A Hyper-V host: its files are as they were sent, and no script of its ends."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.waited: list[float] = []

    def files(self, quiet: float) -> Any:
        return SimpleNamespace(
            listed=lambda path: [],
            make_folder=lambda path: None,
            write=self.kept.__setitem__,
            read=lambda path, most: self.kept[path],
            remove=self.kept.pop,
        )

    def execute(self, line: str, given: bytes, timeout: float) -> ssh.Output:
        self.waited.append(timeout)
        raise ssh.Unfinished(b"")


@twin("HYPERV")
def test_a_script_on_a_hyperv_host_that_never_ends() -> None:
    host = _Silent()
    session = Session(Target("admin", "hv1", 22), host, 1.0)  # type: ignore[arg-type]
    with pytest.raises(TimedOut, match="whether it had its effect is not known"):
        session.ask("host")
    assert host.waited == [most("HYPERV")]
    assert not [path for path in host.kept if path.endswith(".json")]


@twin("HYPERV_PROBE")
def test_a_record_of_a_probe_without_end() -> None:
    asked: list[int] = []

    def read(_path: str, size: int) -> bytes:
        asked.append(size)
        return b'{"form": 1, "answers": [' + b" " * size

    session = SimpleNamespace(read=read)
    assert answered.recorded(session, "Windows") is None  # type: ignore[arg-type]
    assert asked == [most("HYPERV_PROBE")]
