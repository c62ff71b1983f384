"""libvirt's daemon restarts, hangs, or loses an answer: connected again, or given up in time, never waited for."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

pytest.importorskip("libvirt", reason="needs libvirt-python")

import libvirt
from daemons import Cutting, Daemon, cutting, daemon, url_at

from hypervisors import Hypervisor, Unreachable, VmRef, connect, lasting
from hypervisors.kvm import adapter, deadline, pulse, session
from hypervisors.kvm.adapter import KvmHypervisor


@pytest.fixture
def libvirtd() -> Iterator[Daemon]:
    with TemporaryDirectory(prefix="vmmigrate-") as folder:  # short: a socket's path may have 107 characters
        Path(folder).chmod(0o755)  # an account without rights must come here
        with daemon(Path(folder, "d")) as made:
            yield made


@pytest.fixture
def between(libvirtd: Daemon) -> Iterator[Cutting]:
    with cutting(libvirtd) as made:
        yield made


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Limits of a second, the shortest that libvirt knows, where a person waits for half a minute and longer.

    From there on: before it, a busy machine may be late.
    """
    watched: list[libvirt.virConnect] = []
    monkeypatch.setattr(pulse, "watch", watched.append)

    def begin() -> None:
        for each in watched:
            each.setKeepAlive(1, 1)

    return begin


@pytest.fixture
def connecting_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """For those that shall not come to a connection: one that shall has its minute."""
    monkeypatch.setattr(session, "_CONNECTING", 0.3)


def lasting_at(url: str, seconds: float = 120.0) -> Hypervisor:
    return lasting(url, lambda: connect(url), connect(url), seconds)


def test_after_its_daemon_restarted_the_next_call_connects_again(libvirtd: Daemon) -> None:
    hypervisor = lasting_at(url_at(libvirtd.socket))
    vm = hypervisor.find("test")
    libvirtd.kill()
    libvirtd.start()
    hypervisor.set_autostart(vm, True)
    assert hypervisor.inventory(vm).autostart
    hypervisor.close()


def test_one_that_is_away_for_a_moment_is_waited_for(libvirtd: Daemon) -> None:
    hypervisor = lasting_at(url_at(libvirtd.socket))
    vm = hypervisor.find("test")
    libvirtd.kill()
    back = threading.Timer(0.7, libvirtd.start)
    back.start()
    assert hypervisor.power_state(vm)
    back.join()


def test_without_it_the_adapter_says_at_each_call_that_there_is_no_connection(libvirtd: Daemon) -> None:
    """Whatever libvirt's codes are for that: nothing looks as if the machine had answered."""
    for ask in ("inventory", "power_state", "addresses", "start", "agent_answers"):
        hypervisor = connect(url_at(libvirtd.socket))
        vm = hypervisor.find("test")
        libvirtd.kill()
        libvirtd.start()
        for _ in range(2):  # as it breaks, and after it
            with pytest.raises(Unreachable):
                getattr(hypervisor, ask)(vm)


@pytest.mark.parametrize("cut", range(1, 12))
def test_an_inventory_is_whole_or_unreachable_wherever_it_is_cut(
    libvirtd: Daemon, between: Cutting, cut: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A question about a disk may fail by itself and is then answered with 0; a lost connection is no such answer."""
    hypervisor = connect(url_at(between.front))
    vm = hypervisor.find("test")
    whole = hypervisor.inventory(vm)
    asked = 0

    def count(*_: object) -> None:
        nonlocal asked
        asked += 1
        if asked == cut:
            between.cut()
            time.sleep(0.05)

    for name in ("XMLDesc", "isActive", "state", "blockInfo", "autostart", "name", "UUIDString"):
        plain = getattr(libvirt.virDomain, name)

        def counted(self: object, *arguments: object, plain: object = plain) -> object:
            count()
            return plain(self, *arguments)  # type: ignore[operator]

        monkeypatch.setattr(libvirt.virDomain, name, counted)
    with suppress(Unreachable):
        assert hypervisor.inventory(vm) == whole


def test_whichever_answer_is_lost_the_call_is_made_again(libvirtd: Daemon, between: Cutting) -> None:
    """The last one comes after the effect."""
    hypervisor = lasting_at(url_at(between.front))
    vm = hypervisor.find("test")
    for number in range(1, 20):
        hypervisor.set_autostart(vm, False)
        before = between.connections
        between.lose(number)
        hypervisor.set_autostart(vm, True)
        if between.connections == before:  # the call has fewer answers
            break
        assert between.connections == before + 1
        assert hypervisor.inventory(vm).autostart
    assert number > 3


GONE = VmRef("00000000-0000-4000-8000-000000000000", "gone")
CALLS: dict[str, Callable[[Any], object]] = {
    "find": lambda h: h.find("test"),
    "inventory": lambda h: h.inventory(GONE),
    "networks": lambda h: h.networks(),
    "stores": lambda h: h.stores(),
    "holders": lambda h: h.holders("52:54:00:00:00:01"),
    "find_tagged": lambda h: h.find_tagged("r1"),
    "destroy": lambda h: h.destroy(GONE, "r1"),
    "start": lambda h: h.start(GONE),
    "shut_down": lambda h: h.shut_down(GONE, 3600.0),
    "set_nic": lambda h: h.set_nic(GONE, "52:54:00:00:00:01", link_up=True),
    "set_notes": lambda h: h.set_notes(GONE, "x"),
    "agent_answers": lambda h: h.agent_answers(GONE),
    "close": lambda h: h.close(),
}


@pytest.mark.slow
def test_each_call_to_a_daemon_that_hangs_ends_by_the_keep_alive(libvirtd: Daemon, soon: Callable[[], None]) -> None:
    """A local one too: SIGSTOP is what a daemon looks like that waits for its disk. All at once, as each waits."""
    sessions = {name: connect(url_at(libvirtd.socket)) for name in CALLS}

    def ends(name: str) -> str:
        try:
            CALLS[name](sessions[name])
        except Unreachable:
            return "unreachable"
        return "returned"

    soon()
    libvirtd.stop()
    with ThreadPoolExecutor(len(CALLS)) as pool:
        made = {name: pool.submit(ends, name) for name in CALLS}
        ended = {name: call.result(timeout=120) for name, call in made.items()}
    ended.pop("close")  # it may find nothing to say to it
    assert ended == dict.fromkeys(ended, "unreachable")


@pytest.mark.usefixtures("connecting_soon")
def test_connecting_to_a_socket_behind_which_nobody_answers_ends(tmp_path: Path) -> None:
    with TemporaryDirectory(prefix="vmmigrate-") as folder, socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(f"{folder}/s")
        deaf.listen()
        with pytest.raises(Unreachable, match=r"libvirt gave no answer for 0\.3 s"):
            connect(url_at(Path(folder, "s"), "qemu+unix:///system"))


@pytest.mark.usefixtures("connecting_soon")
@pytest.mark.parametrize("driver", ["test+unix:///default", "qemu+unix:///system"])
def test_connecting_to_one_that_hangs_ends_in_time(libvirtd: Daemon, driver: str) -> None:
    libvirtd.stop()
    began = time.monotonic()
    with pytest.raises(Unreachable, match=r"libvirt gave no answer for 0\.3 s") as caught:
        connect(url_at(libvirtd.socket, driver))
    assert time.monotonic() - began < 60
    assert "does libvirtd (or virtqemud) hang" in caught.value.hint


@pytest.mark.slow
def test_one_that_hangs_for_longer_is_given_up(
    libvirtd: Daemon, soon: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    hypervisor = lasting_at(url_at(libvirtd.socket), seconds=0.5)
    vm = hypervisor.find("test")
    monkeypatch.setattr(session, "_CONNECTING", 0.3)
    soon()
    libvirtd.stop()
    began = time.monotonic()
    with pytest.raises(Unreachable, match="waited"):
        hypervisor.power_state(vm)
    assert time.monotonic() - began < 60


def test_a_call_that_libvirt_never_answers_is_left_behind() -> None:
    """Its connection is alive: one of the daemon's threads waits for a QEMU that hangs."""

    @deadline.each_within(0.2, but=())
    class Slow:
        def set_nic(self, seconds: float) -> None:
            time.sleep(seconds)

    with pytest.raises(Unreachable, match=r"set nic: libvirt gave no answer for 0\.2 s"):
        Slow().set_nic(30)
    assert KvmHypervisor.set_nic.__wrapped__  # type: ignore[attr-defined]
    assert adapter._LONGEST > session._CONNECTING


def test_what_a_call_raises_in_its_thread_is_raised() -> None:
    with pytest.raises(TimeoutError, match="its own"):
        deadline.within(1, "a call", lambda: (_ for _ in ()).throw(TimeoutError("its own")))
