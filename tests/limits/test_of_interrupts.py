"""A signal is heard while the other side is silent, long before the exchange's own time is over."""

import io
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
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

Hearing = Callable[..., AbstractContextManager[None]]
SOON, NEVER = 0.1, 0.0  # seconds


class Heard(BaseException):
    """In place of what the program's handler raises at the second signal."""


@pytest.fixture
def heard_soon() -> Iterator[Hearing]:
    """What is done within hears a signal that comes a moment later."""

    def hear(*_: object) -> None:
        raise Heard

    @contextmanager
    def hearing(seconds: float = SOON) -> Iterator[None]:
        with pytest.raises(Heard):  # noqa: PT012 -- it may come as soon as it is asked for
            try:
                signal.setitimer(signal.ITIMER_REAL, seconds)
                yield
            finally:  # in pytest itself it would end all tests
                signal.setitimer(signal.ITIMER_REAL, 0)

    before = signal.signal(signal.SIGALRM, hear)
    yield hearing
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("begin", [b"", b"HTTP/1.1 200 OK\r\nX: "], ids=["silent", "in the middle"])
def test_at_a_console(begin: bytes, tmp_path: Path, heard_soon: Hearing) -> None:
    talk, trust = over_tls(tmp_path, dripping(begin, b"a" if begin else b""))
    with serving(talk) as port, closing(HttpsOrigin(f"https://127.0.0.1:{port}", trust)) as http, heard_soon():
        http.request("GET", f"https://127.0.0.1:{port}/x", timeout=120)


def test_during_an_upload(tmp_path: Path, heard_soon: Hearing) -> None:
    talk, trust = over_tls(tmp_path, lambda connection: Event().wait(120) and None)
    with serving(talk) as port, closing(HttpsOrigin(f"https://127.0.0.1:{port}", trust)) as http, heard_soon():
        http.request("POST", f"https://127.0.0.1:{port}/x", timeout=120, data=io.BytesIO(bytes(1 << 24)))


def test_before_ssh_has_greeted(heard_soon: Hearing) -> None:
    with serving(dripping(b"", b"x")) as port, heard_soon():
        host_key_seen("127.0.0.1", port, timeout=120)


def _silent(line: str, channel: paramiko.Channel) -> None:
    """No status, no end."""


def test_during_a_command_and_during_a_stream(heard_soon: Hearing) -> None:
    with logged_in(OddSshd(_silent)) as connection:
        for act in (
            lambda: connection.execute("true", b"", 120),
            lambda: connection.pour_in("cat", b"", io.BytesIO(bytes(1 << 24)), 120),
            lambda: connection.pour_out("cat", b"", io.BytesIO(), 120),
        ):
            with heard_soon():
                act()


def test_while_a_child_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, heard_soon: Hearing) -> None:
    """And the child is ended with it."""
    started: list[subprocess.Popen[bytes]] = []

    class Noted(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *how: object, **more: object) -> None:
            super().__init__(*how, **more)  # type: ignore[call-overload]
            started.append(self)
            signal.setitimer(signal.ITIMER_REAL, SOON)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    (tmp_path / "qemu-img").write_text("#!/bin/sh\nexec sleep 60\n")
    (tmp_path / "qemu-img").chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    image = identify_image(sparse(tmp_path / "x.img", 1 << 20, (510, b"\x55\xaa")), lambda progress: None)
    for act in (
        lambda: qemu_img.convert(image, tmp_path / "y", (), lambda progress: None),
        lambda: qemu_img.measured(image, "raw"),
        lambda: _from_command("old.ssh.password", ("sleep", "60")),
    ):
        with heard_soon(NEVER):  # but as soon as there is a child
            act()
    assert [each.poll() is not None for each in started] == [True] * 3
