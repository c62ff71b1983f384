"""Queues, settings and their drift."""

import json

import pytest
from scripted_shell import ScriptedShell

from hypervisors import Clock
from vmmigrate.appliance.mail import Drift, Queues, drift, queues, settings, settings_digest, wait_until_empty
from vmmigrate.appliance.port import Result
from vmmigrate.errors import ApplianceError, QueueHoldsMail


def listing(*names: str) -> str:
    return "".join(json.dumps({"queue_name": name, "queue_id": "4X", "recipients": []}) + "\n" for name in names)


def clock() -> Clock:
    now = [0.0]
    return Clock(lambda: now[0], lambda seconds: now.__setitem__(0, now[0] + seconds))


def test_messages_are_counted_by_queue() -> None:
    counted = queues(ScriptedShell({"postqueue -j": listing("deferred", "active", "deferred")}))
    assert counted == Queues({"deferred": 2, "active": 1})
    assert (counted.total, str(counted)) == (3, "1 active, 2 deferred")
    assert queues(ScriptedShell({"postqueue -j": ""})).total == 0


@pytest.mark.parametrize("printed", ["Mail queue is empty\n", "{}\n", "[1]\n"])
def test_what_is_no_listing_is_not_taken_for_an_empty_queue(printed: str) -> None:
    with pytest.raises(ApplianceError, match="something else"):
        queues(ScriptedShell({"postqueue -j": printed}))


def test_waiting_flushes_and_ends_when_empty() -> None:
    waiting = [listing("deferred"), listing("deferred"), ""]
    shell = ScriptedShell({"postqueue -f": "", "postqueue -j": lambda shell, argv: Result(0, waiting.pop(0), "")})
    wait_until_empty(shell, timeout=60, clock=clock())
    assert shell.ran == ["postqueue -j", "postqueue -f", "postqueue -j", "postqueue -j"]


def test_mail_that_stays_is_named() -> None:
    shell = ScriptedShell({"postqueue -f": "", "postqueue -j": listing("hold")})
    with pytest.raises(QueueHoldsMail, match="last seen: 1 hold") as held:
        wait_until_empty(shell, timeout=5, clock=clock())
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
