"""A search in what another machine says takes time in proportion to its length: each gets a MiB that took minutes."""

import io
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from hypervisors import BadImage, Problem
from hypervisors.formats import encodings, extents, vmdk
from hypervisors.formats.source import Source
from hypervisors.hyperv import requests
from hypervisors.kvm import renaming
from hypervisors.wire.ssh import Output, Questions
from tests.limits.test_of_guests import Answering
from vmmigrate.appliance import outgoing_named, transports
from vmmigrate.appliance.net import interfaces_file
from vmmigrate.appliance.queues import followed, outcomes
from vmmigrate.appliance.rest.find import is_application
from vmmigrate.appliance.ssh import sudo
from vmmigrate.appliance.tls import server_xml
from vmmigrate.appliance.web import counting, probing
from vmmigrate.errors import ApplianceError
from vmmigrate.updating import debs, logs, repositories

_MIB = 1 << 20
_SECONDS = 30.0  # of this process's own time, whatever else the machine does; each takes a part of one, here


class _TooLong(Exception):
    """Not one of the product's own, so that no reader takes it for an answer."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Of processor time. A search in C looks for signals as it goes."""

    def over(_signal: int, _frame: FrameType | None) -> None:
        raise _TooLong

    before = signal.signal(signal.SIGVTALRM, over)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _options(text: str) -> object:
    software = type("S", (), {"server_xml": "/etc/tomcat9/server.xml", "units": type("U", (), {"web": "tomcat9"})})
    return server_xml._properties(Answering(file=text.encode()), software)  # type: ignore[arg-type]


def _refusal(text: str) -> object:
    output = Output(1, b"", text.encode())
    return sudo.does_not_permit(output), sudo.in_sudos_words(output)


def _coming(text: str) -> object:
    return debs.Dpkg().coming(Answering(text), ("/x.deb",))  # type: ignore[arg-type]


def _summary(text: str) -> object:
    return list(repositories._by_heading(text))


READERS: dict[str, tuple[Callable[[str], object], str]] = {
    "mail-log": (outcomes.parsed, "postfixA"),
    "mail-log, one line": (outcomes.parsed, "postfix/smtp[1]: A: to=<a>, "),
    "mail-log, no end of an address": (outcomes.parsed, "postfix/smtp[1]: A: to=<\n"),
    "mail-log, no end of a sender": (outcomes.parsed, "postfix/qmgr[1]: A: from=<\n"),
    "mail-log, a Message-ID": (followed.parsed, "postfix"),
    "sockets of main.cf": (lambda text: list(outgoing_named._sockets([text])), "inet:["),
    "services": (lambda text: transports._says(text.splitlines(), "scan"), "content_filter"),
    "sudo's words": (_refusal, "not allowed to run '"),
    "sudo's command": (_refusal, "'a a"),
    "a question": (lambda text: Questions(str).sees(text), "a"),
    "a question, almost": (lambda text: Questions(str).sees(text), ": "),
    "java's options": (_options, "-D-"),
    "apt": (_coming, "Inst a [\n"),
    "zypper": (_summary, "<to-install> "),
    "log limits": (lambda text: logs.now("", text), "imjournal"),
    "an application": (lambda text: is_application(text.encode()), "<script src= <div"),
    "a number in a list": (lambda text: list(counting._beside_a_name(text)), ":"),
    "a token": (lambda text: probing._TOKEN.search(text), "a-"),
    "Hyper-V": (lambda text: requests.answer("0" * 16, text.encode(), b""), f"<vmmigrate:{'0' * 16}>"),
    "a command of libvirt's": (renaming._STORE.search, "a"),
    "a VMDK's descriptor": (lambda text: vmdk._value(text, "createType"), "\n"),
    "an XML declaration": (encodings.undeclared, "<?xml encoding"),
}


@pytest.mark.parametrize("name", READERS)
def test_a_mib_is_read_in_time(name: str) -> None:
    read, piece = READERS[name]
    text = piece * (_MIB // len(piece)) + "\x01"
    with suppress(Problem), within(_SECONDS):
        read(text)


def test_the_log_of_a_daemon_is_read_in_time() -> None:
    shell: Any = Answering("\n" * _MIB)
    shell.install = lambda *_, **__: None
    with within(_SECONDS):
        logs.lay(shell, logs.Limits(1, 1))


def test_the_descriptor_beside_an_image_is_read_in_time(tmp_path: Path) -> None:
    """Several of them, each as large as one may be."""
    for number in range(4):
        (tmp_path / f"x{number}.vmdk").write_bytes(b"\n" * (1 << 16))
    with suppress(BadImage), within(_SECONDS):
        extents.refusal_of_part(Source(tmp_path / "x-f001.vmdk", io.BytesIO(bytes(512)), 512))


@pytest.mark.parametrize("expression", ["(a|a|a)*b", "(?:.?){30}b", "(.)\\1*", "a*a*a*a*a*a*a*a*b", "(|||)" * 30])
def test_an_expression_that_could_take_all_time_is_not_tried(expression: str) -> None:
    """A bridge of the guest chooses its ports by it."""
    bridge = f"iface br0 inet dhcp\n  bridge_ports regex {expression}\n"
    text = f"auto br0\n{bridge}auto {'a' * 40}\niface {'a' * 40} inet dhcp\n"
    with pytest.raises(ApplianceError, match="which is not worked out"), within(_SECONDS):
        interfaces_file._Stack(interfaces_file.stanzas(text)).over("a" * 40, frozenset())
