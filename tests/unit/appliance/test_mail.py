"""Queues, settings and their drift."""

import json
import socket
import struct
from contextlib import nullcontext

import pytest
from scripted_shell import ScriptedShell

from hypervisors import Clock, Pace, Unreachable
from vmmigrate.appliance.mail import Drift, Queues, banner, drift, queues, settings, settings_digest, wait_until_quiet
from vmmigrate.appliance.port import Result
from vmmigrate.errors import ApplianceError, QueueHoldsMail

LISTS = "vmmigrate-queue-list"
SS = "ss -Htn state established"
AGENT = "0 0 127.0.0.1:10025 127.0.0.1:40000\n"


def listing(*names: str) -> str:
    return "".join(json.dumps({"queue_name": name, "queue_id": "4X", "recipients": []}) + "\n" for name in names)


def pace() -> Pace:
    now = [0.0]
    return Pace(Clock(lambda: now[0], lambda seconds: now.__setitem__(0, now[0] + seconds)))


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_a_connection_that_was_closed_is_called_that(reset: bool) -> None:
    """By whichever error smtplib had."""

    def dial(host: str, port: int, timeout: float) -> socket.socket:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            ours = socket.create_connection(listening.getsockname())
            theirs, _ = listening.accept()
        if reset:
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        theirs.close()
        return ours

    with pytest.raises(Unreachable, match=r"no SMTP at mailgw:25: the connection was closed from there$"):
        banner("mailgw", dial=dial)


def test_messages_are_counted_by_queue() -> None:
    counted = queues(ScriptedShell({LISTS: listing("deferred", "active", "deferred")}))
    assert counted == Queues({"deferred": 2, "active": 1})
    assert (counted.total, str(counted)) == (3, "1 active, 2 deferred")
    assert queues(ScriptedShell({LISTS: ""})).total == 0


@pytest.mark.parametrize("printed", ["Mail queue is empty\n", "{}\n", "[1]\n"])
def test_what_is_no_listing_is_not_taken_for_an_empty_queue(printed: str) -> None:
    with pytest.raises(ApplianceError, match="something else"):
        queues(ScriptedShell({LISTS: printed}))


def test_waiting_flushes_and_ends_when_empty() -> None:
    waiting = [listing("deferred"), listing("deferred"), ""]
    sessions = [AGENT, "", "", "", ""]
    shell = ScriptedShell(
        {
            "postqueue -f": "",
            LISTS: lambda shell, argv: Result(0, waiting.pop(0) if waiting else "", ""),
            SS: lambda shell, argv: Result(0, sessions.pop(0), ""),
        }
    )
    wait_until_quiet(shell, 25, timeout=60, pace=pace())
    look = [SS, LISTS, "postconf -M"]
    assert shell.ran == [*look, "postqueue -f", *look, "postqueue -f", *look, *look]


@pytest.mark.parametrize("port", [25, 465, 587, 2525, 10025, 10026])
def test_a_session_under_way_is_waited_for(port: int) -> None:
    shell = ScriptedShell({LISTS: "", SS: f"0 0 [::ffff:192.0.2.10]:{port} [::ffff:198.51.100.7]:40001\n"})
    with pytest.raises(QueueHoldsMail, match="last seen: 1 sessions, queues: empty"):
        wait_until_quiet(shell, 2525, timeout=5, pace=pace())


def test_a_session_of_a_program_of_the_machine_itself_may_bring_mail_too() -> None:
    """The console's own mail comes by 10027; a filter may come back by any port."""
    inside = "127.0.0.1:10027 inet n - n - 10 smtpd -o content_filter=\n"
    busy = "0 0 127.0.0.1:10027 127.0.0.1:40000\n"
    shell = ScriptedShell({LISTS: "", "postconf -M": inside, SS: busy})
    with pytest.raises(QueueHoldsMail, match="last seen: 1 sessions"):
        wait_until_quiet(shell, 25, timeout=5, pace=pace())
    wait_until_quiet(ScriptedShell({LISTS: "", "postconf -M": "", SS: busy}), 25, timeout=5, pace=pace())


@pytest.mark.parametrize(("second", "quiet"), [("", True), (AGENT, False)])
def test_a_second_look_is_taken_however_late_the_first_one_was(second: str, quiet: bool) -> None:
    """A busy guest needs longer for one answer than the limit."""
    slow, sessions = pace(), ["", second]

    def answer(shell: ScriptedShell, argv: object) -> Result:
        slow.clock.sleep(9)
        return Result(0, sessions.pop(0), "")

    shell = ScriptedShell({LISTS: "", SS: answer})
    with nullcontext() if quiet else pytest.raises(QueueHoldsMail, match="last seen: 1 sessions"):
        wait_until_quiet(shell, 25, timeout=5, pace=slow)
    assert sessions == []


def test_our_own_session_is_none_of_them() -> None:
    shell = ScriptedShell({LISTS: "", SS: "0 36 192.0.2.10:22 192.0.2.1:40001\n"})
    wait_until_quiet(shell, 25, timeout=5, pace=pace())


def test_mail_that_stays_is_named() -> None:
    shell = ScriptedShell({"postqueue -f": "", LISTS: listing("hold"), SS: ""})
    with pytest.raises(QueueHoldsMail, match="last seen: 0 sessions, queues: 1 hold") as held:
        wait_until_quiet(shell, 25, timeout=5, pace=pace())
    assert "postqueue -p" in held.value.hint


def test_settings_keep_their_dollars_and_equal_signs() -> None:
    shell = ScriptedShell({"postconf -n": "a = $b\nc =\nd = x=y\nparameter_directory = /x\n"})
    assert settings(shell) == {"a": "$b", "c": "", "d": "x=y", "parameter_directory": "/x"}


def test_drift_names_parameters_and_tells_no_value() -> None:
    key = b"k" * 32
    old = settings_digest({"a": "1", "b": "secret", "c": "1"}, key)
    new = settings_digest({"a": "1", "b": "other", "d": "1"}, key)
    assert drift(old, new) == Drift(missing=("c",), added=("d",), changed=("b",))
    assert drift(old, new)
    assert not drift(old, old)
    assert "secret" not in repr(old)
    assert settings_digest({"a": "1"}, b"other") != settings_digest({"a": "1"}, key)
