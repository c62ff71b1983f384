"""The gateway's services on a host: stopped and started in the vendor's order, each waited for, none killed."""

from collections.abc import Iterable

from hypervisors import NotYet, Pace, wait_for
from vmmigrate.appliance.mailports import AGENT
from vmmigrate.appliance.port import Shell
from vmmigrate.appliance.units import unit_states, wait_until_active
from vmmigrate.errors import CommandFailed
from vmmigrate.limits.seconds import UNITS

_DOWN = ("inactive", "failed", "unknown")


def existing(shell: Shell, units: Iterable[str]) -> tuple[str, ...]:
    """Those of which there is a unit file, in their order."""
    units = tuple(dict.fromkeys(filter(None, units)))
    asked = ("systemctl", "list-unit-files", "--no-legend", "--plain", *(f"{unit}.service" for unit in units))
    lines = shell.run(asked, user="root", check=False).stdout.splitlines()
    listed = {words[0] for line in lines if (words := line.split())}
    return tuple(unit for unit in units if f"{unit}.service" in listed)


def stop(shell: Shell, units: Iterable[str], *, timeout: float, pace: Pace) -> None:
    """One after the other; each is waited for, and never killed by us. Raises TimedOut."""
    for unit in existing(shell, units):
        shell.run(("systemctl", "stop", "--no-block", unit), user="root", timeout=UNITS.most)
        wait_for(
            f"{unit} to stop on {shell.host}",
            lambda unit=unit: _refuse_running(shell, unit),  # type: ignore[misc]
            timeout=timeout,
            clears=f"see there what it does: systemctl status {unit}",
            pace=pace,
        )


def _refuse_running(shell: Shell, unit: str) -> None:
    state = unit_states(shell, (unit,))[unit]
    if state not in _DOWN:
        raise NotYet(f"{unit} is {state}")


def restart(shell: Shell, unit: str) -> None:
    """One that was never stopped, to read what the packages have put there for it; "": nothing."""
    if unit:
        shell.run(("systemctl", "restart", unit), user="root", timeout=UNITS.most)


def start(shell: Shell, units: Iterable[str], *, timeout: float, pace: Pace) -> None:
    """In this order, each waited for until it is active. Raises ApplianceError for one that failed."""
    for unit in filter(None, units):
        try:
            shell.run(("systemctl", "start", unit), user="root", timeout=timeout)
        except CommandFailed as failed:
            words = f"{unit} does not start on {shell.host}: {failed}"
            raise CommandFailed(words, hint=f"see there: journalctl -u {unit}") from failed
        wait_until_active(shell, (unit,), timeout=timeout, pace=pace)


def enable(shell: Shell, unit: str) -> None:
    """As it may have a new name, systemd reads its units again first [F-UPDATE-1]."""
    shell.run(("systemctl", "daemon-reload"), user="root", timeout=UNITS.most)
    shell.run(("systemctl", "enable", unit), user="root", timeout=UNITS.most)


def agent_listens(shell: Shell) -> bool:
    """Where Postfix hands mail over; what it cannot hand over is put off for minutes."""
    asked = ("ss", "-Hltn", "sport", "=", f":{AGENT[0]}")
    return bool(shell.run(asked, user="root", check=False).stdout.strip())
