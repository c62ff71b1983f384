"""Who never answers is waited for so long: the seconds that each reader gives a command or a connection."""

import io
import socket
import subprocess
from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import BinaryIO

import pytest

from hypervisors import Problem, Secret
from tests.limits.test_of_guests import Answering
from tests.limits.twin import most, twin
from tests.unit.appliance.small_ca import NOW
from vmmigrate.alone import tls_show
from vmmigrate.appliance import offers, submitting
from vmmigrate.appliance.net import networkd
from vmmigrate.appliance.queues import carrying
from vmmigrate.appliance.ssh import new_password
from vmmigrate.appliance.tls import as_shown
from vmmigrate.doctor import network, packages
from vmmigrate.watch.asking import of_mail


class Silent:
    """A `Dial` to nobody, which keeps the seconds that it was given."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __call__(self, host: str, port: int, timeout: float) -> socket.socket:
        self.seconds.append(timeout)
        raise TimeoutError("timed out")


ASKED: dict[str, Callable[[Silent], object]] = {
    "SMTP_OFFERS": lambda dial: offers.ask("gw", 25, {}, dial),
    "SUBMITTING": lambda dial: submitting.submit("gw", 25, ("a@example.org", "b@example.org"), b"x", dial),
    "WATCHED_ANSWER": lambda dial: of_mail(25)[0].ask("gw", dial),
    "TLS_SEEN": lambda dial: as_shown.otherwise("gw", SimpleNamespace(fingerprints={}), dial),  # type: ignore[arg-type]
    "TLS_SHOWN": lambda dial: tls_show.look("gw", None, NOW, dial),
}


@twin(*ASKED)
@pytest.mark.parametrize("name", ASKED)
def test_a_connection_that_is_not_answered(name: str) -> None:
    dial = Silent()
    with suppress(Problem, OSError):
        ASKED[name](dial)
    assert set(dial.seconds) == {most(name)}


@twin("NETWORK_SET")
def test_a_command_that_sets_up_a_network() -> None:
    shell = Answering()
    networkd.apply(shell, SimpleNamespace(name="eth0", device="eth0"))  # type: ignore[arg-type]
    assert shell.seconds == [most("NETWORK_SET")] * 2


@twin("QUEUE_PROGRAM")
def test_a_program_about_a_whole_queue() -> None:
    class Laying(Answering):
        def give(self, argv: object, source: BinaryIO, *, timeout: float) -> str:
            self.seconds.append(timeout)
            return ""

    shell = Laying()
    carrying.lay(shell, io.BytesIO())  # type: ignore[arg-type]
    assert shell.seconds[0] == most("QUEUE_PROGRAM")


@twin("GUEST_FILES")
def test_a_password_that_is_changed() -> None:
    given: list[float] = []
    connection = SimpleNamespace(converse=lambda command, questions, seconds: (given.append(seconds), ("", 0))[1])
    new_password.change(connection, "gw", "sa", Secret("one"), Secret("another"))  # type: ignore[arg-type]
    assert given == [most("GUEST_FILES")]


@twin("PROGRAM_ASKED")
@pytest.mark.parametrize("ask", [packages._said, network._run])
def test_a_program_of_the_workstation_that_hangs(ask: Callable[..., object], monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float] = []

    def hanging(argv: object, *, timeout: float, **_how: object) -> None:
        given.append(timeout)
        raise subprocess.TimeoutExpired("ip", timeout)

    monkeypatch.setattr(subprocess, "run", hanging)
    assert ask("ip") in ((-1, ""), str(subprocess.TimeoutExpired("ip", most("PROGRAM_ASKED"))))
    assert given == [most("PROGRAM_ASKED")]
