"""Units and boots: waited for, restarted in order, rebooted once."""

import pytest
from scripted_shell import ScriptedShell

from hypervisors import Clock, LoginRefused, Pace, TimedOut, Unreachable
from vmmigrate.appliance.port import Result
from vmmigrate.appliance.units import unit_states, wait_until_active
from vmmigrate.errors import ApplianceError

BOOT = "/proc/sys/kernel/random/boot_id"


def pace() -> Pace:
    now = [0.0]
    return Pace(Clock(lambda: now[0], lambda seconds: now.__setitem__(0, now[0] + seconds)))


def test_states_are_read_in_one_command() -> None:
    shell = ScriptedShell({"systemctl is-active postfix tomcat9": Result(3, "active\nactivating\n", "")})
    assert unit_states(shell, ["postfix", "tomcat9"]) == {"postfix": "active", "tomcat9": "activating"}
    with pytest.raises(ApplianceError, match="reported 0 states of 1"):
        unit_states(ScriptedShell(), ["postfix"])


def test_waiting_bears_a_machine_that_does_not_answer_yet() -> None:
    answers: list[Exception | str] = [Unreachable("no route", hint=""), "activating\n", "active\n"]

    def state(shell: ScriptedShell, argv: tuple[str, ...]) -> Result:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Result(0, answer, "")

    wait_until_active(ScriptedShell({"systemctl is-active postfix": state}), ["postfix"], timeout=180, pace=pace())
    assert answers == []


def test_waiting_ends_at_once_where_it_is_hopeless() -> None:
    failed = ScriptedShell({"systemctl is-active postfix": Result(3, "failed\n", "")})
    with pytest.raises(ApplianceError, match="postfix failed to start"):
        wait_until_active(failed, ["postfix"], timeout=180, pace=pace())

    def refuse(shell: ScriptedShell, argv: tuple[str, ...]) -> Result:
        raise LoginRefused("no", hint="")

    with pytest.raises(LoginRefused):
        wait_until_active(ScriptedShell({"systemctl is-active postfix": refuse}), ["postfix"], timeout=180, pace=pace())


def test_waiting_too_long_tells_the_last_state() -> None:
    shell = ScriptedShell({"systemctl is-active postfix": Result(3, "inactive\n", "")})
    with pytest.raises(TimedOut, match="last seen: postfix is inactive"):
        wait_until_active(shell, ["postfix"], timeout=10, pace=pace())
