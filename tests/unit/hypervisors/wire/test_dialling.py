"""A connection from this machine: one limit for the name and all its addresses together; which are dialled."""

import socket
import threading
import time
from typing import Any

import pytest

from hypervisors.wire.dialling import dial_straight, leads_to_one_machine

LOCAL = (socket.AF_INET, socket.SOCK_STREAM, 0, "")


def answering(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[str, int]) -> None:
    """As a name server says it."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(*LOCAL, address) for address in addresses])


def test_a_name_server_that_says_nothing_is_waited_for_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [silent.wait(30)])
    began = time.monotonic()
    with pytest.raises(TimeoutError, match=r"no name server said within 0\.1 s what address mailgw has"):
        dial_straight("mailgw", 22, 0.1)
    assert time.monotonic() - began < 10
    silent.set()


def test_the_next_address_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as there, socket.create_server(("127.0.0.1", 0)) as gone:
        closed: Any = gone.getsockname()
        gone.close()
        answering(monkeypatch, closed, there.getsockname())
        with dial_straight("mailgw", 22, 5.0) as made:
            assert (made.getpeername(), made.gettimeout()) == (there.getsockname(), 5.0)


def test_the_last_refusal_is_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        closed: Any = gone.getsockname()
    answering(monkeypatch, closed, closed)
    with pytest.raises(ConnectionRefusedError):
        dial_straight("mailgw", 22, 5.0)


def test_a_name_that_is_unknown_is_said_as_ever() -> None:
    with pytest.raises(socket.gaierror):
        dial_straight("mailgw.invalid", 22, 5.0)


@pytest.mark.parametrize("name", ["a" * 70, "a..b", "a\0b", ".", "xn--" + "a" * 80])
def test_what_can_be_no_name_is_a_name_that_nobody_knows(name: str, recwarn: pytest.WarningsRecorder) -> None:
    """Python finds that out before it asks anybody, and raises something else in the thread that looks it up."""
    with pytest.raises(socket.gaierror):
        dial_straight(name, 25, 10)
    assert not recwarn.list


@pytest.mark.parametrize(
    ("address", "does"),
    [
        ("192.0.2.7", True),
        ("2001:db8::7", True),
        ("fd00::7", True),
        ("127.0.66.1", True),  # a guest that is a process
        ("0.0.0.0", False),  # of a guest that has none yet
        ("::", False),
        ("127.0.0.1", False),
        ("::1", False),
        ("::ffff:127.0.0.1", False),
        ("169.254.3.4", False),
        ("fe80::1", False),
        ("fe80::1%eth0", False),
        ("224.0.0.1", False),
        ("ff02::1", False),
        ("255.255.255.255", False),
        ("mailgw.example.org", False),
        ("", False),
    ],
)
def test_which_address_leads_to_the_guest_that_reports_it(address: str, does: bool) -> None:
    """Of the others some lead to this machine, whose SSH would answer in its place."""
    assert leads_to_one_machine(address) is does
