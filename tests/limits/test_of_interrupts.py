"""A signal is heard while the other side is silent, long before the exchange's own time is over."""

import io
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Event

import paramiko
import pytest

from hypervisors import identify_image, qemu_img
from hypervisors.wire.ssh.connecting import host_key_seen
from tests.integration.odd_sshd import OddSshd
from tests.limits.dripping import dripping, over_tls, serving
from tests.limits.test_of_ssh import logged_in
from tests.limits.twin import sparse
from vmmigrate.appliance.https import HttpsOrigin
from vmmigrate.settings.secrets import _from_command


class Heard(BaseException):
    """In place of what the program's handler raises at the second signal."""


@pytest.fixture
def soon() -> Iterator[Callable[[], None]]:
    """Starts a clock whose signal comes a moment later."""

    def heard(*_: object) -> None:
        raise Heard

    before = signal.signal(signal.SIGALRM, heard)
    yield lambda: signal.setitimer(signal.ITIMER_REAL, 0.1) and None
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("begin", [b"", b"HTTP/1.1 200 OK\r\nX: "], ids=["silent", "in the middle"])
def test_at_a_console(begin: bytes, tmp_path: Path, soon: Callable[[], None]) -> None:
    talk, trust = over_tls(tmp_path, dripping(begin, b"a" if begin else b""))
    with serving(talk) as port, closing(HttpsOrigin(f"https://127.0.0.1:{port}", trust)) as http:
        soon()
        with pytest.raises(Heard):
            http.request("GET", f"https://127.0.0.1:{port}/x", timeout=30)


def test_during_an_upload(tmp_path: Path, soon: Callable[[], None]) -> None:
    talk, trust = over_tls(tmp_path, lambda connection: Event().wait(5) and None)
    with serving(talk) as port, closing(HttpsOrigin(f"https://127.0.0.1:{port}", trust)) as http:
        soon()
        with pytest.raises(Heard):
            http.request("POST", f"https://127.0.0.1:{port}/x", timeout=30, data=io.BytesIO(bytes(1 << 24)))


def test_before_ssh_has_greeted(soon: Callable[[], None]) -> None:
    with serving(dripping(b"", b"x")) as port:
        soon()
        with pytest.raises(Heard):
            host_key_seen("127.0.0.1", port, timeout=30)


def _silent(line: str, channel: paramiko.Channel) -> None:
    """No status, no end."""


def test_during_a_command_and_during_a_stream(soon: Callable[[], None]) -> None:
    with logged_in(OddSshd(_silent)) as connection:
        for act in (
            lambda: connection.execute("true", b"", 30),
            lambda: connection.pour_in("cat", b"", io.BytesIO(bytes(1 << 24)), 30),
            lambda: connection.pour_out("cat", b"", io.BytesIO(), 30),
        ):
            soon()
            with pytest.raises(Heard):
                act()


def test_while_a_child_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, soon: Callable[[], None]) -> None:
    """And the child is ended with it."""
    started: list[subprocess.Popen[bytes]] = []

    class Noted(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *how: object, **more: object) -> None:
            super().__init__(*how, **more)  # type: ignore[call-overload]
            started.append(self)
            soon()

    monkeypatch.setattr(subprocess, "Popen", Noted)
    (tmp_path / "qemu-img").write_text("#!/bin/sh\nexec sleep 5\n")
    (tmp_path / "qemu-img").chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    image = identify_image(sparse(tmp_path / "x.img", 1 << 20, (510, b"\x55\xaa")), lambda progress: None)
    for act in (
        lambda: qemu_img.convert(image, tmp_path / "y", (), lambda progress: None),
        lambda: qemu_img.measured(image, "raw"),
        lambda: _from_command("old.ssh.password", ("sleep", "5")),
    ):
        with pytest.raises(Heard):
            act()
    assert [each.poll() is not None for each in started] == [True] * 3
