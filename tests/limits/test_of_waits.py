"""Who never answers is waited for so long: the seconds that each reader gives a command or a connection."""

import io
import socket
import subprocess
from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, BinaryIO

import pytest

from hypervisors import Problem, Secret
from hypervisors.kvm import adapter, commanding
from tests.limits.test_of_guests import Answering
from tests.limits.twin import most, twin
from tests.unit.appliance.small_ca import NOW
from vmmigrate.alone import tls_show
from vmmigrate.appliance import asking, offers, outgoing, submitting
from vmmigrate.appliance.family import Software, Units
from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.net import asking_for, firewall, networkd, networkmanager
from vmmigrate.appliance.queues import carrying
from vmmigrate.appliance.ssh import new_password
from vmmigrate.appliance.tls import as_shown, layout
from vmmigrate.doctor import network, packages
from vmmigrate.updating import look as updating_look
from vmmigrate.watch.asking import of_mail

DEBIAN = Software("5.x", {"djigzo": "5.5"}, Units("backend", "tomcat9", "postfix", "postgresql", "rsyslog"))


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


TOLD: dict[str, tuple[Callable[[Any], object], float]] = {
    "GUEST_COMMAND": (lambda shell: asking.ask_all(shell, [("true",)]), 0),
    "PINGED": (lambda shell: asking_for.who_has(shell, "192.0.2.1"), most("QUESTIONS")),
    "LASTING_RULES": (firewall.remove_isolation, 0),
    "TLS_APPLIED": (lambda shell: layout.apply_installed(shell, DEBIAN, web=False, known=True), 0),
    "SERVERS_WAITED": (
        lambda shell: outgoing.ask(shell, [outgoing.Server(outgoing.Kind.MAIL, "gw", 25, "x")]),
        outgoing._SECONDS,
    ),
}


@twin(*TOLD)
@pytest.mark.parametrize("name", TOLD)
def test_a_command_in_a_guest(name: str) -> None:
    act, beside = TOLD[name]
    shell = Answering()
    with suppress(Problem):
        act(shell)
    assert most(name) + beside in shell.seconds


@twin("PROFILE_UP")
def test_a_profile_that_is_brought_up(monkeypatch: pytest.MonkeyPatch) -> None:
    shell, live = Answering(), SimpleNamespace(mac="02:00:00:00:00:01")
    monkeypatch.setattr(networkmanager, "_ignore_its_link", lambda *_: None)
    monkeypatch.setattr(networkmanager, "profiles", lambda _: {"vmmigrate": (("type", "ethernet"), ())})
    networkmanager.configure(shell, LookingShell(shell), live, in_force=False)  # type: ignore[arg-type]
    assert shell.seconds[-1] == most("PROFILE_UP")


@twin("UPDATE_LOOKED")
def test_the_look_at_a_host_before_an_update(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float | None] = []
    monkeypatch.setattr(LookingShell, "ahead", lambda *_, timeout=None, **__: given.append(timeout))
    monkeypatch.setattr(updating_look, "detect", lambda _: DEBIAN)
    with suppress(Problem, ValueError, LookupError):
        updating_look.look_at(Answering('ID=debian\nVERSION_ID="12"\n'))  # type: ignore[arg-type]
    assert given[-1] == most("UPDATE_LOOKED")


@twin("AGENT_COMMAND")
def test_a_command_through_the_guest_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float] = []
    monkeypatch.setattr(commanding, "ours", lambda *_: None)
    monkeypatch.setattr(commanding, "run", lambda _domain, _argv, _given, timeout, _pace: given.append(timeout))
    adapter.KvmHypervisor.run_in_guest(SimpleNamespace(_session=None), None, ("true",), "run1")  # type: ignore[arg-type]
    assert given == [most("AGENT_COMMAND")]


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
