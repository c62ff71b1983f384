"""Units and boots: waited for, restarted in order, rebooted once."""

import pytest
from scripted_shell import ScriptedShell

from hypervisors import Clock, TimedOut
from vmmigrate.appliance.family import Units
from vmmigrate.appliance.port import Result
from vmmigrate.appliance.units import boot_id, reboot, restart_services, unit_states, wait_until_active
from vmmigrate.errors import ApplianceError, ApplianceUnreachable, LoginRefused

BOOT = "/proc/sys/kernel/random/boot_id"


def clock() -> Clock:
    now = [0.0]
    return Clock(lambda: now[0], lambda seconds: now.__setitem__(0, now[0] + seconds))


def test_states_are_read_in_one_command() -> None:
    shell = ScriptedShell({"systemctl is-active postfix tomcat9": Result(3, "active\nactivating\n", "")})
    assert unit_states(shell, ["postfix", "tomcat9"]) == {"postfix": "active", "tomcat9": "activating"}
    with pytest.raises(ApplianceError, match="told 0 states of 1"):
        unit_states(ScriptedShell(), ["postfix"])


def test_waiting_bears_a_machine_that_does_not_answer_yet() -> None:
    answers: list[Exception | str] = [ApplianceUnreachable("no route", hint=""), "activating\n", "active\n"]

    def state(shell: ScriptedShell, argv: tuple[str, ...]) -> Result:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Result(0, answer, "")

    wait_until_active(ScriptedShell({"systemctl is-active postfix": state}), ["postfix"], clock=clock())
    assert answers == []


def test_waiting_ends_at_once_where_it_is_hopeless() -> None:
    failed = ScriptedShell({"systemctl is-active postfix": Result(3, "failed\n", "")})
    with pytest.raises(ApplianceError, match="postfix failed to start"):
        wait_until_active(failed, ["postfix"], clock=clock())

    def refuse(shell: ScriptedShell, argv: tuple[str, ...]) -> Result:
        raise LoginRefused("no", hint="")

    with pytest.raises(LoginRefused):
        wait_until_active(ScriptedShell({"systemctl is-active postfix": refuse}), ["postfix"], clock=clock())


def test_waiting_too_long_tells_the_last_state() -> None:
    shell = ScriptedShell({"systemctl is-active postfix": Result(3, "inactive\n", "")})
    with pytest.raises(TimedOut, match="last seen: postfix is inactive"):
        wait_until_active(shell, ["postfix"], timeout=10, clock=clock())


def test_services_restart_in_the_order_of_the_facts() -> None:
    units = Units("ciphermail-gateway-backend", "tomcat9", "postfix", "postgresql", "rsyslog")
    shell = ScriptedShell({f"systemctl restart {unit}": "" for unit in units.restart_order})
    shell.answers["systemctl is-active rsyslog tomcat9 ciphermail-gateway-backend postfix"] = "active\n" * 4
    restart_services(shell, units, clock=clock())
    assert shell.ran[:4] == [
        "systemctl restart rsyslog",
        "systemctl restart tomcat9",
        "systemctl restart ciphermail-gateway-backend",
        "systemctl restart postfix",
    ]


def test_a_reboot_is_noticed_by_the_boot_id() -> None:
    def go_down(shell: ScriptedShell, argv: tuple[str, ...]) -> Result:
        shell.files[BOOT] = b"two\n"
        raise ApplianceUnreachable("cut", hint="")

    shell = ScriptedShell({"systemctl reboot": go_down}, {BOOT: "one\n"})
    reboot(shell, boot_id(shell), clock=clock())
    reboot(shell, "one", clock=clock())
    assert shell.ran.count("systemctl reboot") == 1
    assert boot_id(shell) == "two"


def test_a_machine_that_does_not_reboot_is_a_time_out() -> None:
    shell = ScriptedShell({"systemctl reboot": ""}, {BOOT: "one\n"})
    with pytest.raises(TimedOut, match="still the same boot"):
        reboot(shell, "one", timeout=10, clock=clock())
