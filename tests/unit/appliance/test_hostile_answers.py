"""Answers of a guest or server that would take all time or memory: each reader stops at its bound."""

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import pytest

from hypervisors import HypervisorError, Unreachable
from hypervisors.kvm import guest
from vmmigrate.appliance import mail, smtp
from vmmigrate.appliance.net.iptables import Iptables
from vmmigrate.appliance.port import Result
from vmmigrate.appliance.postconf import expanded
from vmmigrate.appliance.tls.handshake import served
from vmmigrate.errors import ApplianceError


class _Guest:
    """A shell that gives one answer to everything, and counts."""

    host = "mailgw"

    def __init__(self, answer: Callable[[Sequence[str]], str] = lambda argv: "") -> None:
        self.asked: list[Sequence[str]] = []
        self._answer = answer

    def run(self, argv: Sequence[str], **_how: object) -> Result:
        self.asked.append(argv)
        return Result(0, self._answer(argv), "")


# ---- main.cf ---------------------------------------------------------------------------------------------------


def _doubling(depth: int) -> dict[str, str]:
    names = [f"p{number}" for number in range(depth)]
    return {name: f"${after}" * 100 for name, after in zip(names, [*names[1:], "end"], strict=True)} | {"end": "x" * 50}


@pytest.mark.parametrize("depth", [2, 5, 15])
def test_a_parameter_of_many_that_have_many_is_given_up(depth: int) -> None:
    with pytest.raises(ApplianceError, match="make a value that is too long"):
        expanded(_Guest(), _doubling(depth), "$p0")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "value",
    [
        "$p$p" + "x" * 70_000,
        "${" * 500 + "x" + "}" * 500,
        "${a?" * 30 + "b" + "}" * 30,
        "".join(f"${{p?{{$p$p}}:{{$p}}}}{n}" for n in range(2000)),
    ],
)
def test_a_long_value_ends(value: str) -> None:
    shell = _Guest(lambda argv: "y" * 100)
    with suppress(ApplianceError):
        assert len(expanded(shell, {"p": "$q" * 99, "a": "x"}, value)) < 1 << 17  # type: ignore[arg-type]
    assert len(shell.asked) < 60


def test_a_long_value_is_not_shown_whole() -> None:
    with pytest.raises(ApplianceError) as raised:
        expanded(_Guest(), {}, "x" * 5000 + "${" * 50)  # type: ignore[arg-type]
    assert len(str(raised.value)) < 400


def test_each_default_is_asked_for_once_and_not_without_end() -> None:
    shell = _Guest(lambda argv: "$" + argv[2] + "x")
    with pytest.raises(ApplianceError, match="main"):
        expanded(shell, {}, " ".join(f"$unknown{n}" for n in range(500)))  # type: ignore[arg-type]
    assert len(shell.asked) <= 50
    again = _Guest(lambda argv: "a")
    assert expanded(again, {}, "$mydomain.$mydomain") == "a.a"  # type: ignore[arg-type]
    assert len(again.asked) == 1


# ---- firewall, guest agent -------------------------------------------------------------------------------------


def test_a_rule_that_is_always_there_again_is_reported() -> None:
    shell = _Guest()
    with pytest.raises(ApplianceError, match="finds the rule after 100 deletions"):
        Iptables("/sbin/iptables").unload(shell, "vmmigrate_intake")  # type: ignore[arg-type]
    assert len(shell.asked) <= 200


@pytest.mark.parametrize("piece", ["", "YQ=="])
def test_a_file_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch, piece: str) -> None:
    asked: list[str] = []

    def ask(domain: object, command: str, **arguments: object) -> object:
        asked.append(command)
        return {"buf-b64": piece, "eof": False} if command == "guest-file-read" else 7

    class Domain:
        def name(self) -> str:
            return "mailgw"

    monkeypatch.setattr(guest, "ask", ask)
    with pytest.raises(HypervisorError, match="does not come to the file's end"):
        guest.read_file(Domain(), "/etc/os-release")
    assert len(asked) < 1100
    assert asked[-1] == "guest-file-close"


# ---- SMTP ------------------------------------------------------------------------------------------------------


@contextmanager
def _saying(pieces: Callable[[], Iterator[bytes]]) -> Iterator[int]:
    """A server that sends that to whoever connects."""
    over = threading.Event()

    def serve(listening: socket.socket) -> None:
        try:
            while not over.is_set():
                connection, _ = listening.accept()
                with connection:
                    for piece in pieces():
                        connection.sendall(piece)
                        if over.is_set():
                            return
        except OSError:
            return

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, args=(listening,), daemon=True).start()
        yield listening.getsockname()[1]
        over.set()
        listening.shutdown(socket.SHUT_RDWR)


def _lines() -> Iterator[bytes]:
    while True:
        yield b"220-" + b"0" * 4000 + b"\r\n"


def _one_line() -> Iterator[bytes]:
    yield b"220-"
    while True:
        yield b"0" * 4000


def _drips() -> Iterator[bytes]:
    while True:
        yield b"2"
        threading.Event().wait(0.05)


@pytest.mark.parametrize("pieces", [_lines, _one_line, _drips])
def test_a_greeting_without_end_is_given_up(pieces: Callable[[], Iterator[bytes]]) -> None:
    with _saying(pieces) as port, pytest.raises(Unreachable, match="no SMTP at"):
        mail.banner("127.0.0.1", port, timeout=0.4)
    with _saying(pieces) as port, pytest.raises(Unreachable, match="no TLS handshake with"):
        served("127.0.0.1", port, starttls=True, timeout=0.4)


def test_what_is_read_of_it_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "MOST", 1000)
    with _saying(_lines) as port, pytest.raises(Unreachable, match="more than 1000 bytes"):
        mail.banner("127.0.0.1", port, timeout=5)


@pytest.mark.parametrize(
    ("said", "words"), [(b"554 no\x1b[2J service\r\n", r"greets with 554 no"), (b"hello\r\n", "greets with -1")]
)
def test_a_greeting_that_takes_no_mail(said: bytes, words: str) -> None:
    with _saying(lambda: iter((said,))) as port, pytest.raises(Unreachable, match=words):
        mail.banner("127.0.0.1", port, timeout=5)


def test_a_greeting_of_several_lines() -> None:
    with _saying(lambda: iter((b"220-mailgw\r\n", b"220 ESMTP\r\n"))) as port:
        assert mail.banner("127.0.0.1", port, timeout=5) == "mailgw · ESMTP"
